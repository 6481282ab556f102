package room

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"chatserver/cache"
	"chatserver/internal/serve"
	"chatserver/journal"
)

// Room is one chat room: a listener, an actor goroutine and a log. All exported
// methods are safe for use by several goroutines.
type Room struct {
	// Set at construction and never changed.
	name      string
	port      int
	epoch     string
	created   time.Time
	opts      *Options
	admission *admission
	lot       *lot
	turnstile *turnstile
	desk      *desk
	retire    func(*Room) bool // asks the registry whether an idle room may close
	listener  net.Listener
	server    *http.Server
	doors     *serve.Doors // of server
	log       *zap.Logger

	// The mailboxes are never closed; senders select on done too.
	inbox    chan command  // senders: readers, API; in order; bounded
	arrivals chan command  // senders: readers, with a join; takes turns with the inbox
	control  chan command  // senders: registry, API, flushers; overtakes the inbox
	settled  chan struct{} // closed by the actor once a closing room writes nothing more
	done     chan struct{} // closed by the actor as its last act

	// Safe for use by several goroutines.
	opened   *promise        // that the journal has the room
	ended    *promise        // that the journal has its end
	stopping context.Context //nolint:containedctx // the room's own end; its cause is the parting
	stop     context.CancelCauseFunc
	readers  *gate // reader goroutines of connections
	tips     *gate // that the credit service is being asked for
	counters counters
	public   atomic.Pointer[State]
	touched  atomic.Int64              // when somebody last asked for this room, Unix nanoseconds
	emotes   atomic.Pointer[emoteList] // of the snapshot that was asked last; nil before
	// historyReaders is how many read old events from the journal now.
	historyReaders atomic.Int32

	// Owned by the actor.
	phase         phase
	settings      Settings
	layers        layers // what settings and staff come from
	staff         Staff
	snapshot      *cache.Snapshot // the one that the room acts upon
	replaced      <-chan struct{} // closed when there is a newer one
	events        eventLog
	members       memberSet
	joined        uint64             // members that there ever were
	people        map[string]*person // by user id; those who have left too
	producers     []*member          // those with that role
	peopleMost    int                // from which those who left long ago are forgotten
	sessions      map[string]*session
	sweep         *time.Timer // for sessions that nobody reads
	till          till        // the tickets of those who pay
	repeats       repeats
	tipping       map[commandID]*tipAnswer  // the tips under way that have an id
	addresses     map[netip.Prefix]*address // guests, by network
	addressesMost int                       // from which idle addresses are forgotten
	guests        int                       // the number that the last unnamed guest got
	out           fanout
	sent          int64 // bytes that the observer knows of
	count         viewerCount
	tallies       tallies
	reacted       reactionBook
	poll          *poll       // the one that is open, nil if none is
	pollTimer     *time.Timer // runs while a poll is open
	idle          *time.Timer
	panics        []time.Time
	changed       bool // the public state is older than the room
}

// phase is the life of a room.
type phase int

const (
	phaseOpen    phase = iota // takes connections and commands
	phaseClosing              // parts from everybody, takes nothing new
)

// life is what makes a room the one that it is, across restarts of the server.
type life struct {
	name    string
	epoch   string
	created time.Time
	layers  layers
	events  []entry // the newest ones
	seq     uint64  // the newest one's
	repeats []journal.Command
	poll    *poll // the one that was open, nil if none was
	tickets map[string]*ticket
}

// newRoom makes a room on a listener that is bound already. run starts it.
func newRoom(l life, ln net.Listener, g *Registry) *Room {
	r := &Room{
		name:          l.name,
		port:          portOf(ln),
		epoch:         l.epoch,
		created:       l.created,
		opts:          &g.opts,
		admission:     g.admission,
		lot:           g.lot,
		turnstile:     g.turnstile,
		desk:          g.desk,
		retire:        g.retire,
		listener:      ln,
		log:           g.opts.Logger.With(zap.String("room", l.name)),
		inbox:         make(chan command, inboxSize),
		arrivals:      make(chan command),
		control:       make(chan command, controlSize),
		settled:       make(chan struct{}),
		done:          make(chan struct{}),
		opened:        newPromise(),
		ended:         newPromise(),
		readers:       newGate(),
		tips:          newGate(),
		events:        eventLog{keep: g.opts.logKeep(), seq: l.seq, entries: l.events},
		members:       newMemberSet(),
		people:        make(map[string]*person),
		peopleMost:    peopleMin,
		sessions:      make(map[string]*session),
		sweep:         newStoppedTimer(),
		till:          newTill(),
		repeats:       newRepeats(),
		tipping:       make(map[commandID]*tipAnswer),
		addresses:     make(map[netip.Prefix]*address),
		addressesMost: addressesMin,
		out:           newFanout(),
		count:         newViewerCount(),
		tallies:       newTallies(),
		reacted:       newReactionBook(),
		pollTimer:     newStoppedTimer(),
		idle:          newStoppedTimer(),
	}
	if l.poll != nil {
		r.openPoll(l.poll, time.Now())
	}
	r.takeBack(l.tickets)
	for _, c := range l.repeats {
		r.repeats.add(commandID{c.User, c.ID}, c.Seq, c.Time)
	}
	r.layers = l.layers
	r.follow(g.opts.Snapshot())
	if r.snapshot.Version() != "" {
		r.layers.Base = baseOf(r.snapshot, l.name)
	}
	r.settings, r.staff = r.layers.settings(), r.layers.staff()
	r.stopping, r.stop = context.WithCancelCause(context.Background())
	r.makeServer()
	r.touch()
	r.publish()
	return r
}

// makeServer makes the HTTP server of the room's listener.
func (r *Room) makeServer() {
	r.server = serve.New(r, r.opts.Logger)
	r.server.ConnState, r.server.ConnContext = passed, withPlace
	r.doors = serve.NewDoors(r.server)
}

// newEpoch returns a name for one life of a log, which is never used again.
func newEpoch() string { return strings.ToLower(rand.Text()[:13]) }

func portOf(ln net.Listener) int {
	if tcp, ok := ln.Addr().(*net.TCPAddr); ok {
		return tcp.Port
	}
	return 0
}

func newStoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// Name returns the room's name.
func (r *Room) Name() string { return r.name }

// Port returns the port of the room's listener.
func (r *Room) Port() int { return r.port }

// URL returns where browsers find the room's listener.
func (r *Room) URL() string {
	return fmt.Sprintf("http://%s/", net.JoinHostPort(r.opts.Host, strconv.Itoa(r.port)))
}

// State returns what is publicly known of the room, without asking the actor.
func (r *Room) State() *State { return r.public.Load() }

// touch notes that somebody asked for the room; untouched is the time since then.
func (r *Room) touch() { r.touched.Store(time.Now().UnixNano()) }

func (r *Room) untouched() time.Duration { return time.Since(time.Unix(0, r.touched.Load())) }

// run is the room's actor. It returns when the listener, all readers and all
// writers of the room have ended.
func (r *Room) run() {
	serving := make(chan struct{})
	go func() {
		defer close(serving)
		if err := r.doors.Serve(r.turnstile.guard(r.listener)); !errors.Is(err, http.ErrServerClosed) {
			r.log.Error("the room's port is lost; it can be reached under /r/ of the main port alone", zap.Error(err))
		}
	}()
	r.armIdle()
	for r.phase == phaseOpen {
		r.step()
	}
	r.partFromAll()
	for _, s := range r.sessions {
		r.remove(s.member)
	}
	_ = r.server.Close() // closes the listener; nothing can be done if that fails
	<-serving
	r.tellSent()
	close(r.done)
}

// partFromAll tells every connection goodbye, in batches, and returns when all of
// them have ended. Before that, what was said is acknowledged, as far as the journal
// keeps up. Nothing is gathered any more, so that no timer needs to be served.
func (r *Room) partFromAll() {
	bye := r.parting()
	r.do(duty((*Room).flush))
	r.do(duty((*Room).closeTickets))
	r.readers.close() // nobody new
	pause := time.NewTimer(lastAcks)
	defer pause.Stop()
	acked := r.acked()
	var left []*member        // who has not been told
	var empty <-chan struct{} // nil until all have
	tell := func() {
		n := min(closeBatch, len(left))
		for _, m := range left[:n] {
			m.end(bye.each())
		}
		if left = left[n:]; len(left) > 0 {
			pause.Reset(closePause)
		} else {
			empty = r.readers.empty
		}
	}
	begin := func() {
		acked, left = nil, r.membersToPart()
		close(r.settled)
		tell()
	}
	for {
		select {
		case <-empty:
			return
		case <-acked:
			begin()
		case <-pause.C:
			if acked != nil {
				begin()
			} else {
				tell()
			}
		case c := <-r.control:
			r.do(c)
		case c := <-r.inbox:
			r.do(c)
		case c := <-r.arrivals:
			r.do(c)
		}
	}
}

// acked returns a channel that is closed once all that the room has written is on the
// disk, or will not be, and its authors know.
func (r *Room) acked() <-chan struct{} {
	p := newPromise()
	if err := r.opts.Journal.Sync(p.tell); err != nil {
		p.tell(err)
	}
	return p.kept
}

// membersToPart returns the members in the order in which they are told: first those over
// HTTP, whose polls are answered by that.
func (r *Room) membersToPart() []*member {
	list := slices.Clone(r.members.list)
	slices.SortStableFunc(list, func(a, b *member) int {
		switch {
		case a.session != nil && b.session == nil:
			return -1
		case a.session == nil && b.session != nil:
			return 1
		default:
			return 0
		}
	})
	return list
}

// step waits for the next thing to do, and does it.
func (r *Room) step() {
	select {
	case c := <-r.control:
		r.do(c)
	default:
		select {
		case c := <-r.control:
			r.do(c)
		case c := <-r.inbox:
			r.do(c)
		case c := <-r.arrivals: // of the two, select takes one at random
			r.do(c)
		case <-r.out.timer.C:
			r.do(duty((*Room).flush))
		case <-r.count.timer.C:
			r.do(duty((*Room).tellViewers))
		case <-r.tallies.timer.C:
			r.do(duty((*Room).tally))
		case <-r.pollTimer.C:
			r.do(duty((*Room).endPoll))
		case <-r.sweep.C:
			r.do(duty((*Room).sweepSessions))
		case <-r.till.timer.C:
			r.do(duty((*Room).tend))
		case <-r.idle.C:
			r.do(duty((*Room).closeIfIdle))
		case <-r.replaced:
			r.do(duty((*Room).renew))
		}
	}
	r.publishChange()
}

// armIdle starts the wait for an empty room to close, if it ever does.
func (r *Room) armIdle() {
	if r.opts.IdleTimeout > 0 && r.members.len() == 0 {
		r.idle.Reset(r.opts.IdleTimeout)
	}
}

// closeIfIdle closes the room when nobody was in it, and nobody asked for it, for
// IdleTimeout.
func (r *Room) closeIfIdle() {
	if r.members.len() > 0 || r.phase != phaseOpen {
		return
	}
	if r.tips.busy() { // by somebody who has gone
		r.armIdle()
		return
	}
	if since := r.untouched(); since < r.opts.IdleTimeout {
		r.idle.Reset(r.opts.IdleTimeout - since)
		return
	}
	if r.retire(r) {
		(&parting{farewell: farewell{code: codeClosed, reason: reasonClosed}}).run(r)
	} else {
		r.armIdle()
	}
}
