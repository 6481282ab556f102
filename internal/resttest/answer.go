package resttest

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"chatserver/internal/fault"
	"chatserver/internal/rest"
)

// Answer is what a request got.
type Answer struct {
	Asked  string // method and path
	Status int
	Header http.Header
	Body   string

	t *testing.T
}

// WantStatus wants that status, whatever else is in the answer.
func (a Answer) WantStatus(why string, status int) Answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Errorf("%s: %s: want status %d, got %d %s", why, a.Asked, status, a.Status, a.Body)
	}
	return a
}

// WantHeader wants a header once and with that value, or with "" not at all.
func (a Answer) WantHeader(why, name, value string) Answer {
	a.t.Helper()
	if got := strings.Join(a.Header.Values(name), " | "); got != value {
		a.t.Errorf("%s: %s: want %s: %q, got %q", why, a.Asked, name, value, got)
	}
	return a
}

// Want wants a status and, byte for byte, a body; the line feed behind JSON aside.
func (a Answer) Want(why string, status int, body string) Answer {
	a.t.Helper()
	a.WantStatus(why, status)
	if got := strings.TrimSuffix(a.Body, "\n"); got != body {
		a.t.Errorf("%s: %s:\nwant %s\ngot  %s", why, a.Asked, body, got)
	}
	return a
}

// WantJSON wants a status and that JSON, in whatever order its members are.
func (a Answer) WantJSON(why string, status int, body string) Answer {
	a.t.Helper()
	a.WantStatus(why, status)
	a.WantHeader(why, "Content-Type", "application/json")
	var got, want any
	if err := json.Unmarshal([]byte(body), &want); err != nil {
		a.t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil || !reflect.DeepEqual(got, want) {
		a.t.Errorf("%s: %s:\nwant %s\ngot  %s", why, a.Asked, body, a.Body)
	}
	return a
}

// WantProblem wants a problem document with all that belongs to it.
func (a Answer) WantProblem(why string, status int, code fault.Code) Obj {
	a.t.Helper()
	a.WantStatus(why, status)
	a.WantHeader(why, "Content-Type", "application/problem+json")
	var p Obj
	if err := json.Unmarshal([]byte(a.Body), &p); err != nil {
		a.t.Fatalf("%s: %s: want a problem document, got %q", why, a.Asked, a.Body)
	}
	if p.Str("type") != "about:blank" || p.Str("title") != http.StatusText(status) || p.Num("status") != status ||
		p.Str("detail") == "" || p.Str("code") != string(code) {
		a.t.Errorf("%s: %s: want a problem document of %d with code %s, got %s", why, a.Asked, status, code, a.Body)
	}
	retryAfter := ""
	if ms := p.Num("retry_after"); ms > 0 {
		retryAfter = strconv.Itoa((ms + 999) / 1000)
	}
	a.WantHeader(why, "Retry-After", retryAfter)
	return p
}

// Data wants that status and an object in data, which it returns.
func (a Answer) Data(why string, status int) Obj {
	a.t.Helper()
	a.WantStatus(why, status)
	a.WantHeader(why, "Content-Type", "application/json")
	var envelope map[string]Obj
	if err := json.Unmarshal([]byte(a.Body), &envelope); err != nil || len(envelope) != 1 || envelope["data"] == nil {
		a.t.Fatalf("%s: %s: want an object in data alone, got %s (%v)", why, a.Asked, a.Body, err)
	}
	return envelope["data"]
}

// Into reads a success into v.
func (a Answer) Into(why string, v any) {
	a.t.Helper()
	a.WantStatus(why, http.StatusOK)
	if err := json.Unmarshal([]byte(a.Body), v); err != nil {
		a.t.Fatalf("%s: %s: %v in %s", why, a.Asked, err, a.Body)
	}
}

// events returns the objects of the chat that the answer holds: of a log, as JSON or as
// NDJSON, or of a session.
func (a Answer) events() [][]byte {
	var all [][]byte
	switch a.Header.Get("Content-Type") {
	case rest.NDJSON:
		for line := range strings.Lines(a.Body) {
			all = append(all, []byte(line))
		}
	case "application/json":
		var log struct {
			Data struct {
				Events []json.RawMessage `json:"events"`
			} `json:"data"`
		}
		if json.Unmarshal([]byte(a.Body), &log) != nil {
			return nil // another shape: there are none
		}
		for _, event := range log.Data.Events {
			all = append(all, event)
		}
	}
	return all
}

// Obj is a JSON object. A member that is not there, or is of another type, reads as
// that type's zero value.
type Obj map[string]any

// Str is a member that is a string.
func (o Obj) Str(key string) string { s, _ := o[key].(string); return s }

// Num is a member that is a number, without its fraction.
func (o Obj) Num(key string) int { n, _ := o[key].(float64); return int(n) }

// Obj is a member that is an object.
func (o Obj) Obj(key string) Obj { m, _ := o[key].(map[string]any); return m }

// JSON is the object as text, its members in order of name.
func (o Obj) JSON() string {
	text, err := json.Marshal(o)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
