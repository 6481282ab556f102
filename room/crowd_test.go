package room

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"chatserver/cache"
)

// crowd is many viewers of a room over TCP, who look for a text in what they hear.
type crowd struct {
	size   int
	wanted atomic.Pointer[search]
}

// search is a text that each viewer is to hear.
type search struct {
	text []byte
	left atomic.Int64 // viewers who have not heard it
	done chan struct{}
}

// newCrowd has that many viewers join.
func newCrowd(w *tcpWorld, r *Room, size int) *crowd {
	c := &crowd{size: size}
	c.wanted.Store(&search{text: []byte("\x00"), done: make(chan struct{})})
	for range size {
		viewer := w.join(r)
		go c.watch(viewer)
	}
	return c
}

// watch reads until the test ends.
func (c *crowd) watch(viewer *tcpClient) {
	var last *search
	for {
		_, payload, err := readFrame(viewer.in)
		if err != nil {
			return
		}
		if s := c.wanted.Load(); s != last && bytes.Contains(payload, s.text) {
			if last = s; s.left.Add(-1) == 0 {
				close(s.done)
			}
		}
	}
}

// reached returns how long it takes from now on until all have heard a text.
func (c *crowd) reached(t *testing.T, text string, begin func()) time.Duration {
	t.Helper()
	s := &search{text: []byte(text), done: make(chan struct{})}
	s.left.Store(int64(c.size))
	c.wanted.Store(s)
	start := time.Now()
	begin()
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		t.Fatalf("%d viewers have not heard %s", s.left.Load(), text)
	}
	return time.Since(start)
}

// TestModerationInAFlood has a moderator clear, slow and ban in a room of 2,000 viewers
// while somebody says 500 messages a second, and tells how long each took to reach all.
func TestModerationInAFlood(t *testing.T) {
	database := cache.New(cache.Options{})
	database.Keep(memoryStore{}, nil)
	w := newTCPWorld(t, func(o *Options) {
		o.Tokens, o.Snapshot, o.Sanctions = testTokens{}, database.Snapshot, database
	})
	r := w.room("lobby")
	viewers := newCrowd(w, r, 2000)
	mod, troll := w.joinAs(r, "mod:Mod:moderator"), w.joinAs(r, "troll:Troll:consumer")
	go func() { // the troll hears nothing but the end
		_, _ = io.Copy(io.Discard, troll.in)
	}()
	over := make(chan struct{})
	ticks := time.NewTicker(2 * time.Millisecond)
	defer ticks.Stop()
	go func() {
		defer close(over)
		for i := 0; ; i++ {
			<-ticks.C
			if _, err := troll.Write(textOf(fmt.Sprintf(`{"type":"message","text":"flood %d"}`, i))); err != nil {
				return
			}
		}
	}()
	viewers.reached(t, "flood 100", func() {})
	for _, act := range []struct{ name, command, event string }{
		{"clear", `{"type":"clear"}`, `"type":"cleared"`},
		{"slow mode", `{"type":"set","slow_mode":30}`, `"slow_mode":30`},
		{"end of slow mode", `{"type":"set","slow_mode":0}`, `"slow_mode":0`},
		{"ban", `{"type":"ban","user":"troll","reason":"flood"}`, `"kind":"ban"`},
	} {
		took := viewers.reached(t, act.event, func() { mod.write(textOf(act.command)) })
		t.Logf("%-17s %v until all 2,000 viewers have it", act.name, took.Round(100*time.Microsecond))
	}
	<-over // the ban has cut it off
	if e := r.State().Seq; e < 100 {
		t.Errorf("the flood was none: seq %d", e)
	}
}

// joinAs joins with a token; see testTokens.
func (w *tcpWorld) joinAs(r *Room, token string) *tcpClient {
	w.Helper()
	c := w.dial(r, false)
	c.write(textOf(`{"type":"join","token":"` + token + `"}`))
	c.want("welcome")
	return c
}
