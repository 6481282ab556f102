package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"chatserver/admin"
	"chatserver/api"
	"chatserver/cache"
	"chatserver/internal/logging"
	"chatserver/internal/mongodb"
	"chatserver/internal/serve"
	"chatserver/internal/token"
	"chatserver/journal"
	"chatserver/lbclient"
	"chatserver/metrics"
	"chatserver/room"
	"chatserver/web"
)

// server is all that runs between start and stop.
type server struct {
	cfg   config
	log   *zap.Logger
	level zap.AtomicLevel
	stop  context.CancelCauseFunc // starts the orderly stop; the cause is nil or errFailed
	lb    *lbclient.Client

	metrics *metrics.Metrics
	trace   echo.MiddlewareFunc

	address  string // host:port of the API
	journal  *journal.Journal
	database *mongodb.Client // nil without MONGO_URI
	cache    *cache.Cache
	tokens   *token.Keys
	rooms    *room.Registry

	running sync.WaitGroup // the goroutines of start
	stops   stopStack
}

// serveUntilStopped starts the server, waits for a signal or for the admin API's
// shutdown, and stops it in order. A second signal ends the process at once.
func serveUntilStopped(cfg config, stdout io.Writer) int {
	signalled, forget := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer forget()
	ctx, stop := context.WithCancelCause(signalled)
	defer stop(nil)
	s := &server{cfg: cfg, stop: stop, metrics: metrics.New(version), trace: untraced, level: zap.NewAtomicLevelAt(cfg.logLevel())}
	s.log = logging.New(stdout, cfg.production(), s.level)
	if err := s.start(); err != nil {
		s.log.Error("cannot start", zap.Error(err))
		s.stops.run(context.Background(), s.log)
		s.running.Wait()
		return exitFailed
	}
	<-ctx.Done()
	forget() // from now on a signal does what it does to any process
	s.log.Info("stopping", zap.Duration("within", time.Duration(cfg.DrainTimeout)))
	begun := time.Now()
	deadline, cancel := context.WithTimeout(context.Background(), time.Duration(cfg.DrainTimeout))
	defer cancel()
	s.stops.run(deadline, s.log)
	s.running.Wait()
	s.log.Info("stopped", zap.Duration("took", time.Since(begun)))
	if errors.Is(context.Cause(ctx), errFailed) {
		return exitFailed
	}
	return exitOK
}

// errFailed is why the server stops when nobody has told it to.
var errFailed = errors.New("a listener failed")

// start binds all ports first and then lets the parts run. What it started is on
// the stop stack, also when it fails.
func (s *server) start() error {
	started := time.Now()
	apiListener, err := listen("PORT", s.cfg.Bind, s.cfg.Port)
	if err != nil {
		return err
	}
	s.stops.push("API listener", closing(apiListener))
	adminListener, err := listen("ADMIN_PORT", s.cfg.AdminBind, s.cfg.AdminPort)
	if err != nil {
		return err
	}
	s.stops.push("admin listener", closing(adminListener))

	if err := s.openTraces(); err != nil {
		return err
	}
	s.address = net.JoinHostPort(s.cfg.Host, strconv.Itoa(portOf(apiListener)))
	if s.lb, err = lbclient.New(s.loadBalancers(apiListener)); err != nil {
		return err
	}
	if err := s.openJournal(); err != nil {
		return err
	}
	if err := s.openCache(); err != nil {
		return err
	}
	if err := s.openTokens(); err != nil {
		return err
	}
	s.rooms = room.NewRegistry(s.roomOptions())
	s.watch()
	restored := s.rooms.Restore(s.journal.OpenRooms())
	s.warn()
	s.serve("api", apiListener, s.api())
	s.serve("admin", adminListener, s.admin(started))
	s.follow()
	s.stops.push("rooms", s.rooms.Drain)
	s.rooms.Start(restored)
	s.background("announcements", s.rooms.FollowAnnouncements)
	s.forward()
	s.beat()
	s.log.Info("ready", zap.String("version", version), zap.Int("rooms", len(restored)), zap.Duration("took", time.Since(started)))
	return nil
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
		Changed:               s.lb.Update,
		Journal:               s.journal,
		Snapshot:              s.cache.Snapshot,
		Tokens:                s.tokens,
		Sanctions:             s.cache,
		Logger:                s.log,
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

func (s *server) loadBalancers(apiListener net.Listener) lbclient.Options {
	return lbclient.Options{
		URLs:               s.cfg.LoadBalancers,
		Key:                string(s.cfg.LoadBalancerKey),
		Interval:           time.Duration(s.cfg.LoadBalancerInterval),
		Host:               s.cfg.Host,
		Port:               portOf(apiListener),
		Version:            version,
		VerifyCertificates: s.cfg.production(),
		Load:               func() (capacity, rooms int) { return s.rooms.Load() },
		Logger:             s.log,
	}
}

// serve lets a handler answer on a listener until the stop stack shuts it down,
// which lets requests under way end.
func (s *server) serve(name string, ln net.Listener, h http.Handler) {
	srv := serve.New(h, s.log)
	s.running.Go(func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("a listener failed; the server stops", zap.String("listener", name), zap.Error(err))
			s.stop(errFailed)
		}
	})
	s.stops.push(name+" server", func(ctx context.Context) error {
		if err := srv.Shutdown(ctx); err != nil {
			return errors.Join(err, srv.Close())
		}
		return nil
	})
	s.log.Info("listening", zap.String("listener", name), zap.Stringer("addr", ln.Addr()))
}

// farewellToBalancers bounds how long a stop waits for load balancers to take
// notice, as does a quarter of DRAIN_TIMEOUT: one that hangs must not cost the
// clients their time.
const farewellToBalancers = 2 * time.Second

// beat lets the heartbeats run. At the stop the balancers are the first to know.
func (s *server) beat() {
	s.background("load balancer heartbeats", func(ctx context.Context) { _ = s.lb.Run(ctx) }) // ends with ctx
	s.stops.push("load balancers", func(ctx context.Context) error {
		s.rooms.BeginDrain()
		ctx, cancel := context.WithTimeout(ctx, min(farewellToBalancers, time.Duration(s.cfg.DrainTimeout)/4))
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

// listen binds a port; the error names the variable that chose it.
func listen(variable string, address bind, p port) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), "tcp", net.JoinHostPort(string(address), strconv.Itoa(int(p))))
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s %d: %w; free it, or set %s to another one", variable, p, err, variable)
	}
	return ln, nil
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
