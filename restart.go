package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"chatserver/internal/fault"
	"chatserver/internal/handover"
	"chatserver/internal/systemd"
)

// A restart: a fresh process of the program on disk goes on with the listeners and the
// journal of this one. docs/architecture.md tells the order.

// restart has the program restart, and returns once the fresh process is prepared, or with
// why it will not be. Whoever asks may go away. It fails once the program is to stop.
func (p *program) restart(asked, stopping context.Context) error {
	if !p.takeTurn() {
		return fault.New(fault.Restarting, "the server starts or restarts already; wait until it has")
	}
	answer := make(restart, 1)
	p.restarts <- answer
	select {
	case err := <-answer:
		return err
	case <-stopping.Done():
		return fault.New(fault.Restarting, "the server stops; start it again")
	case <-asked.Done():
		return fault.New(fault.Restarting, "the restart goes on without you")
	}
}

func (p *program) takeTurn() bool {
	select {
	case p.turn <- struct{}{}:
		return true
	default:
		return false
	}
}

// untilRestart returns a process that is prepared to take this one's place, or nil once
// the program is to stop.
func (p *program) untilRestart(ctx context.Context, hangups <-chan os.Signal, path string) *handover.Successor {
	for {
		answer := make(restart, 1)
		select {
		case <-ctx.Done():
			return nil
		case answer = <-p.restarts:
		case <-hangups:
			if !p.takeTurn() {
				continue // somebody else was first
			}
		}
		next, err := p.prepare(ctx, path)
		answer <- err
		if err == nil {
			return next
		}
		<-p.turn
		if ctx.Err() == nil {
			p.log.Error("not restarted; the server goes on", zap.Error(err))
		}
	}
}

// prepare starts the process that is to take this one's place. Until it is prepared
// nothing changes for anybody.
func (p *program) prepare(ctx context.Context, path string) (*handover.Successor, error) {
	if os.Getpid() == 1 {
		return nil, fault.New(fault.NotSupported, "the server is process 1 of a container, which ends with it; start another container instead")
	}
	if err := p.server.journal.Healthy(); err != nil {
		return nil, fault.New(fault.RestartFailed, "what waits for the journal would be lost: %v", err)
	}
	p.tell(systemd.Reloading, systemd.Status("starting a fresh process"))
	p.log.Info("restarting", zap.String("program", path))
	ctx, cancel := context.WithTimeout(ctx, prepareTime)
	defer cancel()
	next, err := handover.Start(ctx, handover.Options{Path: path, Environ: systemd.Inheritable(p.environ)})
	if err == nil {
		return next, nil
	}
	p.tell(systemd.Ready, systemd.Status("serving; the last restart failed: %v", err))
	code := fault.RestartFailed
	if errors.Is(err, errors.ErrUnsupported) {
		code = fault.NotSupported
	}
	return nil, fault.New(code, "the server goes on as it was: %v", err)
}

// handOver stops the server and hands all over. It is false if the fresh process failed:
// then that is gone, the sockets are held, and a server can be started on them.
func (p *program) handOver(next *handover.Successor) bool {
	s := p.server
	p.log.Info("handing over", zap.Int("to", next.PID()))
	p.watched.trust(partTime + takeTime)
	p.tell(systemd.Status("handing over to process %d", next.PID()))
	p.sockets.Hold()
	s.leaves.Store(true)
	limit, cancel := context.WithTimeout(context.Background(), partTime)
	defer cancel()
	s.stops.run(limit, p.log)
	err := s.journal.Close(limit) // it is closed, but if the disk hangs
	if err != nil {
		next.Kill()
	} else {
		err = p.give(next)
	}
	if err != nil {
		p.log.Error("the fresh process failed; the server goes on", zap.Error(err), zap.Duration("dark", time.Since(s.dark)))
		p.former = append(p.former, s)
		return false
	}
	p.log.Info("handed over", zap.Int("to", next.PID()), zap.Duration("dark", time.Since(s.dark)))
	return true
}

// give gives the fresh process what it needs, and waits until it serves.
func (p *program) give(next *handover.Successor) error {
	state, err := json.Marshal(p.server.carried)
	if err != nil {
		next.Kill()
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), takeTime)
	defer cancel()
	return next.Take(ctx, p.sockets, state)
}

// leave makes the fresh process the service's main one, and waits for connections that are
// ending. If the program was to stop meanwhile, the fresh one is told to.
func (p *program) leave(next *handover.Successor, stopped bool) {
	p.watched.leave()
	p.tell(systemd.MainPID(next.PID()))
	if stopped {
		next.Terminate()
	}
	next.Release()
	p.sockets.LetGo()
	deadline, cancel := context.WithTimeout(context.Background(), time.Duration(p.cfg.DrainTimeout))
	defer cancel()
	begun := time.Now()
	p.await(deadline)
	p.log.Info("stopped", zap.Duration("took", time.Since(begun)))
}

// Patience in a hand-over with those who have come in, and have not had their answer. The
// callers of the admin API have more, since everybody else is served meanwhile; who has
// asked for the restart is among them.
const (
	adminPatience = time.Second
	doorPatience  = 250 * time.Millisecond
)

// partFromRooms drains the rooms. In a hand-over it first waits for tips under way, and has
// the APIs let nobody in any more, so that no call meets a server without rooms.
func (s *server) partFromRooms(ctx context.Context) error {
	if !s.leaves.Load() {
		return s.rooms.Drain(ctx)
	}
	s.rooms.FinishTips(ctx) // while everybody is served
	s.adminFront.doors.Shut(adminPatience)
	s.carried = &carried{Rooms: s.rooms.Carry(), Told: s.toldRooms(), LogLevel: s.level.String()}
	s.dark = time.Now()
	var doors sync.WaitGroup
	doors.Go(func() { s.apiFront.doors.Shut(doorPatience) })
	s.rooms.ShutDoors(doorPatience)
	doors.Wait()
	return s.rooms.HandOver(ctx)
}

// alive returns what does not answer: the API by its listener, a room's actor, or the
// journal's writer. A journal that says that it cannot write does answer.
func (s *server) alive(ctx context.Context) error {
	if err := askAPI(ctx, s.cfg.Bind, s.port); err != nil && !outOfDescriptors(err) {
		return fmt.Errorf("the API does not answer: %w", err)
	}
	if err := s.rooms.Check(ctx); err != nil {
		return err
	}
	answered := make(chan struct{})
	switch err := s.journal.Sync(func(error) { close(answered) }); {
	case err == nil:
	case s.journal.Healthy() == nil:
		return fmt.Errorf("the journal takes nothing: %w", err)
	default:
		return nil
	}
	select {
	case <-answered:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the journal does not answer: %w", ctx.Err())
	}
}
