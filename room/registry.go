package room

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"chatserver/internal/fault"
	"chatserver/internal/text"
)

// Registry opens, finds and closes rooms, and supervises their actors. All methods
// are safe for use by several goroutines.
type Registry struct {
	// Set at construction and never changed.
	opts      Options
	admission *admission
	lot       *lot
	turnstile *turnstile
	desk      *desk
	log       *zap.Logger

	actors sync.WaitGroup // the rooms' actor goroutines

	mu       sync.RWMutex
	rooms    map[string]*Room
	ports    portPool
	starting bool              // rooms are being restored
	lost     map[string]string // epochs of open rooms that could not be restored, by name
	draining bool
}

// NewRegistry returns a registry without rooms.
func NewRegistry(o Options) *Registry {
	o = o.withDefaults()
	return &Registry{
		opts:      o,
		admission: newAdmission(o.MaxConnections, o.MaxConnectionsPerIP),
		lot:       newLot(),
		turnstile: newTurnstile(),
		desk:      newDesk(&o),
		log:       o.Logger,
		rooms:     make(map[string]*Room),
		lost:      make(map[string]string),
		ports:     newPortPool(&o),
	}
}

// ErrNoMoreRooms is in the chain of Create's error when no room can be created
// now: no capacity, no free port, or closed to new rooms.
var ErrNoMoreRooms = errors.New("no more rooms can be created")

// Create returns the room of that name, which it opens unless it is open already.
// Of many callers at once, one opens it. Settings hold for a new room only. It
// returns once a crash would not undo it, or with an unavailable error.
func (g *Registry) Create(name string, patch SettingsPatch) (r *Room, created bool, err error) {
	if err := CheckName(name); err != nil {
		return nil, false, err
	}
	r, created, err = g.create(name, patch)
	if err != nil {
		return nil, false, err
	}
	if err := r.opened.wait(); err != nil {
		g.end(r)
		return nil, false, r.stored(err)
	}
	if created {
		g.log.Info("room opened", zap.String("room", name), zap.Int("port", r.port))
		g.opts.Changed()
	}
	return r, created, nil
}

func (g *Registry) create(name string, patch SettingsPatch) (*Room, bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r, ok := g.rooms[name]; ok {
		r.touch()
		return r, false, nil
	}
	now := time.Now()
	if reasons := g.obstacles(now); len(reasons) > 0 {
		return nil, false, fmt.Errorf("%w: %s", ErrNoMoreRooms, reasons[0])
	}
	if err := g.giveUpLost(name, nil); err != nil && fault.From(err).Code != fault.RoomNotFound {
		return nil, false, err
	}
	ln, err := g.ports.open(now)
	if err != nil {
		g.log.Warn("cannot open a room", zap.String("room", name), zap.Error(err))
		return nil, false, fmt.Errorf("%w: %w", ErrNoMoreRooms, err)
	}
	r := newRoom(life{name: name, epoch: newEpoch(), created: now, layers: layers{Over: patch}}, ln, g)
	if err := g.opts.Journal.OpenRoom(r.record(), r.opened.tell); err != nil {
		_ = ln.Close() // nobody knows it
		g.ports.giveUp(r.port)
		return nil, false, r.stored(err)
	}
	g.rooms[name] = r
	g.actors.Go(func() { g.supervise(r) })
	return r, true, nil
}

// giveUpLost closes the life of an open room that could not be restored, if there is
// one of that name: somebody wants the name. The caller holds mu.
func (g *Registry) giveUpLost(name string, tell func(error)) error {
	epoch, lost := g.lost[name]
	if !lost {
		return notFound(name)
	}
	if err := g.opts.Journal.CloseRoom(epoch, tell); err != nil {
		return unavailable()
	}
	delete(g.lost, name)
	return nil
}

// supervise runs a room's actor and frees its port afterwards.
func (g *Registry) supervise(r *Room) {
	r.run()
	g.mu.Lock()
	g.ports.release(r.port, time.Now())
	g.mu.Unlock()
	g.log.Info("room closed", zap.String("room", r.name), zap.Int("port", r.port))
}

// obstacles returns why no room can be created now, in words.
func (g *Registry) obstacles(now time.Time) []string {
	if g.draining {
		return []string{"the server is draining"} // for good: nothing else matters any more
	}
	if g.starting {
		return []string{"the server is starting"}
	}
	var reasons []string
	if g.admission.isClosed() {
		reasons = append(reasons, "the operator has closed the server to new rooms")
	}
	if g.opts.Journal.Healthy() != nil {
		reasons = append(reasons, "the journal cannot be written")
	}
	if len(g.rooms) >= g.opts.MaxRooms {
		reasons = append(reasons, fmt.Sprintf("all %d rooms are open", g.opts.MaxRooms))
	} else if !g.ports.anyFree(now) {
		reasons = append(reasons, "every room port is in use or resting")
	}
	return reasons
}

// Obstacles returns why no room can be created now, in words; none when one can.
func (g *Registry) Obstacles() []string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.obstacles(time.Now())
}

// Room returns the open room of that name, or a room_not_found error.
func (g *Registry) Room(name string) (*Room, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	if r, ok := g.rooms[name]; ok {
		return r, nil
	}
	if g.draining {
		return nil, restarting() // if it was open, it will be again
	}
	return nil, notFound(name)
}

// Rooms returns the open rooms by order of name.
func (g *Registry) Rooms() []*Room {
	g.mu.RLock()
	defer g.mu.RUnlock()
	list := make([]*Room, 0, len(g.rooms))
	for _, r := range g.rooms {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *Room) int { return cmp.Compare(a.name, b.name) })
	return list
}

// Close closes the room of that name for good: its clients are told not to come
// back. Before that, tips under way are answered, which may take 3 s. It returns a
// room_not_found error if no such room is open, and does not wait for the clients to go;
// the name is free when it returns. It returns once a crash would not open the room
// again, or with an unavailable error if one may.
func (g *Registry) Close(name string) error {
	r, err := g.Room(name)
	if err != nil {
		return g.closeLost(name, err)
	}
	finishTips(context.Background(), []*Room{r}) // the journal takes no event of a closed room
	if !g.end(r) {
		return notFound(name)
	}
	return r.stored(r.ended.wait())
}

// closeLost closes a room that could not be restored, or returns err if there is none.
func (g *Registry) closeLost(name string, err error) error {
	closed := newPromise()
	g.mu.Lock()
	lostErr := g.giveUpLost(name, closed.tell)
	g.mu.Unlock()
	if lostErr != nil {
		return err
	}
	if closed.wait() != nil {
		return unavailable()
	}
	return nil
}

// end closes a room for good; false means that it was not there any more.
func (g *Registry) end(r *Room) bool {
	if !g.forgetIf(r, closedForGood, func() bool { return true }) {
		return false
	}
	r.urge(context.Background(), &parting{farewell: farewell{code: codeClosed, reason: reasonClosed}})
	return true
}

// retire is called by a room that was idle for IdleTimeout. It returns false when
// somebody has asked for the room at this very moment.
func (g *Registry) retire(r *Room) bool {
	return g.forgetIf(r, closedForGood, func() bool { return r.untouched() >= g.opts.IdleTimeout })
}

// Whether the next start of the server opens a room again.
const (
	closedForGood = true
	untilRestart  = false
)

// forgetIf takes a room out of the registry if that is sure; false means that it was
// not, or that the room was not there.
func (g *Registry) forgetIf(r *Room, forGood bool, sure func() bool) bool {
	g.mu.Lock()
	here := g.rooms[r.name] == r && sure()
	if here {
		delete(g.rooms, r.name)
		if forGood { // before the name can be used again
			if err := g.opts.Journal.CloseRoom(r.epoch, r.ended.tell); err != nil {
				r.ended.tell(err)
			}
		}
	}
	g.mu.Unlock()
	if here {
		g.opts.Changed()
	}
	return here
}

// SetAccepting closes the server to new rooms and new connections, or opens it
// again. Those that are on stay.
func (g *Registry) SetAccepting(accepting bool) {
	g.mu.RLock()
	g.admission.setClosed(!accepting || g.draining)
	g.mu.RUnlock()
	g.log.Info("accepting new rooms and connections", zap.Bool("accepting", accepting))
	g.opts.Changed()
}

// Accepting tells whether new rooms and connections are taken.
func (g *Registry) Accepting() bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return !g.draining && !g.admission.isClosed()
}

// Draining tells whether the server is on its way to its end.
func (g *Registry) Draining() bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.draining
}

// Connections returns how many places clients have on the server, and how many there are;
// 0: no limit.
func (g *Registry) Connections() (open, limit int) {
	return g.admission.open(), g.opts.MaxConnections
}

// Capacity returns how many rooms the server can hold, whether it takes any now or not.
func (g *Registry) Capacity() int { return g.opts.MaxRooms }

// Load returns how many rooms the server can hold and how many are open, as load
// balancers are told: a server that takes no new rooms has no more capacity than
// rooms.
func (g *Registry) Load() (capacity, rooms int) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	rooms = len(g.rooms)
	if len(g.obstacles(time.Now())) > 0 {
		return rooms, rooms
	}
	return max(g.opts.MaxRooms, rooms), rooms
}

// AnnounceAll puts an announcement into the log of every open room, also if the
// caller goes away meanwhile. It returns how many rooms have kept it, and an error
// for a text that none would take.
func (g *Registry) AnnounceAll(ctx context.Context, said string) (int, error) {
	said, err := text.Message(said, g.opts.Limits.Text)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTimeout)
	defer cancel()
	rooms := g.Rooms()
	asked := make([]question[uint64], len(rooms))
	for i, r := range rooms {
		asked[i] = announcement(said, ScopeGlobal)
		select {
		case r.control <- asked[i]:
		default:
			asked[i].failed(notFound(r.name)) // it is stuck: the others matter
		}
	}
	took := 0
	for i, r := range rooms {
		if _, err := asked[i].wait(ctx, r); err == nil {
			took++
		}
	}
	return took, nil
}

// announceTimeout is how long an announcement waits for all rooms together.
const announceTimeout = 10 * time.Second
