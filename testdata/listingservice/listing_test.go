package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// caller calls a listing's handler, and reads what the listing prints.
type caller struct {
	t       *testing.T
	listing *listing
	out     bytes.Buffer // guarded by the listing's mutex
}

func newCaller(t *testing.T) *caller {
	t.Helper()
	c := &caller{t: t}
	c.listing = newListing("secret", &c.out)
	return c
}

// call makes a call with the key, which must have that status.
func (c *caller) call(what, body string, status int) string {
	c.t.Helper()
	method, path, _ := strings.Cut(what, " ")
	ctx, cancel := context.WithTimeout(c.t.Context(), 3*time.Second)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	r.Header.Set("X-API-Key", "secret")
	w := httptest.NewRecorder()
	c.listing.handler().ServeHTTP(w, r)
	if w.Code != status {
		c.t.Errorf("%s %s: status %d, want %d: %s", what, body, w.Code, status, w.Body)
	}
	return strings.TrimSpace(w.Body.String())
}

// aRoom is what a server says of a room with so many viewers.
func aRoom(viewers int) string {
	return fmt.Sprintf(`{"host":"chat.example","port":34000,"url":"http://chat.example:34000/","title":"Soup","viewers":%d,"producer":null,"stream_url":"","created":"2026-11-24T09:00:00Z"}`, viewers)
}

// wantPrinted fails the test unless these lines were printed since the last time, their
// times left out.
func (c *caller) wantPrinted(why string, want ...string) {
	c.t.Helper()
	c.listing.mu.Lock()
	defer c.listing.mu.Unlock()
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

// wantRooms fails the test unless GET /rooms lists these, in this order.
func (c *caller) wantRooms(why string, want ...string) {
	c.t.Helper()
	var rooms []struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal([]byte(c.call("GET /rooms", "", 200)), &rooms); err != nil {
		c.t.Fatalf("%s: %v", why, err)
	}
	var got []string
	for _, r := range rooms {
		got = append(got, r.Name)
	}
	if !slices.Equal(got, want) {
		c.t.Errorf("%s: rooms %q, want %q", why, got, want)
	}
}

// Rooms come, change and go, and those of which nothing is heard go too.
func TestRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go c.listing.watch(ctx)
		c.wantRooms("none yet")
		c.call("PUT /rooms/a", aRoom(1), 204)
		c.call("PUT /rooms/b", aRoom(2), 204)
		c.wantRooms("most viewers first", "b", "a")
		c.call("PUT /rooms/a", aRoom(3), 204)
		c.call("PUT /rooms/a", aRoom(3), 204)
		c.wantRooms("most viewers first", "a", "b")
		c.call("DELETE /rooms/b", "", 204)
		c.call("DELETE /rooms/b", "", 404)
		c.wantRooms("one is closed", "a")
		const at = " at http://chat.example:34000/"
		c.wantPrinted("all of it", `a listed: 1 viewers, "Soup"`+at, `b listed: 2 viewers, "Soup"`+at, `a changed: 3 viewers, "Soup"`+at, "b gone: closed")
		<-time.After(91 * time.Second)
		c.wantPrinted("silence", "a gone: not heard of for 1m30s")
		c.wantRooms("silence")
	})
}

// It goes wrong as it is told.
func TestModes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t)
		c.call("PUT /mode/hang", "", 204)
		begun := time.Now()
		c.call("PUT /rooms/a", aRoom(1), 200) // no status was sent
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
		c.call("PUT /mode/fail", "", 204)
		c.call("PUT /rooms/a", aRoom(1), 500)
		c.wantRooms("nothing was heard")
		c.call("PUT /mode/well", "", 204)
		c.call("PUT /rooms/a", aRoom(1), 204)
		c.call("PUT /mode/odd", "", 400)
	})
}

func TestRefusals(t *testing.T) {
	c := newCaller(t)
	c.call("PUT /rooms/a", `{`, 400)
	c.call("PUT /rooms/a", `{}`, 400)
	c.call("PUT /rooms/.a", aRoom(1), 400)
	c.call("PUT /rooms/a", strings.Replace(aRoom(1), "34000,", "65536,", 1), 400)
	c.call("PUT /rooms/a", strings.Repeat(" ", 70000), 400)
	c.call("POST /rooms/a", aRoom(1), 405)
	c.listing.key = "another"
	c.call("PUT /rooms/a", aRoom(1), 401)
	c.wantPrinted("nothing but refusals")
}
