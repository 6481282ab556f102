package cache

import (
	"context"
	"encoding/json"
	"errors"
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

// fakeSource is a source that a test holds in its hand. Its fields are guarded by
// mu; a load takes a time.
type fakeSource struct {
	mu      sync.Mutex
	content string // a ban of this user
	err     error
	takes   time.Duration
	panics  bool
	loads   int
}

func (s *fakeSource) Name() string { return "fake" }

func (s *fakeSource) Load(ctx context.Context) (*Documents, error) {
	s.mu.Lock()
	s.loads++
	content, err, takes, panics := s.content, s.err, s.takes, s.panics
	s.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if panics {
		panic("a document that nobody thought of")
	}
	if err != nil {
		return nil, err
	}
	docs := &Documents{Bans: []Ban{{ID: "1", User: content}}, Malformed: 1, LeftOut: []LeftOut{{Collection: "rooms", ID: "x", Why: "broken"}}}
	copy(docs.Hash[:], content)
	return docs, nil
}

func (s *fakeSource) set(change func(*fakeSource)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *fakeSource) loaded() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loads
}

// watchedSource tells of changes too. A test sends on events what is to happen:
// nil is a change, an error ends the stream.
type watchedSource struct {
	fakeSource
	events chan error
	opened chan struct{} // takes a token each time a stream is opened
}

func (s *watchedSource) Watch(ctx context.Context, changed func()) error {
	s.opened <- struct{}{}
	changed()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.events:
			if err != nil {
				return err
			}
			changed()
		}
	}
}

// testCache is a cache that runs until the test ends.
type testCache struct {
	*Cache
	logs *observer.ObservedLogs
	stop func()

	mu        sync.Mutex
	refreshes []error         // what came of each reading
	took      []time.Duration // that it took
}

// refreshed is for Options.
func (c *testCache) refreshed(took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refreshes, c.took = append(c.refreshes, err), append(c.took, took)
}

func run(t *testing.T, source Source) *testCache {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	c := &testCache{logs: logs}
	c.Cache = New(Options{Source: source, Refresh: 30 * time.Second, Refreshed: c.refreshed, Logger: zap.New(core)})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	c.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v; want it to end with its context", err)
		}
	})
	t.Cleanup(c.stop)
	return c
}

// user returns whom the snapshot bans.
func (c *testCache) user() string {
	for ban := range c.Snapshot().Bans() {
		return ban.User
	}
	return ""
}

func (c *testCache) count(message string) int { return c.logs.FilterMessage(message).Len() }

func TestRunReadsAtOnceAndRegularly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fakeSource{content: "ann"}
		c := run(t, source)
		synctest.Wait()
		if c.user() != "ann" {
			t.Fatalf("the snapshot bans %q; want ann", c.user())
		}
		first := c.Snapshot()
		source.set(func(s *fakeSource) { s.content = "bob" })
		<-time.After(29 * time.Second)
		if c.Snapshot() != first {
			t.Error("a new snapshot came before its time")
		}
		<-time.After(time.Second)
		synctest.Wait()
		if c.user() != "bob" {
			t.Errorf("the snapshot bans %q; want bob", c.user())
		}
		select {
		case <-first.Replaced():
		default:
			t.Error("the first snapshot does not know that it was replaced")
		}
		if c.count("a document is left out") != 2 {
			t.Error("what is left out is not in the log once for each snapshot")
		}
		c.stop()
	})
}

func TestNothingNewReplacesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := run(t, &fakeSource{content: "ann"})
		synctest.Wait()
		first := c.Snapshot()
		<-time.After(29 * time.Second)
		if age := c.Status().Age; age != 29 {
			t.Errorf("age = %v; want 29", age)
		}
		<-time.After(time.Second)
		synctest.Wait()
		if c.Snapshot() != first {
			t.Error("the same content made a new snapshot")
		}
		if s := c.Status(); s.Age != 0 || time.Since(*s.LoadedAt) != 30*time.Second {
			t.Errorf("age = %v, loaded at %v; want the age alone to begin anew", s.Age, s.LoadedAt)
		}
		c.stop()
	})
}

func TestFailureKeepsTheSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fakeSource{content: "ann"}
		c := run(t, source)
		synctest.Wait()
		source.set(func(s *fakeSource) { s.err = errors.New("it is down") })
		<-time.After(31 * time.Second)
		if c.user() != "ann" || c.Status().LastError != "it is down" {
			t.Errorf("bans %q, %+v; want the last snapshot and the error", c.user(), c.Status())
		}
		<-time.After(10 * time.Minute)
		if n := c.count("cannot refresh; the last snapshot stays in force"); n != 1 {
			t.Errorf("the log says %d times that the source is down; want once", n)
		}
		source.set(func(s *fakeSource) { s.err, s.content = nil, "bob" })
		<-time.After(30 * time.Second)
		synctest.Wait()
		if c.user() != "bob" || c.Status().LastError != "" || c.count("refreshed again") != 1 {
			t.Errorf("bans %q, %+v; want the new snapshot", c.user(), c.Status())
		}
		c.stop()
	})
}

func TestDownAtStartIsTriedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fakeSource{content: "ann", err: errors.New("it is down")}
		c := run(t, source)
		synctest.Wait()
		if s := c.Status(); s.Version != "" || s.LoadedAt != nil || s.LastError == "" || s.Source != "fake" {
			t.Errorf("status %+v; want an empty snapshot and the error", s)
		}
		<-time.After(6 * time.Second)
		source.set(func(s *fakeSource) { s.err = nil })
		<-time.After(4 * time.Second) // the fourth retry is 8 s after the third
		<-time.After(5 * time.Second)
		if c.user() != "ann" {
			t.Errorf("bans %q after 15 s; want ann", c.user())
		}
		c.stop()
	})
}

func TestPanicIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fakeSource{content: "ann"}
		c := run(t, source)
		synctest.Wait()
		source.set(func(s *fakeSource) { s.panics = true })
		err := c.Refresh(t.Context())
		if err == nil || c.user() != "ann" || c.count("a refresh panicked") != 1 {
			t.Errorf("Refresh = %v, bans %q; want an error and the last snapshot", err, c.user())
		}
		source.set(func(s *fakeSource) { s.panics, s.content = false, "bob" })
		if err := c.Refresh(t.Context()); err != nil || c.user() != "bob" {
			t.Errorf("Refresh = %v, bans %q; want bob", err, c.user())
		}
		c.stop()
	})
}

// Whoever counts refreshes hears of each, with its time and what came of it; not of one
// that the end of the server cut off.
func TestRefreshedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fakeSource{content: "ann", takes: time.Second}
		c := run(t, source)
		<-time.After(2 * time.Second)
		down := errors.New("it is down")
		source.set(func(s *fakeSource) { s.err, s.takes = down, 2*time.Second })
		if err := c.Refresh(t.Context()); !errors.Is(err, down) {
			t.Errorf("Refresh = %v", err)
		}
		source.set(func(s *fakeSource) { s.err, s.panics, s.takes = nil, true, 3*time.Second })
		panicked := c.Refresh(t.Context())
		source.set(func(s *fakeSource) { s.panics, s.takes = false, time.Hour })
		<-time.After(time.Minute)
		c.stop()
		if want := []error{nil, down, panicked}; !slices.Equal(c.refreshes, want) || panicked == nil {
			t.Errorf("heard of %v, want %v", c.refreshes, want)
		}
		if want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}; !slices.Equal(c.took, want) {
			t.Errorf("they took %v, want %v", c.took, want)
		}
		if n := source.loaded(); n != 4 {
			t.Errorf("the source was read %d times, want 3 and one that was cut off", n)
		}
	})
}

func TestRefreshIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fakeSource{content: "ann", takes: time.Second}
		c := run(t, source)
		synctest.Wait() // the first load is under way
		source.set(func(s *fakeSource) { s.content = "bob" })
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() {
				if err := c.Refresh(t.Context()); err != nil {
					t.Error(err)
				}
				if c.user() != "bob" {
					t.Errorf("after Refresh the snapshot bans %q; want what was written before the call", c.user())
				}
			})
		}
		callers.Wait()
		if n := source.loaded(); n != 2 {
			t.Errorf("the source was read %d times; want once for the start and once for all callers", n)
		}
		c.stop()
	})
}

func TestRefreshGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := run(t, &fakeSource{takes: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Refresh = %v; want it to end with its context", err)
		}
		waiting := make(chan error)
		go func() { waiting <- c.Refresh(t.Context()) }()
		synctest.Wait()
		c.stop()
		if err := <-waiting; err == nil {
			t.Error("Refresh succeeded though the cache was stopped")
		}
		if err := c.Refresh(t.Context()); err == nil {
			t.Error("Refresh succeeded after the cache was stopped")
		}
	})
}

func TestChangeIsInForceWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &watchedSource{fakeSource: fakeSource{content: "ann", takes: 50 * time.Millisecond}, events: make(chan error), opened: make(chan struct{}, 10)}
		c := run(t, source)
		<-time.After(time.Second)
		before := source.loaded()
		source.set(func(s *fakeSource) { s.content = "bob" })
		begun := time.Now()
		for range 20 { // a burst
			source.events <- nil
		}
		<-c.Snapshot().Replaced()
		if took := time.Since(begun); c.user() != "bob" || took > time.Second {
			t.Errorf("bans %q after %v; want bob within a second", c.user(), took)
		}
		<-time.After(5 * time.Second)
		if n := source.loaded() - before; n != 1 {
			t.Errorf("a burst of changes made %d refreshes; want 1", n)
		}
		c.stop()
	})
}

// A collection that changes all the time must not keep the server busy.
func TestConstantChangesAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &watchedSource{fakeSource: fakeSource{takes: time.Second}, events: make(chan error), opened: make(chan struct{}, 10)}
		c := run(t, source)
		for range 1000 {
			source.events <- nil
			<-time.After(20 * time.Millisecond)
		}
		if n := source.loaded(); n < 9 || n > 12 {
			t.Errorf("%d refreshes of a second each in 20 s; want half the time", n)
		}
		c.stop()
	})
}

func TestLostStreamIsOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &watchedSource{fakeSource: fakeSource{content: "ann"}, events: make(chan error), opened: make(chan struct{}, 10)}
		c := run(t, source)
		<-source.opened
		<-time.After(time.Second)
		source.events <- errors.New("the stream broke")
		source.set(func(s *fakeSource) { s.content = "bob" }) // seen by nobody
		begun := time.Now()
		<-source.opened
		<-c.Snapshot().Replaced()
		if took := time.Since(begun); took > 2*time.Second || c.user() != "bob" {
			t.Errorf("bans %q after %v; want what was missed", c.user(), took)
		}
		c.stop()
	})
}

func TestPollingAloneIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &watchedSource{fakeSource: fakeSource{content: "ann"}, events: make(chan error), opened: make(chan struct{}, 10)}
		c := run(t, source)
		source.events <- ErrCannotWatch
		<-time.After(time.Hour)
		if n := len(source.opened); n != 1 {
			t.Errorf("the stream was opened %d times; want once", n)
		}
		if n := c.count("changes come with the regular refresh"); n != 1 {
			t.Errorf("the log says %d times that there are no change streams; want once", n)
		}
		if n := source.loaded(); n < 120 {
			t.Errorf("the source was read %d times in an hour; want it every 30 s", n)
		}
		c.stop()
	})
}

func TestWithoutSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := run(t, nil)
		if err := c.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		if s := c.Status(); s.Source != "none" || s.LoadedAt != nil {
			t.Errorf("status %+v; want none", s)
		}
		c.stop()
	})
}

func TestReportIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := Documents{Hash: [32]byte{1}}
		for range 1000 {
			docs.add(collectionOf("rooms"), fields{})
		}
		c := run(t, nil)
		synctest.Wait()
		c.source = &fakeSource{} // for its name
		c.publish(&docs)
		if n := c.count("a document is left out"); n != maxReported || c.count("more documents are left out") != 1 || c.Status().LeftOut != 1000 {
			t.Errorf("%d of 1000 documents are logged, %+v; want %d", n, c.Status(), maxReported)
		}
		c.stop()
	})
}

func TestStatusOnTheWire(t *testing.T) {
	at := noon
	text, err := json.Marshal(Status{Source: "file", Version: "v", Age: 1.5, LoadedAt: &at, Counts: Counts{1, 2, 3, 4, 5}, LeftOut: 6})
	want := `{"source":"file","version":"v","age":1.5,"loaded_at":"2026-11-24T12:00:00Z","counts":{"rooms":1,"bans":2,"words":3,"emotes":4,"announcements":5},"left_out":6,"last_error":""}`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
	text, err = json.Marshal(New(Options{}).Status())
	if err != nil || !strings.Contains(string(text), `"loaded_at":null`) {
		t.Errorf("%s, %v; want loaded_at null", text, err)
	}
}
