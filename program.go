package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"go.uber.org/zap"

	"chatserver/internal/handover"
	"chatserver/internal/logging"
	"chatserver/internal/systemd"
	"chatserver/metrics"
)

// program is the process around the server: its signals, its supervisor, and the process
// that may take its place.
type program struct {
	// Set at construction and never changed.
	cfg     config
	environ []string
	log     *zap.Logger
	level   zap.AtomicLevel
	manager systemd.Manager
	watched *watchdog

	// turn holds a token during a start and a restart; who has put it there may send to
	// restarts, which has room for that one.
	turn     chan struct{}
	restarts chan restart

	// Owned by run.
	sockets *handover.Sockets
	server  *server
	former  []*server // that could not hand over; connections to them may still be ending
}

// restart is somebody's wish for one. The answer, nil once the fresh process is prepared,
// has room for it.
type restart chan error

func newProgram(cfg config, environ []string, stdout io.Writer) *program {
	p := &program{
		cfg:      cfg,
		environ:  environ,
		level:    zap.NewAtomicLevelAt(cfg.logLevel()),
		manager:  systemd.Of(environ, os.Getpid()),
		turn:     make(chan struct{}, 1),
		restarts: make(chan restart, 1),
		sockets:  handover.NewSockets(),
	}
	p.turn <- struct{}{} // until it serves
	p.log = logging.New(stdout, cfg.production(), p.level)
	p.watched = newWatchdog(p.manager, p.log)
	return p
}

// Times of a hand-over. Nobody is let in from the last part of partTime until the fresh
// process is ready.
const (
	prepareTime = 20 * time.Second // for the fresh process to get prepared
	partTime    = 10 * time.Second // for this one to let go of everything
	takeTime    = time.Minute      // for the fresh process to open the journal and to serve
	// releaseTime bounds how long the fresh process waits for the former one to say that
	// it is alone.
	releaseTime = 5 * time.Second
)

// run serves until a signal or the admin API says otherwise, or until another process has
// taken this one's place. A second signal ends the process at once. old is the process
// whose place this one takes, nil if there is none.
func (p *program) run(old *handover.Predecessor) int {
	signalled, forget := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer forget()
	ctx, stop := context.WithCancelCause(signalled)
	defer stop(nil)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	unwatch := p.watched.begin()
	defer unwatch()
	path := programPath()
	if err := p.begin(ctx, stop, old); err != nil {
		return exitFailed
	}
	for {
		next := p.untilRestart(ctx, hangups, path)
		if next == nil {
			forget() // from now on a signal does what it does to any process
			return p.end(ctx)
		}
		handedOver, stopped := p.handOver(next), ctx.Err() != nil
		switch {
		case handedOver:
			forget()
			p.leave(next, stopped)
			return exitOK
		case stopped: // it was to stop anyway, and has
			forget()
			return p.end(ctx)
		}
		if err := p.begin(ctx, stop, nil); err != nil {
			return exitFailed
		}
	}
}

// begin starts a server.
func (p *program) begin(ctx context.Context, stop context.CancelCauseFunc, old *handover.Predecessor) error {
	s := &server{cfg: p.cfg, log: p.log, level: p.level, stop: stop, metrics: metrics.New(version), trace: untraced, sockets: p.sockets}
	s.restart = func(asked context.Context) error { return p.restart(asked, ctx) }
	start := s.start
	if p.server != nil {
		s.carried = p.server.carried
	}
	p.server = s
	if old != nil {
		start = func() error {
			//nolint:contextcheck // what it starts outlives ctx
			return s.succeed(func() (*handover.Sockets, []byte, error) { return old.Prepared(ctx) })
		}
	}
	if err := start(); err != nil {
		p.log.Error("cannot start", zap.Error(err))
		s.stops.run(context.WithoutCancel(ctx), p.log)
		s.running.Wait()
		if old != nil {
			old.Failed(err.Error())
		}
		return err
	}
	if old != nil {
		p.sockets = s.sockets
		released, cancel := context.WithTimeout(ctx, releaseTime)
		old.Ready(released)
		cancel()
	}
	p.watched.follow(s.alive)
	p.tell(systemd.Ready, systemd.Status("serving"))
	<-p.turn
	return nil
}

// tell tells the supervisor.
func (p *program) tell(news ...string) {
	if err := p.manager.Notify(news...); err != nil {
		p.log.Warn("the service manager cannot be told", zap.Strings("news", news), zap.Error(err))
	}
}

// end stops the server in order, and returns the process's status.
func (p *program) end(ctx context.Context) int {
	limit := time.Duration(p.cfg.DrainTimeout)
	p.log.Info("stopping", zap.Duration("within", limit))
	p.watched.trust(limit + lastCommit)
	p.tell(systemd.Stopping, systemd.Status("stopping"))
	begun := time.Now()
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	p.server.stops.run(deadline, p.log)
	p.await(deadline)
	p.log.Info("stopped", zap.Duration("took", time.Since(begun)))
	if errors.Is(context.Cause(ctx), errFailed) {
		return exitFailed
	}
	return exitOK
}

// await waits for what servers that are stopped have left: connections that are ending, and
// requests that take long.
func (p *program) await(ctx context.Context) {
	for _, s := range append(p.former, p.server) {
		if s.leaves.Load() {
			s.stops.push("api server", s.apiFront.end)
			s.stops.push("admin server", s.adminFront.end)
			s.stops.push("rooms", s.rooms.Drain)
			s.stops.run(ctx, p.log)
		}
		s.running.Wait()
	}
}

// programPath returns where the program is: by the name under which it was started, if
// that leads there, so that a symbolic link may point to a newer version at a restart.
func programPath() string {
	itself, err := os.Executable()
	if err != nil {
		itself = os.Args[0]
	}
	named, err := exec.LookPath(os.Args[0])
	if err != nil {
		return itself
	}
	if named, err = filepath.Abs(named); err != nil {
		return itself
	}
	a, errA := os.Stat(named)  //nolint:gosec // only looked at
	b, errB := os.Stat(itself) //nolint:gosec // likewise
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		return itself
	}
	return named
}
