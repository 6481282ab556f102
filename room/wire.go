package room

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"time"
)

// wire is the net.Conn that gorilla reads from and writes to. Reads keep the
// protocol's clocks and watch frames; writes go through the outbox, so that no
// control frame of gorilla's comes between the parts of another frame.
//
// It belongs to whom the connection belongs to.
type wire struct {
	net.Conn
	out *outbox
	fd  int // of a connection that can be parked, else noDescriptor; conn.finish alone closes it

	watch     frameWatch
	between   bool      // no message has begun: nothing to read is errNothing
	drained   bool      // nothing was left to read on fd
	lastHeard time.Time // when the peer last sent anything
	begun     time.Time // when the message under way began
	nextPing  time.Time
	joinBy    time.Time // zero once the join was taken
	expires   time.Time // of the token; zero for a guest
	err       error     // why Read failed
	closeSent bool      // gorilla has written a close frame
	upgraded  bool      // the response to the handshake was written
	deflates  bool      // permessage-deflate was negotiated
}

// noDescriptor stands for the descriptor of a connection that cannot be parked.
const noDescriptor = -1

// Reasons for Read to fail, beside those of the net.Conn.
var (
	errNothing = errors.New("nothing has come")
	errEnding  = errors.New("the connection is being closed by the server")
	errSilent  = errors.New("the peer was silent for too long")
	errPieces  = &ends{farewell{code: codePieces, text: "a message in too many or too slow pieces"}}
	errFrame   = &ends{farewell{code: codeProtocol, text: "a frame breaks RFC 6455"}}
	errNoJoin  = &ends{farewell{code: codeNoJoin, text: "no join in time"}}
	errExpired = &ends{expired}
)

// Hijack gives gorilla the wire in place of the connection.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	raw, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take over the connection: %w", err)
	}
	raw = unguarded(raw)
	c, now := h.conn, time.Now()
	c.out = newOutbox(raw, webSocket, c.room.opts.Limits.Backlog, &c.room.counters.bytesOut)
	c.out.parted = c.room.parted
	c.asker = c.out
	c.out.wake = func() { c.room.lot.wake(c) }
	c.wire = &wire{
		Conn:      raw,
		out:       c.out,
		fd:        descriptorOf(raw),
		lastHeard: now,
		nextPing:  now.Add(pingInterval),
		joinBy:    now.Add(joinTimeout),
	}
	c.takeBuffer()
	if rw.Reader.Buffered() == 0 { // else gorilla refuses a peer that talks too early
		rw.Reader = &c.in
	}
	return c.wire, rw, nil
}

// Read reads what the peer sends next, pings it meanwhile, and fails when one of
// the protocol's times is over.
func (w *wire) Read(p []byte) (int, error) {
	for {
		now := time.Now()
		if w.err = w.overdue(now); w.err != nil {
			return 0, w.err
		}
		if w.pingDue(now) {
			w.out.reply(pingFrame) // a peer whose backlog is full has its own clock
		}
		n, err := w.receive(p)
		if n > 0 {
			w.err = w.heard(p[:n], time.Now())
			if w.err != nil {
				return 0, w.err
			}
			return n, nil
		}
		if errors.Is(err, errNothing) {
			return 0, err // which is no failure
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			w.err = err
			return 0, err
		}
	}
}

// receive reads what has come. When that is nothing it waits until the deadline, but
// between messages of a connection that can be parked.
func (w *wire) receive(p []byte) (int, error) {
	if w.fd != noDescriptor {
		if !w.drained {
			n, err := readNow(w.fd, p)
			w.drained = n < len(p) // what comes from now on, an armed epoll tells
			if !errors.Is(err, errNothing) {
				return n, err
			}
		}
		if w.between && !w.watch.partial() {
			return 0, errNothing
		}
	}
	if err := w.SetReadDeadline(w.deadline()); err != nil {
		return 0, err
	}
	if w.out.isEnding() { // its deadline came before ours
		return 0, errEnding
	}
	return w.Conn.Read(p)
}

// pingDue tells whether the peer is to be pinged now, and takes note of it.
func (w *wire) pingDue(now time.Time) bool {
	if now.Before(w.nextPing) {
		return false
	}
	w.nextPing = now.Add(pingInterval)
	return true
}

// overdue tells what the peer is late with.
func (w *wire) overdue(now time.Time) error {
	switch {
	case w.out.isEnding():
		return errEnding
	case !w.joinBy.IsZero() && !now.Before(w.joinBy):
		return errNoJoin
	case !w.expires.IsZero() && !now.Before(w.expires):
		return errExpired
	case w.watch.partial() && !now.Before(w.begun.Add(pieceTimeout)):
		return errPieces
	case !now.Before(w.lastHeard.Add(silenceLimit)):
		return errSilent
	default:
		return nil
	}
}

// deadline returns the next time at which there is something to do.
func (w *wire) deadline() time.Time {
	times := [5]time.Time{w.nextPing, w.lastHeard.Add(silenceLimit)}
	due := times[:2]
	if !w.joinBy.IsZero() {
		due = append(due, w.joinBy)
	}
	if !w.expires.IsZero() {
		due = append(due, w.expires)
	}
	if w.watch.partial() {
		due = append(due, w.begun.Add(pieceTimeout))
	}
	return slices.MinFunc(due, time.Time.Compare)
}

// heard takes note of what came, and returns what is wrong with it.
func (w *wire) heard(p []byte, now time.Time) error {
	w.lastHeard = now
	was := w.watch.done
	underWay := w.watch.partial()
	err := w.watch.see(p)
	if !underWay || w.watch.done != was {
		w.begun = now
	}
	return err
}

// resumed forgets the silence of the time in which the peer was not read. A message
// under way has its time all the same: it is by control frames in between that its
// sender was too fast.
func (w *wire) resumed(now time.Time) { w.lastHeard = now }

// Write takes control frames, and first the response to the handshake, from gorilla.
func (w *wire) Write(p []byte) (int, error) {
	if w.upgraded && len(p) > 0 && p[0]&frameOpcode == opClose {
		w.closeSent = true
	}
	if !w.upgraded {
		w.upgraded, w.deflates = true, bytes.Contains(p, []byte("permessage-deflate"))
	}
	if w.out.reply(slices.Clone(p)) != taken { // gorilla reuses p
		return 0, errEnding
	}
	return len(p), nil
}

// SetWriteDeadline does nothing: a write never waits.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline does nothing: Read and the outbox keep the times.
func (w *wire) SetDeadline(time.Time) error { return nil }
