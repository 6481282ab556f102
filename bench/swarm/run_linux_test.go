package swarm

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// chat is a server that lets everybody in and sends all that is said to everybody, but
// for the event whose number is to be lost.
type chat struct {
	lose uint64

	mu    sync.Mutex
	seq   uint64
	conns []*websocket.Conn
}

func (c *chat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var up websocket.Upgrader
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer ws.Close()
	for {
		_, data, err := ws.ReadMessage()
		if err != nil {
			return
		}
		c.take(ws, string(data))
	}
}

func (c *chat) take(ws *websocket.Conn, data string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, said, isMessage := strings.Cut(data, `"text":`)
	if !isMessage {
		c.conns = append(c.conns, ws)
		_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"welcome","seq":0}`))
		return
	}
	c.seq++
	if c.seq == c.lose {
		return
	}
	event := fmt.Sprintf("{\"type\":\"viewers\",\"count\":1}\n{\"type\":\"message\",\"seq\":%d,\"text\":%s", c.seq, said)
	for _, to := range c.conns {
		_ = to.WriteMessage(websocket.TextMessage, []byte(event))
	}
}

// listen starts a chat and returns its address.
func listen(t *testing.T, c *chat) string {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: c}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return ln.Addr().String()
}

// drive gives commands to a swarm, one after the other, and returns the answers.
func drive(t *testing.T, cfg Config) (tell func(command string) Report) {
	t.Helper()
	commands, in := io.Pipe()
	out, answers := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Run(commands, answers); _ = answers.Close() }()
	t.Cleanup(func() {
		_ = in.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if err := json.NewEncoder(in).Encode(cfg); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	return func(command string) Report {
		t.Helper()
		if _, err := io.WriteString(in, command+"\n"); err != nil {
			t.Fatal(err)
		}
		var r Report
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &r) != nil {
			t.Fatalf("no answer to %s: %v %q", command, lines.Err(), lines.Text())
		}
		return r
	}
}

func TestSwarm(t *testing.T) {
	for name, c := range map[string]struct{ lose, lost uint64 }{
		"all":         {0, 0},
		"one is lost": {3, 3}, // at each of the 3 clients
	} {
		t.Run(name, func(t *testing.T) {
			tell := drive(t, Config{
				Wire: "chatserver", Rooms: []Target{{Addr: listen(t, &chat{lose: c.lose})}}, Viewers: 3, Senders: 3,
				Rate: 500, Text: 64, AtOnce: 2, Net: 3, Within: time.Minute,
			})
			if r := tell(Connect); r.Connected != 3 || r.Error != "" {
				t.Fatalf("%+v, want 3 connected", r)
			}
			tell(Start)
			for r := tell(Look); r.Sent < 30; r = tell(Look) {
				if r.Error != "" {
					t.Fatal(r.Error)
				}
			}
			r := tell(Finish)
			if r.Delivered+c.lost != 3*r.Sent || r.Lost != c.lost {
				t.Errorf("%d of %d delivered, %d lost; want %d lost and no more", r.Delivered, 3*r.Sent, r.Lost, c.lost)
			}
			if r.P50 <= 0 || r.Max < r.P50 {
				t.Errorf("the median is %v and the maximum %v", r.P50, r.Max)
			}
		})
	}
}

func TestSwarmWithoutAServer(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	tell := drive(t, Config{Wire: "chatserver", Rooms: []Target{{Addr: ln.Addr().String()}}, Viewers: 2, AtOnce: 2, Net: 3, Within: 100 * time.Millisecond})
	if r := tell(Connect); r.Error == "" || r.Failed != 2 {
		t.Errorf("%+v, want 2 failed and why", r)
	}
	if r := tell("dance"); r.Error == "" {
		t.Error("a command that does not exist is taken")
	}
}
