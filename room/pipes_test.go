package room

import (
	"context"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// pipeNet is a network of pipes in memory.
type pipeNet struct {
	mu    sync.Mutex
	taken map[string]bool // ports of other programs
	open  map[string]*pipeListener
}

func (n *pipeNet) listen(_, address string) (net.Listener, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.taken[port] || n.open[port] != nil {
		return nil, &net.OpError{Op: "listen", Err: syscall.EADDRINUSE}
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	ln := &pipeListener{net: n, port: port, addr: &net.TCPAddr{Port: number}, conns: make(chan net.Conn), closed: make(chan struct{})}
	n.open[port] = ln
	return ln, nil
}

func (n *pipeNet) dial(ctx context.Context, port string) (net.Conn, error) {
	n.mu.Lock()
	ln := n.open[port]
	n.mu.Unlock()
	if ln == nil {
		return nil, syscall.ECONNREFUSED
	}
	ours, theirs := net.Pipe()
	select {
	case ln.conns <- fromAfar{theirs}:
		return ours, nil
	case <-ln.closed:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fromAfar is the server's end of a pipe, whose other end has an address.
type fromAfar struct{ net.Conn }

func (fromAfar) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 40000}
}

type pipeListener struct {
	net    *pipeNet
	port   string
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() {
		l.net.mu.Lock()
		delete(l.net.open, l.port)
		l.net.mu.Unlock()
		close(l.closed)
	})
	return nil
}

func (l *pipeListener) Addr() net.Addr { return l.addr }
