package room

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"chatserver/internal/serve"
)

// turnstile holds up a storm of connections at the doors of all rooms, so that those
// who are in are served well meanwhile: few are between being accepted and having
// their first answer. The others wait in the kernel. Peers that say nothing hold up
// nobody for longer than turnstileWait.
type turnstile struct{ places chan struct{} }

const (
	turnstilePlaces = 32
	turnstileWait   = 2 * time.Millisecond // for a place; then one is let in all the same
)

func newTurnstile() *turnstile { return &turnstile{make(chan struct{}, turnstilePlaces)} }

// guard returns ln with the turnstile before it. passed must be the server's ConnState.
func (t *turnstile) guard(ln net.Listener) net.Listener {
	return &guardedListener{Listener: ln, turnstile: t}
}

type guardedListener struct {
	net.Listener
	*turnstile
}

// Accept waits for a connection, then for a place.
func (l *guardedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // net/http looks at it
	}
	return &guarded{Conn: conn, has: l.enter(), turnstile: l.turnstile}, nil
}

// enter takes a place; it is false when there was none for too long.
func (t *turnstile) enter() bool {
	select {
	case t.places <- struct{}{}:
		return true
	default:
	}
	patience := time.NewTimer(turnstileWait)
	defer patience.Stop()
	select {
	case t.places <- struct{}{}:
		return true
	case <-patience.C:
		return false
	}
}

// guarded is a connection that came through a turnstile.
type guarded struct {
	net.Conn
	has       bool
	gave      atomic.Bool
	turnstile *turnstile
}

// CloseWrite lets net/http part from a peer that it refuses without destroying what it
// said.
func (g *guarded) CloseWrite() error {
	if half, ok := g.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite() //nolint:wrapcheck // net/http looks at it
	}
	return nil
}

// pass gives the connection's place to the next, once.
func (g *guarded) pass() {
	if g.has && !g.gave.Swap(true) {
		<-g.turnstile.places
	}
}

// passed gives a connection's place to the next, once the first request was answered.
func passed(conn net.Conn, state http.ConnState) {
	if g, ok := conn.(*guarded); ok && state != http.StateNew && state != http.StateActive {
		g.pass()
	}
}

// placeKey is that of the guarded connection in the context of its requests.
type placeKey struct{}

// withPlace has the requests of a connection know it; see stepAside.
func withPlace(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, placeKey{}, conn)
}

// stepAside returns what lets others pass a request before it is answered: for one that
// waits for somebody outside.
func stepAside(ctx context.Context) func() {
	return func() {
		serve.Linger(ctx)
		if g, ok := ctx.Value(placeKey{}).(*guarded); ok { // else it came by the main port
			g.pass()
		}
	}
}

// unguarded returns the connection itself.
func unguarded(conn net.Conn) net.Conn {
	if g, ok := conn.(*guarded); ok {
		return g.Conn
	}
	return conn
}
