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
	log       *zap.Logger

	actors sync.WaitGroup // the rooms' actor goroutines

	mu       sync.RWMutex
	rooms    map[string]*Room
	ports    portPool
	draining bool
}

// NewRegistry returns a registry without rooms.
func NewRegistry(o Options) *Registry {
	o = o.withDefaults()
	return &Registry{
		opts:      o,
		admission: newAdmission(o.MaxConnections, o.MaxConnectionsPerIP),
		log:       o.Logger,
		rooms:     make(map[string]*Room),
		ports:     newPortPool(&o),
	}
}

// ErrNoMoreRooms is in the chain of Create's error when no room can be created
// now: no capacity, no free port, or closed to new rooms.
var ErrNoMoreRooms = errors.New("no more rooms can be created")

// Create returns the room of that name, which it opens unless it is open already.
// Of many callers at once, one opens it. Settings hold for a new room only.
func (g *Registry) Create(name string, patch SettingsPatch) (r *Room, created bool, err error) {
	if err := CheckName(name); err != nil {
		return nil, false, err
	}
	r, created, err = g.create(name, patch)
	if created {
		g.log.Info("room opened", zap.String("room", name), zap.Int("port", r.port))
		g.opts.Changed()
	}
	return r, created, err
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
	ln, err := g.ports.open(now)
	if err != nil {
		g.log.Warn("cannot open a room", zap.String("room", name), zap.Error(err))
		return nil, false, fmt.Errorf("%w: %w", ErrNoMoreRooms, err)
	}
	settings, _ := Settings{}.apply(patch)
	r := newRoom(name, ln, settings, g)
	g.rooms[name] = r
	g.actors.Go(func() { g.supervise(r) })
	return r, true, nil
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
	var reasons []string
	if g.admission.isClosed() {
		reasons = append(reasons, "the operator has closed the server to new rooms")
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
// back. It returns a room_not_found error if no such room is open, and does not
// wait for the clients to go; the name is free at once.
//
// The room is told also if ctx is done, since it cannot be closed twice. That waits
// for the command that the actor has in hand at most.
func (g *Registry) Close(ctx context.Context, name string) error {
	r, err := g.Room(name)
	if err != nil {
		return err
	}
	if !g.forget(r) {
		return notFound(name)
	}
	r.urge(context.WithoutCancel(ctx), &parting{farewell: farewell{code: codeClosed, reason: reasonClosed}})
	return nil
}

// forget takes a room out of the registry; false means that it was not there.
func (g *Registry) forget(r *Room) bool {
	return g.forgetIf(r, func() bool { return true })
}

// retire is called by a room that was idle for IdleTimeout. It returns false when
// somebody has asked for the room at this very moment.
func (g *Registry) retire(r *Room) bool {
	return g.forgetIf(r, func() bool { return r.untouched() >= g.opts.IdleTimeout })
}

func (g *Registry) forgetIf(r *Room, sure func() bool) bool {
	g.mu.Lock()
	here := g.rooms[r.name] == r && sure()
	if here {
		delete(g.rooms, r.name)
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

// Load returns how many rooms the server can hold and how many are open, as load
// balancers are told: a server that takes no new rooms has no more capacity than
// rooms.
func (g *Registry) Load() (capacity, rooms int) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	rooms = len(g.rooms)
	if g.draining || g.admission.isClosed() {
		return rooms, rooms
	}
	return g.opts.MaxRooms, rooms
}

// BeginDrain ends the creation of rooms and the arrival of connections. Drain
// follows once the load balancers know.
func (g *Registry) BeginDrain() {
	g.mu.Lock()
	g.draining = true
	g.mu.Unlock()
	g.admission.setClosed(true)
}

// Drain closes all rooms. Every client is told its own time to come back, spread
// evenly over all of them. It returns when every goroutine of every room has ended,
// or with an error when ctx is done before.
func (g *Registry) Drain(ctx context.Context) error {
	g.BeginDrain()
	back := new(comeBack)
	for _, r := range g.Rooms() {
		if g.forget(r) {
			r.urge(ctx, &parting{farewell{code: codeGoingAway, reason: reasonShutdown}, back})
		}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.actors.Wait()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("rooms did not end in time: %w", ctx.Err())
	}
}

// AnnounceAll puts an announcement into the log of every open room, also if the
// caller goes away meanwhile. It returns how many rooms took it, and an error for a
// text that none would take.
func (g *Registry) AnnounceAll(ctx context.Context, said string) (int, error) {
	said, err := text.Message(said, g.opts.Limits.Text)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTimeout)
	defer cancel()
	took := 0
	for _, r := range g.Rooms() {
		err := r.announce(ctx, said, ScopeGlobal)
		switch code := fault.From(err).Code; {
		case err == nil:
			took++
		case code == fault.RoomNotFound, code == fault.Busy: // it closed meanwhile, or is stuck: the others matter
		default:
			return took, err
		}
	}
	return took, nil
}

// announceTimeout is how long an announcement waits for all rooms together.
const announceTimeout = 10 * time.Second
