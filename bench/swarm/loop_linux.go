package swarm

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// swarm is all clients of one process.
type swarm struct {
	life

	// Set at construction.
	cfg   Config
	wire  *wire
	epoll int
	start time.Time
	rooms []*room

	// Owned by loop.
	buf    []byte
	plain  inflater
	dialed int   // of conns: the rest has not been dialed yet
	flying int   // being connected
	again  []int // flooders that were thrown out and come back, see revive
	due    time.Time

	mu sync.Mutex // held by loop while it works off a batch of events
	// Guarded by mu.
	conns  []*conn
	seen   seen
	ready  int
	failed int
	closed int
	took   time.Duration
	why    error // why the last connection failed
	err    error // why loop has ended early
}

// room is one room as its clients see it.
type room struct {
	addr          syscall.SockaddrInet4
	handshake     []byte
	first, join   []byte // frames
	before, after string // what wraps a text
	senders       []*conn
	sent          atomic.Uint64
	refused       uint64 // guarded by swarm.mu
}

const (
	batch = 256 // events that loop takes at a time
	// comeBack is how long flooders that were thrown out stay away.
	comeBack = time.Second
	readSize = 512 << 10
)

func newSwarm(cfg Config) (*swarm, error) {
	w, known := wires[cfg.Wire]
	switch {
	case !known:
		return nil, fmt.Errorf("there is no wire %q", cfg.Wire)
	case cfg.Senders > min(MaxSenders, cfg.Viewers):
		return nil, fmt.Errorf("a room has at most %d senders, which are viewers too", MaxSenders)
	case cfg.clients() > 1<<16-1<<8:
		return nil, errors.New("too many clients for one process")
	}
	if err := raiseLimit(uint64(cfg.clients()) + 64); err != nil {
		return nil, err
	}
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	s := &swarm{cfg: cfg, wire: w, epoll: epoll, start: time.Now(), buf: make([]byte, readSize)}
	s.stop, s.stopped, s.complete = make(chan struct{}), make(chan struct{}), make(chan struct{})
	for _, target := range cfg.Rooms {
		if err := s.addRoom(target); err != nil {
			_ = syscall.Close(epoll)
			return nil, err
		}
	}
	return s, nil
}

// raiseLimit sees to it that the process may have so many descriptors.
func raiseLimit(need uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("the limit of open files: %w", err)
	}
	if limit.Cur >= need {
		return nil
	}
	limit.Cur, limit.Max = max(limit.Max, need), max(limit.Max, need) // beyond Max root may go
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("%d clients need as many open files (see ulimit -n): %w", need, err)
	}
	return nil
}

// addRoom makes a room and its clients, which are not connected yet.
func (s *swarm) addRoom(target Target) error {
	addr, err := netip.ParseAddrPort(target.Addr)
	if err != nil || !addr.Addr().Is4() {
		return fmt.Errorf("%q is no IPv4 address with a port", target.Addr)
	}
	r := &room{addr: syscall.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}}
	if s.wire.path != "" {
		r.handshake = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bG9hZCBnZW5lcmF0b3IhIQ==\r\n"+deflateOffer+"\r\n", s.wire.path, addr)
	}
	if s.wire.first != nil {
		r.first = appendFrame(nil, opText, []byte(s.wire.first(target.Room)))
	}
	if s.wire.join != nil {
		r.join = appendFrame(nil, opText, []byte(s.wire.join(target.Room)))
	}
	if s.wire.say != nil {
		r.before, r.after = s.wire.say(target.Room)
	}
	for i := range s.cfg.Viewers + s.cfg.Flooders + s.cfg.Stalled {
		c := &conn{room: r, fd: -1, index: len(s.conns)}
		switch {
		case i < s.cfg.Senders:
			r.senders = append(r.senders, c)
		case i >= s.cfg.Viewers+s.cfg.Flooders:
			c.role = stalled
		case i >= s.cfg.Viewers:
			c.role = flooder
		}
		s.conns = append(s.conns, c)
	}
	s.rooms = append(s.rooms, r)
	return nil
}

// loop connects, reads and answers for all clients, until the swarm is closed.
func (s *swarm) loop() {
	defer close(s.stopped)
	events := make([]syscall.EpollEvent, batch)
	for {
		select {
		case <-s.stop:
			return
		default:
		}
		s.mu.Lock()
		s.dial()
		s.revive()
		s.mu.Unlock()
		n, err := syscall.EpollWait(s.epoll, events, 50)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			s.mu.Lock()
			s.err = fmt.Errorf("epoll: %w", err)
			s.mu.Unlock()
			return
		}
		s.mu.Lock()
		for i := range max(n, 0) {
			s.handle(s.conns[events[i].Fd], events[i].Events)
		}
		s.mu.Unlock()
	}
}

// dial begins as many connections as may be under way.
func (s *swarm) dial() {
	for s.dialed < len(s.conns) && s.flying < s.cfg.AtOnce {
		c := s.conns[s.dialed]
		s.dialed++
		if err := s.open(c); err != nil {
			s.fail(c, err)
		}
	}
}

// revive lets flooders come back that were thrown out.
func (s *swarm) revive() {
	now := time.Now()
	if len(s.again) == 0 || now.Before(s.due) {
		return
	}
	for _, index := range s.again {
		if err := s.open(s.conns[index]); err != nil {
			s.fail(s.conns[index], err)
		}
	}
	s.again = s.again[:0]
}

// open begins to connect.
func (s *swarm) open(c *conn) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	c.fd, c.state = fd, dialing
	s.flying++
	from := syscall.SockaddrInet4{Addr: [4]byte{127, byte(s.cfg.Net), byte(c.index >> 8), byte(c.index)}}
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, ipBindAddressNoPort, 1) // else ports run out sooner
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if err := syscall.Bind(fd, &from); err != nil {
		return fmt.Errorf("bind to %v: %w", from.Addr, err)
	}
	if err := syscall.Connect(fd, &c.room.addr); err != nil && !errors.Is(err, syscall.EINPROGRESS) {
		return fmt.Errorf("connect: %w", err)
	}
	return s.watch(c, syscall.EPOLL_CTL_ADD, syscall.EPOLLOUT)
}

// ipBindAddressNoPort is IP_BIND_ADDRESS_NO_PORT of linux/in.h: choose the port only when connecting.
const ipBindAddressNoPort = 24

func (s *swarm) watch(c *conn, op int, events uint32) error {
	if err := syscall.EpollCtl(s.epoll, op, c.fd, &syscall.EpollEvent{Events: events, Fd: int32(c.index)}); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// fail gives a connection up, which the server or the system has ended.
func (s *swarm) fail(c *conn, why error) {
	s.why = why
	switch {
	case c.state == ready:
		s.ready--
		s.closed++
	case c.state != idle:
		s.flying--
		s.failed++
	}
	c.mu.Lock()
	if c.fd >= 0 {
		_ = syscall.Close(c.fd) // given up
	}
	c.fd, c.pending, c.rest = -1, nil, nil
	c.mu.Unlock()
	if c.state == ready && c.role == flooder {
		if len(s.again) == 0 {
			s.due = time.Now().Add(comeBack)
		}
		s.again = append(s.again, c.index)
	}
	c.state = idle
}

// joined notes that a client is in its room.
func (s *swarm) joined(c *conn, newest uint64) {
	if c.state == ready {
		return
	}
	c.state = ready
	c.tally.joined(newest)
	s.flying--
	s.ready++
	if s.ready == len(s.conns) {
		select {
		case <-s.complete:
		default:
			close(s.complete)
		}
	}
}
