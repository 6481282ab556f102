package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// caller calls a bank's handler, and reads what the bank prints.
type caller struct {
	t    *testing.T
	bank *bank
	out  bytes.Buffer // guarded by the bank's mutex
}

func newCaller(t *testing.T, balance float64) *caller {
	t.Helper()
	c := &caller{t: t}
	c.bank = newBank("secret", balance, 60, &c.out)
	return c
}

// call makes a call with the key, under a name if one is given, which must have that status.
func (c *caller) call(what, body string, status int, name ...string) string {
	c.t.Helper()
	method, path, _ := strings.Cut(what, " ")
	ctx, cancel := context.WithTimeout(c.t.Context(), 3*time.Second)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	r.Header.Set("X-API-Key", "secret")
	if len(name) > 0 {
		r.Header.Set("Idempotency-Key", name[0])
	}
	w := httptest.NewRecorder()
	c.bank.handler().ServeHTTP(w, r)
	if w.Code != status {
		c.t.Errorf("%s %s: status %d, want %d: %s", what, body, w.Code, status, w.Body)
	}
	return strings.TrimSpace(w.Body.String())
}

// wantPrinted fails the test unless these lines were printed since the last time, their
// times left out.
func (c *caller) wantPrinted(why string, want ...string) {
	c.t.Helper()
	c.bank.mu.Lock()
	defer c.bank.mu.Unlock()
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

// A user is allowed what is left, and what was used counts once.
func TestSessions(t *testing.T) {
	c := newCaller(t, 100)
	const ann = `{"user":"ann","room":"lobby"}`
	if got, want := c.call("POST /sessions", ann, 201, "k1"), `{"allowed":true,"seconds":60,"session":"session-1"}`; got != want {
		t.Errorf("opened: %s, want %s", got, want)
	}
	c.call("POST /sessions", ann, 201, "k1")
	for range 2 {
		if got, want := c.call("PUT /sessions/session-1", `{"seconds":58}`, 200), `{"allowed":true,"seconds":42,"session":"session-1"}`; got != want {
			t.Errorf("renewed: %s, want %s", got, want)
		}
	}
	for range 2 {
		c.call("DELETE /sessions/session-1", `{"seconds":100}`, 200)
	}
	c.call("PUT /sessions/session-1", `{"seconds":100}`, 404)
	if got := c.call("POST /sessions", ann, 201, "k2"); !strings.Contains(got, `"allowed":false`) {
		t.Errorf("out of credit: %s", got)
	}
	c.call("PUT /users/ann/balance/5", "", 204)
	if got := c.call("PUT /sessions/session-2", `{"seconds":0}`, 200); !strings.Contains(got, `"allowed":true,"seconds":5`) {
		t.Errorf("with new credit: %s", got)
	}
	if got, want := c.call("GET /sessions", "", 200), `[{"session":"session-1","user":"ann","room":"lobby","seconds":100,"asked":4,"ended":true},`+
		`{"session":"session-2","user":"ann","room":"lobby","seconds":0,"asked":2,"ended":false}]`; got != want {
		t.Errorf("sessions: %s, want %s", got, want)
	}
	if got := c.call("GET /users", "", 200); got != `{"ann":5}` {
		t.Errorf("users: %s", got)
	}
	c.wantPrinted("all of it",
		"ann may be in lobby for 60s, 0s so far", "ann may be in lobby for 60s, 0s so far",
		"ann may be in lobby for 42s, 58s so far", "ann may be in lobby for 42s, 58s so far",
		"ann was in lobby for 100s, 0 left", "ann was in lobby for 100s, 0 left",
		"ann is out of credit in lobby", "ann has 5 now", "ann may be in lobby for 5s, 0s so far")
}

// A tip is taken once for each key, if there is credit for it.
func TestTips(t *testing.T) {
	c := newCaller(t, 10)
	tip := func(amount float64) string {
		return fmt.Sprintf(`{"user":"ann","room":"lobby","amount":%g,"currency":"EUR","text":"hi"}`, amount)
	}
	c.call("POST /tips", tip(7.5), 201, "k1")
	c.call("POST /tips", tip(7.5), 201, "k1")
	if got := c.call("POST /tips", tip(5), 402, "k2"); got != `{"reason":"you have 2.5 left"}` {
		t.Errorf("refused: %s", got)
	}
	c.call("POST /tips", tip(1), 201)
	c.call("POST /tips", tip(1), 201)
	if got, want := c.call("GET /tips", "", 200), `[{"user":"ann","room":"lobby","amount":7.5,"currency":"EUR","text":"hi","times":2},`+
		`{"user":"ann","room":"lobby","amount":1,"currency":"EUR","text":"hi","times":1},{"user":"ann","room":"lobby","amount":1,"currency":"EUR","text":"hi","times":1}]`; got != want {
		t.Errorf("tips: %s, want %s", got, want)
	}
	c.wantPrinted("all of it", "ann gives 7.5 EUR in lobby", "ann cannot give 5 EUR in lobby", "ann gives 1 EUR in lobby", "ann gives 1 EUR in lobby")
}

// It goes wrong as it is told.
func TestModes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t, 100)
		const ann = `{"user":"ann","room":"lobby"}`
		hung := func(what string, sessions int) {
			t.Helper()
			begun := time.Now()
			c.call("POST /sessions", ann, 200) // no status was sent
			if took := time.Since(begun); took != 3*time.Second || len(c.bank.sessions) != sessions {
				t.Errorf("%s: it took %v, and there are %d sessions", what, took, len(c.bank.sessions))
			}
		}
		c.call("PUT /mode/hang", "", 204)
		hung("hang", 0)
		c.call("PUT /mode/lose", "", 204)
		hung("lose", 1)
		c.call("PUT /mode/fail", "", 204)
		c.call("POST /sessions", ann, 500)
		c.call("PUT /mode/well", "", 204)
		c.call("POST /sessions", ann, 201)
		c.call("PUT /mode/odd", "", 400)
	})
}

func TestRefusals(t *testing.T) {
	c := newCaller(t, 100)
	for what, status := range map[string]int{
		"POST /sessions {":                     400,
		`POST /sessions {"user":"ann"}`:        400,
		`PUT /sessions/none {"seconds":1}`:     404,
		`DELETE /sessions/none {"seconds":1}`:  404,
		`PUT /users/ann/balance/much {}`:       400,
		`PATCH /sessions {}`:                   405,
		`GET /nothing {}`:                      404,
		`POST /sessions {"user":1,"room":"x"}`: 400,
	} {
		f := strings.SplitN(what, " ", 3)
		c.call(f[0]+" "+f[1], f[2], status)
	}
	c.bank.key = "another"
	c.call("POST /tips", `{}`, 401)
}
