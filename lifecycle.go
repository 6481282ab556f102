package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"chatserver/admin"
	"chatserver/api"
	"chatserver/cache"
	"chatserver/internal/handover"
	"chatserver/internal/logging"
	"chatserver/internal/mongodb"
	"chatserver/internal/serve"
	"chatserver/internal/token"
	"chatserver/journal"
	"chatserver/lbclient"
	"chatserver/metrics"
	"chatserver/room"
	"chatserver/services"
	"chatserver/web"
)

// server is all that runs between start and stop. A process has one, and another one
// after it only if it could not hand over to a fresh process.
type server struct {
	// Set at construction and never changed.
	cfg     config
	log     *zap.Logger
	level   zap.AtomicLevel
	stop    context.CancelCauseFunc         // starts the orderly stop; the cause is nil or errFailed
	restart func(ctx context.Context) error // see program.restart
	sockets *handover.Sockets               // those that it shall listen on, if any are held

	metrics *metrics.Metrics
	trace   echo.MiddlewareFunc

	lb                   *lbclient.Client
	address              string // host:port of the API
	port                 int    // of the API
	journal              *journal.Journal
	database             *mongodb.Client // nil without MONGO_URI
	cache                *cache.Cache
	tokens               *token.Keys
	listing              *services.Listing // nil without LISTING_URL
	credit               *services.Credit  // nil without CREDIT_URL
	rooms                *room.Registry
	apiFront, adminFront *front

	leaves  atomic.Bool // the stop is a hand-over
	carried *carried    // from the server before this one, then for the next one
	dark    time.Time   // since when nobody is let in, once the server leaves

	running sync.WaitGroup // the goroutines of start
	stops   stopStack
}

// carried is what a server hands on to the next one, beside the journal.
type carried struct {
	Rooms    room.Carried         `json:"rooms"`
	Told     map[string]time.Time `json:"told,omitempty"` // see [services.Listing.Carry]
	LogLevel string               `json:"log_level"`
}

// front is the server of one of the two APIs.
type front struct {
	name     string
	listener net.Listener
	server   *http.Server
	doors    *serve.Doors
}

// errFailed is why the server stops when nobody has told it to.
var errFailed = errors.New("a listener failed")

// start binds all ports first and then lets the parts run. What it started is on
// the stop stack, also when it fails.
func (s *server) start() error {
	started := time.Now()
	if err := s.prepare(); err != nil {
		return err
	}
	restored, err := s.open(started)
	if err != nil {
		return err
	}
	s.serve()
	s.firstReading()
	s.goLive(restored)
	s.ready(started, len(restored))
	return nil
}

// succeed is start for a process that takes the place of another one: what can be done
// while that still serves, it does before, and nobody is served before all is there.
// take returns what the other process hands over, once it does.
func (s *server) succeed(take func() (*handover.Sockets, []byte, error)) error {
	if err := s.prepare(); err != nil {
		return err
	}
	s.firstReading()
	sockets, state, err := take()
	if err != nil {
		return err
	}
	started := time.Now()
	s.sockets, s.carried = sockets, new(carried)
	if err := json.Unmarshal(state, s.carried); err != nil {
		return fmt.Errorf("what the former process hands on cannot be read: %w", err)
	}
	restored, err := s.open(started)
	if err != nil {
		return err
	}
	s.goLive(restored)
	s.serve()
	s.ready(started, len(restored))
	return nil
}

// prepare makes what needs neither the listeners nor the journal.
func (s *server) prepare() error {
	if err := s.openTraces(); err != nil {
		return err
	}
	return s.openCache()
}

// open opens the listeners and the journal, and makes the rooms that were open. Nobody is
// served yet.
func (s *server) open(started time.Time) (restored []*room.Room, err error) {
	if err := s.listen(); err != nil {
		return nil, err
	}
	if s.lb, err = lbclient.New(s.loadBalancers()); err != nil {
		return nil, err
	}
	if err := s.openJournal(); err != nil {
		return nil, err
	}
	s.keepBans()
	if err := s.openTokens(); err != nil {
		return nil, err
	}
	if err := s.openServices(); err != nil {
		return nil, err
	}
	s.rooms = room.NewRegistry(s.roomOptions())
	s.watch()
	if s.carried != nil {
		s.rooms.TakeOver(s.carried.Rooms)
		if s.listing != nil {
			s.listing.TakeOver(s.carried.Told)
		}
		if level, err := logging.ParseLevel(s.carried.LogLevel); err == nil {
			s.level.SetLevel(level)
		}
	}
	restored = s.rooms.Restore(s.journal.OpenRooms())
	s.warn()
	s.handle(s.apiFront, s.api())
	s.handle(s.adminFront, s.admin(started))
	s.settle()
	s.stops.push("rooms", s.partFromRooms)
	return restored, nil
}

// goLive lets the rooms live, and all that runs beside them.
func (s *server) goLive(restored []*room.Room) {
	s.rooms.Start(restored)
	s.background("announcements", s.rooms.FollowAnnouncements)
	s.forward()
	s.list()
	s.beat()
}

// ready closes sockets that were held for rooms which are not there any more.
func (s *server) ready(started time.Time, rooms int) {
	s.sockets.LetGo()
	s.log.Info("ready", zap.String("version", version), zap.Int("rooms", rooms), zap.Duration("took", time.Since(started)))
}

func (s *server) api() http.Handler {
	return api.New(s.rooms, api.Options{
		Key:            string(s.cfg.Key),
		Version:        version,
		TrustedProxies: s.cfg.TrustedProxies,
		Landing:        web.Landing(),
		Assets:         web.Assets(),
		Mint:           s.tokens.Mint,
		Cache:          s.cache.Status,
		Observer:       s.metrics.Requests("api"),
		Trace:          s.trace,
		Logger:         s.log,
	})
}

func (s *server) admin(started time.Time) http.Handler {
	return admin.New(s.rooms, s.cache, admin.Options{
		Key:            string(s.cfg.AdminKey),
		Host:           s.cfg.Host,
		Version:        version,
		Started:        started,
		TrustedProxies: s.cfg.TrustedProxies,
		Dashboard:      web.Dashboard(),
		Assets:         web.Assets(),
		LogLevel:       s.level,
		Shutdown:       func() { s.stop(nil) },
		Restart:        s.restart,
		Parts:          s.parts(),
		Metrics:        s.metrics.Handler(),
		Observer:       s.metrics.Requests("admin"),
		Trace:          s.trace,
		Logger:         s.log,
	})
}

// warn says at start what is likely to go wrong later.
func (s *server) warn() {
	ports := room.PortRange(s.cfg.RoomPorts)
	if int(s.cfg.MaxRooms) > ports.Size() {
		s.log.Warn("MAX_ROOMS is more than ROOM_PORTS has ports; the number of ports counts",
			zap.Int("MAX_ROOMS", int(s.cfg.MaxRooms)), zap.Int("ports", ports.Size()))
	}
	if advice := ports.Unreserved(); advice != "" {
		s.log.Warn("other programs may take room ports", zap.String("advice", advice))
	}
}

func (s *server) roomOptions() room.Options {
	c := &s.cfg
	ports := room.PortRange(c.RoomPorts)
	capacity := min(int(c.MaxRooms), ports.Size())
	if capacity == 0 {
		capacity = ports.Size()
	}
	return room.Options{
		Bind:                  string(c.Bind),
		Host:                  c.Host,
		Ports:                 ports,
		MaxRooms:              capacity,
		MaxConnections:        int(c.MaxConnections),
		MaxConnectionsPerRoom: int(c.MaxConnectionsPerRoom),
		MaxConnectionsPerIP:   int(c.MaxConnectionsPerIP),
		IdleTimeout:           time.Duration(c.RoomIdleTimeout),
		History:               int(c.History),
		Guests:                room.Guests(c.Guests),
		Limits:                c.roomLimits(),
		AllowedOrigins:        c.AllowedOrigins,
		TrustedProxies:        c.TrustedProxies,
		Page:                  s.roomPages(),
		Observer:              s.metrics,
		Changed:               s.roomsChanged,
		Journal:               s.journal,
		Snapshot:              s.cache.Snapshot,
		Tokens:                s.tokens,
		Sanctions:             s.cache,
		Credit:                s.roomCredit(),
		CreditFailOpen:        s.cfg.CreditFailOpen,
		Listen: func(network, address string) (net.Listener, error) {
			return s.sockets.Listen(address, network, address)
		},
		Logger: s.log,
	}
}

// roomPages answers what browsers ask of a room's listener.
func (s *server) roomPages() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/{$}", web.Room(web.RoomOptions{
		Main: s.address,
		HLS:  web.Script{URL: string(s.cfg.HLSURL), Integrity: string(s.cfg.HLSIntegrity)},
	}))
	mux.Handle("/assets/", web.Assets())
	return mux
}

func (s *server) loadBalancers() lbclient.Options {
	return lbclient.Options{
		URLs:               s.cfg.LoadBalancers,
		Key:                string(s.cfg.LoadBalancerKey),
		Interval:           time.Duration(s.cfg.LoadBalancerInterval),
		Host:               s.cfg.Host,
		Port:               s.port,
		Version:            version,
		VerifyCertificates: s.cfg.production(),
		Load:               func() (capacity, rooms int) { return s.rooms.Load() },
		Logger:             s.log,
	}
}

// handle makes the server of an API, which the stop stack shuts down; that lets requests
// under way end.
func (s *server) handle(f *front, h http.Handler) {
	f.server = serve.New(h, s.log)
	f.doors = serve.NewDoors(f.server)
	s.stops.push(f.name+" server", func(ctx context.Context) error {
		if s.leaves.Load() {
			return nil // requests that take long go on; see program.await
		}
		return f.end(ctx)
	})
}

// end lets requests under way end, as far as ctx allows.
func (f *front) end(ctx context.Context) error {
	if err := f.server.Shutdown(ctx); err != nil {
		return errors.Join(err, f.server.Close())
	}
	return nil
}

// serve lets the APIs answer.
func (s *server) serve() {
	for _, f := range []*front{s.apiFront, s.adminFront} {
		s.running.Go(func() {
			if err := f.doors.Serve(f.listener); !errors.Is(err, http.ErrServerClosed) {
				s.log.Error("a listener failed; the server stops", zap.String("listener", f.name), zap.Error(err))
				s.stop(errFailed)
			}
		})
		s.log.Info("listening", zap.String("listener", f.name), zap.Stringer("addr", f.listener.Addr()))
	}
}

// farewellMost bounds how long a stop waits for load balancers to take notice, and for the
// listing, as does a quarter of DRAIN_TIMEOUT: one that hangs must not cost the clients
// their time.
const farewellMost = 2 * time.Second

func (s *server) farewellTime() time.Duration {
	return min(farewellMost, time.Duration(s.cfg.DrainTimeout)/4)
}

// beat lets the heartbeats run. At the stop the balancers are the first to know.
func (s *server) beat() {
	s.background("load balancer heartbeats", func(ctx context.Context) { _ = s.lb.Run(ctx) }) // ends with ctx
	s.stops.push("load balancers", func(ctx context.Context) error {
		if s.leaves.Load() {
			return nil // the next process tells them, as soon as it is there
		}
		s.rooms.BeginDrain()
		ctx, cancel := context.WithTimeout(ctx, s.farewellTime())
		defer cancel()
		return s.lb.Announce(ctx)
	})
}

// background runs a function until the stop stack ends it.
func (s *server) background(name string, run func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	s.running.Go(func() {
		defer close(ended)
		run(ctx)
	})
	s.stops.push(name, func(ctx context.Context) error {
		cancel()
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return errors.New("it did not end in time")
		}
	})
}

// listen binds the ports of the two APIs.
func (s *server) listen() (err error) {
	if s.apiFront, err = s.listenOn("api", "PORT", s.cfg.Bind, s.cfg.Port); err != nil {
		return err
	}
	if s.adminFront, err = s.listenOn("admin", "ADMIN_PORT", s.cfg.AdminBind, s.cfg.AdminPort); err != nil {
		return err
	}
	s.port = portOf(s.apiFront.listener)
	s.address = net.JoinHostPort(s.cfg.Host, strconv.Itoa(s.port))
	return nil
}

// listenOn binds a port; the error names the variable that chose it.
func (s *server) listenOn(name, variable string, address bind, p port) (*front, error) {
	ln, err := s.sockets.Listen(variable, "tcp", net.JoinHostPort(string(address), strconv.Itoa(int(p))))
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s %d: %w; free it, or set %s to another one", variable, p, err, variable)
	}
	s.stops.push(name+" listener", closing(ln))
	return &front{name: name, listener: ln}, nil
}

func portOf(ln net.Listener) int {
	if tcp, ok := ln.Addr().(*net.TCPAddr); ok {
		return tcp.Port
	}
	return 0
}

// closing closes a listener that no server may have closed before.
func closing(ln net.Listener) func(context.Context) error {
	return func(context.Context) error {
		if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}

// stopStack is what to stop, in the order of starting. It is run backwards.
type stopStack []stopStep

type stopStep struct {
	name string
	stop func(context.Context) error
}

func (s *stopStack) push(name string, stop func(context.Context) error) {
	*s = append(*s, stopStep{name, stop})
}

// run stops everything under one deadline, the last started first. A step that
// fails is logged by name and holds up no other.
func (s *stopStack) run(ctx context.Context, log *zap.Logger) {
	for _, step := range slices.Backward(*s) {
		if err := step.stop(ctx); err != nil {
			log.Warn("a part did not stop in order", zap.String("part", step.name), zap.Error(err))
		}
	}
	*s = nil
}
