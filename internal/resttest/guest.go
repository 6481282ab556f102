package resttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"chatserver/internal/schematest"
)

// Guest is somebody in a room, or before its door. What it hears is held to
// asyncapi.json.
type Guest struct {
	ID  string // the user's, once joined
	Raw string // what Want returned last, as it came
	WS  *websocket.Conn

	t     *testing.T
	lines [][]byte // heard, but not looked at
	chat  *schematest.Chat
}

// OwnPort is the URL of a room's WebSocket on the room's own port.
func OwnPort(room interface{ Port() int }) string {
	return "ws://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(room.Port())) + "/ws"
}

// Dial connects to a room by the URL of its WebSocket, but does not join. The test's
// end disconnects.
func Dial(t *testing.T, url string) *Guest {
	t.Helper()
	ws, answer, err := websocket.DefaultDialer.DialContext(t.Context(), url, nil)
	if err != nil {
		t.Fatalf("connect to %s: %v", url, err)
	}
	_ = answer.Body.Close()
	t.Cleanup(func() { ws.Close() })
	return On(t, ws)
}

// On is somebody on a connection that is the caller's.
func On(t *testing.T, ws *websocket.Conn) *Guest {
	t.Helper()
	return &Guest{WS: ws, t: t, chat: schematest.LoadChat(t)}
}

// Join joins a room by the URL of its WebSocket.
func Join(t *testing.T, url, name string) *Guest {
	t.Helper()
	g := Dial(t, url)
	g.Send(Obj{"type": "join", "name": name})
	g.ID = g.Want("joined", "welcome").Obj("you").Str("id")
	return g
}

// Send says something to the room.
func (g *Guest) Send(o Obj) {
	g.t.Helper()
	if err := g.WS.WriteJSON(o); err != nil {
		g.t.Fatalf("send %v: %v", o, err)
	}
}

// Next returns the next object as it came, counts of viewers aside; an error says that the
// connection has ended.
func (g *Guest) Next() ([]byte, error) {
	g.t.Helper()
	for {
		if len(g.lines) == 0 {
			if err := g.WS.SetReadDeadline(time.Now().Add(Patience)); err != nil {
				return nil, err
			}
			_, data, err := g.WS.ReadMessage()
			if err != nil {
				return nil, err
			}
			g.lines = bytes.Split(data, []byte("\n"))
		}
		line := g.lines[0]
		g.lines = g.lines[1:]
		if err := g.chat.Message(line); err != nil {
			g.t.Error(err)
		}
		if !bytes.Contains(line, []byte(`"type":"viewers"`)) {
			return line, nil
		}
	}
}

// Want wants an object of that type next, counts of viewers aside.
func (g *Guest) Want(why, kind string) Obj {
	g.t.Helper()
	line, err := g.Next()
	if err != nil {
		g.t.Fatalf("%s: want %s, heard nothing: %v", why, kind, err)
	}
	var o Obj
	if err := json.Unmarshal(line, &o); err != nil || o.Str("type") != kind {
		g.t.Fatalf("%s: want %s, got %s", why, kind, line)
	}
	g.Raw = string(line)
	return o
}

// WantClosed wants the connection to end next, with that code, and ends it too.
func (g *Guest) WantClosed(why string, code int) {
	g.t.Helper()
	line, err := g.Next()
	_ = g.WS.Close()
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != code {
		g.t.Errorf("%s: want close %d, got %q, %v", why, code, line, err)
	}
}
