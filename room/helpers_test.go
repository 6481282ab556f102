package room

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"chatserver/cache"
	"chatserver/internal/clientip"
	"chatserver/internal/fault"
	"chatserver/internal/limit"
	"chatserver/internal/schematest"
	"chatserver/internal/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a registry whose rooms listen on pipes, for use in a synctest bubble:
// there, time passes only when everybody waits.
type world struct {
	*testing.T
	*Registry
	net     *pipeNet
	journal *memoryJournal
}

// inWorld runs a test in a bubble of its own. At its end everything has to stop.
func inWorld(t *testing.T, test func(w *world), change ...func(*Options)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { inThisBubble(t, test, change...) })
}

// inThisBubble is inWorld for a test that is in a bubble already.
func inThisBubble(t *testing.T, test func(w *world), change ...func(*Options)) {
	t.Helper()
	pipes := &pipeNet{taken: map[string]bool{}, open: map[string]*pipeListener{}}
	o := Options{
		Host:     "chat.example",
		Ports:    PortRange{34000, 34009},
		MaxRooms: 10,
		History:  100,
		Guests:   GuestsChat,
		Limits: Limits{
			Text:       500,
			Messages:   limit.Rate{N: 20, Per: 30 * time.Second},
			Burst:      limit.Rate{N: 3, Per: time.Second},
			Moderators: limit.Rate{N: 100, Per: 30 * time.Second},
			Commands:   limit.Rate{N: 30, Per: time.Second},
			Backlog:    256 << 10,
		},
		AllowedOrigins: Origins{"*"},
		TrustedProxies: clientip.Trusted{},
		Listen:         pipes.listen,
		Journal:        new(memoryJournal),
		Tokens:         testTokens{},
		Logger:         zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)),
	}
	database := cache.New(cache.Options{})
	database.Keep(memoryStore{}, nil)
	o.Snapshot, o.Sanctions = database.Snapshot, database
	for _, f := range change {
		f(&o)
	}
	w := &world{T: t, Registry: NewRegistry(o), net: pipes}
	w.journal, _ = o.Journal.(*memoryJournal)
	defer w.stop() // also after t.Fatal
	test(w)
}

// memoryStore keeps sanctions, as far as a test needs that.
type memoryStore struct{}

func (memoryStore) PutSanctions(_ map[string][]byte, done func(error)) error {
	if done != nil {
		done(nil)
	}
	return nil
}

func (memoryStore) DeleteSanction(_ string, done func(error)) error {
	return memoryStore{}.PutSanctions(nil, done)
}

// testTokens takes tokens of the form user:name:role, with :member after it for members
// and a duration at the end for those that expire.
type testTokens struct{}

func (testTokens) Verify(_ context.Context, raw, room string) (token.Claims, error) {
	parts := strings.Split(raw, ":")
	if len(parts) < 3 {
		return token.Claims{}, fault.New(fault.Unauthorized, "this is no token")
	}
	c := token.Claims{User: parts[0], Name: parts[1], Role: parts[2], Room: room, Expires: time.Now().Add(time.Hour)}
	for _, more := range parts[3:] {
		if c.Member = c.Member || more == "member"; more != "member" {
			life, err := time.ParseDuration(more)
			if err != nil {
				return c, err
			}
			c.Expires = time.Now().Add(life)
		}
	}
	return c, nil
}

// stop drains the registry; a second time does nothing.
func (w *world) stop() {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.Context()), time.Minute)
	defer cancel()
	if err := w.Drain(ctx); err != nil {
		w.Errorf("the world does not stop: %v", err)
	}
}

// unlimited switches off every limit of rate.
func unlimited(o *Options) {
	o.Limits.Messages, o.Limits.Burst, o.Limits.Commands = limit.Rate{}, limit.Rate{}, limit.Rate{}
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// room opens a room.
func (w *world) room(name string) *testRoom {
	w.Helper()
	r, _, err := w.Create(name, SettingsPatch{})
	if err != nil {
		w.Fatalf("create room %s: %v", name, err)
	}
	return &testRoom{Room: r, w: w}
}

type testRoom struct {
	*Room
	w *world
}

// set changes settings given as JSON.
func (r *testRoom) set(settings string) {
	r.w.Helper()
	patch, err := ParseSettings([]byte(settings))
	if err == nil {
		_, err = r.Set(r.w.Context(), patch)
	}
	if err != nil {
		r.w.Fatalf("set %s: %v", settings, err)
	}
}

// connect opens a WebSocket and reads it, but does not join.
func (r *testRoom) connect(header ...string) *client {
	r.w.Helper()
	c := r.dial(header...)
	c.read()
	return c
}

// dial opens a WebSocket of which nothing is read.
func (r *testRoom) dial(header ...string) *client {
	r.w.Helper()
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	port := strconv.Itoa(r.port)
	var raw net.Conn
	d := websocket.Dialer{
		EnableCompression: h.Get("Sec-Websocket-Extensions") != "",
		NetDialContext: func(ctx context.Context, _, _ string) (conn net.Conn, err error) {
			raw, err = r.w.net.dial(ctx, port)
			return raw, err
		},
	}
	h.Del("Sec-Websocket-Extensions")
	ws, answer, err := d.DialContext(r.w.Context(), "ws://chat.example:"+port+"/ws", h)
	if err != nil {
		r.w.Fatalf("dial room %s: %v", r.name, err)
	}
	_ = answer.Body.Close()
	return &client{t: r.w.T, r: r, ws: ws, raw: raw}
}

// join opens a WebSocket and joins under the name. The welcome is taken.
func (r *testRoom) join(name string) *client {
	r.w.Helper()
	c := r.connect()
	c.send(obj{"type": "join", "name": name})
	c.welcome = c.want("a welcome", "welcome")
	return c
}

// joinAs joins with a token; see testTokens. The welcome is taken.
func (r *testRoom) joinAs(raw string) *client {
	r.w.Helper()
	c := r.connect()
	c.send(obj{"type": "join", "token": raw})
	c.welcome = c.want("a welcome", "welcome")
	return c
}

// obj is a JSON object on the wire.
type obj map[string]any

func (o obj) str(key string) string { s, _ := o[key].(string); return s }
func (o obj) num(key string) int    { n, _ := o[key].(float64); return int(n) }
func (o obj) obj(key string) obj    { m, _ := o[key].(map[string]any); return m }

func (o obj) gap() bool { return o.is("gap") }

// is tells whether a member is true.
func (o obj) is(key string) bool { b, _ := o[key].(bool); return b }

// client is somebody in a room. What it hears waits in got.
type client struct {
	t       *testing.T
	r       *testRoom
	ws      *websocket.Conn
	raw     net.Conn
	welcome obj

	mu     sync.Mutex
	got    []obj
	frames int   // WebSocket messages that got came in
	ended  error // why reading ended
	done   chan struct{}
}

// read reads until the connection ends, and holds all that comes to asyncapi.json.
func (c *client) read() {
	c.done = make(chan struct{})
	described := schematest.LoadChat(c.t)
	go func() {
		defer close(c.done)
		defer c.ws.Close()
		for {
			_, data, err := c.ws.ReadMessage()
			c.mu.Lock()
			if err != nil {
				c.ended = err
				c.mu.Unlock()
				return
			}
			c.frames++
			for line := range bytes.SplitSeq(data, []byte("\n")) {
				var o obj
				if err := json.Unmarshal(line, &o); err != nil {
					c.t.Errorf("the room sent %q: %v", line, err)
				} else if err := described.Message(line); err != nil {
					c.t.Error(err)
				}
				c.got = append(c.got, o)
			}
			c.mu.Unlock()
		}
	}()
}

// send sends an object, or text as it is.
func (c *client) send(v any) {
	c.t.Helper()
	data, isText := v.(string)
	if !isText {
		encoded, err := json.Marshal(v)
		if err != nil {
			c.t.Fatal(err)
		}
		data = string(encoded)
	}
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(data)); err != nil {
		c.t.Fatalf("send %.80s: %v", data, err)
	}
}

// say sends a message, with an id if one is given.
func (c *client) say(text string, id ...string) {
	c.t.Helper()
	o := obj{"type": "message", "text": text}
	if len(id) > 0 {
		o["id"] = id[0]
	}
	c.send(o)
}

// next returns the next object, for which it waits a little.
func (c *client) next() (obj, bool) {
	for range 2 {
		synctest.Wait()
		c.mu.Lock()
		if len(c.got) > 0 {
			o := c.got[0]
			c.got = c.got[1:]
			c.mu.Unlock()
			return o, true
		}
		c.mu.Unlock()
		<-time.After(gatherMost) // it may have been gathered
	}
	return nil, false
}

// want returns the next object of the type, and fails on another one but a count of
// viewers, which nobody waits for unless he says so.
func (c *client) want(why, kind string) obj {
	c.t.Helper()
	for {
		o, ok := c.next()
		switch {
		case !ok:
			c.t.Fatalf("%s: want %s, heard nothing (connection: %v)", why, kind, c.ended)
		case o.str("type") == kind:
			return o
		case o.str("type") != "viewers":
			c.t.Fatalf("%s: want %s, got %v", why, kind, o)
		}
	}
}

// wantMessage wants a message of that text next.
func (c *client) wantMessage(why, text string) obj {
	c.t.Helper()
	o := c.want(why, "message")
	if o.str("text") != text {
		c.t.Fatalf("%s: want message %q, got %q", why, text, o.str("text"))
	}
	return o
}

// wantError wants an error with that code next.
func (c *client) wantError(why, code string) obj {
	c.t.Helper()
	o := c.want(why, "error")
	if o.str("code") != code {
		c.t.Fatalf("%s: want error %s, got %v", why, code, o)
	}
	if o.str("message") == "" {
		c.t.Errorf("%s: error %s has no message", why, code)
	}
	return o
}

// wantIdle wants nothing more to come without time passing, but counts of viewers.
func (c *client) wantIdle(why string) {
	c.t.Helper()
	for _, o := range c.heard() {
		if o.str("type") != "viewers" {
			c.t.Fatalf("%s: want nothing, got %v", why, o)
		}
	}
}

// wantClosed wants the connection to end with that close code, whatever comes before.
func (c *client) wantClosed(why string, code int) {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(2 * time.Minute):
		c.t.Fatalf("%s: the connection stays open; want close %d", why, code)
	}
	var closed *websocket.CloseError
	if !errors.As(c.ended, &closed) || closed.Code != code {
		c.t.Fatalf("%s: want close %d, got %v", why, code, c.ended)
	}
}

// heard returns all that has come and was not taken.
func (c *client) heard() []obj {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

// id returns the user's id.
func (c *client) id() string { return c.welcome.obj("you").str("id") }

// ask sends a command with an id, and returns the answer to it. What comes before that
// is dropped.
func (c *client) ask(command obj) obj {
	c.t.Helper()
	id := fmt.Sprint("ask-", asked.Add(1)) // users have several clients
	command["id"] = id
	c.send(command)
	for {
		o, ok := c.next()
		switch {
		case !ok:
			c.t.Fatalf("%v: no answer (connection: %v)", command, c.ended)
		case o.str("id") == id:
			return o
		}
	}
}

// asked counts the commands of all clients.
var asked atomic.Int64

// do is ask for what must be carried out. It returns the seq of the event.
func (c *client) do(command obj) int {
	c.t.Helper()
	o := c.ask(command)
	if o.str("type") != "ack" {
		c.t.Fatalf("%v: want an ack, got %v", command, o)
	}
	return o.num("seq")
}

// wantRefused is ask for what must be refused with that code.
func (c *client) wantRefused(why, code string, command obj) obj {
	c.t.Helper()
	o := c.ask(command)
	if o.str("type") != "error" || o.str("code") != code || o.str("message") == "" {
		c.t.Fatalf("%s: %v: want error %s, got %v", why, command, code, o)
	}
	return o
}

// until takes what comes until an object of the type does.
func (c *client) until(why, kind string) obj {
	c.t.Helper()
	for {
		o, ok := c.next()
		switch {
		case !ok:
			c.t.Fatalf("%s: want %s, heard nothing more (connection: %v)", why, kind, c.ended)
		case o.str("type") == kind:
			return o
		}
	}
}

// clear forgets what has come so far.
func (c *client) clear() {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got, c.frames = nil, 0
}

// leave closes the connection without a word.
func (c *client) leave() {
	_ = c.raw.Close()
	synctest.Wait()
}
