package outbound

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"go.uber.org/zap"
)

// breaker is the circuit breaker before one service.
type breaker struct {
	circuit *gobreaker.CircuitBreaker[struct{}]
	pause   time.Duration
	failed  func(status int) bool
	logger  *zap.Logger

	// status is for anybody to read. The circuit's callbacks alone replace it: they
	// run under the circuit's lock.
	status atomic.Pointer[Status]
}

// newBreaker returns the breaker that o asks for, before the service at base.
func newBreaker(o Options, base string) *breaker {
	if o.Failures <= 0 {
		o.Failures = 5
	}
	if o.Pause <= 0 {
		o.Pause = 30 * time.Second
	}
	if o.Failed == nil {
		o.Failed = func(int) bool { return true }
	}
	b := &breaker{
		pause:  o.Pause,
		failed: o.Failed,
		logger: o.Logger.With(zap.String("service", o.Name), zap.String("url", base)),
	}
	b.status.Store(&Status{URL: base, State: StateUnknown})
	b.circuit = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:       o.Pause,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= o.Failures },
		IsExcluded:    func(err error) bool { return errors.Is(err, context.Canceled) },
		IsSuccessful:  b.note,
		OnStateChange: b.changed,
	})
	return b
}

// do carries out call, unless the service is left alone.
func (b *breaker) do(call func() error) error {
	_, err := b.circuit.Execute(func() (struct{}, error) { return struct{}{}, call() })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return ErrOpen
	}
	return err
}

// note tells whether the outcome of a call speaks for the service, and remembers
// what it says.
func (b *breaker) note(err error) bool {
	if answer, ok := errors.AsType[*StatusError](err); ok && !b.failed(answer.Status) {
		err = nil
	}
	b.status.Store(b.status.Load().after(err))
	return err == nil
}

// changed logs that the service went, or that it returned. An attempt that
// failed changes nothing of what the log said last.
func (b *breaker) changed(_ string, from, to gobreaker.State) {
	switch {
	case from == gobreaker.StateClosed && to == gobreaker.StateOpen:
		b.logger.Warn("service keeps failing and is left alone",
			zap.Duration("for", b.pause), zap.String("error", b.status.Load().LastError))
	case to == gobreaker.StateClosed:
		b.logger.Info("service is back")
	}
}
