package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"chatserver/admin"
	"chatserver/cache"
	"chatserver/internal/clientip"
	"chatserver/internal/fault"
	"chatserver/internal/rest"
	"chatserver/internal/serve"
	"chatserver/journal"
	"chatserver/room"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// testKey opens the admin API of every test.
	testKey = "admin-0123456789abcdef"
	// patience is how long a test waits for what has to come.
	patience = 10 * time.Second
)

// server is the admin API over rooms that listen on this machine.
type server struct {
	*testing.T
	*room.Registry
	handler http.Handler
	url     string
	client  *http.Client
	started time.Time
	level   zap.AtomicLevel
	logs    *observer.ObservedLogs // from level on, which is info
	stop    func()                 // what a shutdown calls; a test's own
	journal *journal.Journal
	cache   *cache.Cache
	file    string // that the cache is read from
}

// newServer starts a server with room for three rooms. The test's end stops it.
func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{T: t, started: time.Now(), level: zap.NewAtomicLevelAt(zap.InfoLevel)}
	s.stop = func() { t.Error("the server was told to stop") }
	core, logs := observer.New(s.level)
	s.logs = logs
	s.openStores(core)
	o := room.Options{
		Bind:           "127.0.0.1",
		Host:           "chat.example",
		Ports:          freePorts(t, 10),
		MaxRooms:       3,
		History:        100,
		Guests:         room.GuestsChat,
		Limits:         room.Limits{Text: 500, Backlog: 256 << 10},
		AllowedOrigins: room.Origins{"*"},
		Journal:        s.journal,
		Snapshot:       s.cache.Snapshot,
		Logger:         zap.New(core),
	}
	rooms := room.NewRegistry(o)
	s.Registry = rooms
	s.handler = admin.New(rooms, s.cache, admin.Options{
		Key:            testKey,
		Version:        "1.2.3",
		Started:        s.started,
		TrustedProxies: clientip.Trusted{},
		LogLevel:       s.level,
		Shutdown:       func() { s.stop() },
		Logger:         o.Logger,
	})
	front := httptest.NewUnstartedServer(nil)
	front.Config = serve.New(s.handler, o.Logger)
	front.Start()
	s.url, s.client = front.URL, front.Client()
	t.Cleanup(func() {
		front.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := rooms.Drain(ctx); err != nil {
			t.Errorf("the rooms do not stop: %v", err)
		}
	})
	return s
}

// openStores opens a journal, and a cache that is read from a file.
func (s *server) openStores(core zapcore.Core) {
	s.Helper()
	dir := s.TempDir()
	s.file = filepath.Join(dir, "cache.json")
	s.write(`{}`)
	var err error
	if s.journal, err = journal.Open(journal.Options{Dir: dir}); err != nil {
		s.Fatal(err)
	}
	s.cache = cache.New(cache.Options{Source: cache.File(s.file), Logger: zap.New(core.With(nil), zap.IncreaseLevel(zap.WarnLevel))})
	s.cache.Keep(s.journal, nil)
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.cache.Run(ctx) // ends with ctx
	}()
	s.Cleanup(func() {
		cancel()
		<-ended
		if err := s.journal.Close(context.WithoutCancel(ctx)); err != nil {
			s.Error(err)
		}
	})
	if err := s.cache.Refresh(ctx); err != nil {
		s.Fatal(err)
	}
}

// write writes what the cache is read from.
func (s *server) write(documents string) {
	s.Helper()
	if err := os.WriteFile(s.file, []byte(documents), 0o600); err != nil {
		s.Fatal(err)
	}
}

// freePorts finds n ports in a row that nobody listens on, below those that the
// system gives out for outgoing connections.
func freePorts(t *testing.T, n int) room.PortRange {
	t.Helper()
	for range 100 {
		first := 20000 + rand.IntN(12000-n)
		if allFree(first, n) {
			return room.PortRange{First: first, Last: first + n - 1}
		}
	}
	t.Fatalf("found no %d free ports in a row", n)
	return room.PortRange{}
}

func allFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		ln.Close()
	}
	return true
}

// call makes a request with the right key. Pairs of name and value set further
// headers; an empty value takes one away.
func (s *server) call(method, path, body string, header ...string) answer {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set(rest.KeyHeader, testKey)
	for pair := range slices.Chunk(header, 2) {
		req.Header.Set(pair[0], pair[1])
		if pair[1] == "" {
			req.Header.Del(pair[0])
		}
	}
	got, err := s.client.Do(req)
	if err != nil {
		s.Fatalf("%s %s: %v", method, path, err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		s.Fatalf("%s %s: the answer breaks off: %v", method, path, err)
	}
	return answer{s.T, method + " " + path, got.StatusCode, got.Header, string(text)}
}

// open opens a room.
func (s *server) open(name string) *room.Room {
	s.Helper()
	r, created, err := s.Create(name, room.SettingsPatch{})
	if err != nil || !created {
		s.Fatalf("open room %s: created %v, %v", name, created, err)
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

// answer is what a request got.
type answer struct {
	t      *testing.T
	asked  string
	status int
	header http.Header
	body   string
}

func (a answer) wantStatus(why string, status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Errorf("%s: %s: want status %d, got %d %s", why, a.asked, status, a.status, a.body)
	}
	return a
}

// want wants a success with that JSON, in whatever order its members are.
func (a answer) want(why string, status int, body string) {
	a.t.Helper()
	a.wantStatus(why, status)
	a.wantHeader(why, "Content-Type", "application/json")
	var got, want any
	if err := json.Unmarshal([]byte(body), &want); err != nil {
		a.t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || !reflect.DeepEqual(got, want) {
		a.t.Errorf("%s: %s:\nwant %s\ngot  %s", why, a.asked, body, a.body)
	}
}

func (a answer) wantHeader(why, name, value string) answer {
	a.t.Helper()
	if got := strings.Join(a.header.Values(name), " | "); got != value {
		a.t.Errorf("%s: %s: want %s: %q, got %q", why, a.asked, name, value, got)
	}
	return a
}

// wantProblem wants a problem document with all that belongs to it.
func (a answer) wantProblem(why string, status int, code fault.Code) obj {
	a.t.Helper()
	a.wantStatus(why, status)
	a.wantHeader(why, "Content-Type", "application/problem+json")
	var p obj
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		a.t.Fatalf("%s: %s: want a problem document, got %q", why, a.asked, a.body)
	}
	if p.str("type") != "about:blank" || p.str("title") != http.StatusText(status) || p.num("status") != status ||
		p.str("detail") == "" || p.str("code") != string(code) {
		a.t.Errorf("%s: %s: want a problem document of %d with code %s, got %s", why, a.asked, status, code, a.body)
	}
	retryAfter := ""
	if ms := p.num("retry_after"); ms > 0 {
		retryAfter = strconv.Itoa((ms + 999) / 1000)
	}
	a.wantHeader(why, "Retry-After", retryAfter)
	return p
}

// data wants a success and returns what stands in data.
func (a answer) data(why string, status int) obj {
	a.t.Helper()
	a.wantStatus(why, status)
	a.wantHeader(why, "Content-Type", "application/json")
	var envelope map[string]obj
	if err := json.Unmarshal([]byte(a.body), &envelope); err != nil || len(envelope) != 1 || envelope["data"] == nil {
		a.t.Fatalf("%s: %s: want an object in data alone, got %s (%v)", why, a.asked, a.body, err)
	}
	return envelope["data"]
}

// into reads a success into v.
func (a answer) into(why string, v any) {
	a.t.Helper()
	a.wantStatus(why, http.StatusOK)
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		a.t.Fatalf("%s: %s: %v in %s", why, a.asked, err, a.body)
	}
}

// obj is a JSON object.
type obj map[string]any

func (o obj) str(key string) string { s, _ := o[key].(string); return s }
func (o obj) num(key string) int    { n, _ := o[key].(float64); return int(n) }
func (o obj) obj(key string) obj    { m, _ := o[key].(map[string]any); return m }

// client is somebody in a room.
type client struct {
	t     *testing.T
	ws    *websocket.Conn
	id    string   // of the user
	lines [][]byte // heard, but not looked at
}

// connect connects to a room, but does not join.
func (s *server) connect(r *room.Room) *client {
	s.Helper()
	url := "ws://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port())) + "/ws"
	ws, answer, err := websocket.DefaultDialer.DialContext(s.Context(), url, nil)
	if err != nil {
		s.Fatalf("connect to %s: %v", url, err)
	}
	_ = answer.Body.Close()
	s.Cleanup(func() { ws.Close() })
	return &client{t: s.T, ws: ws}
}

// join joins a room as a guest.
func (s *server) join(r *room.Room, name string) *client {
	s.Helper()
	c := s.connect(r)
	c.send(obj{"type": "join", "name": name})
	c.id = c.want("joined", "welcome").obj("you").str("id")
	return c
}

func (c *client) send(o obj) {
	c.t.Helper()
	if err := c.ws.WriteJSON(o); err != nil {
		c.t.Fatalf("send %v: %v", o, err)
	}
}

// next returns the next object as it came, counts of viewers aside.
func (c *client) next() ([]byte, error) {
	for {
		if len(c.lines) == 0 {
			if err := c.ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
				return nil, err
			}
			_, data, err := c.ws.ReadMessage()
			if err != nil {
				return nil, err
			}
			c.lines = bytes.Split(data, []byte("\n"))
		}
		line := c.lines[0]
		c.lines = c.lines[1:]
		if !bytes.Contains(line, []byte(`"type":"viewers"`)) {
			return line, nil
		}
	}
}

// want wants an object of that type next.
func (c *client) want(why, kind string) obj {
	c.t.Helper()
	line, err := c.next()
	if err != nil {
		c.t.Fatalf("%s: want %s, heard nothing: %v", why, kind, err)
	}
	var o obj
	if err := json.Unmarshal(line, &o); err != nil || o.str("type") != kind {
		c.t.Fatalf("%s: want %s, got %s", why, kind, line)
	}
	return o
}

// wantClosed wants the connection to end next, with that code.
func (c *client) wantClosed(why string, code int) {
	c.t.Helper()
	line, err := c.next()
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != code {
		c.t.Errorf("%s: want close %d, got %q, %v", why, code, line, err)
	}
}
