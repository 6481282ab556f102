package services

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/internal/outbound"
)

func newTestCredit(t *testing.T, f *fake) *Credit {
	t.Helper()
	c, err := NewCredit(CreditOptions{URL: "https://credit.example/v1/", Key: testKey, transport: f})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The calls of a session, as they go over the wire.
func TestCreditCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		c := newTestCredit(t, f)
		f.says(http.StatusCreated, `{"session":"s/1","allowed":true,"seconds":60,"more":{"x":[1]}}`)
		g, err := c.Open(t.Context(), "k1", "u1", "lobby")
		if want := (Grant{"s/1", true, time.Minute}); err != nil || g != want {
			t.Errorf("Open: %v, %v, want %v", g, err, want)
		}
		f.says(http.StatusOK, `{"allowed":true,"seconds":2.5}`)
		g, err = c.Renew(t.Context(), "s/1", 56400*time.Millisecond)
		if want := (Grant{"", true, 2500 * time.Millisecond}); err != nil || g != want {
			t.Errorf("Renew: %v, %v, want %v", g, err, want)
		}
		f.says(http.StatusNoContent, "")
		if err := c.End(t.Context(), "s/1", 58500*time.Millisecond); err != nil {
			t.Errorf("End: %v", err)
		}
		if err := c.Tip(t.Context(), "k2", Tip{"u1", "lobby", "4.5", "EUR", "for <you>"}); err != nil {
			t.Errorf("Tip: %v", err)
		}
		f.want("all of it",
			`0s POST /v1/sessions {"user":"u1","room":"lobby"} once k1`,
			`0s PUT /v1/sessions/s%2F1 {"seconds":56}`,
			`0s DELETE /v1/sessions/s%2F1 {"seconds":59}`,
			`0s POST /v1/tips {"user":"u1","room":"lobby","amount":4.5,"currency":"EUR","text":"for \u003cyou\u003e"} once k2`)
	})
}

// What the service says of somebody's credit is used only if it makes sense.
func TestGrants(t *testing.T) {
	const failed = -1
	for _, tt := range []struct {
		status int
		answer string
		left   time.Duration // 0: not allowed; failed: an error
	}{
		{200, `{"session":"s","allowed":true,"seconds":60}`, time.Minute},
		{201, `{"session":"s","allowed":true,"seconds":0.001}`, time.Second},
		{200, `{"session":"s","allowed":true,"seconds":1e300}`, 24 * time.Hour},
		{200, `{"session":"s","allowed":false,"seconds":60}`, 0},
		{200, `{"session":"s","allowed":false}`, 0},
		{200, `{"allowed":false}`, 0},
		{402, `{"reason":"no money"}`, 0},
		{403, ``, 0},

		{200, `{"session":"s","allowed":true,"seconds":-1}`, failed},
		{200, `{"session":"s","allowed":true,"seconds":0}`, failed},
		{200, `{"session":"s","allowed":true,"seconds":1e999}`, failed},
		{200, `{"session":"s","allowed":true,"seconds":"60"}`, failed},
		{200, `{"session":"s","allowed":true,"seconds":null}`, failed},
		{200, `{"session":"s","allowed":true}`, failed},
		{200, `{"session":"s","seconds":60}`, failed},
		{200, `{"session":"s","allowed":"yes","seconds":60}`, failed},
		{200, `{"session":"s","allowed":1,"seconds":60}`, failed},
		{200, `{"session":7,"allowed":true,"seconds":60}`, failed},
		{200, `{"session":"","allowed":true,"seconds":60}`, failed},
		{200, `{"allowed":true,"seconds":60}`, failed},
		{200, `{"session":"..","allowed":true,"seconds":60}`, failed},
		{200, `{"session":"a\nb","allowed":true,"seconds":60}`, failed},
		{200, `{"session":"a\u202eb","allowed":false}`, failed},
		{200, `{"session":"` + strings.Repeat("s", 257) + `","allowed":true,"seconds":60}`, failed},
		{200, `{"session":"s","allowed":true,"seconds":60`, failed},
		{200, `[]`, failed},
		{200, `null`, failed},
		{200, ``, failed},
		{204, ``, failed},
		{200, strings.Repeat(" ", 1<<20) + `{}`, failed},
		{200, strings.Repeat("[", 1<<15), failed},
		{302, ``, failed},
		{400, ``, failed},
		{401, ``, failed},
		{404, ``, failed},
		{429, ``, failed},
		{500, `{"session":"s","allowed":true,"seconds":60}`, failed},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			f.says(tt.status, tt.answer)
			g, err := newTestCredit(t, f).Open(t.Context(), "k", "u", "r")
			switch {
			case tt.left == failed:
				if err == nil {
					t.Errorf("%d %.80s: want an error, got %v", tt.status, tt.answer, g)
				}
			case err != nil || g.Allowed != (tt.left > 0) || g.Left != tt.left || g.Allowed && g.Session != "s":
				t.Errorf("%d %.80s: got %v, %v, want %v left", tt.status, tt.answer, g, err, tt.left)
			}
		})
	}
}

// A session that the service does not know can be renewed by nobody, and has ended.
func TestUnknownSessions(t *testing.T) {
	for _, status := range []int{404, 410} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			f.says(status, "")
			c := newTestCredit(t, f)
			if _, err := c.Renew(t.Context(), "s", 0); !errors.Is(err, ErrNoSession) {
				t.Errorf("%d: Renew: %v, want ErrNoSession", status, err)
			}
			if err := c.End(t.Context(), "s", 0); err != nil {
				t.Errorf("%d: End: %v", status, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.says(402, "")
		c := newTestCredit(t, f)
		if g, err := c.Renew(t.Context(), "s", 0); err != nil || g.Allowed {
			t.Errorf("402: Renew: %v, %v, want it not allowed", g, err)
		}
		if err := c.End(t.Context(), "s", 0); err == nil {
			t.Error("402: End: want an error")
		}
	})
}

// A tip that the service does not take is told apart from one of which nobody knows.
func TestTips(t *testing.T) {
	const taken, unknown = "taken", "unknown"
	for _, tt := range []struct {
		status       int
		answer, want string // else the reason
	}{
		{200, `{}`, taken},
		{201, `{"allowed":true}`, taken},
		{204, ``, taken},
		{200, `thank you`, taken},
		{200, strings.Repeat("x", 1<<20), taken},
		{200, `{"allowed":false,"reason":"too little"}`, "too little"},
		{402, `{"reason":"no money"}`, "no money"},
		{422, `{"title":"Unprocessable","detail":"an odd amount"}`, "an odd amount"},
		{400, `{"reason":7}`, ""},
		{403, `<html>`, ""},
		{404, ``, ""},
		{410, strings.Repeat("x", 1<<20), ""},
		{302, ``, unknown},
		{401, `{"reason":"the key"}`, unknown},
		{408, ``, unknown},
		{409, `{"reason":"it is being taken"}`, unknown},
		{425, ``, unknown},
		{429, `{"reason":"not so fast"}`, unknown},
		{500, `{"reason":"oops"}`, unknown},
		{503, ``, unknown},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			f.says(tt.status, tt.answer)
			err := newTestCredit(t, f).Tip(t.Context(), "k", Tip{Amount: json.Number("1")})
			got := taken
			if refusal, ok := errors.AsType[*RefusedError](err); ok {
				got = refusal.Reason
			} else if err != nil {
				got = unknown
			}
			if got != tt.want {
				t.Errorf("%d %.80s: got %q (%v), want %q", tt.status, tt.answer, got, err, tt.want)
			}
		})
	}
}

// A service that hangs costs 3 s a call, and after five of them nothing for 10 s. One that
// refuses is well.
func TestCreditLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		c := newTestCredit(t, f)
		f.says(402, "")
		for range 20 {
			if err := c.Tip(t.Context(), "k", Tip{Amount: "1"}); errors.Is(err, outbound.ErrOpen) {
				t.Fatal("a service that refuses tips is left alone")
			}
		}
		f.takesTime(-1)
		call := func() (took time.Duration, err error) {
			begun := time.Now()
			_, err = c.Open(t.Context(), "k", "u", "r")
			return time.Since(begun), err
		}
		for range 5 {
			if took, err := call(); took != 3*time.Second || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a call took %v: %v, want its end after 3 s", took, err)
			}
		}
		if took, err := call(); took != 0 || !errors.Is(err, outbound.ErrOpen) {
			t.Errorf("left alone, a call took %v: %v", took, err)
		}
		f.takesTime(0)
		f.says(200, `{"session":"s","allowed":true,"seconds":60}`)
		<-time.After(10*time.Second + 1)
		if took, err := call(); took != 0 || err != nil {
			t.Errorf("back again, a call took %v: %v", took, err)
		}
	})
}

// A body that comes by the byte is no way around the 3 s, and the key does not follow a
// redirect.
func TestHostileCredit(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a call was led astray with the key %q", r.Header.Get("X-API-Key"))
	}))
	defer elsewhere.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/tips" {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
			return
		}
		drip := time.NewTicker(50 * time.Millisecond)
		defer drip.Stop()
		for r.Context().Err() == nil {
			<-drip.C
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
		}
	}))
	defer server.Close()
	c, err := NewCredit(CreditOptions{URL: server.URL, Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begun := time.Now()
	if _, err := c.Open(t.Context(), "k", "u", "r"); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 10*time.Second {
		t.Errorf("Open: %v after %v", err, time.Since(begun))
	}
	if _, refused := errors.AsType[*RefusedError](c.Tip(t.Context(), "k", Tip{Amount: "1"})); refused {
		t.Error("a redirect counts as an answer")
	}
}

func TestBadCreditURL(t *testing.T) {
	for _, url := range []string{"", "credit.example", "https://u:hunter2@/", "https://credit.example?x"} {
		if _, err := NewCredit(CreditOptions{URL: url}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want an error without the password", url, err)
		}
	}
}
