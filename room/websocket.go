package room

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"chatserver/internal/fault"
	"chatserver/internal/limit"
)

// subprotocol is the name of the protocol, which a client may ask for.
const subprotocol = "chat.v1"

// upgrader answers handshakes. Compression is negotiated for what clients send.
// Write buffers are shared: gorilla writes only control frames.
var upgrader = websocket.Upgrader{
	ReadBufferSize:    1024,
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

// conn is one WebSocket connection. Its reader goroutine owns it: it alone reads,
// parses and paces, hands commands to the room and closes the connection at the
// end. Anybody may write through out.
type conn struct {
	// Set at construction.
	room *Room
	addr netip.Addr
	wire *wire
	out  *outbox
	ws   *websocket.Conn

	// Owned by the reader.
	commands *limit.Window
	refusals *limit.Window
	member   *member // nil until the join was taken
	// untilJoined ends the watch for the room's end; the actor parts from members.
	untilJoined func() bool
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
		fault.Write(w, fault.New(fault.UpgradeRequired, "this path speaks WebSocket alone; connect with ws:// or wss://"))
		return
	}
	if _, err := r.opts.AllowedOrigins.check(req, r.opts.TrustedProxies); err != nil {
		fault.Write(w, err)
		return
	}
	refuseWindows(req.Header)
	if !r.readers.enter() {
		fault.Write(w, notFound(r.name))
		return
	}
	c := &conn{
		room:     r,
		addr:     r.opts.TrustedProxies.Addr(req),
		commands: limit.NewWindow(r.opts.Limits.Commands),
		refusals: limit.NewWindow(limit.Rate{N: maxRefusals - 1, Per: refusalPeriod}),
	}
	var err error
	c.ws, err = upgrader.Upgrade(&hijacker{w, c}, req, nil)
	if err != nil { // gorilla has answered, or closed the connection
		r.readers.leave()
		return
	}
	c.ws.SetReadLimit(maxMessage)
	c.ws.SetPingHandler(c.onPingFrame)
	c.ws.SetPongHandler(func(string) error { return c.pace("") })
	go c.serve() //nolint:contextcheck // the connection outlives the request
}

// hijacker hands gorilla the connection's wire in place of its net.Conn.
type hijacker struct {
	http.ResponseWriter
	conn *conn
}

// serve reads until the connection ends, and ends it. A place on the server is given
// back once the socket is closed.
func (c *conn) serve() {
	defer c.room.readers.leave()
	defer c.out.close()
	if err := c.room.admission.enter(c.addr); err != nil {
		c.out.end(farewell{code: codeFull, text: string(err.Code)}.frames()...)
		c.linger()
		return
	}
	defer c.room.admission.leave(c.addr)
	c.out.end(c.read().frames()...)
	if c.member != nil {
		c.room.post(leave{c.member})
	}
	c.linger()
}

// read carries out what the peer sends, and returns how to part from it. A panic costs
// this connection.
func (c *conn) read() (bye farewell) {
	defer func() {
		if cause := recover(); cause != nil {
			c.room.panicked(cause)
			bye = farewell{code: codeInternal, text: "the server failed; the operator can read why in its log"}
		}
	}()
	// Until it has joined, the connection hears of the room's end by itself, then from
	// the actor.
	c.untilJoined = context.AfterFunc(c.room.stopping, func() { c.out.end(c.room.parting().each().frames()...) })
	defer c.untilJoined()
	for {
		err := c.readMessage()
		var end *ends
		switch {
		case errors.As(err, &end):
			return end.farewell
		case err != nil:
			return c.failed(err)
		}
	}
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
		return c.pace("") // it says nothing, and costs as much
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
	if wait := c.commands.Take(time.Now()); wait > 0 {
		return c.hold(id, wait)
	}
	if err == nil {
		err = c.dispatch(kind, id, line)
	} else if c.member == nil {
		refuse(c.out, id, err)
		return &ends{farewell{code: codeNoJoin, text: "the first object must be a join"}}
	}
	if refused, ok := errors.AsType[*fault.Error](err); ok {
		refuse(c.out, id, refused)
		return nil
	}
	return err
}

// dispatch calls the command's handler. A *fault.Error is for the peer.
func (c *conn) dispatch(kind, id string, line []byte) error {
	switch handler, known := clientCommands[kind]; {
	case kind == "join" && c.member == nil:
		return c.onJoin(id, line)
	case kind == "join":
		return fault.New(fault.BadCommand, "you have joined already; leave first, or open another connection")
	case c.member == nil:
		refuse(c.out, id, fault.New(fault.NotJoined, "send join first"))
		return &ends{farewell{code: codeNoJoin, text: "the first object must be a join"}}
	case !known:
		return fault.New(fault.BadCommand, "%.50q is no command; docs/protocol.md lists them", kind)
	default:
		return handler(c, id, line)
	}
}

// reply answers a command. A peer that does not even read its answers is too slow.
func reply(out *outbox, v any) {
	if out.reply(textFrame(encode(v))) == full {
		out.end(tooSlow.frames()...)
	}
}

// acknowledge confirms a command that has an id, and the event that it made, if any.
func acknowledge(out *outbox, id string, seq uint64) {
	if id != "" {
		reply(out, ack{Type: "ack", ID: id, Seq: seq})
	}
}

// refuse answers a command with what is wrong with it.
func refuse(out *outbox, id string, err error) {
	e := fault.From(err)
	reply(out, failure{Type: "error", ID: id, Code: e.Code, Message: e.Detail, RetryAfter: e.RetryMillis()})
}

// pace counts a command against the connection's limit.
func (c *conn) pace(id string) error {
	if wait := c.commands.Take(time.Now()); wait > 0 {
		return c.hold(id, wait)
	}
	return nil
}

// hold tells the peer once that it is too fast, and then reads nothing from it
// until it may speak again: its flood waits in its own machine.
func (c *conn) hold(id string, wait time.Duration) error {
	c.room.counters.refuse(refusedRate)
	refuse(c.out, id, &fault.Error{Code: fault.RateLimited, Detail: "you send faster than you may; wait", RetryAfter: wait})
	if c.refusals.Take(time.Now()) > 0 {
		return &ends{farewell{code: codeFlooding, text: string(fault.RateLimited)}}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		c.wire.resumed(time.Now())
		return nil
	case <-c.out.ending:
		return errEnding
	}
}

// linger waits, for closeGrace at most, until the peer has what was sent and has
// closed too. Closing a socket with unread input would destroy what is under way.
func (c *conn) linger() {
	c.out.flushed()
	if half, ok := c.wire.Conn.(interface{ CloseWrite() error }); ok {
		if half.CloseWrite() != nil {
			return
		}
	}
	if c.wire.SetReadDeadline(time.Now().Add(closeGrace)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(c.wire.Conn, 1<<20)) // ends by EOF, deadline or limit alike
}
