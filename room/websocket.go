package room

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"chatserver/internal/fault"
)

// subprotocol is the name of the protocol, which a client may ask for.
const subprotocol = "chat.v1"

// upgrader answers handshakes. Compression is negotiated for what clients send.
// Write buffers are shared: gorilla writes only control frames. It reads from the
// buffer that Hijack gives it.
var upgrader = websocket.Upgrader{
	WriteBufferPool:   &sync.Pool{},
	Subprotocols:      []string{subprotocol},
	EnableCompression: true,
	CheckOrigin:       func(*http.Request) bool { return true }, // done by Origins.check, which says more
	Error: func(w http.ResponseWriter, _ *http.Request, _ int, reason error) {
		w.Header().Set("Sec-WebSocket-Version", "13") // RFC 6455, section 4.4
		fault.Write(w, fault.New(fault.BadRequest, "the WebSocket handshake is wrong: %v", reason))
	},
}

// messageBuffers holds buffers for one inflated message each.
var messageBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// readBuffers holds bufio.Readers, which lend their buffers to connections that are
// not parked.
var readBuffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBuffer) }}

// conn is one WebSocket connection. Its reader goroutine owns it: it alone reads,
// parses and paces, hands commands to the room and closes the connection at the
// end. While it is parked (see lot) it has no goroutine, and the lot owns it. Anybody
// may write through out.
type conn struct {
	speaker // owned by the reader; its member is nil until the join was taken

	// Set at construction.
	addr netip.Addr
	wire *wire
	out  *outbox
	ws   *websocket.Conn

	// Owned by the reader.
	in       bufio.Reader  // what ws reads from; without a buffer while parked
	lender   *bufio.Reader // whose buffer in has; nil while parked
	deflated bool          // gorilla may not have read its last message to the end
	admitted bool          // has a place on the server
	// untilJoined ends the watch for the room's end; the actor parts from members. It
	// is nil from then on.
	untilJoined func() bool

	spot spot // owned by the lot
}

// ends is the error that ends a connection with a farewell.
type ends struct{ farewell }

func (e *ends) Error() string { return "the connection ends" }

// serveWebSocket upgrades the request and leaves the connection to a reader
// goroutine, for which the room waits before it is done.
func (r *Room) serveWebSocket(w http.ResponseWriter, req *http.Request) {
	if !websocket.IsWebSocketUpgrade(req) || !req.ProtoAtLeast(1, 1) {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		r.fail(w, fault.New(fault.UpgradeRequired, "this path speaks WebSocket alone; connect with ws:// or wss://"))
		return
	}
	if _, err := r.opts.AllowedOrigins.check(req, r.opts.TrustedProxies); err != nil {
		r.fail(w, err)
		return
	}
	refuseWindows(req.Header)
	if !r.readers.enter() {
		r.fail(w, r.over())
		return
	}
	c := &conn{speaker: speaker{room: r}, addr: r.opts.TrustedProxies.Addr(req)}
	var err error
	c.ws, err = upgrader.Upgrade(&hijacker{w, c}, req, nil)
	if err != nil { // gorilla has answered, or closed the connection
		r.readers.leave()
		return
	}
	c.ws.SetReadLimit(maxMessage)
	c.ws.SetPingHandler(c.onPingFrame)
	c.ws.SetPongHandler(func(string) error { return c.pace() })
	c.begin() //nolint:contextcheck // the connection outlives the request
}

// hijacker hands gorilla the connection's wire in place of its net.Conn.
type hijacker struct {
	http.ResponseWriter
	conn *conn
}

// begin gives the connection a place on the server, and leaves it to a reader goroutine,
// or parks it until its peer speaks.
func (c *conn) begin() {
	if err := c.room.admission.enter(c.addr); err != nil {
		c.room.opts.Observer.Refused(err.Code)
		c.out.part(farewell{code: codeFull, text: string(err.Code)})
	} else {
		c.admitted = true
		// Until it has joined, the connection hears of the room's end by itself, then
		// from the actor.
		c.untilJoined = context.AfterFunc(c.room.stopping, func() { c.out.part(c.room.parting().each()) })
	}
	if !c.room.lot.park(c) {
		go c.drive()
	}
}

// drive reads until the connection is parked, or ends and is closed.
func (c *conn) drive() {
	c.takeBuffer()
	if bye, ended := c.read(); ended {
		c.finish(bye)
	}
}

// finish ends the connection, which gives its places back once the socket is closed.
func (c *conn) finish(bye farewell) {
	defer c.room.readers.leave()
	if c.admitted {
		defer c.room.admission.leave(c.addr)
	}
	defer c.out.close()
	defer c.room.lot.forget(c)
	c.stopWatch()
	c.out.part(bye)
	if c.member != nil {
		c.room.post(leave{c.member})
	}
	linger(c.out, c.wire.Conn)
}

// stopWatch ends the watch for the room's end.
func (c *conn) stopWatch() {
	if c.untilJoined != nil {
		c.untilJoined()
		c.untilJoined = nil
	}
}

// read carries out what the peer sends. It returns how to part from it, or false once
// the connection is parked and not ours any more. A panic costs this connection.
func (c *conn) read() (bye farewell, ended bool) {
	defer func() {
		if cause := recover(); cause != nil {
			c.room.panicked(cause)
			bye = farewell{code: codeInternal, text: "the server failed; the operator can read why in its log"}
			ended = true
		}
	}()
	for {
		err := c.readNext()
		var end *ends
		switch {
		case err == nil:
		case errors.Is(err, errNothing):
			if c.room.lot.park(c) {
				return farewell{}, false
			}
		case errors.As(err, &end):
			return end.farewell, true
		default:
			return c.failed(err), true
		}
	}
}

// readNext carries out what the peer sends next, a message or a control frame. It
// returns errNothing where it would have to wait and the connection can be parked.
func (c *conn) readNext() error {
	if c.in.Buffered() == 0 && !c.wire.watch.partial() {
		c.deflated = false // all that came was read
	}
	if c.deflated {
		return c.readMessage()
	}
	c.wire.between = true
	head, err := c.in.Peek(2)
	c.wire.between = false
	switch {
	case err != nil:
		return err
	case isPingOrPong(head):
		return c.readPingOrPong(head[0]&frameOpcode, int(head[1]&frameLength))
	default:
		// Where a deflate stream says that it ends, gorilla leaves the rest for later.
		c.deflated = head[0]&frameDeflated != 0
		return c.readMessage()
	}
}

// isPingOrPong tells whether a frame with that beginning is one that is in order. What
// is wrong with others, gorilla says.
func isPingOrPong(head []byte) bool {
	return (head[0] == frameFinal|opPing || head[0] == frameFinal|opPong) &&
		head[1]&frameMasked != 0 && head[1]&frameLength < length16
}

// readPingOrPong takes such a frame with a payload of that length. gorilla, which takes
// those within a message, would wait for the next message after it.
func (c *conn) readPingOrPong(opcode byte, length int) error {
	f, err := c.in.Peek(2 + maskSize + length)
	if err != nil {
		return err
	}
	mask, payload := f[2:2+maskSize], bytes.Clone(f[2+maskSize:])
	for i := range payload {
		payload[i] ^= mask[i%maskSize]
	}
	_, _ = c.in.Discard(len(f)) // which Peek has shown to be there
	if opcode == opPing {
		return c.onPingFrame(string(payload))
	}
	return c.pace()
}

// failed returns the farewell that fits a failed read.
func (c *conn) failed(err error) farewell {
	var end *ends
	switch {
	case errors.As(c.wire.err, &end):
		return end.farewell
	case c.out.isEnding():
		return farewell{} // somebody has parted from the peer already
	case c.wire.err != nil || c.wire.closeSent:
		return farewell{} // the peer is gone, or gorilla has said it all
	case errors.Is(err, errTooBig):
		return farewell{code: codeTooBig, text: "a message is at most 8192 bytes"}
	default: // such as a corrupt deflate stream, on which gorilla is silent
		return farewell{code: codeProtocol, text: "protocol error"}
	}
}

var errTooBig = errors.New("the message is larger than 8192 bytes once inflated")

// readMessage reads one message and carries out the objects in it.
func (c *conn) readMessage() error {
	kind, r, err := c.ws.NextReader()
	if err != nil {
		return err
	}
	if kind != websocket.TextMessage {
		return &ends{farewell{code: codeBinary, text: "send text messages"}}
	}
	buf, _ := messageBuffers.Get().(*bytes.Buffer)
	defer messageBuffers.Put(buf)
	buf.Reset()
	if _, err := buf.ReadFrom(io.LimitReader(r, maxMessage+1)); err != nil {
		return err
	}
	if buf.Len() > maxMessage {
		return errTooBig
	}
	if !utf8.Valid(buf.Bytes()) {
		return &ends{farewell{code: codeNotUTF8, text: "a message is UTF-8"}}
	}
	if len(bytes.TrimSpace(buf.Bytes())) == 0 {
		return c.pace() // it says nothing, and costs as much
	}
	for line := range bytes.SplitSeq(buf.Bytes(), []byte{'\n'}) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := c.handle(line); err != nil {
			return err
		}
	}
	return nil
}

// handle carries out one object. It returns an error only when the connection is
// to end.
func (c *conn) handle(line []byte) error {
	kind, id, err := parseRequest(line)
	now := time.Now()
	if wait := c.count(now); wait > 0 {
		return c.hold(id, wait)
	}
	if err == nil {
		err = c.dispatch(kind, id, line, now)
	} else if c.member == nil {
		c.room.refuse(c.out, id, err)
		return &ends{farewell{code: codeNoJoin, text: "the first object must be a join"}}
	}
	refused, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok:
		return err
	case refused.Code == fault.RateLimited:
		return c.hold(id, refused.RetryAfter)
	}
	c.room.refuse(c.out, id, refused)
	return nil
}

// dispatch carries out the command. A *fault.Error is for the peer.
func (c *conn) dispatch(kind, id string, line []byte, now time.Time) error {
	switch {
	case kind == "join" && c.member == nil:
		return c.onJoin(id, line)
	case kind == "join":
		return fault.New(fault.BadCommand, "you have joined already; leave first, or open another connection")
	case c.member == nil:
		c.room.refuse(c.out, id, fault.New(fault.NotJoined, "send join first"))
		return &ends{farewell{code: codeNoJoin, text: "the first object must be a join"}}
	default:
		return c.do(kind, id, line, now)
	}
}

// due returns when there is something to do for a parked connection.
func (c *conn) due() time.Time {
	due := c.wire.deadline()
	if c.commands == nil {
		return due
	}
	if idle := c.wire.lastHeard.Add(c.room.opts.Limits.Commands.Per); idle.Before(due) {
		return idle
	}
	return due
}

// takeBuffer borrows a buffer to read into, and is ready to read.
func (c *conn) takeBuffer() {
	c.wire.drained = false
	if c.lender == nil {
		c.lender, _ = readBuffers.Get().(*bufio.Reader)
		c.lender.Reset(c.wire)
		c.in = *c.lender
	}
}

// giveBuffer gives the buffer back, which must be empty.
func (c *conn) giveBuffer() {
	c.in = bufio.Reader{}
	c.lender.Reset(nil)
	readBuffers.Put(c.lender)
	c.lender = nil
}

// pace counts a command without an id against the connection's limit.
func (c *conn) pace() error {
	if wait := c.count(time.Now()); wait > 0 {
		return c.hold("", wait)
	}
	return nil
}

// hold tells the peer once that it is too fast, and then reads nothing from it
// until it may speak again: its flood waits in its own machine.
func (c *conn) hold(id string, wait time.Duration) error {
	c.room.refuse(c.out, id, tooFast(wait))
	if c.floods(time.Now()) {
		return &ends{farewell{code: codeFlooding, text: string(fault.RateLimited)}}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		c.wire.resumed(time.Now())
		return nil
	case <-c.out.waitForEnd():
		return errEnding
	}
}

// linger waits, for closeGrace at most, until the peer has what was sent and has
// closed too. Closing a socket with unread input would destroy what is under way.
func linger(out *outbox, conn net.Conn) {
	out.flushed()
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		if half.CloseWrite() != nil {
			return
		}
	}
	if conn.SetReadDeadline(time.Now().Add(closeGrace)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(conn, 1<<20)) // ends by EOF, deadline or limit alike
}
