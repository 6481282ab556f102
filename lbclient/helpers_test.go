package lbclient

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testKey is the key that every fake balancer expects.
const testKey = "key-0123456789"

// world is a server that tells fake load balancers about itself, in a bubble.
type world struct {
	t      *testing.T
	start  time.Time
	client *Client
	lines  *observer.ObservedLogs
	stop   context.CancelFunc
	ended  chan error // gets what Run returned

	mu        sync.Mutex // guards what follows
	capacity  int
	rooms     int
	closed    int                      // how often idle connections were closed
	balancers map[string]*fakeBalancer // by host
}

// fakeBalancer is one load balancer of a world. Its fields belong to the world's
// mutex.
type fakeBalancer struct {
	world  *world
	host   string
	status int           // what it answers; 0 hangs until the caller leaves
	delay  time.Duration // before it answers
	told   []string      // since the last time that a test looked: "10s 1000/3"
}

// newWorld returns a world with balancers at these hosts, none of them told yet.
// It must be called in a bubble.
func newWorld(t *testing.T, hosts ...string) *world {
	t.Helper()
	core, lines := observer.New(zapcore.DebugLevel)
	w := &world{t: t, start: time.Now(), lines: lines, capacity: 1000, balancers: map[string]*fakeBalancer{}}
	options := Options{
		Key: testKey, Host: "chat.example", Port: 8080, Version: "1.0.0",
		Load: w.load, Logger: zap.New(core), transport: w,
	}
	for _, host := range hosts {
		options.URLs = append(options.URLs, "https://"+host)
		w.balancers[host] = &fakeBalancer{world: w, host: host, status: http.StatusOK}
	}
	var err error
	if w.client, err = New(options); err != nil {
		t.Fatalf("New: %v", err)
	}
	return w
}

// run starts Run; the end of the test, or stopped, ends it.
func (w *world) run() {
	ctx, stop := context.WithCancel(w.t.Context())
	w.stop, w.ended = stop, make(chan error, 1)
	go func() { w.ended <- w.client.Run(ctx) }()
	w.t.Cleanup(stop)
	synctest.Wait()
}

// wantStopped ends Run, and fails the test unless it returns without time passing.
func (w *world) wantStopped() {
	w.t.Helper()
	w.stop()
	synctest.Wait()
	select {
	case err := <-w.ended:
		if err != nil {
			w.t.Errorf("Run: %v", err)
		}
	default:
		w.t.Error("Run goes on after the end of its context")
	}
}

// after lets time pass until that long after the world's start.
func (w *world) after(d time.Duration) {
	<-time.After(d - time.Since(w.start))
	synctest.Wait()
}

// open changes the number of rooms, and says so to the client.
func (w *world) open(rooms int) {
	w.mu.Lock()
	w.rooms = rooms
	w.mu.Unlock()
	w.client.Update()
	synctest.Wait()
}

// drain makes the capacity equal to the rooms, and says so to nobody.
func (w *world) drain() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.capacity = w.rooms
}

func (w *world) load() (capacity, rooms int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.capacity, w.rooms
}

// at returns the balancer at a host.
func (w *world) at(host string) *fakeBalancer { return w.balancers[host] }

// wantLog fails the test unless the log got these lines above the debug level
// since the last time.
func (w *world) wantLog(why string, want ...string) {
	w.t.Helper()
	got := []string{}
	for _, line := range w.lines.TakeAll() {
		if line.Level > zapcore.DebugLevel {
			got = append(got, fmt.Sprint(line.Level, " ", line.Message, ", ", line.ContextMap()["url"]))
		}
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("%s: the log says %q, want %q", why, got, want)
	}
}

// RoundTrip implements http.RoundTripper: it delivers a request to a balancer.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	b := w.at(r.URL.Host)
	status, delay := b.hear(r)
	if status == 0 {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	<-time.After(delay)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// CloseIdleConnections is what http.Client looks for.
func (w *world) CloseIdleConnections() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed++
}

// hear notes a request, and returns what is to become of it.
func (b *fakeBalancer) hear(r *http.Request) (status int, delay time.Duration) {
	b.world.mu.Lock()
	defer b.world.mu.Unlock()
	load, ok := strings.CutPrefix(r.URL.RequestURI(), "/register/chat.example%3A8080/")
	load, known := strings.CutSuffix(load, "/1.0.0")
	if !ok || !known || r.Method != http.MethodPut || r.Header.Get("X-API-Key") != testKey {
		b.world.t.Errorf("%s was told %s %s with %v", b.host, r.Method, r.URL.RequestURI(), r.Header)
	}
	b.told = append(b.told, fmt.Sprint(time.Since(b.world.start), " ", load))
	return b.status, b.delay
}

// answers sets what the balancer answers from now on.
func (b *fakeBalancer) answers(status int, delay time.Duration) {
	b.world.mu.Lock()
	defer b.world.mu.Unlock()
	b.status, b.delay = status, delay
}

// hangs makes the balancer answer nothing from now on.
func (b *fakeBalancer) hangs() { b.answers(0, 0) }

// want fails the test unless the balancer was told this since the last time, and
// nothing else: "10s 1000/3" is capacity 1000 and 3 rooms, 10 s after the start.
func (b *fakeBalancer) want(why string, told ...string) {
	b.world.t.Helper()
	b.world.mu.Lock()
	defer b.world.mu.Unlock()
	if !slices.Equal(b.told, told) {
		b.world.t.Errorf("%s: %s was told %q, want %q", why, b.host, b.told, told)
	}
	b.told = nil
}
