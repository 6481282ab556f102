package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"chatserver/internal/schematest"
)

// follower is a user in a room, by one transport, who does what a good client does: it
// keeps each event, comes back where it was when the way to the room breaks, and says
// things again until they are acknowledged.
type follower struct {
	t     *testing.T
	v     *visitor
	base  string // of the room, with a slash at its end
	token string
	link  link

	mu     sync.Mutex
	epoch  string
	heard  []string          // the log, from its first event on
	unsaid map[string]string // texts that are not acknowledged, by id
	broken int               // how often it came back
	fault  error
}

// link is a transport.
type link interface {
	// follow is in the room, and hands on what it hears, until that breaks.
	follow(ctx context.Context, f *follower) error
	// say says what is not acknowledged yet, as far as the transport can now.
	say(ctx context.Context, f *follower, id, text string)
}

// follow has a user come in, and waits until it is there. The test's end takes it away.
func (v *visitor) follow(base, token string, l link) *follower {
	v.t.Helper()
	f := &follower{t: v.t, v: v, base: base, token: token, link: l, unsaid: map[string]string{}}
	ctx, leave := context.WithCancel(v.t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		for ctx.Err() == nil {
			if err := l.follow(ctx, f); ctx.Err() == nil {
				f.lost(ctx, err)
			}
		}
	}()
	v.t.Cleanup(func() { leave(); <-left })
	eventually(v.t, "somebody comes in", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.epoch != "" })
	return f
}

// lost waits a little before the next attempt.
func (f *follower) lost(ctx context.Context, err error) {
	f.mu.Lock()
	f.broken++
	if f.broken < 3 { // the others will be the same
		f.t.Logf("%T lost its way: %v", f.link, err)
	}
	f.mu.Unlock()
	pause(ctx)
}

// pause is how long a client waits before it tries again.
func pause(ctx context.Context) {
	select {
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
	}
}

// say says something under an id of its own.
func (f *follower) say(text string) {
	f.mu.Lock()
	f.unsaid[text] = text
	f.mu.Unlock()
	f.link.say(f.t.Context(), f, text, text)
}

// place is where the follower is in the log; epoch is empty before it has come in.
func (f *follower) place() (epoch string, since int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.epoch, len(f.heard)
}

// join is the first command of a connection or session.
func (f *follower) join() obj {
	join := obj{"type": "join", "token": f.token}
	if epoch, since := f.place(); epoch != "" {
		join["epoch"], join["since"] = epoch, since
	}
	return join
}

// take takes an object as it came, and holds the order to what is promised.
func (f *follower) take(line []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var o obj
	err := errors.Join(schematest.LoadChat(f.t).Message(line), json.Unmarshal(line, &o))
	switch {
	case err != nil:
		f.fault = errors.Join(f.fault, err)
	case o.str("type") == "welcome":
		if gap, _ := o["gap"].(bool); f.epoch != "" && (gap || o.str("epoch") != f.epoch) {
			f.fault = errors.Join(f.fault, fmt.Errorf("after %d events it cannot go on: %s", len(f.heard), line))
		}
		f.epoch = o.str("epoch")
	case o.str("type") == "ack":
		delete(f.unsaid, o.str("id"))
	case slices.Contains([]string{"error", "skipped", "closing"}, o.str("type")):
		f.fault = errors.Join(f.fault, fmt.Errorf("heard %s", line))
	case o.num("seq") > 0:
		if o.num("seq") != len(f.heard)+1 {
			f.fault = errors.Join(f.fault, fmt.Errorf("after %d events it heard %s", len(f.heard), line))
		}
		f.heard = append(f.heard, string(line))
	}
}

// wantAll wants all followers to have said everything, and to have heard the same log of
// so many events, byte for byte.
func wantAll(t *testing.T, events int, followers ...*follower) {
	t.Helper()
	for _, f := range followers {
		eventually(t, fmt.Sprintf("%T has said all and heard %d events", f.link, events), func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.fault != nil {
				t.Fatalf("%T: %v", f.link, f.fault)
			}
			return len(f.heard) >= events && len(f.unsaid) == 0
		})
		if got, want := f.log(), followers[0].log(); !slices.Equal(got, want) || len(got) != events {
			t.Errorf("%T: want the same %d events as %T,\n%s\ngot\n%s", f.link, events, followers[0].link, want, got)
		}
	}
}

// log is what it has heard so far.
func (f *follower) log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.heard)
}

// bySocket is WebSocket.
type bySocket struct {
	mu sync.Mutex
	ws *websocket.Conn // nil while there is none
}

func (l *bySocket) follow(ctx context.Context, f *follower) error {
	ws, got, err := f.v.dialer.DialContext(ctx, "ws"+strings.TrimPrefix(f.base, "http")+"ws", nil)
	if err != nil {
		return err
	}
	_ = got.Body.Close()
	defer ws.Close()
	stay := context.AfterFunc(ctx, func() { ws.Close() })
	defer stay()
	if err := ws.WriteJSON(f.join()); err != nil {
		return err
	}
	defer l.set(nil)
	for {
		_, message, err := ws.ReadMessage()
		if err != nil {
			return err
		}
		for line := range bytes.SplitSeq(message, []byte("\n")) {
			f.take(line)
			if bytes.Contains(line, []byte(`"type":"welcome"`)) {
				l.set(ws)
				f.mu.Lock()
				again := maps.Clone(f.unsaid)
				f.mu.Unlock()
				for id, text := range again {
					l.say(ctx, f, id, text)
				}
			}
		}
	}
}

func (l *bySocket) set(ws *websocket.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ws = ws
}

func (l *bySocket) say(_ context.Context, _ *follower, id, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ws != nil {
		_ = l.ws.WriteJSON(obj{"type": "message", "id": id, "text": text}) // else it is said after the next welcome
	}
}

// session is what the two transports over HTTP share.
type session struct {
	mu   sync.Mutex
	name string // empty while there is none
}

// query is the session as a query.
func (s *session) query() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "?session=" + s.name
}

func (s *session) set(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name = name
}

// enter joins, unless there is a session.
func (s *session) enter(ctx context.Context, f *follower) error {
	if s.query() != "?session=" {
		return nil
	}
	join, err := json.Marshal(f.join())
	if err != nil {
		return err
	}
	data, err := s.call(ctx, f, "POST", "join", string(join))
	if err == nil {
		s.set(data.Session)
	}
	return err
}

// told is the answer of a session.
type told struct {
	Session string            `json:"session"`
	Events  []json.RawMessage `json:"events"`
}

// call makes a request, and takes the objects of its answer.
func (s *session) call(ctx context.Context, f *follower, method, path, body string) (told, error) {
	got, err := f.v.tryAsk(ctx, method, f.base+path, body)
	if err != nil {
		return told{}, err
	}
	if got.StatusCode != http.StatusOK {
		if got.StatusCode == http.StatusNotFound {
			s.set("")
		}
		return told{}, fmt.Errorf("%s %s: %s %s", method, path, got.Status, got.text)
	}
	var answer struct {
		Data told `json:"data"`
	}
	if err := json.Unmarshal([]byte(got.text), &answer); err != nil {
		return told{}, err
	}
	for _, line := range answer.Data.Events {
		f.take(line)
	}
	return answer.Data, ctx.Err()
}

func (s *session) say(ctx context.Context, f *follower, id, text string) {
	line, err := json.Marshal(obj{"type": "message", "id": id, "text": text})
	if err != nil {
		f.t.Error(err)
	}
	for ctx.Err() == nil {
		if _, err := s.call(ctx, f, "POST", "send"+s.query(), string(line)); err == nil {
			return
		}
		pause(ctx)
	}
}

// byEvents is server-sent events.
type byEvents struct{ session }

func (l *byEvents) follow(ctx context.Context, f *follower) error {
	if err := l.enter(ctx, f); err != nil {
		return err
	}
	epoch, since := f.place()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.base+"events"+l.query(), http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Last-Event-ID", fmt.Sprintf("%s:%d", epoch, since))
	got, err := f.v.client.Do(req)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "text/event-stream" {
		return fmt.Errorf("events: %s of %s", got.Status, got.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(got.Body)
	for lines.Scan() {
		if data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: ")); ok {
			f.take(data)
		}
	}
	return errors.Join(lines.Err(), io.EOF)
}

// byPolls is long polling.
type byPolls struct{ session }

func (l *byPolls) follow(ctx context.Context, f *follower) error {
	if err := l.enter(ctx, f); err != nil {
		return err
	}
	for {
		_, since := f.place()
		if _, err := l.call(ctx, f, "GET", fmt.Sprintf("poll%s&since=%d&wait=10s", l.query(), since), ""); err != nil {
			return err
		}
	}
}
