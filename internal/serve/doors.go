package serve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Doors are the way into a server, which can be shut before the server ends:
// [http.Server.Shutdown] alone drops what it has not read yet, such as the request of
// somebody who has just connected. All methods are safe for use by several goroutines.
type Doors struct {
	server *http.Server

	mu     sync.Mutex
	ln     net.Listener           // nil before Serve
	served chan struct{}          // closed when Serve returns
	shut   bool                   // nobody is let in any more
	final  bool                   // nobody comes into guests but who is there
	guests map[net.Conn]time.Time // who is owed an answer; the time when those who are new came
	quiet  chan struct{}          // closed once that is final and nobody is owed one
}

// NewDoors returns the doors of a server. It must be the last one to set the server's
// ConnState and ConnContext.
func NewDoors(server *http.Server) *Doors {
	d := &Doors{server: server, served: make(chan struct{}), guests: make(map[net.Conn]time.Time), quiet: make(chan struct{})}
	next, nextContext := server.ConnState, server.ConnContext
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		d.note(conn, state)
		if next != nil {
			next(conn, state)
		}
	}
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if nextContext != nil {
			ctx = nextContext(ctx, conn)
		}
		return context.WithValue(ctx, doorsKey{}, func() { d.note(conn, http.StateIdle) })
	}
	return d
}

// doorsKey is where a request's context has the function that frees its doors from it.
type doorsKey struct{}

// Linger says that the request waits for something which may take long: the doors of its
// server do not wait for its answer.
func Linger(ctx context.Context) {
	if free, ok := ctx.Value(doorsKey{}).(func()); ok {
		free()
	}
}

func (d *Doors) note(conn net.Conn, state http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch state {
	case http.StateNew:
		d.guests[conn] = time.Now()
	case http.StateActive:
		d.guests[conn] = time.Time{}
	default:
		delete(d.guests, conn)
		d.quietLocked()
	}
}

func (d *Doors) quietLocked() {
	if !d.final || len(d.guests) > 0 {
		return
	}
	select {
	case <-d.quiet:
	default:
		close(d.quiet)
	}
}

// Serve is [http.Server.Serve]. It must be called once at most. It returns
// [http.ErrServerClosed] after Shut, too.
func (d *Doors) Serve(ln net.Listener) error {
	defer close(d.served)
	d.mu.Lock()
	d.ln = ln
	shut := d.shut
	d.mu.Unlock()
	if shut {
		return http.ErrServerClosed
	}
	err := d.server.Serve(ln)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut && errors.Is(err, net.ErrClosed) {
		return http.ErrServerClosed
	}
	return err //nolint:wrapcheck // as promised
}

// Shut closes the listener, and returns when all who have come in before have had their
// answer, at most so long after. It does not wait for who has said nothing for that long
// already. Connections end with their answers; whoever has taken one over keeps it.
func (d *Doors) Shut(patience time.Duration) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	d.mu.Lock()
	d.shut = true
	ln := d.ln
	d.mu.Unlock()
	if ln == nil {
		return
	}
	_ = ln.Close()
	<-d.served                           // and all who have come in are guests
	d.server.SetKeepAlivesEnabled(false) // closes those who ask for nothing
	d.forgetSilent(time.Now().Add(-patience))
	select {
	case <-d.quiet:
	case <-timer.C:
	}
}

// forgetSilent owes nothing to those who have said nothing since then.
func (d *Doors) forgetSilent(since time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn, came := range d.guests {
		if !came.IsZero() && came.Before(since) {
			delete(d.guests, conn)
		}
	}
	d.final = true
	d.quietLocked()
}
