package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/zap/zapcore"

	"chatserver/internal/fault"
)

// keyedCalls are all calls that need the key.
var keyedCalls = []struct{ method, path string }{
	{"GET", "/api/v1/client"},
	{"GET", "/r/testroom/client"},
	{"GET", "/api/v1/rooms"},
	{"POST", "/api/v1/room/testroom"},
	{"GET", "/api/v1/room/testroom"},
	{"PATCH", "/api/v1/room/testroom"},
	{"DELETE", "/api/v1/room/testroom"},
	{"POST", "/api/v1/room/testroom/message"},
	{"POST", "/api/v1/room/testroom/token"},
	{"GET", "/api/v1/what/is/this"},
}

func TestWithoutKey(t *testing.T) {
	s := newServer(t)
	const about = `{"data":{"app":"chatserver","version":"1.2.3"}}`
	for _, tt := range []struct{ path, body string }{
		{"/api/v1/", about},
		{"/api/v1", about},
		{"/livez", `{"data":{"live":true}}`},
		{"/healthz", `{"data":{"live":true}}`},
		{"/readyz", `{"data":{"ready":true}}`},
		{"/", "the landing page at /"},
		{"/assets/room.js", "an asset at /assets/room.js"},
	} {
		s.Call("GET", tt.path, "", "X-API-Key", "").Want("open to all", http.StatusOK, tt.body)
	}
	s.Call("GET", "/api/v1/", "").WantHeader("JSON", "Content-Type", "application/json")
}

func TestKeys(t *testing.T) {
	s := newServer(t)
	s.open("here", "")
	for _, tt := range []struct{ why, key string }{
		{"no key", ""},
		{"another API's key", "admin-0123456789abcdef"},
		{"the beginning of the key", testKey[:len(testKey)-1]},
		{"the key and more", testKey + "0"},
		{"another case", strings.ToUpper(testKey)},
		{"a space inside", testKey[:4] + " " + testKey[4:]},
	} {
		for _, call := range keyedCalls {
			a := s.Call(call.method, call.path, "", "X-API-Key", tt.key)
			a.WantProblem(tt.why, http.StatusUnauthorized, fault.Unauthorized)
			a.WantHeader("it says how", "WWW-Authenticate", `ApiKey header="X-API-Key"`)
		}
		s.Call("DELETE", "/api/v1/room/here", "", "X-API-Key", tt.key).WantStatus(tt.why, http.StatusUnauthorized)
	}
	s.Call("GET", "/api/v1/rooms?key="+testKey, "", "X-API-Key", "", "Authorization", "Bearer "+testKey).
		WantProblem("a key elsewhere", http.StatusUnauthorized, fault.Unauthorized)
	if open := s.Rooms(); len(open) != 1 || open[0].Name() != "here" {
		t.Errorf("calls without the key were carried out: %d rooms are open, want the one", len(open))
	}
}

func TestUnknownPaths(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/nothing", "/api", "/api/v2/", "/api/v1/nothing", "/api/v1/room/a/b/c", "/livez/"} {
		s.Call("GET", path, "").WantProblem("nothing there", http.StatusNotFound, fault.RouteNotFound)
	}
	s.Call("POST", "/livez", "").WantHeader("allowed are", "Allow", "OPTIONS, GET, HEAD").
		WantProblem("another method", http.StatusMethodNotAllowed, fault.MethodNotAllowed)
}

func TestOtherMethods(t *testing.T) {
	s := newServer(t)
	s.open("testroom", "")
	for _, tt := range []struct{ method, path string }{
		{"PUT", "/api/v1/room/testroom"},
		{"POST", "/api/v1/rooms"},
		{"GET", "/api/v1/room/testroom/message"},
		{"GET", "/api/v1/room/testroom/token"},
		{"POST", "/api/v1/"},
	} {
		a := s.Call(tt.method, tt.path, "")
		a.WantProblem("the path is there, the method is not", http.StatusMethodNotAllowed, fault.MethodNotAllowed)
		if a.Header.Get("Allow") == "" {
			t.Errorf("%s: want an Allow header", a.Asked)
		}
		if tt.path != "/api/v1/" {
			s.Call(tt.method, tt.path, "", "X-API-Key", "").
				WantProblem("without the key nothing is told", http.StatusUnauthorized, fault.Unauthorized)
		}
	}
}

// No way of writing a path leads past the key.
func TestPathsThatAreWrittenOddly(t *testing.T) {
	s := newServer(t)
	s.open("testroom", "")
	for _, path := range []string{
		"/%61pi/v1/rooms", "/api%2Fv1/rooms", "/api/v1/%72ooms", "/api/v1%2Frooms", "/api//v1/rooms", "//api/v1/rooms",
		"/api/v1//rooms", "/api/v1/./rooms", "/api/v1/x/../rooms", "/API/v1/rooms", "/r/testroom/../../api/v1/rooms",
	} {
		if a := s.Call("GET", path, "", "X-API-Key", ""); a.Status != http.StatusUnauthorized && a.Status != http.StatusNotFound {
			t.Errorf("%s: want it refused, got %d %s", a.Asked, a.Status, a.Body)
		}
	}
}

// Checks of health and monitors like to ask by HEAD, which RFC 9110 has wherever
// there is GET.
func TestHead(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/", "/livez", "/healthz", "/readyz", "/api/v1/"} {
		s.Call("HEAD", path, "", "X-API-Key", "").Want("as GET, without a body", http.StatusOK, "")
	}
	s.open("testroom", "")
	for _, path := range []string{"/api/v1/rooms", "/api/v1/room/testroom", "/r/testroom/"} {
		s.Call("HEAD", path, "").Want("with the key", http.StatusOK, "")
	}
	s.Call("HEAD", "/api/v1/rooms", "", "X-API-Key", "").Want("without the key", http.StatusUnauthorized, "")
	s.Call("HEAD", "/api/v1/room/testroom/message", "").Want("where there is no GET", http.StatusMethodNotAllowed, "")
}

func TestRequestIDs(t *testing.T) {
	s := newServer(t)
	idOf := func(sent string) string {
		a := s.Call("GET", "/livez", "", "X-Request-Id", sent)
		return strings.Join(a.Header.Values("X-Request-Id"), " | ")
	}
	for _, sane := range []string{"1", "web-42_a.B", strings.Repeat("x", 64)} {
		if got := idOf(sane); got != sane {
			t.Errorf("want the caller's own id %q, got %q", sane, got)
		}
	}
	ours := regexp.MustCompile(`^[A-Z2-7]{26,}$`)
	seen := map[string]bool{}
	for _, hostile := range []string{"", "", "a b", "<script>", "a\tb", `"`, "ä", "a/../b", strings.Repeat("x", 65)} {
		got := idOf(hostile)
		if !ours.MatchString(got) || seen[got] {
			t.Errorf("for the id %q want one of the server's own, got %q", hostile, got)
		}
		seen[got] = true
	}
	a := s.Call("GET", "/nothing", "", "X-Request-Id", "mine")
	a.WantHeader("failures have one too", "X-Request-Id", "mine")
}

func TestReady(t *testing.T) {
	s := newServer(t)
	wantReasons := func(why string, reasons ...any) {
		t.Helper()
		p := s.Call("GET", "/readyz", "").WantProblem(why, http.StatusServiceUnavailable, fault.NotReady)
		got, _ := p["reasons"].([]any)
		if (obj{"": got}).JSON() != (obj{"": reasons}).JSON() || p.Num("retry_after") != 5000 {
			t.Errorf("%s: want the reasons %q and to come back after 5 s, got %v", why, reasons, p)
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		s.Call("GET", "/readyz", "").Want("before room "+name, http.StatusOK, `{"data":{"ready":true}}`)
		s.open(name, "")
	}
	wantReasons("full", "all 3 rooms are open")
	s.SetAccepting(false)
	wantReasons("full and closed", "the operator has closed the server to new rooms", "all 3 rooms are open")
	s.SetAccepting(true)
	s.Call("DELETE", "/api/v1/room/a", "")
	s.Call("GET", "/readyz", "").WantStatus("room for one", http.StatusOK)
	s.BeginDrain()
	wantReasons("draining, which is all that matters", "the server is draining")
	s.Call("GET", "/livez", "").WantStatus("a server that drains lives", http.StatusOK)
}

// What is logged of a request is its route: never its path, its query, its key or
// its body.
func TestAccessLog(t *testing.T) {
	s := newServer(t)
	r := s.open("testroom", "")
	s.logs.TakeAll()
	const marker = "Xmarker"
	for _, tt := range []struct {
		method, path, body, route string
		status                    int64
	}{
		{"GET", "/api/v1/rooms?q=" + marker, "", "/api/v1/rooms", 200},
		{"POST", "/api/v1/room/testroom/message?" + marker, `{"text":"` + marker + `"}`, "/api/v1/room/:name/message", 200},
		{"POST", "/api/v1/room/testroom/message", `{"text":"` + marker + "\u202e" + `"}`, "/api/v1/room/:name/message", 400},
		{"POST", "/api/v1/room/" + marker + "/token", `{"user":"` + marker + `","name":"` + marker + `"}`, "/api/v1/room/:name/token", 200},
		{"GET", "/api/v1/room/" + marker, "", "/api/v1/room/:name", 404},
		{"POST", "/api/v1/room/" + marker + "%0A", "", "/api/v1/room/:name", 400},
		{"GET", "/" + marker, "", "", 404},
		{"GET", "/r/testroom/" + marker + "?" + marker, "", "/r/:name/*", 404},
		{"GET", "/r/testroom/", "", "/r/:name/*", 200},
	} {
		s.Call(tt.method, tt.path, tt.body, "User-Agent", marker, "X-Request-Id", "mine")
		lines := s.logs.TakeAll()
		if len(lines) != 1 {
			t.Fatalf("%s %s: want one line in the log, got %v", tt.method, tt.path, lines)
		}
		got := lines[0].ContextMap()
		if lines[0].Message != "request" || lines[0].Level != zapcore.DebugLevel || got["method"] != tt.method ||
			got["route"] != tt.route || got["status"] != tt.status || got["request"] != "mine" || got["client"] != "127.0.0.1" {
			t.Errorf("%s %s: want its route %s, status %d and client at debug, got %v %v", tt.method, tt.path, tt.route, tt.status, lines[0].Entry, got)
		}
		if text := obj(got).JSON(); strings.Contains(text, marker) || strings.Contains(text, testKey) {
			t.Errorf("%s %s: the log holds what users sent, or the key: %s", tt.method, tt.path, text)
		}
	}
	if s.state(r).Seq != 1 {
		t.Errorf("want one message in the room, got %d", r.State().Seq)
	}
}
