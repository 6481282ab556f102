package outbound_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"chatserver/internal/outbound"
)

// circuit is a client before a fake service, in a bubble.
type circuit struct {
	*service
	t      *testing.T
	client *outbound.Client
	lines  *observer.ObservedLogs
}

// newCircuit returns one whose service answers as told, with all else by default.
func newCircuit(t *testing.T, o outbound.Options) *circuit {
	t.Helper()
	c := &circuit{service: &service{answer: status(http.StatusOK)}, t: t}
	o.Logger, c.lines = newLog()
	o.Name, o.Base, o.Transport = "listing service", "https://listing.example", c.service
	c.client = newClient(t, o)
	return c
}

// call makes a call.
func (c *circuit) call() error {
	return c.client.Call(c.t.Context(), http.MethodPut, "/rooms/r", nil, nil)
}

// calls makes n of them, one after the other, whatever comes of them.
func (c *circuit) calls(n int) {
	for range n {
		_ = c.call()
	}
}

// wantLog fails the test unless the log got these lines since the last time.
func (c *circuit) wantLog(why string, want ...string) {
	c.t.Helper()
	lines := c.lines.TakeAll()
	if len(lines) != len(want) {
		c.t.Errorf("%s: the log got %d lines, want %d: %v", why, len(lines), len(want), lines)
		return
	}
	for i, line := range lines {
		if got := line.Level.String() + " " + line.Message; got != want[i] {
			c.t.Errorf("%s: the log says %q, want %q", why, got, want[i])
		}
	}
}

const (
	gone = "warn service keeps failing and is left alone"
	back = "info service is back"
)

// Five failures in a row, half a minute of silence, one attempt, and all is well.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCircuit(t, outbound.Options{})
		c.answer = fail(errors.New("connection\nrefused"))
		c.calls(4)
		c.wantLog("four failures")
		if err := c.call(); err == nil || errors.Is(err, outbound.ErrOpen) {
			t.Errorf("the fifth failure: %v, want the reason itself", err)
		}
		c.wantCalls(t, "five failures", 5)

		if n := c.lines.FilterLevelExact(zapcore.WarnLevel).Len(); n != 1 {
			t.Fatalf("%d warnings, want 1", n)
		}
		fields := c.lines.All()[0].ContextMap()
		if fields["service"] != "listing service" || fields["url"] != "https://listing.example" ||
			fields["for"] != 30*time.Second || fields["error"] != "connection\ufffdrefused" {
			t.Errorf("the warning says %v", fields)
		}
		c.wantLog("five failures", gone)

		<-time.After(30 * time.Second)
		if err := c.call(); !errors.Is(err, outbound.ErrOpen) {
			t.Errorf("while left alone: %v, want ErrOpen", err)
		}
		c.wantCalls(t, "left alone", 0)

		<-time.After(moment)
		c.answer = status(http.StatusOK)
		if err := c.call(); err != nil {
			t.Errorf("the attempt: %v", err)
		}
		c.wantLog("the attempt", back)

		c.answer = status(http.StatusBadGateway)
		c.calls(4)
		c.wantCalls(t, "afterwards", 5)
		c.wantLog("four new failures")
	})
}

// An attempt that fails costs another half a minute, and no log line.
func TestBreakerStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCircuit(t, outbound.Options{})
		c.answer = status(http.StatusInternalServerError)
		c.calls(10)
		c.wantCalls(t, "at first", 5)
		for range 3 {
			<-time.After(30*time.Second + moment)
			c.calls(10)
			c.wantCalls(t, "after the pause", 1)
		}
		c.wantLog("all along", gone)
	})
}

// While one call tries the service, the others are not made.
func TestBreakerLetsOneTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCircuit(t, outbound.Options{})
		c.answer = hang
		c.calls(5)
		c.wantCalls(t, "five timeouts", 5)
		<-time.After(30*time.Second + moment)

		attempt := make(chan error, 1)
		go func() { attempt <- c.call() }()
		synctest.Wait()
		if err := c.call(); !errors.Is(err, outbound.ErrOpen) {
			t.Errorf("beside the attempt: %v, want ErrOpen", err)
		}
		if err := <-attempt; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the attempt: %v, want a timeout", err)
		}
		c.wantCalls(t, "after the pause", 1)
	})
}

// A success in between starts the count anew.
func TestBreakerCountsInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCircuit(t, outbound.Options{Failures: 2, Pause: time.Second})
		for range 10 {
			c.answer = status(http.StatusInternalServerError)
			c.calls(1)
			c.answer = status(http.StatusOK)
			c.calls(1)
		}
		c.wantCalls(t, "by turns", 20)
		c.wantLog("by turns")

		c.answer = status(http.StatusInternalServerError)
		c.calls(3)
		c.wantCalls(t, "in a row", 2)
		<-time.After(time.Second + moment)
		c.calls(1)
		c.wantCalls(t, "after a second", 1)
		c.wantLog("in a row", gone)
	})
}

// What is cancelled on our side says nothing about the service.
func TestBreakerIgnoresCancelledCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCircuit(t, outbound.Options{})
		cancelled := func() {
			t.Helper()
			c.answer = hang
			ctx, cancel := context.WithCancelCause(t.Context())
			defer time.AfterFunc(moment, func() { cancel(errors.New("the server stops")) }).Stop()
			if err := c.client.Call(ctx, http.MethodPut, "/rooms/r", nil, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("Call: %v, want it cancelled", err)
			}
			if err := c.client.Call(ctx, http.MethodPut, "/rooms/r", nil, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("Call with an ended context: %v, want it cancelled", err)
			}
		}
		for range 10 {
			cancelled()
		}
		c.wantCalls(t, "cancelled", 10)
		c.wantLog("cancelled")

		c.answer = status(http.StatusInternalServerError)
		c.calls(5)
		c.wantLog("failed", gone)
		<-time.After(30*time.Second + moment)
		cancelled() // neither closes the circuit nor opens it anew
		c.wantLog("attempt cancelled")
		c.answer = status(http.StatusOK)
		if err := c.call(); err != nil {
			t.Errorf("the next attempt: %v", err)
		}
		c.wantLog("the next attempt", back)
	})
}

// A refusal may be an answer like any other.
func TestBreakerAsksWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCircuit(t, outbound.Options{Failed: func(status int) bool { return status >= 500 }})
		c.answer = status(http.StatusNotFound)
		var answer *outbound.StatusError
		if err := c.call(); !errors.As(err, &answer) || answer.Status != http.StatusNotFound {
			t.Errorf("refused: %v, want the status", err)
		}
		c.wantLog("refused")
		c.answer = status(http.StatusInternalServerError)
		c.calls(5)
		c.wantLog("failed", gone)
	})
}
