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
// Read belongs to the connection's reader goroutine.
type wire struct {
	net.Conn
	out *outbox

	// Owned by the reader.
	watch     frameWatch
	lastHeard time.Time // when the peer last sent anything
	begun     time.Time // when the message under way began
	nextPing  time.Time
	joinBy    time.Time // zero once the join was taken
	err       error     // why Read failed
	closeSent bool      // gorilla has written a close frame
	upgraded  bool      // the response to the handshake was written
	deflates  bool      // permessage-deflate was negotiated
}

// Reasons for Read to fail, beside those of the net.Conn.
var (
	errEnding = errors.New("the connection is being closed by the server")
	errSilent = errors.New("the peer was silent for too long")
	errPieces = &ends{farewell{code: codePieces, text: "a message in too many or too slow pieces"}}
	errFrame  = &ends{farewell{code: codeProtocol, text: "a frame breaks RFC 6455"}}
	errNoJoin = &ends{farewell{code: codeNoJoin, text: "no join in time"}}
)

// Hijack gives gorilla the wire in place of the connection.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	raw, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take over the connection: %w", err)
	}
	c, now := h.conn, time.Now()
	c.out = newOutbox(raw, c.room.opts.Limits.Backlog, &c.room.counters.bytesOut)
	c.wire = &wire{
		Conn:      raw,
		out:       c.out,
		lastHeard: now,
		nextPing:  now.Add(pingInterval),
		joinBy:    now.Add(joinTimeout),
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
		if !now.Before(w.nextPing) {
			w.out.reply(pingFrame) // a peer whose backlog is full has its own clock
			w.nextPing = now.Add(pingInterval)
		}
		if w.err = w.SetReadDeadline(w.deadline()); w.err != nil {
			return 0, w.err
		}
		if w.out.isEnding() { // its deadline came before ours
			w.err = errEnding
			return 0, w.err
		}
		n, err := w.Conn.Read(p)
		if n > 0 {
			w.err = w.heard(p[:n], time.Now())
			if w.err != nil {
				return 0, w.err
			}
			return n, nil
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			w.err = err
			return 0, err
		}
	}
}

// overdue tells what the peer is late with.
func (w *wire) overdue(now time.Time) error {
	switch {
	case w.out.isEnding():
		return errEnding
	case !w.joinBy.IsZero() && !now.Before(w.joinBy):
		return errNoJoin
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
	times := [4]time.Time{w.nextPing, w.lastHeard.Add(silenceLimit)}
	due := times[:2]
	if !w.joinBy.IsZero() {
		due = append(due, w.joinBy)
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
