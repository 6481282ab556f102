package room

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"chatserver/internal/fault"
)

// streamRetry is how long a browser waits before it comes back after a break.
const streamRetry = 2 * time.Second

// serveEvents streams the room as server-sent events: to a session, or to a guest who
// only reads. The connection is taken from the HTTP server, so that a viewer costs what
// one over WebSocket does.
func (r *Room) serveEvents(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/event-stream")
		return
	}
	epoch, since, err := whereFrom(req)
	if err != nil {
		r.fail(w, err)
		return
	}
	if !r.readers.enter() {
		r.refuseStream(w, r.over())
		return
	}
	st := &stream{room: r}
	if err := st.open(w, req, epoch, since); err != nil {
		r.readers.leave()
		r.refuseStream(w, err)
		return
	}
	go st.watch() //nolint:contextcheck // the stream outlives the request
}

// refuseStream answers a stream that does not come about. A room that was closed for good
// tells a browser to stay away.
func (r *Room) refuseStream(w http.ResponseWriter, err error) {
	if fault.From(err).Code == fault.RoomNotFound {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	r.fail(w, err)
}

// whereFrom returns where a client was before: by the browser's own Last-Event-ID, or by
// epoch and since of the query.
func whereFrom(req *http.Request) (epoch string, since *uint64, err error) {
	if id := req.Header.Get("Last-Event-ID"); id != "" {
		epoch, seq, _ := strings.Cut(id, ":")
		if n, err := strconv.ParseUint(seq, 10, 63); err == nil {
			return epoch, &n, nil
		}
		return id, nil, nil // none of ours: it is told of a gap
	}
	query := req.URL.Query()
	since, err = parseSeq("since", query.Get("since"))
	return query.Get("epoch"), since, err
}

// stream is a connection that server-sent events go out on. Its goroutine owns it.
type stream struct {
	room    *Room
	session *session
	own     bool // the session is this stream's alone, and ends with it
	conn    net.Conn
	out     *outbox
}

// open answers the request, unless it returns an error, and has the session's events
// come.
func (st *stream) open(w http.ResponseWriter, req *http.Request, epoch string, since *uint64) (err error) {
	r := st.room
	if name := req.URL.Query().Get("session"); name != "" {
		st.session, err = r.findSession(req.Context(), name)
	} else {
		st.own = true
		st.session, _, err = r.newSession(req, &joinRequest{Epoch: epoch, Since: since}, false)
		epoch, since = "", nil // the join has taken note of it
	}
	if err != nil {
		return err
	}
	if err := st.takeOver(w); err != nil {
		st.leave() //nolint:contextcheck // it must come about, whoever is gone
		return err
	}
	//nolint:contextcheck // the stream outlives the request
	r.urge(context.Background(), duty(func(r *Room) { r.attach(st.session, st.out, epoch, since) }))
	return nil
}

// takeOver takes the connection from the HTTP server, and answers the request.
func (st *stream) takeOver(w http.ResponseWriter) error {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return fault.New(fault.BadRequest, "events need a connection of their own; use HTTP/1.1")
	}
	st.conn = unguarded(conn)
	st.out = newOutbox(st.conn, framing{st.room.epoch}, st.room.opts.Limits.Backlog, &st.room.counters.bytesOut)
	st.out.parted = st.room.parted
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	h.Set("Connection", "close")
	head := bytes.NewBufferString("HTTP/1.1 200 OK\r\n")
	_ = h.Write(head) // a buffer takes everything
	head.WriteString("\r\nretry: " + strconv.FormatInt(streamRetry.Milliseconds(), 10) + "\n\n")
	st.out.reply(head.Bytes())
	return nil
}

// watch pings the client, and waits until it is gone or is to go.
func (st *stream) watch() {
	defer st.room.readers.leave()
	defer st.out.close()
	nothing := make([]byte, 1) // which is all that a client of a stream sends
	for {
		_ = st.conn.SetReadDeadline(time.Now().Add(pingInterval)) // fails on a closed connection, as Read will
		if st.out.isEnding() {                                    // its deadline came before ours
			break
		}
		_, err := st.conn.Read(nothing)
		if !errors.Is(err, os.ErrDeadlineExceeded) || st.out.isEnding() {
			break
		}
		st.out.reply(st.out.framing.ping())
	}
	st.out.part(farewell{})
	st.leave()
	linger(st.out, st.conn)
}

// leave parts from the session, or ends it.
func (st *stream) leave() {
	if st.own {
		st.room.post(leave{st.session.member})
		return
	}
	st.room.post(duty(func(r *Room) { r.detach(st.session, st.out) }))
}
