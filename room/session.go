package room

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chatserver/internal/fault"
)

// session is a client that has joined over HTTP: it speaks by POST /send, and reads by a
// stream of server-sent events or by polling. All methods are safe for use by several
// goroutines.
type session struct {
	// Set before it is known and never changed.
	room    *Room
	addr    netip.Addr
	place   sync.Once // gives back the place on the server
	name    string    // unguessable
	member  *member
	expires time.Time     // of the token; zero for a guest
	ended   chan struct{} // closed by end
	news    chan struct{} // holds a token while there may be something to poll

	sending sync.Mutex // held by whoever uses speaker
	speaker speaker

	stream atomic.Pointer[outbox] // the stream that is attached, if one is

	mu    sync.Mutex
	notes [][]byte // objects that are no events, for the next poll
	size  int      // of notes, in bytes
	bye   farewell // how it ended

	read time.Time // when somebody last read from it; owned by the actor
}

const (
	sessionLife   = 60 * time.Second // without anybody reading
	sweepInterval = 5 * time.Second
	// maxNotes and maxNoteBytes bound what waits for a poll and is no event; the oldest
	// are dropped.
	maxNotes     = 128
	maxNoteBytes = 64 << 10
)

func newSession(r *Room, addr netip.Addr) *session {
	return &session{room: r, addr: addr, name: strings.ToLower(rand.Text()), ended: make(chan struct{}), news: make(chan struct{}, 1)}
}

// note keeps objects for the next poll, and wakes one that waits.
func (s *session) note(objects ...[]byte) {
	s.mu.Lock()
	for _, object := range objects {
		s.notes = append(s.notes, object)
		s.size += len(object)
	}
	for len(s.notes) > maxNotes || s.size > maxNoteBytes {
		s.size -= len(s.notes[0])
		s.notes[0] = nil
		s.notes = s.notes[1:]
	}
	s.mu.Unlock()
	s.signal()
}

// giveBack gives back the session's place on the server, once.
func (s *session) giveBack() { s.place.Do(func() { s.room.admission.leave(s.addr) }) }

// take returns what note has kept.
func (s *session) take() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	notes := s.notes
	s.notes, s.size = nil, 0
	return notes
}

// signal wakes a poll that waits.
func (s *session) signal() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// end ends the session; the first farewell holds. The member leaves the room at once, or
// with the next sweep if the room has too much to do.
func (s *session) end(bye farewell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isOver() {
		return
	}
	s.bye = bye
	close(s.ended)
	if out := s.stream.Load(); out != nil {
		out.part(bye)
	}
	select {
	case s.room.control <- leave{s.member}:
	default:
	}
}

func (s *session) isOver() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// farewell returns how the session ended.
func (s *session) farewell() farewell {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bye
}

// startSession makes a new member's session known. The rest of the code of sessions on
// the actor's goroutine is here too.
func (r *Room) startSession(m *member) {
	s := m.session
	s.member, s.read = m, time.Now()
	s.speaker = speaker{room: r, member: m}
	if len(r.sessions) == 0 {
		r.sweep.Reset(sweepInterval)
	}
	r.sessions[s.name] = s
}

// closeSession ends the session of a member that has left, and gives back its place on the
// server. It is remembered for a while, for a poll to hear how it ended.
func (r *Room) closeSession(s *session) {
	s.end(farewell{})
	s.read = time.Now()
	s.giveBack()
}

// sweepSessions ends those that nobody has read from for sessionLife, and those whose
// token has run out.
func (r *Room) sweepSessions() {
	now := time.Now()
	for _, s := range r.sessions {
		switch {
		case s.member.gone:
			if now.Sub(s.read) >= sessionLife {
				delete(r.sessions, s.name)
			}
		case s.isOver():
			r.remove(s.member)
		case !s.expires.IsZero() && !now.Before(s.expires):
			s.member.part(expired)
			r.remove(s.member)
		case s.member.out == nil && now.Sub(s.read) >= sessionLife:
			r.remove(s.member)
		}
	}
	if len(r.sessions) > 0 {
		r.sweep.Reset(sweepInterval)
	}
}

// find returns a session that is not over.
func (r *Room) find(name string) (*session, error) {
	if s := r.sessions[name]; s != nil && !s.isOver() {
		return s, nil
	}
	return nil, fault.New(fault.SessionNotFound, "there is no such session; it dies a minute after nobody has read from it: POST /join makes one")
}

// readSession returns what a session has not had. Of one that is over that is how it ended,
// once, if there is a reason to tell.
func (r *Room) readSession(name string, since *uint64) (*session, [][]byte, error) {
	s := r.sessions[name]
	if s == nil || !s.isOver() {
		s, err := r.find(name)
		if err != nil {
			return nil, nil, err
		}
		return s, r.portionOf(s, since), nil
	}
	bye := s.farewell()
	if bye.reason == reasonNone {
		_, err := r.find(name)
		return nil, nil, err
	}
	if s.member.gone {
		delete(r.sessions, name)
	}
	return s, [][]byte{bye.object()}, nil
}

// portionOf returns the events that a session has not had, those with a seq above since,
// or nil since to go on where it was; and what is no event. What is gone is told.
func (r *Room) portionOf(s *session, since *uint64) (objects [][]byte) {
	m := s.member
	r.detach(s, m.out) // who polls does not stream any more
	s.read = time.Now()
	if since != nil && *since <= r.events.seq {
		m.next = *since + 1
	}
	objects = m.takeGreeting()
	if oldest := r.events.first(); m.next < oldest {
		objects = append(objects, encode(skipped{Type: "skipped", From: m.next, To: oldest - 1}))
		r.skipped(oldest - m.next)
		m.next = oldest
	}
	size := 0
	for _, e := range r.events.from(m.next) {
		if size += len(e.data); size > r.opts.Limits.Backlog && len(objects) > 0 {
			break
		}
		objects = append(objects, e.data)
		m.next = e.seq + 1
	}
	return append(objects, s.take()...)
}

// takeGreeting returns the objects of the greeting, once.
func (m *member) takeGreeting() (objects [][]byte) {
	if m.greeting != nil {
		objects = bytes.Split(m.greeting, []byte{'\n'})
		m.greeting = nil
	}
	return objects
}

// attach has a session streamed by a connection, in the place of one that there was.
// since and epoch say where the client was, if it knows that.
func (r *Room) attach(s *session, out *outbox, epoch string, since *uint64) {
	m := s.member
	if m.gone {
		out.part(s.farewell())
		return
	}
	r.detach(s, m.out)
	waited, isNew := s.take(), m.greeting != nil
	if since != nil {
		r.owe(m, epoch, since)
		m.welcomed = m.comesBack
		m.greeting = r.greet(m)
	}
	m.out, m.feed = out, feedCatching
	s.stream.Store(out)
	r.deliver(m, deliverStream)
	out.onHungry(func() { r.urge(context.Background(), hungry{m}) })
	if isNew { // what has waited came after its greeting; else it is older than that
		r.catchUp(m)
	}
	for _, note := range waited {
		m.note(note)
	}
	r.catchUp(m)
	if s.isOver() { // meanwhile
		out.part(s.farewell())
	}
}

// deliver changes the form in which a member gets things.
func (r *Room) deliver(m *member, d delivery) {
	r.members.deliver(m, d)
	r.changed = true
}

// detach notes that a connection does not stream a session any more.
func (r *Room) detach(s *session, out *outbox) {
	m := s.member
	if out == nil || m.out != out {
		return
	}
	out.part(farewell{})
	m.out = nil
	s.stream.Store(nil)
	s.read = time.Now()
	if m.feed == feedLive {
		m.next = max(m.next, r.sequenced()+1)
	}
	m.feed = feedLive
	if !m.gone {
		r.deliver(m, deliverPolled)
	}
}
