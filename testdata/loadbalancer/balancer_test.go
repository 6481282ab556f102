package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// caller calls a balancer's handler, and reads what the balancer prints.
type caller struct {
	t        *testing.T
	balancer *balancer
	out      bytes.Buffer // guarded by the balancer's mutex
}

func newCaller(t *testing.T, key string) *caller {
	t.Helper()
	c := &caller{t: t}
	c.balancer = newBalancer(key, &c.out)
	return c
}

func (c *caller) call(method, path, key string) *httptest.ResponseRecorder {
	c.t.Helper()
	r := httptest.NewRequestWithContext(c.t.Context(), method, path, nil)
	r.Header.Set("X-API-Key", key)
	w := httptest.NewRecorder()
	c.balancer.handler().ServeHTTP(w, r)
	return w
}

// register sends a heartbeat: "a%3A80/1000/3/1.0.0".
func (c *caller) register(heartbeat string) {
	c.t.Helper()
	if w := c.call(http.MethodPut, "/register/"+heartbeat, ""); w.Code != http.StatusNoContent {
		c.t.Errorf("%s: status %d, %s", heartbeat, w.Code, w.Body)
	}
}

// wantPrinted fails the test unless these lines were printed since the last time,
// their times left out.
func (c *caller) wantPrinted(why string, want ...string) {
	c.t.Helper()
	c.balancer.mu.Lock()
	defer c.balancer.mu.Unlock()
	var got []string
	for line := range strings.Lines(c.out.String()) {
		_, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		got = append(got, text)
	}
	c.out.Reset()
	if !slices.Equal(got, want) {
		c.t.Errorf("%s: printed %q, want %q", why, got, want)
	}
}

// wantServers fails the test unless GET /servers lists these, in this order.
func (c *caller) wantServers(why string, want ...string) {
	c.t.Helper()
	got := []string{}
	var servers []server
	if err := json.Unmarshal(c.call(http.MethodGet, "/servers", "").Body.Bytes(), &servers); err != nil {
		c.t.Fatalf("%s: %v", why, err)
	}
	for _, s := range servers {
		got = append(got, s.Server)
	}
	if !slices.Equal(got, want) {
		c.t.Errorf("%s: servers %q, want %q", why, got, want)
	}
}

// Users go where there is most room, and nowhere when there is none.
func TestServer(t *testing.T) {
	c := newCaller(t, "")
	c.wantServers("nobody yet")
	next := func(why, want string) {
		t.Helper()
		w := c.call(http.MethodGet, "/server", "")
		var s server
		if w.Code == http.StatusOK {
			if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil {
				t.Fatalf("%s: %v", why, err)
			}
		} else if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d", why, w.Code)
		}
		if s.Server != want {
			t.Errorf("%s: the next user goes to %q, want %q", why, s.Server, want)
		}
	}

	next("nobody yet", "")
	c.register("a.example%3A80/100/0/1.0.0")
	next("one server", "a.example:80")
	c.register("b.example%3A80/1000/899/1.0.0")
	next("b has more room", "b.example:80")
	c.register("b.example%3A80/1000/901/1.0.0")
	next("a has more room", "a.example:80")
	c.wantServers("both", "a.example:80", "b.example:80")
	c.register("a.example%3A80/3/3/1.0.0")
	next("a drains", "b.example:80")
	c.register("b.example%3A80/5/901/1.0.0")
	next("b is overfull", "")
	c.wantServers("both", "a.example:80", "b.example:80")
}

// A server that falls silent is forgotten after 30 s.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t, "")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go c.balancer.watch(ctx)

		c.register("a.example%3A80/10/0/1.0.0")
		<-time.After(20 * time.Second)
		c.register("b.example%3A80/9/0/1.0.0")
		<-time.After(9500 * time.Millisecond)
		c.wantServers("29.5 s", "a.example:80", "b.example:80")
		c.wantPrinted("29.5 s",
			"a.example:80 registered: 0 of 10 rooms, version 1.0.0", "b.example:80 registered: 0 of 9 rooms, version 1.0.0")
		<-time.After(time.Second)
		c.wantPrinted("30.5 s", "a.example:80 gone: not heard of for 30s")
		c.wantServers("30.5 s", "b.example:80")
		c.register("a.example%3A80/10/0/1.0.0")
		c.wantPrinted("again", "a.example:80 registered: 0 of 10 rooms, version 1.0.0")
	})
}

// A line is printed for what changes, and none for what does not.
func TestPrints(t *testing.T) {
	c := newCaller(t, "")
	for _, step := range []struct{ heartbeat, line string }{
		{"a.example%3A80/10/0/1.0.0", "a.example:80 registered: 0 of 10 rooms, version 1.0.0"},
		{"a.example%3A80/10/0/1.0.0", ""},
		{"a.example%3A80/10/1/1.0.0", "a.example:80 changed: 1 of 10 rooms, version 1.0.0"},
		{"a.example%3A80/1/1/1.0.0", "a.example:80 changed: 1 of 1 rooms, version 1.0.0, full or draining"},
		{"a.example%3A80/10/1/1.1.0", "a.example:80 changed: 1 of 10 rooms, version 1.1.0"},
		{"%5B%3A%3A1%5D%3A80/2/2/1.0.0", "[::1]:80 registered: 2 of 2 rooms, version 1.0.0, full or draining"},
	} {
		c.register(step.heartbeat)
		if step.line == "" {
			c.wantPrinted(step.heartbeat)
		} else {
			c.wantPrinted(step.heartbeat, step.line)
		}
	}
}

// What is listed says how fresh it is.
func TestListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t, "")
		c.register("a.example%3A80/10/3/1.0.0")
		<-time.After(2500 * time.Millisecond)
		const want = `[{"server":"a.example:80","capacity":10,"rooms":3,"free":7,"version":"1.0.0",` +
			`"seen":"2000-01-01T00:00:00Z","age":2.5}]`
		w := c.call(http.MethodGet, "/servers", "")
		if got := strings.TrimSpace(w.Body.String()); got != want || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("listed as %s:\n%s\nwant\n%s", w.Header().Get("Content-Type"), got, want)
		}
	})
}

// Heartbeats that break the contract are refused with the reason.
func TestRefusals(t *testing.T) {
	c := newCaller(t, "secret")
	for _, tt := range []struct {
		method, path, key string
		status            int
		says              string
	}{
		{"PUT", "/register/a.example%3A80/10/0/1.0.0", "", 401, "X-API-Key"},
		{"PUT", "/register/a.example%3A80/10/0/1.0.0", "Secret", 401, "X-API-Key"},
		{"PUT", "/register/a.example:80/10/0/1.0.0", "secret", 400, "%3A"},
		{"PUT", "/register/a.example/10/0/1.0.0", "secret", 400, "host:port"},
		{"PUT", "/register/%3A80/10/0/1.0.0", "secret", 400, "host:port"},
		{"PUT", "/register/a.example%3A0/10/0/1.0.0", "secret", 400, "host:port"},
		{"PUT", "/register/a.example%3A65536/10/0/1.0.0", "secret", 400, "host:port"},
		{"PUT", "/register/a%0Aexample%3A80/10/0/1.0.0", "secret", 400, "host:port"},
		{"PUT", "/register/%3A%3A1%3A80/10/0/1.0.0", "secret", 400, "host:port"},
		{"PUT", "/register/a.example%3A80/ten/0/1.0.0", "secret", 400, "capacity"},
		{"PUT", "/register/a.example%3A80/10/-1/1.0.0", "secret", 400, "rooms"},
		{"PUT", "/register/a.example%3A80/10/3000000000/1.0.0", "secret", 400, "rooms"},
		{"PUT", "/register/a.example%3A80/10/0/1.0.0%1B", "secret", 400, "version"},
		{"PUT", "/register/a.example%3A80/10/0", "secret", 404, ""},
		{"POST", "/register/a.example%3A80/10/0/1.0.0", "secret", 405, ""},
		{"DELETE", "/servers", "secret", 405, ""},
	} {
		if w := c.call(tt.method, tt.path, tt.key); w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %s: status %d, %q; want %d and a word about %q", tt.method, tt.path, w.Code, w.Body, tt.status, tt.says)
		}
	}
	c.wantServers("nothing but refusals")
	c.wantPrinted("nothing but refusals")
}
