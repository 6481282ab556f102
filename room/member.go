package room

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"chatserver/internal/limit"
)

// member is one client that has joined. It belongs to the actor, but for out and
// session, which are safe for use by several goroutines, and speech.
type member struct {
	user     User
	person   *person
	guest    bool // has no token
	claimed  Role // what the token says; the room's settings may raise it
	addr     netip.Addr
	skeleton string // of the name; see text.Skeleton
	sortKey  string // the name in lower case, for who
	delivery delivery
	out      *outbox  // nil for a session that nobody streams
	session  *session // nil for a WebSocket
	speech   speech
	ticket   *ticket // by which it is here; nil: it needs none

	number uint64 // no other one of the room has it

	index int  // in memberSet.list
	gone  bool // has left
	muted bool // was thrown out; what it has sent before counts no more

	feed feedState
	// next is the seq of the first event that the member was not sent: catching, it
	// is the next one from the log; skipping, the first one missed; live, it keeps
	// the member from getting again what it had from the log.
	next      uint64
	comesBack bool // it knows all before that one which it was sent first
	gap       bool // events are gone for it between those that it knows and that one
	welcomed  bool // it has come back to its session, which needs no second welcome
	// greeting is what comes before the events, until it was sent.
	greeting []byte
}

// delivery is the form in which a member gets what goes to everybody.
type delivery int

const (
	deliverPlain    delivery = iota // a WebSocket
	deliverDeflated                 // one that has negotiated permessage-deflate
	deliverStream                   // server-sent events
	deliverPolled                   // nothing is sent: the client asks
	deliveries
)

// note sends the member an object that is no event.
func (m *member) note(object []byte) {
	if m.out == nil {
		m.session.note(object)
		return
	}
	m.out.offer(m.out.framing.object(object), span{}) // who is that slow misses it
}

// part says goodbye to the member. What it has sent before counts no more.
func (m *member) part(bye farewell) {
	m.muted = true
	m.end(bye)
}

// end is part for any goroutine.
func (m *member) end(bye farewell) {
	if m.session != nil {
		m.session.end(bye)
	} else {
		m.out.part(bye)
	}
}

// feedState tells how a member gets events.
type feedState int

const (
	feedCatching feedState = iota // from the log, in portions
	feedLive                      // with everybody else
	feedSkipping                  // not at all, until its outbox has emptied
)

// speech limits the messages of a user: by the user alone, and of guests by their
// address too. It belongs to the connection's reader, but for the windows that several
// share.
type speech struct {
	limits  *Limits
	user    *limit.Window // of a guest nil until the first message
	address *address      // nil for who has a token
}

// address is what the guests of one network share. Its windows are safe for use by
// several goroutines.
type address struct {
	*limit.Window               // messages
	joins         *limit.Window // over HTTP, by users with tokens too
	members       int           // that share it now; owned by the actor
}

// take counts a message; a wait above 0 refuses it.
func (s *speech) take(now time.Time) time.Duration {
	if s.user == nil {
		s.user = limit.NewWindow(s.limits.Messages, s.limits.Burst)
	}
	wait := s.user.Take(now)
	if s.address != nil {
		wait = max(wait, s.address.Take(now))
	}
	return wait
}

// release gives back the share of an address.
func (s *speech) release() {
	if s.address != nil {
		s.address.members--
	}
}

// memberSet holds the members densely for the fan-out, by name for uniqueness and
// by order of name for who.
type memberSet struct {
	list   []*member
	named  map[string]int // members by the skeleton of their names
	sorted []*member
	by     [deliveries]int // members by delivery
}

func newMemberSet() memberSet { return memberSet{named: make(map[string]int)} }

func (s *memberSet) len() int { return len(s.list) }

func (s *memberSet) add(m *member) {
	m.index = len(s.list)
	s.by[m.delivery]++
	s.list = append(s.list, m)
	s.named[m.skeleton]++
	at, _ := slices.BinarySearchFunc(s.sorted, m, compareMembers)
	s.sorted = slices.Insert(s.sorted, at, m)
}

func (s *memberSet) remove(m *member) {
	s.by[m.delivery]--
	last := len(s.list) - 1
	s.list[m.index] = s.list[last]
	s.list[m.index].index = m.index
	s.list[last] = nil
	s.list = s.list[:last]
	s.named[m.skeleton]--
	if s.named[m.skeleton] == 0 {
		delete(s.named, m.skeleton)
	}
	if at, found := slices.BinarySearchFunc(s.sorted, m, compareMembers); found {
		s.sorted = slices.Delete(s.sorted, at, at+1)
	}
}

// withPrefix returns the members whose name begins with the prefix, in any case, by
// order of name. The slice is valid until the next change.
func (s *memberSet) withPrefix(prefix string) []*member {
	prefix = strings.ToLower(prefix)
	from, _ := slices.BinarySearchFunc(s.sorted, prefix, func(m *member, p string) int { return cmp.Compare(m.sortKey, p) })
	rest := s.sorted[from:]
	n, _ := slices.BinarySearchFunc(rest, prefix, func(m *member, p string) int {
		if strings.HasPrefix(m.sortKey, p) {
			return -1
		}
		return 1
	})
	return rest[:n]
}

// deliver changes the form in which a member of the set gets things.
func (s *memberSet) deliver(m *member, d delivery) {
	s.by[m.delivery]--
	m.delivery = d
	s.by[d]++
}

func compareMembers(a, b *member) int {
	return cmp.Or(cmp.Compare(a.sortKey, b.sortKey), cmp.Compare(a.user.ID, b.user.ID), cmp.Compare(a.number, b.number))
}
