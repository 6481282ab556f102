package room

import (
	"bytes"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// offered is what became of bytes that an outbox was offered.
type offered int

const (
	// taken: the bytes are in the socket, or will follow what is pending.
	taken offered = iota
	// full: the backlog has no room; the bytes were dropped. Whoever feeds the
	// outbox with events is told by hungry when there is room again.
	full
	// gone: the connection is ending; nothing is taken any more.
	gone
)

// outbox is the write side of one connection. It is offered whole frames and never
// makes the caller wait: a frame goes straight into the socket when that takes it;
// the rest is kept, in order and up to a limit, and written by a flusher, a
// goroutine that lives until nothing is pending. Frames are shared between
// outboxes and never changed.
//
// All methods are safe for use by several goroutines.
type outbox struct {
	conn  net.Conn
	fd    int // of conn, which mu keeps open; noDescriptor where only the flusher can write
	limit int // bytes that may be pending

	framing framing // how whoever fills the outbox is to frame objects
	// written counts bytes that the socket took; shared by all outboxes of a room.
	written *atomic.Int64
	wake    func()         // called once the outbox is ending, for a reader that waits elsewhere; may be nil
	parted  func(code int) // called once, when the outbox is ending; may be nil

	mu       sync.Mutex
	state    outboxState
	pending  []piece
	head     int  // bytes of pending[0] that are written
	size     int  // bytes pending
	starved  bool // somebody waits for nothing to be pending
	hungry   func()
	flushing bool // a flusher lives

	flusher sync.WaitGroup
	ending  atomic.Bool   // state has left outboxOpen
	ended   chan struct{} // closed when it does; made for the first who waits
}

// piece is a frame that is pending.
type piece struct {
	bytes []byte
	span  span
}

// span is the events in a frame; the zero value stands for none.
type span struct {
	first, last uint64 // seqs
	greets      bool   // what comes before the events is in the frame too
}

// outboxState is the life of an outbox.
type outboxState int

const (
	outboxOpen   outboxState = iota // takes frames
	outboxEnding                    // writes what is pending, takes nothing more
	outboxClosed                    // the connection is closed
)

// sendBuffer is the size of the kernel's send buffer for one connection, of which
// Linux makes twice as much. Left to itself the kernel lets it grow to megabytes,
// for a reader that is slow: then the limit would bound nothing, and such a reader
// would show no progress for so long that it counts as not reading at all. A
// reader half a second away still gets 256 KiB a second.
const sendBuffer = 64 << 10

func newOutbox(conn net.Conn, f framing, limit int, written *atomic.Int64) *outbox {
	if tcp, ok := conn.(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // fails on a closed connection only
	}
	return &outbox{
		conn:    conn,
		fd:      descriptorOf(conn),
		framing: f,
		limit:   limit,
		written: written,
	}
}

// onHungry sets what the flusher calls once nothing is pending, after offer has
// answered full or wantRoom true.
func (o *outbox) onHungry(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hungry = f
}

// offer takes a frame with events, or with what everybody gets.
func (o *outbox) offer(frame []byte, events span) offered {
	return o.put(piece{frame, events}, o.limit, false)
}

// lend is offer for a frame that is the caller's again afterwards.
func (o *outbox) lend(frame []byte, events span) offered {
	return o.put(piece{frame, events}, o.limit, true)
}

// reply takes the answer to something that the peer sent. It may use a reserve
// beyond the limit, so that a slow reader still hears what became of its commands.
func (o *outbox) reply(frame []byte) offered {
	return o.put(piece{bytes: frame}, o.limit+o.limit/4, false)
}

// answer answers a command. An ack of a command without an id is not sent. A peer that
// does not even read its answers is too slow.
func (o *outbox) answer(v any) {
	if a, ok := v.(ack); ok && a.ID == "" {
		return
	}
	if o.reply(o.framing.object(encode(v))) == full {
		o.part(tooSlow)
	}
}

// hand answers with an object, unless something is pending: a removal that comes later could
// not take it back.
func (o *outbox) hand(object []byte) bool {
	return o.put(piece{bytes: o.framing.object(object)}, 0, false) != full
}

func (o *outbox) put(p piece, limit int, lent bool) offered {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != outboxOpen {
		return gone
	}
	n := 0
	if !o.flushing && o.fd != noDescriptor {
		var err error
		n, err = writeNow(o.fd, p.bytes)
		o.written.Add(int64(n))
		if err != nil {
			o.endLocked(0, true)
			return gone
		}
		if n == len(p.bytes) {
			return taken
		}
	} else if o.size > 0 && o.size+len(p.bytes) > limit {
		o.starved = true
		return full
	}
	if lent {
		p.bytes = bytes.Clone(p.bytes)
	}
	o.queueLocked(p, n)
	return taken
}

// queueLocked keeps what follows the first n bytes of a frame for the flusher, and makes
// sure that there is one.
func (o *outbox) queueLocked(p piece, n int) {
	if len(o.pending) == 0 {
		o.head = n
	}
	o.pending = append(o.pending, p)
	o.size += len(p.bytes) - n
	if !o.flushing {
		o.flushing = true
		o.flusher.Go(o.flush)
	}
}

// retract takes back the frames that hold the event with a seq, or later ones, but for the
// one that the flusher is at. It returns the seq of the first event in them, 0 if there
// were none, and whether the greeting was among them.
func (o *outbox) retract(seq uint64) (from uint64, greeted bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept := o.pending[:0]
	for i, p := range o.pending {
		if i == 0 || p.span.last < seq {
			kept = append(kept, p)
			continue
		}
		if from == 0 {
			from = p.span.first
		}
		greeted = greeted || p.span.greets
		o.size -= len(p.bytes)
	}
	clear(o.pending[len(kept):])
	o.pending = kept
	return from, greeted
}

// wantRoom returns true when more than half of the limit is pending, and has hungry
// called once nothing is.
func (o *outbox) wantRoom() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.size <= o.limit/2 {
		return false
	}
	o.starved = true
	return true
}

// flush writes what is pending until nothing is.
func (o *outbox) flush() {
	for {
		chunk, hungry := o.next()
		if chunk == nil {
			if hungry != nil {
				hungry()
			}
			return
		}
		n, err := o.conn.Write(chunk)
		o.written.Add(int64(n))
		o.wrote(n, err)
	}
}

// chunkSize bounds one write of the flusher, so that a peer which reads slowly, but
// reads, shows progress within stallTimeout.
const chunkSize = 16 << 10

// next returns what to write next. It is nil when the flusher is to end, after a
// call of hungry if there is one.
func (o *outbox) next() (chunk []byte, hungry func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state == outboxClosed || len(o.pending) == 0 {
		if o.starved && o.state == outboxOpen {
			hungry = o.hungry
		}
		o.starved, o.flushing, o.pending = false, false, nil
		return nil, hungry
	}
	o.setDeadlineLocked(time.Now().Add(stallTimeout))
	chunk = o.pending[0].bytes[o.head:]
	return chunk[:min(len(chunk), chunkSize)], nil
}

// setDeadlineLocked bounds the next write, unless end has done so for all that
// are still to come. It fails on a closed connection only, as the write will.
func (o *outbox) setDeadlineLocked(t time.Time) {
	if o.state == outboxOpen {
		_ = o.conn.SetWriteDeadline(t)
	}
}

// wrote accounts for a write of the flusher.
func (o *outbox) wrote(n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.head += n
	o.size -= n
	if len(o.pending) > 0 && o.head == len(o.pending[0].bytes) {
		o.pending[0] = piece{}
		o.pending, o.head = o.pending[1:], 0
	}
	if err == nil || o.state == outboxClosed {
		return
	}
	if n > 0 && errors.Is(err, os.ErrDeadlineExceeded) && o.state == outboxOpen {
		return // slow, yet reading
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && o.state == outboxOpen {
		o.dropLocked()
		for _, frame := range o.framing.farewell(tooSlow) {
			o.pending = append(o.pending, piece{bytes: frame})
			o.size += len(frame)
		}
		o.endLocked(tooSlow.code, false)
		return
	}
	o.pending, o.size = nil, 0
	o.endLocked(0, true)
}

// dropLocked forgets all that is pending but the frame that is partly written.
func (o *outbox) dropLocked() {
	whole := 0
	if o.head > 0 {
		whole = 1
	}
	clear(o.pending[whole:])
	o.pending = o.pending[:whole]
	o.size = 0
	if whole == 1 {
		o.size = len(o.pending[0].bytes) - o.head
	}
}

// part ends the connection with a farewell.
func (o *outbox) part(bye farewell) { o.end(bye.code, o.framing.farewell(bye)...) }

// end takes a last few frames, whatever is pending before them, and then nothing
// more; code says why. It wakes the connection's reader, which owns the rest of the closing (see
// conn.linger). A connection that is ending already keeps its first farewell.
func (o *outbox) end(code int, frames ...[]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != outboxOpen {
		return
	}
	for _, frame := range frames {
		n := 0
		if !o.flushing && o.fd != noDescriptor {
			n, _ = writeNow(o.fd, frame) // an error shows again in the flusher
			o.written.Add(int64(n))
		}
		if n < len(frame) {
			o.queueLocked(piece{bytes: frame}, n)
		}
	}
	o.endLocked(code, false)
}

// endLocked leaves outboxOpen. With broken, nothing can be written any more.
func (o *outbox) endLocked(code int, broken bool) {
	if o.state != outboxOpen {
		return
	}
	o.state = outboxEnding
	now := time.Now()
	deadline := now.Add(closeGrace)
	if broken {
		deadline = now
	}
	_ = o.conn.SetWriteDeadline(deadline) // these fail on a closed connection only
	o.tellEndLocked(code)
	_ = o.conn.SetReadDeadline(now) // the reader looks at o.ending
	if o.wake != nil {
		o.wake()
	}
}

// isEnding tells whether the outbox takes nothing more.
func (o *outbox) isEnding() bool { return o.ending.Load() }

// waitForEnd returns a channel that is closed once the outbox takes nothing more.
func (o *outbox) waitForEnd() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended == nil {
		o.ended = make(chan struct{})
		if o.state != outboxOpen {
			close(o.ended)
		}
	}
	return o.ended
}

func (o *outbox) tellEndLocked(code int) {
	o.ending.Store(true)
	if o.parted != nil {
		o.parted(code)
	}
	if o.ended != nil {
		close(o.ended)
	}
}

// flushed waits until nothing is pending, at most closeGrace. Only for use after end.
func (o *outbox) flushed() { o.flusher.Wait() }

// close closes the connection and waits for the flusher.
func (o *outbox) close() {
	o.mu.Lock()
	if o.state == outboxOpen {
		o.tellEndLocked(0)
	}
	o.state = outboxClosed
	_ = o.conn.Close() // nothing can be done about it
	o.mu.Unlock()
	o.flusher.Wait()
}
