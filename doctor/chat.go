package doctor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// object is what is looked at in an object of the chat.
type object struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// hello is what the doctor has said in its rooms.
const hello = "the doctor is here"

// What to wait for.

func welcomes(o object) bool { return o.Type == "welcome" }
func pongs(o object) bool    { return o.Type == "pong" }
func says(text string) func(object) bool {
	return func(o object) bool { return o.Type == "message" && o.Text == text }
}

// joinCommand is the first command of a connection or a session.
func joinCommand(token string) []byte {
	join := map[string]string{"type": "join"}
	if token != "" {
		join["token"] = token
	}
	line, _ := json.Marshal(join) // a map of texts
	return line
}

// What to change to get in.
const (
	changeOrigin  = "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme; and TRUSTED_PROXIES with the proxy: by these the server knows its own pages, which ALLOWED_ORIGINS need not list"
	changeUpgrade = `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; in the location of rooms`
)

// webSocket tells whether a page can chat over WebSocket.
func (e *exam) webSocket(ctx context.Context) verdict {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	ws, v := e.dial(ctx, e.room)
	if ws == nil {
		return v
	}
	defer ws.Close()
	stay := context.AfterFunc(ctx, func() { ws.Close() })
	defer stay()
	if err := e.enter(ws, e.token); err != nil {
		return e.refusedEntry(err, changeUpgrade)
	}
	if err := ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping","id":"1"}`)); err != nil {
		return wrong(changeUpgrade, "the connection stands, but nothing can be sent: %v", err)
	}
	begun := time.Now()
	if err := hear(ws, pongs); err != nil {
		return wrong(changeUpgrade, "the connection stands, but what is sent gets no answer: %v", err)
	}
	took := time.Since(begun)
	if !e.own() {
		return fine("in, and a ping comes back after %v", took.Round(time.Millisecond/10))
	}
	begun = time.Now()
	if err := e.say(ctx, hello); err != nil {
		return wrong(changePassAll, "nothing can be said: %v", err)
	}
	if err := hear(ws, says(hello)); err != nil {
		return wrong(changeUpgrade, "a message did not come: %v", err)
	}
	return fine("in; a message came %v after it was sent", time.Since(begun).Round(time.Millisecond/10))
}

// dial connects to a room as its own page does. Without a connection it says what is wrong.
func (e *exam) dial(ctx context.Context, room string) (*websocket.Conn, verdict) {
	address := "ws" + strings.TrimPrefix(e.at("r/"+url.PathEscape(room)+"/ws"), "http")
	ws, got, err := e.dialer.DialContext(ctx, address, http.Header{"Origin": {e.URL.Scheme + "://" + e.URL.Host}})
	if err == nil {
		return ws, verdict{}
	}
	if got == nil || !errors.Is(err, websocket.ErrBadHandshake) {
		return nil, wrong(changeUpgrade, "no connection: %v", plain(err))
	}
	defer got.Body.Close()
	switch a := answerOf(got); {
	case a.code == "bad_origin":
		return nil, wrong(changeOrigin, "the server refuses the room's own page: %s", a.words())
	case a.gateway():
		return nil, wrong(changeUpstream, "the proxy does not reach the server: %s", a.words())
	default: // upgrade_required above all: the request came without its headers
		return nil, wrong(changeUpgrade, "the upgrade does not pass: %s", a.words())
	}
}

// enter joins, and waits for the welcome.
func (e *exam) enter(ws *websocket.Conn, token string) error {
	if err := ws.WriteMessage(websocket.TextMessage, joinCommand(token)); err != nil {
		return err
	}
	return hear(ws, welcomes)
}

// hear reads until an object comes that is waited for.
func hear(ws *websocket.Conn, is func(object) bool) error {
	if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	for {
		_, message, err := ws.ReadMessage()
		if err != nil {
			return err
		}
		for line := range bytes.SplitSeq(message, []byte("\n")) {
			var o object
			switch err := json.Unmarshal(line, &o); {
			case err != nil:
				return fmt.Errorf("what came is no object of the chat: %w", err)
			case is(o):
				return nil
			case o.Type == "error" || o.Type == "closing":
				return fmt.Errorf("the room says %s", line)
			}
		}
	}
}

// noCredit tells whether a room does not let the doctor in because somebody would have to
// pay for that: it wants credit, or a token, which is not made for such a room.
func (e *exam) noCredit(err error) bool {
	closed, ok := errors.AsType[*websocket.CloseError](err)
	return ok && closed.Code == 4506 ||
		strings.Contains(err.Error(), `"code":"credit"`) || strings.Contains(err.Error(), "status 402 credit ") ||
		e.paid && noToken(err)
}

// noToken tells whether a room does not let the doctor in without a token.
func noToken(err error) bool {
	closed, ok := errors.AsType[*websocket.CloseError](err)
	return ok && closed.Code == 4501 || strings.Contains(err.Error(), "unauthorized")
}

// paidFor is why something is left out in a room that is paid for.
const paidFor = "this room is paid for; let the doctor open one of its own (set KEY and no -room)"

// refusedEntry is the verdict when a room does not let the doctor in. otherwise is what to
// change if it is not the room itself that refuses.
func (e *exam) refusedEntry(err error, otherwise string) verdict {
	closed, ok := errors.AsType[*websocket.CloseError](err)
	switch {
	case e.noCredit(err):
		return leftOut(paidFor)
	case strings.Contains(err.Error(), "bad_origin"):
		return wrong(changeOrigin, "the server refuses the room's own page: %v", err)
	case noToken(err):
		return wrong("set KEY in the environment, so that the doctor has a token; guests are not let in (GUESTS)", "the room lets nobody in without a token: %v", err)
	case ok && closed.Code == 4002, strings.Contains(err.Error(), "full"), strings.Contains(err.Error(), "not_accepting"):
		return wrong("MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ROOM or MAX_CONNECTIONS_PER_IP, if they are too small; an operator may have closed the server (PUT /api/v1/accepting)", "there is no place: %v", err)
	default:
		return wrong(otherwise, "the room does not greet: %v", err)
	}
}

// What to change for streams.
const changeBuffering = "proxy_buffering off; in the location of rooms, no proxy_ignore_headers X-Accel-Buffering, and no text/event-stream in gzip_types"

// stream is a running stream of server-sent events.
type stream struct {
	got   *http.Response
	lines *bufio.Scanner
}

// listen opens a stream of the room, of a session or, without one, of a guest who only reads.
func (e *exam) listen(ctx context.Context, room, session string) (*stream, error) {
	address := e.at("r/" + url.PathEscape(room) + "/events")
	if session != "" {
		address += "?session=" + session
	}
	req, err := e.request(ctx, http.MethodGet, address, "", "Accept", "text/event-stream", "Accept-Encoding", "gzip")
	if err != nil {
		return nil, err
	}
	got, err := e.client.Do(req)
	if err != nil {
		return nil, plain(err)
	}
	if got.StatusCode != http.StatusOK {
		defer got.Body.Close()
		return nil, errors.New(answerOf(got).words())
	}
	return &stream{got, bufio.NewScanner(got.Body)}, nil
}

// line reads the next line, which may be empty.
func (s *stream) line() ([]byte, error) {
	if s.lines.Scan() {
		return s.lines.Bytes(), nil
	}
	if err := s.lines.Err(); err != nil {
		return nil, err
	}
	return nil, io.ErrUnexpectedEOF
}

// hear reads until an object comes that is waited for.
func (s *stream) hear(is func(object) bool) error {
	for {
		line, err := s.line()
		if err != nil {
			return err
		}
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok {
			continue
		}
		var o object
		if err := json.Unmarshal(data, &o); err != nil {
			return fmt.Errorf("what came is no object of the chat: %w", err)
		}
		if is(o) {
			return nil
		}
	}
}

// events tells whether server-sent events come at once.
func (e *exam) events(ctx context.Context) verdict {
	session, err := e.join(ctx, e.room, e.token)
	if err != nil {
		return e.refusedEntry(err, changePassAll)
	}
	defer e.leave(ctx, e.room, session)
	within, cancel := context.WithTimeout(ctx, patience/2)
	defer cancel()
	begun := time.Now()
	s, err := e.listen(within, e.room, session)
	if err == nil {
		defer s.got.Body.Close()
		if encoding := s.got.Header.Get("Content-Encoding"); encoding != "" {
			return wrong(changeBuffering, "the proxy compresses the stream of events (%s), and holds it back for that", encoding)
		}
		_, err = s.line() // the server begins with one
	}
	if err == nil && e.own() {
		if err := e.say(ctx, hello); err != nil {
			return wrong(changePassAll, "nothing can be said: %v", err)
		}
		begun = time.Now()
		err = s.hear(says(hello))
	}
	took := time.Since(begun)
	switch {
	case err != nil && within.Err() != nil, took > soon:
		return wrong(changeBuffering, "the stream of events is held back: what the server sends at once had not come after %v", took.Round(time.Second/10))
	case err != nil:
		return wrong(changePassAll, "no stream of events: %v", err)
	case e.own():
		return fine("not held back: a message came %v after it was acknowledged", took.Round(time.Millisecond/10))
	default:
		return fine("not held back: the stream began after %v", took.Round(time.Millisecond/10))
	}
}
