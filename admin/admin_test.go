package admin_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"chatserver/internal/fault"
	"chatserver/internal/rest"
)

// apiKey stands for KEY, which opens nothing here.
const apiKey = "key-0123456789abcdef"

func TestAbout(t *testing.T) {
	s := newServer(t)
	const about = `{"data":{"app":"Admin chatserver","version":"1.2.3"}}`
	s.Call("GET", "/api/v1/", "").WantJSON("who this is", http.StatusOK, about)
	s.Call("GET", "/api/v1", "").WantJSON("without the slash", http.StatusOK, about)
	s.Call("GET", "/api/v1/nothing", "").WantProblem("nothing there", http.StatusNotFound, fault.RouteNotFound)
	a := s.Call("POST", "/api/v1/load", "")
	a.WantProblem("another method", http.StatusMethodNotAllowed, fault.MethodNotAllowed)
	a.WantHeader("allowed are", "Allow", "OPTIONS, GET, HEAD")
}

// Every call needs this API's own key, be there something at the path or not; the page
// alone does not.
func TestKeys(t *testing.T) {
	s := newServer(t)
	r := s.open("testroom")
	ann := s.join(r, "ann")
	calls := []struct{ method, path, body string }{
		{"GET", "/index.html", ""},
		{"GET", "/assets", ""},
		{"GET", "//", ""},
		{"GET", "/assets%2Fdashboard.js", ""},
		{"GET", "/%2e/assets/dashboard.js", ""},
		{"GET", "/api/v1", ""},
		{"GET", "/api/v1/", ""},
		{"GET", "/api/v1/load", ""},
		{"GET", "/api/v1/status", ""},
		{"GET", "/api/v1/rooms", ""},
		{"GET", "/api/v1/room/testroom", ""},
		{"GET", "/api/v1/room/nobody", ""},
		{"DELETE", "/api/v1/room/testroom/shutdown", ""},
		{"DELETE", "/api/v1/room/testroom/user/" + ann.ID, ""},
		{"POST", "/api/v1/message", `{"text":"hello"}`},
		{"POST", "/api/v1/room/testroom/message", `{"text":"hello"}`},
		{"PUT", "/api/v1/accepting", `{"accepting":false}`},
		{"GET", "/api/v1/log-level", ""},
		{"PUT", "/api/v1/log-level", `{"level":"debug"}`},
		{"POST", "/api/v1/restart", ""},
		{"DELETE", "/api/v1/shutdown", ""},
		{"GET", "/debug/pprof/", ""},
		{"GET", "/debug/pprof/cmdline", ""},
		{"GET", "/debug/pprof/goroutine?debug=1", ""},
		{"GET", "/debug/pprof/trace?seconds=1", ""},
		{"GET", "/metrics", ""},
		{"GET", "/livez", ""},
		{"GET", "/what/is/this", ""},
		{"POST", "/api/v1/load", ""},
	}
	for _, key := range []string{"", apiKey, testKey + "x", testKey[1:], strings.ToUpper(testKey)} {
		for _, call := range calls {
			a := s.Call(call.method, call.path, call.body, rest.KeyHeader, key)
			a.WantProblem("key "+key, http.StatusUnauthorized, fault.Unauthorized)
			how := `ApiKey header="X-API-Key"`
			if call.path == "/metrics" {
				how += " | Bearer"
			}
			a.WantHeader("it says how", "WWW-Authenticate", how)
		}
	}
	s.Call("GET", "/api/v1/load?key="+testKey, "", rest.KeyHeader, "", "Authorization", "Bearer "+testKey).
		WantProblem("a key elsewhere", http.StatusUnauthorized, fault.Unauthorized)
	if state := s.state(r); len(s.Rooms()) != 1 || state.Seq != 0 || state.Viewers != 1 || !s.Accepting() || s.level.Level() != zap.InfoLevel {
		t.Error("a call without the key was carried out")
	}
}

// The metrics take the key as a bearer token too, as Prometheus sends it.
func TestMetrics(t *testing.T) {
	s := newServer(t)
	s.Call("GET", "/metrics", "").Want("by the header", http.StatusOK, "up 1")
	for header, opens := range map[string]bool{
		"Bearer " + testKey: true, "bearer " + testKey: true,
		"Bearer " + apiKey: false, "Bearer": false, "Bearer\t" + testKey: false, testKey: false, "Basic " + testKey: false,
		"Bearer " + testKey + " ": true, "Bearer  " + testKey: false, "Bearer " + testKey + ",": false,
	} {
		a := s.Call("GET", "/metrics", "", rest.KeyHeader, "", "Authorization", header)
		if opens {
			a.WantHeader(header, "WWW-Authenticate", "").Want(header, http.StatusOK, "up 1")
		} else {
			a.WantProblem(header, http.StatusUnauthorized, fault.Unauthorized)
		}
	}
	s.Call("GET", "/metrics/", "", rest.KeyHeader, "", "Authorization", "Bearer "+testKey).
		WantProblem("another path", http.StatusUnauthorized, fault.Unauthorized)
}

func TestLoad(t *testing.T) {
	s := newServer(t)
	s.open("b")
	s.open("a")
	load := s.Call("GET", "/api/v1/load", "").Data("load", http.StatusOK)
	names := slices.Sorted(maps.Keys(load))
	if want := []string{
		"acceptingConnections", "capacity", "cpus", "freeMemory", "loadAvg", "osUpTime", "percentage", "rooms", "totalMemory", "upTime",
	}; !slices.Equal(names, want) {
		t.Errorf("want the members %v, got %v", want, names)
	}
	averages, _ := load["loadAvg"].([]any)
	if len(averages) != 3 {
		t.Errorf("want three numbers in loadAvg, got %v", load["loadAvg"])
	}
	for _, average := range averages {
		if n, ok := average.(float64); !ok || n < 0 {
			t.Errorf("want numbers of 0 or more in loadAvg, got %v", averages)
		}
	}
	whole := func(name string, from, to float64) {
		t.Helper()
		if n, ok := load[name].(float64); !ok || n < from || n > to || n != float64(int64(n)) {
			t.Errorf("want a whole number from %.0f to %.0f in %s, got %v", from, to, name, load[name])
		}
	}
	total, _ := load["totalMemory"].(float64)
	whole("totalMemory", 1<<20, 1<<50)
	whole("freeMemory", 0, total)
	whole("cpus", 1, 4096)
	whole("osUpTime", 1, 1<<40)
	whole("capacity", 1, 1)
	if used, ok := load["percentage"].(float64); !ok || used <= 0 || used > 100 {
		t.Errorf("want a percentage, got %v", load["percentage"])
	}
	if accepting, ok := load["acceptingConnections"].(bool); load["rooms"] != "a,b" || !accepting || !ok {
		t.Errorf("want rooms a,b and true, got %v and %v", load["rooms"], load["acceptingConnections"])
	}
	if at, err := time.Parse(time.RFC3339, load.Str("upTime")); err != nil || !at.Equal(s.started.Round(0)) {
		t.Errorf("want the server's start %v in upTime, got %v", s.started, load["upTime"])
	}
	s.SetAccepting(false)
	load = s.Call("GET", "/api/v1/load", "").Data("closed to new rooms", http.StatusOK)
	if accepting, ok := load["acceptingConnections"].(bool); load["capacity"] != 0.0 || accepting || !ok {
		t.Errorf("want capacity 0 of a server that takes no rooms, got %v, %v", load["capacity"], load["acceptingConnections"])
	}
}

func TestLoadWithoutRooms(t *testing.T) {
	s := newServer(t)
	load := s.Call("GET", "/api/v1/load", "").Data("no rooms", http.StatusOK)
	if load["rooms"] != "" || load["capacity"] != 3.0 {
		t.Errorf("want no rooms and capacity 3, got %v, %v", load["rooms"], load["capacity"])
	}
}

func TestAccepting(t *testing.T) {
	s := newServer(t)
	ann := s.join(s.open("testroom"), "ann")
	s.Call("PUT", "/api/v1/accepting", `{"accepting":false}`).WantJSON("off", http.StatusOK, `{"data":{"accepting":false}}`)
	if reasons := s.Obstacles(); len(reasons) != 1 || s.Accepting() {
		t.Errorf("want no new rooms, got obstacles %q", reasons)
	}
	s.Call("POST", "/api/v1/message", `{"text":"we close soon"}`)
	ann.Want("who is in stays", "announcement")
	s.Call("PUT", "/api/v1/accepting", `{"accepting":true}`).WantJSON("on", http.StatusOK, `{"data":{"accepting":true}}`)
	s.open("another")

	for body, code := range map[string]fault.Code{
		"": fault.BadJSON, "off": fault.BadJSON, "[]": fault.BadJSON, `{"accepting":`: fault.BadJSON,
		"{}": fault.BadField, "null": fault.BadField, `{"accepting":null}`: fault.BadField, `{"Accept":false}`: fault.BadField,
	} {
		p := s.Call("PUT", "/api/v1/accepting", body).WantProblem(body, http.StatusBadRequest, code)
		if code == fault.BadField && !strings.Contains(p.Str("detail"), "accepting") {
			t.Errorf("%s: want accepting to be named, got %v", body, p)
		}
	}
	if !s.Accepting() {
		t.Error("a call that was refused closed the server")
	}
	s.BeginDrain()
	s.Call("PUT", "/api/v1/accepting", `{"accepting":true}`).
		WantJSON("a server that drains stays closed", http.StatusOK, `{"data":{"accepting":false}}`)
}

func TestLogLevel(t *testing.T) {
	s := newServer(t)
	s.Call("GET", "/api/v1/log-level", "").WantJSON("at first", http.StatusOK, `{"data":{"level":"info"}}`)
	for _, level := range []string{"debug", "warn", "error", "fatal", "info"} {
		want := `{"data":{"level":"` + level + `"}}`
		s.Call("PUT", "/api/v1/log-level", `{"level":"`+level+`"}`).WantJSON("set", http.StatusOK, want)
		s.Call("GET", "/api/v1/log-level", "").WantJSON("read", http.StatusOK, want)
		if s.level.String() != level {
			t.Errorf("want the server's level to be %s, got %s", level, s.level)
		}
	}
	for body, code := range map[string]fault.Code{
		"": fault.BadJSON, "debug": fault.BadJSON, `"debug"`: fault.BadJSON, `{"level"}`: fault.BadJSON,
		"{}": fault.BadField, "null": fault.BadField, `{"level":""}`: fault.BadField, `{"level":"DEBUG"}`: fault.BadField,
		`{"level":"panic"}`: fault.BadField, `{"level":"dpanic"}`: fault.BadField, `{"level":"trace"}`: fault.BadField,
		`{"level":"` + strings.Repeat("x", 8000) + `"}`: fault.BadField,
	} {
		p := s.Call("PUT", "/api/v1/log-level", body).WantProblem(body, http.StatusBadRequest, code)
		if code == fault.BadField && !strings.Contains(p.Str("detail"), "debug, info, warn, error, fatal") || len(p.Str("detail")) > 300 {
			t.Errorf("%.40s: want the levels to be listed, got %v", body, p)
		}
	}
	s.Call("PUT", "/api/v1/log-level", strings.Repeat(" ", 8<<10)+"{}").
		WantProblem("too large", http.StatusRequestEntityTooLarge, fault.TooLarge)
	if s.level.Level() != zap.InfoLevel {
		t.Errorf("a call that was refused set the level to %v", s.level)
	}
}

// The level that was set holds for the server's own log.
func TestLogLevelTakesEffect(t *testing.T) {
	s := newServer(t)
	s.logs.TakeAll()
	requests := func() int { return s.logs.FilterMessage("request").Len() }
	s.Call("GET", "/api/v1/load", "")
	if n := requests(); n != 0 {
		t.Errorf("at info: want no request in the log, got %d", n)
	}
	s.Call("PUT", "/api/v1/log-level", `{"level":"debug"}`)
	s.Call("GET", "/api/v1/load?secret="+testKey, "")
	for _, line := range s.logs.TakeAll() {
		for name, value := range line.ContextMap() {
			if text, _ := value.(string); strings.Contains(text, testKey) {
				t.Errorf("the key is in the log, in %s of %q", name, line.Message)
			}
		}
	}
	s.Call("GET", "/api/v1/load", "")
	if n := requests(); n != 1 {
		t.Errorf("at debug: want the request in the log, got %d", n)
	}
}

// The caller has the answer before the server stops, and the stop is started once.
func TestShutdown(t *testing.T) {
	s := newServer(t)
	answered := httptest.NewRecorder()
	var stops []string // what had been answered by then
	s.stop = func() { stops = append(stops, strings.TrimSpace(answered.Body.String())) }
	req := httptest.NewRequestWithContext(t.Context(), "DELETE", "/api/v1/shutdown", http.NoBody)
	req.Header.Set(rest.KeyHeader, testKey)
	s.handler.ServeHTTP(answered, req)
	const want = `{"data":{"message":"Shutting down"}}`
	if answered.Code != http.StatusOK || !slices.Equal(stops, []string{want}) {
		t.Errorf("want one stop after the answer 200 %s, got %d and stops after %q", want, answered.Code, stops)
	}
}

// The caller hears whether the fresh process is prepared, and why it is not.
func TestRestart(t *testing.T) {
	s := newServer(t)
	s.restart = func() error { return nil }
	s.Call("POST", "/api/v1/restart", "").WantJSON("prepared", http.StatusAccepted, `{"data":{"message":"Restarting"}}`)
	for code, status := range map[fault.Code]int{
		fault.Restarting: http.StatusConflict, fault.RestartFailed: http.StatusBadGateway, fault.NotSupported: http.StatusNotImplemented,
	} {
		s.restart = func() error { return fault.New(code, "because of this and that") }
		if a := s.Call("POST", "/api/v1/restart", ""); !strings.Contains(a.Body, "because of this and that") {
			t.Errorf("want to be told why, got %s", a.Body)
		} else {
			a.WantProblem("not prepared", status, code)
		}
	}
	s.Call("GET", "/api/v1/restart", "").WantProblem("another method", http.StatusMethodNotAllowed, fault.MethodNotAllowed)
}

func TestProfiles(t *testing.T) {
	s := newServer(t)
	for path, says := range map[string]string{
		"/debug/pprof/":                      "goroutine",
		"/debug/pprof/cmdline":               ".test",
		"/debug/pprof/goroutine?debug=1":     "goroutine profile: total ",
		"/debug/pprof/heap?debug=1":          "heap profile: ",
		"/debug/pprof/allocs?debug=1":        "heap profile: ",
		"/debug/pprof/mutex?debug=1":         "mutex",
		"/debug/pprof/block?debug=1":         "contention",
		"/debug/pprof/symbol":                "num_symbols: 1",
		"/debug/pprof/trace?seconds=0.01":    "trace",
		"/debug/pprof/threadcreate?debug=1":  "threadcreate profile",
		"/debug/pprof/goroutine?debug=0&x=1": "",
	} {
		if a := s.Call("GET", path, "").WantStatus("a profile", http.StatusOK); !strings.Contains(a.Body, says) || a.Body == "" {
			t.Errorf("%s: want a word about %q, got %.200q", path, says, a.Body)
		}
	}
	s.Call("GET", "/debug/pprof/nothing", "").WantStatus("no such profile", http.StatusNotFound)
}
