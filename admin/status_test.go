package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"chatserver/admin"
	"chatserver/internal/outbound"
)

// The figures of this process are checked for what they must at least be.
func TestStatus(t *testing.T) {
	s := newServer(t)
	s.open("b")
	r := s.open("a")
	s.join(r, "ann")
	s.state(r)
	shown := s.Call("GET", "/api/v1/status", "").Data("status", http.StatusOK)
	rooms := shown.Obj("rooms")
	if shown.Str("host") != "chat.example" || shown.Str("version") != "1.2.3" || rooms.Num("open") != 2 || rooms.Num("capacity") != 3 || shown.Num("viewers") != 1 {
		t.Errorf("want chat.example, version 1.2.3, 2 of 3 rooms and a viewer, got %v", shown)
	}
	if at, err := time.Parse(time.RFC3339, shown.Str("started")); err != nil || !at.Equal(s.started.Round(0)) {
		t.Errorf("want the server's start %v, got %v", s.started, shown["started"])
	}
	for part, least := range map[string]map[string]float64{
		"process": {"resident": 1 << 20, "heap": 1 << 16, "goroutines": 5, "cpu_seconds": 0.001, "open_files": 5, "max_files": 64},
		"machine": {"cpus": 1, "memory_total": 1 << 20, "memory_free": 1},
	} {
		for name, least := range least {
			if n, ok := shown.Obj(part)[name].(float64); !ok || n < least {
				t.Errorf("want %v or more as %s of %s, got %v", least, name, part, shown.Obj(part)[name])
			}
		}
	}
	if got := shown.Obj("cache"); got.Str("source") != "file" {
		t.Errorf("want the cache as GET /cache has it, got %v", got)
	}
	if shown["database"] != nil {
		t.Errorf("want no database, got %v", shown["database"])
	}
	for _, part := range []string{"loadbalancers", "services"} {
		if list, ok := shown[part].([]any); !ok || len(list) != 0 {
			t.Errorf("want no %s, got %v", part, shown[part])
		}
	}
}

// The other parts of the server are told of as they tell.
func TestStatusOfParts(t *testing.T) {
	success := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	s := newServer(t, func(o *admin.Options) {
		o.Parts = admin.Parts{
			Journal: func() admin.JournalStatus {
				return admin.JournalStatus{Backlog: admin.Backlog{Waiting: 3, Lag: 0.5, LastError: "no space left"}, Size: 32768}
			},
			Database: func() admin.Backlog { return admin.Backlog{Waiting: 7, Lag: 2} },
			LoadBalancers: func() []outbound.Status {
				return []outbound.Status{{URL: "https://lb.example", State: outbound.StateUnknown}}
			},
			Services: func() []outbound.Status {
				return []outbound.Status{{Name: "credit", URL: "https://credit.example", State: outbound.StateDown, LastSuccess: &success, Failures: 2, LastError: "answered 500"}}
			},
		}
	})
	a := s.Call("GET", "/api/v1/status", "")
	for _, want := range []string{
		`"journal":{"waiting":3,"lag":0.5,"last_error":"no space left","size":32768}`,
		`"database":{"waiting":7,"lag":2,"last_error":""}`,
		`"loadbalancers":[{"url":"https://lb.example","state":"unknown","last_success":null,"failures":0,"last_error":""}]`,
		`"services":[{"name":"credit","url":"https://credit.example","state":"down","last_success":"2026-11-24T09:00:00Z","failures":2,"last_error":"answered 500"}]`,
	} {
		if !strings.Contains(a.Body, want) {
			t.Errorf("want %s, got %s", want, a.Body)
		}
	}
}

func TestStatusOfAServerThatStops(t *testing.T) {
	s := newServer(t)
	want := func(why string, accepting, draining bool) {
		t.Helper()
		shown := s.Call("GET", "/api/v1/status", "").Data(why, http.StatusOK)
		if shown["accepting"] != accepting || shown["draining"] != draining || shown.Obj("rooms").Num("capacity") != 3 {
			t.Errorf("%s: want accepting %v, draining %v and the capacity as ever, got %v", why, accepting, draining, shown)
		}
	}
	want("at first", true, false)
	s.SetAccepting(false)
	want("closed by the operator", false, false)
	s.SetAccepting(true)
	s.BeginDrain()
	want("on its way to its end", false, true)
}
