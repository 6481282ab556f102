package handover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Sockets are listening sockets that may outlive the servers on them. All methods are safe
// for use by several goroutines.
type Sockets struct {
	mu      sync.Mutex
	held    bool               // closing a listener leaves its socket open
	sockets map[string]*socket // by name
}

// socket is one of them.
type socket struct {
	*net.TCPListener
	used bool // by a listener that is not closed
}

// NewSockets returns none.
func NewSockets() *Sockets { return &Sockets{sockets: make(map[string]*socket)} }

// Listen returns a listener on the socket of that name: one that is held, or else a new
// one. Two at a time cannot listen on the same.
func (s *Sockets) Listen(name, network, address string) (net.Listener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept, ok := s.sockets[name]; ok {
		if kept.used {
			return nil, fmt.Errorf("somebody listens on %s already", name)
		}
		if err := kept.SetDeadline(time.Time{}); err != nil {
			return nil, err //nolint:wrapcheck // it names the address
		}
		kept.used = true
		return &listener{socket: kept, name: name, of: s}, nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), network, address)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the address
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s is not TCP", network), ln.Close())
	}
	return s.add(name, tcp), nil
}

// add takes up a socket that somebody listens on. The caller holds mu.
func (s *Sockets) add(name string, tcp *net.TCPListener) *listener {
	kept := &socket{TCPListener: tcp, used: true}
	s.sockets[name] = kept
	return &listener{socket: kept, name: name, of: s}
}

// Hold has sockets stay open, with those who wait for them to be accepted, when the
// listeners on them are closed.
func (s *Sockets) Hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = true
}

// LetGo ends what Hold began: it closes the sockets that nobody listens on. From then on a
// socket is closed with its listener.
func (s *Sockets) LetGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = false
	for name, kept := range s.sockets {
		if !kept.used {
			s.closeLocked(name, kept)
		}
	}
}

func (s *Sockets) closeLocked(name string, kept *socket) {
	delete(s.sockets, name)
	_ = kept.Close() // nothing can be done about it
}

// listener is what servers have of a socket, until they close it.
type listener struct {
	*socket
	name string
	of   *Sockets

	once   sync.Once
	closed bool // guarded by of.mu
}

// Accept waits for a connection. It returns [net.ErrClosed] once the listener is closed.
func (l *listener) Accept() (net.Conn, error) {
	if l.isClosed() {
		return nil, net.ErrClosed
	}
	conn, err := l.TCPListener.Accept()
	if err != nil && l.isClosed() {
		return nil, net.ErrClosed
	}
	return conn, err //nolint:wrapcheck // net/http looks at it
}

func (l *listener) isClosed() bool {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	return l.closed
}

// Close ends Accept. Who calls it must wait for that end before another one listens on the
// same socket.
func (l *listener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() { err = l.close() })
	return err
}

func (l *listener) close() error {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.closed, l.used = true, false
	if l.of.held {
		return l.SetDeadline(time.Now()) //nolint:wrapcheck // it names the address
	}
	delete(l.of.sockets, l.name)
	return l.TCPListener.Close() //nolint:wrapcheck // it names the address
}
