package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"chatserver/api"
	"chatserver/internal/resttest"
	"chatserver/internal/serve"
	"chatserver/internal/token"
	"chatserver/room"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testKey opens the API of every test.
const testKey = "key-0123456789abcdef"

// The short names of what every test handles.
type (
	obj   = resttest.Obj
	guest = resttest.Guest
)

// server is the API over rooms that listen on this machine.
type server struct {
	*testing.T
	*room.Registry
	*resttest.API
	handler http.Handler
	tokens  *token.Keys
	logs    *observer.ObservedLogs // from debug on
}

// newServer starts a server with room for three rooms. The test's end stops it.
func newServer(t *testing.T, change ...func(*room.Options)) *server {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	o := room.Options{
		Bind:           "127.0.0.1",
		Host:           "chat.example",
		MaxRooms:       3,
		History:        100,
		Guests:         room.GuestsChat,
		Limits:         room.Limits{Text: 500, Backlog: 256 << 10},
		AllowedOrigins: room.Origins{"*"},
		Page:           says("a page at "),
		Logger:         zap.New(core),
	}
	for _, f := range change {
		f(&o)
	}
	if o.Ports == (room.PortRange{}) {
		o.Ports = resttest.FreePorts(t, 10)
	}
	tokens, err := token.New(token.Options{Secret: []byte("secret-0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	rooms := room.NewRegistry(o)
	handler := api.New(rooms, api.Options{
		Key:            testKey,
		Version:        "1.2.3",
		TrustedProxies: o.TrustedProxies,
		Landing:        says("the landing page at "),
		Assets:         says("an asset at "),
		Mint:           tokens.Mint,
		Logger:         o.Logger,
	})
	front := resttest.Start(t, serve.New(handler, o.Logger), testKey, rooms.Drain)
	return &server{T: t, Registry: rooms, API: front, handler: handler, tokens: tokens, logs: logs}
}

// says answers with the text and the path.
func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, text+r.URL.Path)
	})
}

// open opens a room by the API.
func (s *server) open(name, settings string) *room.Room {
	s.Helper()
	s.Call("POST", "/api/v1/room/"+name, settings).WantStatus("open a room", http.StatusCreated)
	r, err := s.Room(name)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// state is the public state of a room that has done all that it was asked: it
// answers before it makes public what came of it.
func (s *server) state(r *room.Room) *room.State {
	s.Helper()
	if _, err := r.Set(s.Context(), room.SettingsPatch{}); err != nil {
		s.Fatal(err)
	}
	return r.State()
}

// join joins a room by the URL of its WebSocket.
func (s *server) join(url, name string) *guest {
	s.Helper()
	return resttest.Join(s.T, url, name)
}

// mainPort is the URL of a room's WebSocket on the port of the API.
func (s *server) mainPort(name string) string {
	return "ws" + strings.TrimPrefix(s.URL, "http") + "/r/" + name + "/ws"
}
