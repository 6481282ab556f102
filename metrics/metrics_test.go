package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chatserver/cache"
	"chatserver/internal/fault"
	"chatserver/internal/outbound"
	"chatserver/internal/resttest"
	"chatserver/journal"
	"chatserver/metrics"
	"chatserver/room"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scrape is what Prometheus reads: values by series, such as `chatserver_rooms` or
// `chatserver_events_total{type="poll"}`.
type scrape map[string]float64

// scraped asks for the metrics.
func scraped(t *testing.T, m *metrics.Metrics) scrape {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("GET /metrics: %d %s", w.Code, w.Body)
	}
	s := make(scrape)
	for line := range strings.Lines(w.Body.String()) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		s[line[:at]] = value
	}
	return s
}

// want fails the test unless the series have these values.
func (s scrape) want(t *testing.T, why string, want scrape) {
	t.Helper()
	for series, value := range want {
		if got, ok := s[series]; !ok || got != value {
			t.Errorf("%s: %s is %v (%v), want %v", why, series, got, ok, value)
		}
	}
}

// with returns the series of a metric.
func (s scrape) with(name string) []string {
	var found []string
	for series := range s {
		if series == name || strings.HasPrefix(series, name+"{") {
			found = append(found, series)
		}
	}
	slices.Sort(found)
	return found
}

// What is counted is there from the start, for each value that a label can have.
func TestCounters(t *testing.T) {
	m := metrics.New("1.2.3")
	s := scraped(t, m)
	for name, n := range map[string]int{
		"joins_total": 3, "refusals_total": len(fault.Codes()), "events_total": len(room.EventTypes()),
		"connections_closed_total": len(room.Partings()), "panics_total": 2, "skipped_events_total": 1, "sent_bytes_total": 1,
		"fanout_latency_seconds_count": 1, "ack_latency_seconds_count": 1, "journal_commit_duration_seconds_count": 1,
		"journal_commit_writes_count": 1, "cache_refresh_duration_seconds_count": 1, "cache_refresh_errors_total": 1,
	} {
		found := s.with("chatserver_" + name)
		if len(found) != n {
			t.Errorf("%s has %d series, want %d: %v", name, len(found), n, found)
		}
		for _, series := range found {
			if s[series] != 0 {
				t.Errorf("%s is %v before anything happened", series, s[series])
			}
		}
	}
	if builds := s.with("chatserver_build_info"); len(builds) != 1 || !strings.Contains(builds[0], `version="1.2.3"`) {
		t.Errorf("the build is %v, want version 1.2.3", builds)
	}

	m.Joined(room.OverEvents)
	m.Refused(fault.Busy)
	m.Refused("no code of ours")
	m.Sequenced("message")
	m.Parted("too_slow")
	m.Parted("no reason of ours")
	m.Panicked()
	m.Skipped(7)
	m.Sent(100)
	m.Sent(50)
	m.Delivered(3 * time.Millisecond)
	m.Acknowledged(2 * time.Second)
	m.Committed(time.Millisecond, 40)
	m.Refreshed(time.Second, nil)
	m.Refreshed(time.Second, errors.New("away"))
	m.Requests("admin").Panicked()
	scraped(t, m).want(t, "once each", scrape{
		`chatserver_joins_total{transport="sse"}`:                    1,
		`chatserver_joins_total{transport="websocket"}`:              0,
		`chatserver_refusals_total{reason="busy"}`:                   1,
		`chatserver_events_total{type="message"}`:                    1,
		`chatserver_connections_closed_total{reason="too_slow"}`:     1,
		`chatserver_panics_total{where="room"}`:                      1,
		`chatserver_panics_total{where="request"}`:                   1,
		`chatserver_skipped_events_total`:                            7,
		`chatserver_sent_bytes_total`:                                150,
		`chatserver_fanout_latency_seconds_bucket{le="0.001953125"}`: 0,
		`chatserver_fanout_latency_seconds_bucket{le="0.00390625"}`:  1,
		`chatserver_ack_latency_seconds_bucket{le="1"}`:              0,
		`chatserver_ack_latency_seconds_bucket{le="2"}`:              1,
		`chatserver_journal_commit_duration_seconds_count`:           1,
		`chatserver_journal_commit_writes_bucket{le="32"}`:           0,
		`chatserver_journal_commit_writes_bucket{le="64"}`:           1,
		`chatserver_cache_refresh_duration_seconds_count`:            2,
		`chatserver_cache_refresh_errors_total`:                      1,
	})
}

func TestRequests(t *testing.T) {
	m := metrics.New("1.2.3")
	api, admin := m.Requests("api"), m.Requests("admin")
	api.Requested("GET", "/api/v1/rooms", 200, 3*time.Millisecond)
	api.Requested("GET", "/api/v1/rooms", 204, 3*time.Millisecond)
	api.Requested("GET", "/api/v1/rooms", 503, time.Second)
	api.Requested("BREW", "", 404, 0)
	api.Requested("STEEP", "", 404, 0)
	admin.Requested("GET", "/api/v1/rooms", 200, time.Minute)
	s := scraped(t, m)
	const name = "chatserver_http_request_duration_seconds"
	s.want(t, "requests", scrape{
		name + `_count{api="api",method="GET",route="/api/v1/rooms",status="2xx"}`:                  2,
		name + `_bucket{api="api",method="GET",route="/api/v1/rooms",status="2xx",le="0.00390625"}`: 2,
		name + `_count{api="api",method="GET",route="/api/v1/rooms",status="5xx"}`:                  1,
		name + `_bucket{api="api",method="GET",route="/api/v1/rooms",status="5xx",le="0.25"}`:       0,
		name + `_count{api="api",method="other",route="",status="4xx"}`:                             2,
		name + `_bucket{api="admin",method="GET",route="/api/v1/rooms",status="2xx",le="16"}`:       0,
		name + `_bucket{api="admin",method="GET",route="/api/v1/rooms",status="2xx",le="+Inf"}`:     1,
	})
	if found := s.with(name + "_count"); len(found) != 4 {
		t.Errorf("want 4 kinds of requests, got %v", found)
	}
}

// source is a server to watch.
type source struct {
	*room.Registry
	stats   journal.Stats
	healthy error
	cache   cache.Status
}

func (s *source) Stats() journal.Stats { return s.stats }
func (s *source) Healthy() error       { return s.healthy }

// watched returns the metrics of a server with so many rooms at most.
func watched(t *testing.T, capacity int, change ...func(*metrics.Sources)) (*source, *metrics.Metrics) {
	t.Helper()
	m := metrics.New("1.2.3")
	s := &source{Registry: room.NewRegistry(room.Options{
		Bind: "127.0.0.1", Host: "127.0.0.1", Ports: resttest.FreePorts(t, capacity+10), MaxRooms: capacity, MaxConnections: 500,
		History: 10, Guests: room.GuestsChat, Limits: room.Limits{Text: 500, Backlog: 256 << 10}, AllowedOrigins: room.Origins{"*"},
		Observer: m,
	})}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), resttest.Patience)
		defer cancel()
		if err := s.Drain(ctx); err != nil {
			t.Errorf("the rooms do not stop: %v", err)
		}
	})
	sources := metrics.Sources{Rooms: s, Journal: s, Cache: func() cache.Status { return s.cache }}
	for _, f := range change {
		f(&sources)
	}
	m.Watch(sources)
	return s, m
}

// open opens a room with so many viewers in it.
func (s *source) open(t *testing.T, name string, viewers int) {
	t.Helper()
	r, _, err := s.Create(name, room.SettingsPatch{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range viewers {
		resttest.Join(t, resttest.OwnPort(r), fmt.Sprint("guest", i))
	}
	if _, err := r.Set(t.Context(), room.SettingsPatch{}); err != nil { // after which all is public
		t.Fatal(err)
	}
}

// However many rooms there are, 50 have metrics of their own: those with the most
// viewers. The others are summed up.
func TestManyRooms(t *testing.T) {
	s, m := watched(t, metrics.MostRooms+12)
	scraped(t, m).want(t, "no rooms", scrape{
		"chatserver_rooms": 0, "chatserver_rooms_capacity": metrics.MostRooms + 12, "chatserver_other_rooms": 0, "chatserver_other_rooms_viewers": 0,
	})
	s.open(t, "zz", 3)
	for i := range metrics.MostRooms - 1 {
		s.open(t, fmt.Sprintf("b%02d", i), 2)
	}
	for i := range 10 {
		s.open(t, fmt.Sprintf("a%02d", i), i%2)
	}
	got := scraped(t, m)
	got.want(t, "60 rooms", scrape{
		"chatserver_rooms": metrics.MostRooms + 10, "chatserver_other_rooms": 10, "chatserver_other_rooms_viewers": 5,
		`chatserver_room_viewers{room="zz"}`: 3, `chatserver_room_viewers{room="b00"}`: 2,
		`chatserver_viewers{transport="websocket"}`: 3 + 2*(metrics.MostRooms-1) + 5, `chatserver_viewers{transport="polling"}`: 0,
		`chatserver_joins_total{transport="websocket"}`: 3 + 2*(metrics.MostRooms-1) + 5,
		"chatserver_connections":                        3 + 2*(metrics.MostRooms-1) + 5, "chatserver_connections_limit": 500,
	})
	for name, each := range map[string]int{
		"room_viewers": 1, "room_events_total": 1, "room_sent_bytes_total": 1, "room_skipped_events_total": 1, "room_refusals_total": 2,
		"room_panics_total": 1, "room_inbox_commands": 1, "room_inbox_high_commands": 1,
	} {
		if n := len(got.with("chatserver_" + name)); n != each*metrics.MostRooms {
			t.Errorf("%s has %d series, want %d for each of %d rooms", name, n, each, metrics.MostRooms)
		}
	}
	if len(got) > 2000 {
		t.Errorf("there are %d series; doc.go promises less than 2000", len(got))
	}
	s.open(t, "zy", 4)
	if len(scraped(t, m).with(`chatserver_room_viewers`)) != metrics.MostRooms {
		t.Error("one room more has changed the number of series")
	}
}

func TestServerAndStores(t *testing.T) {
	s, m := watched(t, 3, func(o *metrics.Sources) { o.Database = true })
	s.stats = journal.Stats{
		Failures: 1, Events: 2, Pruned: 3, Waiting: 4, WaitingFor: 1500 * time.Millisecond, Queue: 6, FileSize: 7, Lives: 8,
		Unsent: 9, UnsentFor: 10 * time.Second,
	}
	s.cache = cache.Status{Age: 12.5, LeftOut: 13, Counts: cache.Counts{Rooms: 1, Bans: 2, Words: 3, Emotes: 4, Announcements: 5}}
	all := scrape{
		"chatserver_accepting": 1, "chatserver_draining": 0,
		"chatserver_journal_up": 1, "chatserver_journal_commit_failures_total": 1, "chatserver_journal_events_total": 2,
		"chatserver_journal_pruned_events_total": 3, "chatserver_journal_waiting_writes": 4, "chatserver_journal_lag_seconds": 1.5,
		"chatserver_journal_queue_bytes": 6, "chatserver_journal_size_bytes": 7, "chatserver_journal_logs": 8,
		"chatserver_database_up": 1, "chatserver_database_waiting_events": 9, "chatserver_database_lag_seconds": 10,
		"chatserver_cache_age_seconds": 12.5, "chatserver_cache_left_out_documents": 13,
		`chatserver_cache_documents{collection="rooms"}`: 1, `chatserver_cache_documents{collection="bans"}`: 2,
		`chatserver_cache_documents{collection="words"}`: 3, `chatserver_cache_documents{collection="emotes"}`: 4,
		`chatserver_cache_documents{collection="announcements"}`: 5,
	}
	got := scraped(t, m)
	got.want(t, "all is well", all)
	if got["chatserver_machine_memory_bytes"] < 1<<20 || got["chatserver_machine_memory_available_bytes"] > got["chatserver_machine_memory_bytes"] {
		t.Errorf("the machine has %v of %v bytes", got["chatserver_machine_memory_available_bytes"], got["chatserver_machine_memory_bytes"])
	}
	s.healthy, s.stats.SendError = errors.New("no space"), errors.New("away")
	s.SetAccepting(false)
	scraped(t, m).want(t, "nothing is", scrape{"chatserver_accepting": 0, "chatserver_journal_up": 0, "chatserver_database_up": 0})
	s.BeginDrain()
	scraped(t, m).want(t, "at the end", scrape{"chatserver_accepting": 0, "chatserver_draining": 1})
}

func TestWithoutDatabase(t *testing.T) {
	_, m := watched(t, 1)
	for series := range scraped(t, m) {
		if strings.HasPrefix(series, "chatserver_database_") {
			t.Errorf("%s is there without a database", series)
		}
	}
}

func TestCalledServices(t *testing.T) {
	at := time.UnixMilli(1795554468620)
	_, m := watched(t, 1, func(o *metrics.Sources) {
		o.LoadBalancers = func() []outbound.Status {
			up := outbound.Status{URL: "https://lb1.example", State: outbound.StateUp, LastSuccess: &at, Succeeded: 7, Failed: 2}
			return []outbound.Status{up, up, {URL: "https://lb2.example", State: outbound.StateUnknown}}
		}
		o.Services = func() []outbound.Status {
			return []outbound.Status{{Name: "credit", URL: "https://credit.example", State: outbound.StateDown, Failures: 3, Failed: 3}}
		}
	})
	got := scraped(t, m)
	got.want(t, "what is called", scrape{
		`chatserver_loadbalancer_up{url="https://lb1.example"}`:                             1,
		`chatserver_loadbalancer_calls_total{result="success",url="https://lb1.example"}`:   7,
		`chatserver_loadbalancer_calls_total{result="failure",url="https://lb1.example"}`:   2,
		`chatserver_loadbalancer_calls_total{result="success",url="https://lb2.example"}`:   0,
		`chatserver_loadbalancer_last_success_timestamp_seconds{url="https://lb1.example"}`: 1795554468.62,
		`chatserver_service_up{service="credit"}`:                                           0,
		`chatserver_service_calls_total{result="failure",service="credit"}`:                 3,
	})
	if n := len(got.with("chatserver_loadbalancer_up")) + len(got.with("chatserver_service_last_success_timestamp_seconds")); n != 1 {
		t.Errorf("nobody knows whether lb2 is up, nor when credit was, but there are %d series", n)
	}
}

// A process that is watched by Prometheus shows its memory and Go's.
func TestRuntime(t *testing.T) {
	got := scraped(t, metrics.New("1.2.3"))
	for _, series := range []string{"go_goroutines", "process_resident_memory_bytes", "process_open_fds", "process_max_fds", "process_start_time_seconds"} {
		if got[series] <= 0 {
			t.Errorf("%s is %v", series, got[series])
		}
	}
}
