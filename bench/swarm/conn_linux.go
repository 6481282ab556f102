package swarm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"
)

// conn is one client. It belongs to the swarm's loop, but for what mu guards.
type conn struct {
	room  *room
	index int // in swarm.conns
	role  role
	state connState
	rest  []byte // the start of what has not come whole
	tally tally

	mu      sync.Mutex // for writing, which senders do from another goroutine
	fd      int        // -1: not open
	pending []byte     // what the socket has not taken
	said    uint64     // messages
}

type role int

const (
	viewer  role = iota
	flooder      // sends as fast as the socket takes it
	stalled      // reads nothing once it has joined
)

type connState int

const (
	idle    connState = iota
	dialing           // TCP
	shaking           // waits for the answer to the handshake
	joining           // waits to be in the room
	ready
)

// handle does what an event of epoll asks for.
func (s *swarm) handle(c *conn, events uint32) {
	if c.fd < 0 {
		return
	}
	if c.state == dialing {
		if err := s.dialedUp(c); err != nil {
			s.fail(c, err)
		}
		return
	}
	if events&(syscall.EPOLLIN|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		if err := s.read(c); err != nil {
			s.fail(c, err)
			return
		}
	}
	if events&syscall.EPOLLOUT != 0 && c.fd >= 0 {
		if err := s.writable(c); err != nil {
			s.fail(c, err)
		}
	}
}

// dialedUp goes on once TCP has connected, or has failed to.
func (s *swarm) dialedUp(c *conn) error {
	code, err := syscall.GetsockoptInt(c.fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err != nil {
		return fmt.Errorf("getsockopt: %w", err)
	}
	if code != 0 {
		return fmt.Errorf("connect: %w", syscall.Errno(code))
	}
	if err := s.watch(c, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN); err != nil {
		return err
	}
	if s.wire.path == "" {
		s.joined(c, 0)
		return nil
	}
	c.state = shaking
	return c.write(s, c.room.handshake)
}

// writable sends what is pending, and of a flooder more.
func (s *swarm) writable(c *conn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.role == flooder && c.state == ready && len(c.pending) == 0 {
		for range 16 {
			c.said++
			c.pending = c.appendMessage(c.pending, s, 0)
		}
	}
	return c.flush(s)
}

// write sends frames, or keeps them until the socket takes them.
func (c *conn) write(s *swarm, frames []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 || len(frames) == 0 {
		return nil
	}
	wait := len(c.pending) > 0
	c.pending = append(c.pending, frames...)
	if wait {
		return nil
	}
	return c.flush(s)
}

// flush writes what is pending, as far as the socket takes it. The lock is held.
func (c *conn) flush(s *swarm) error {
	n, err := syscall.Write(c.fd, c.pending)
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		return fmt.Errorf("write: %w", err)
	}
	c.pending = c.pending[:copy(c.pending, c.pending[max(n, 0):])]
	events := uint32(syscall.EPOLLIN)
	if len(c.pending) > 0 || c.role == flooder && c.state == ready {
		events |= syscall.EPOLLOUT
	}
	return s.watch(c, syscall.EPOLL_CTL_MOD, events)
}

// say has one of the room's senders send a message.
func (r *room) say(s *swarm, sender int) {
	c := r.senders[sender]
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return
	}
	c.said++
	r.sent.Add(1)
	wait := len(c.pending) > 0
	c.pending = c.appendMessage(c.pending, s, sender)
	if wait {
		return // flush is under way
	}
	n, err := syscall.Write(c.fd, c.pending)
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		c.pending = c.pending[:0] // the loop hears of it too
		return
	}
	c.pending = c.pending[:copy(c.pending, c.pending[max(n, 0):])]
	if len(c.pending) > 0 {
		_ = s.watch(c, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN|syscall.EPOLLOUT) // the loop hears of what is wrong
	}
}

// appendMessage appends the frame of a message that is sent now. The lock is held.
func (c *conn) appendMessage(dst []byte, s *swarm, sender int) []byte {
	var space [1024]byte
	payload := append(space[:0], c.room.before...)
	payload = appendText(payload, s.cfg.Text, sender, c.said, time.Since(s.start))
	payload = append(payload, c.room.after...)
	return appendFrame(dst, opText, payload)
}

// read takes what has come.
func (s *swarm) read(c *conn) error {
	n, err := syscall.Read(c.fd, s.buf)
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case n == 0:
		return io.EOF
	}
	if c.role == viewer {
		s.seen.reads++
		s.seen.bytes += uint64(n)
	}
	data := s.buf[:n]
	if len(c.rest) > 0 {
		c.rest = append(c.rest, data...)
		data = c.rest
	}
	used, err := s.parse(c, data)
	if err != nil {
		return err
	}
	if c.rest = append(c.rest[:0], data[used:]...); len(c.rest) == 0 {
		c.rest = nil
	}
	return nil
}

// parse takes all that has come whole, and returns how much that is.
func (s *swarm) parse(c *conn, data []byte) (used int, err error) {
	if c.state == shaking {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			return 0, nil
		}
		if !bytes.HasPrefix(data, []byte("HTTP/1.1 101 ")) {
			return 0, fmt.Errorf("the handshake was answered by %.60q", data)
		}
		used = end + 4
		c.state = joining
		if err := c.write(s, c.room.first); err != nil {
			return 0, err
		}
	}
	now := time.Since(s.start)
	for {
		opcode, payload, size, err := parseFrame(data[used:])
		if err != nil || size == 0 {
			return used, err
		}
		used += size
		if err := s.frame(c, opcode, payload, now); err != nil {
			return used, err
		}
	}
}

// frame takes a frame.
func (s *swarm) frame(c *conn, opcode byte, payload []byte, now time.Duration) error {
	switch opcode {
	case opText | deflatedBit, opBinary | deflatedBit:
		plain, err := s.plain.inflate(payload)
		if err != nil {
			return err
		}
		return s.message(c, plain, now)
	case opText, opBinary:
		return s.message(c, payload, now)
	case opPing:
		return c.write(s, appendFrame(nil, opPong, payload))
	case opClose:
		return fmt.Errorf("the server closed the connection: %q", payload)
	default:
		return nil
	}
}

// message takes a WebSocket message.
func (s *swarm) message(c *conn, payload []byte, now time.Duration) error {
	for s.wire.lines {
		end := bytes.IndexByte(payload, '\n')
		if end < 0 {
			break
		}
		if err := s.object(c, payload[:end], now); err != nil {
			return err
		}
		payload = payload[end+1:]
	}
	return s.object(c, payload, now)
}

// object takes an object out of a message.
func (s *swarm) object(c *conn, object []byte, now time.Duration) error {
	n := s.wire.read(object)
	switch n.kind {
	case delivery:
		if c.role != viewer || c.state != ready {
			return nil
		}
		s.seen.holes += c.tally.deliver(n.stream, n.number)
		s.seen.delivered++
		s.seen.took.Add(now - n.mark.sent)
	case skip:
		if c.role == viewer {
			skipped, missing := c.tally.skip(n.number, n.to)
			s.seen.skipped += skipped
			s.seen.holes += missing
		}
	case joined:
		s.joined(c, n.number)
		switch c.role {
		case viewer:
		case flooder:
			return s.watch(c, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN|syscall.EPOLLOUT)
		case stalled:
			return s.watch(c, syscall.EPOLL_CTL_MOD, 0) // but for the connection's end
		}
	case joinNow:
		return c.write(s, c.room.join)
	case refusal:
		s.seen.refused++
		if c.role == viewer {
			c.room.refused++
		}
	case answer:
		return c.write(s, appendFrame(nil, opText, []byte(n.answer)))
	case nothing:
	}
	return nil
}
