package main

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"chatserver/internal/systemd"
)

// watchdog tells the supervisor that the process lives, if the server shows that it does.
type watchdog struct {
	// Set at construction and never changed.
	manager systemd.Manager
	log     *zap.Logger

	mu      sync.Mutex
	check   func(context.Context) error // returns what does not answer; nil: nothing serves yet
	trusted time.Time                   // until when nothing is asked, since the server stops
	silent  bool                        // the supervisor is not told anything any more
}

func newWatchdog(m systemd.Manager, log *zap.Logger) *watchdog {
	return &watchdog{manager: m, log: log}
}

// begin feeds the watchdog, if the supervisor has one, until the function that it returns
// is called.
func (w *watchdog) begin() (end func()) {
	if w.manager.Watchdog() == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

// run asks three times within the supervisor's time, so that one slow answer does no harm.
func (w *watchdog) run(ctx context.Context) {
	every := w.manager.Watchdog() / 3
	again := time.NewTicker(every)
	defer again.Stop()
	for well := true; ; {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		err := w.ask(ctx, every)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && well:
			w.log.Error("the watchdog is not fed; the service manager will kill the server", zap.Error(err))
		case err == nil && !well:
			w.log.Info("the watchdog is fed again")
		}
		if well = err == nil; well {
			w.feed()
		}
	}
}

// ask returns what does not answer within the time.
func (w *watchdog) ask(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	w.mu.Lock()
	check, trusted := w.check, time.Now().Before(w.trusted)
	w.mu.Unlock()
	if check == nil || trusted {
		return nil
	}
	err := check(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Now().Before(w.trusted) {
		return nil // the server has begun to stop meanwhile
	}
	return err
}

func (w *watchdog) feed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.silent {
		return
	}
	if err := w.manager.Notify(systemd.Alive); err != nil {
		w.log.Warn("the service manager cannot be told", zap.Strings("news", []string{systemd.Alive}), zap.Error(err))
	}
}

// follow has the watchdog fed as long as check finds nothing.
func (w *watchdog) follow(check func(context.Context) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.check, w.trusted = check, time.Time{}
}

// trust has the watchdog fed without a check for so long.
func (w *watchdog) trust(limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trusted = time.Now().Add(limit)
}

// leave has the watchdog fed no more: another process does it.
func (w *watchdog) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = true
}

// outOfDescriptors tells whether there was no descriptor for a connection to ask by, which
// says nothing of whether the server lives.
func outOfDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
