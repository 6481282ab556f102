package journal_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/journal"
)

var errDatabase = errors.New("the test's database is away")

// fakeSink is a database in memory.
type fakeSink struct {
	mu        sync.Mutex
	events    map[string]map[uint64]string // by epoch and seq
	repeats   int                          // events that came again
	bulks     int
	largest   int
	sanctions map[string]string
	rooms     []string
	err       error         // what it answers
	lies      bool          // it keeps what it is given in spite of the error
	delay     time.Duration // of each answer
	disorder  string
}

func newSink() *fakeSink {
	return &fakeSink{events: make(map[string]map[uint64]string), sanctions: make(map[string]string)}
}

// set changes the sink while it is in use.
func (f *fakeSink) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// answer waits as long as the sink takes; keep says whether it stores.
func (f *fakeSink) answer(ctx context.Context) (keep bool, err error) {
	f.mu.Lock()
	delay, err, lies := f.delay, f.err, f.lies
	f.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return err == nil || lies, err
}

func (f *fakeSink) Messages(ctx context.Context, events []journal.Event) error {
	keep, err := f.answer(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if !keep {
		return err
	}
	f.bulks++
	f.largest = max(f.largest, len(events))
	for i := range events {
		e := &events[i]
		log := f.events[e.Epoch]
		if log == nil {
			log = make(map[uint64]string)
			f.events[e.Epoch] = log
		}
		if _, again := log[e.Seq]; again {
			f.repeats++
		} else if e.Seq != uint64(len(log))+1 {
			f.disorder = fmt.Sprintf("event %d of %s came after %d", e.Seq, e.Epoch, len(log))
		}
		log[e.Seq] = string(e.Data)
		clear(e.Data) // they are the sink's
	}
	return err
}

func (f *fakeSink) Sanctions(ctx context.Context, changed []journal.Sanction) error {
	keep, err := f.answer(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range changed {
		if keep {
			f.sanctions[s.ID] = string(s.Value)
		}
	}
	return err
}

func (f *fakeSink) Servers(ctx context.Context, open []journal.Room) error {
	keep, err := f.answer(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if keep {
		f.rooms = nil
		for _, r := range open {
			f.rooms = append(f.rooms, r.Name)
		}
	}
	return err
}

// wantLog demands that the sink holds events 1 to last of a life.
func (f *fakeSink) wantLog(t *testing.T, epoch string, last uint64) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.disorder != "" {
		t.Error(f.disorder)
	}
	if len(f.events[epoch]) != int(last) {
		t.Fatalf("the sink has %d events of %s, want %d", len(f.events[epoch]), epoch, last)
	}
	for seq, data := range f.events[epoch] {
		if data != string(event(epoch, seq).Data) {
			t.Fatalf("event %d of %s arrived as %s", seq, epoch, data)
		}
	}
}

// forward runs Forward until the function that it returns is called.
func (s *store) forward(sink journal.Sink) (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error)
	go func() { ended <- s.Forward(ctx, sink) }()
	return func() {
		s.t.Helper()
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("Forward: %v", err)
		}
	}
}

func (s *store) wantLag(want uint64) {
	s.t.Helper()
	if lag := s.Stats().Unsent; lag != want {
		s.t.Errorf("lag is %d, want %d", lag, want)
	}
}

func TestForward(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, sink := open(t, dir, forwarded), newSink()
		a, b := s.room("a"), s.room("b")
		s.say(a, 1, 5*journal.BulkEvents/2)
		s.must(func(done func(error)) error { return s.PutSanction("x", []byte("1"), done) })
		s.must(func(done func(error)) error { return s.CloseRoom(b, done) })
		s.wantLag(5 * journal.BulkEvents / 2)
		stop := s.forward(sink)
		pass(time.Second)
		sink.wantLog(t, a, 5*journal.BulkEvents/2)
		s.wantLag(0)
		if sink.largest != journal.BulkEvents || sink.bulks != 3 {
			t.Errorf("it took %d bulks of up to %d events", sink.bulks, sink.largest)
		}
		if !slices.Equal(sink.rooms, []string{"a"}) || sink.sanctions["x"] != "1" {
			t.Errorf("the sink has rooms %v and sanctions %v", sink.rooms, sink.sanctions)
		}

		// What comes later wakes it up, and is gathered.
		for seq := uint64(5*journal.BulkEvents/2 + 1); seq <= 5*journal.BulkEvents/2+10; seq++ {
			s.say(a, seq, seq)
			pass(10 * time.Millisecond)
		}
		s.must(func(done func(error)) error { return s.PutSanction("x", []byte("2"), done) })
		s.must(func(done func(error)) error { return s.PutSanction("y", []byte("3"), done) })
		s.must(func(done func(error)) error { return s.DeleteSanction("y", done) })
		s.room("c")
		pass(time.Second)
		sink.wantLog(t, a, 5*journal.BulkEvents/2+10)
		if sink.bulks != 4 || sink.repeats != 0 {
			t.Errorf("it took %d bulks, %d events came twice", sink.bulks, sink.repeats)
		}
		if !slices.Equal(sink.rooms, []string{"a", "c"}) || len(sink.sanctions) != 1 || sink.sanctions["x"] != "2" {
			t.Errorf("the sink has rooms %v and sanctions %v", sink.rooms, sink.sanctions)
		}
		if err := s.Forward(t.Context(), sink); err == nil {
			t.Error("Forward ran twice at once")
		}
		stop()
		s.close()

		// The next start sends only what the sink does not have, and the rooms.
		s, sink = open(t, dir, forwarded), newSink()
		s.wantLag(0)
		stop = s.forward(sink)
		pass(time.Second)
		if len(sink.events) != 0 || !slices.Equal(sink.rooms, []string{"a", "c"}) {
			t.Errorf("after a restart it was sent events of %v and rooms %v", slices.Collect(maps.Keys(sink.events)), sink.rooms)
		}
		s.close()
		stop()
	})
}

func TestForwardToAFailingSink(t *testing.T) {
	for _, lies := range []bool{false, true} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			logger, lines := logged()
			s, sink := open(t, dir, forwarded, logger), newSink()
			a := s.room("a")
			sink.err, sink.lies = errDatabase, lies
			stop := s.forward(sink)
			s.say(a, 1, 1000)
			s.must(func(done func(error)) error { return s.PutSanction("x", []byte("1"), done) })
			pass(10 * time.Minute)
			s.wantLag(1000)
			s.say(a, 1001, 1100)
			sink.set(func() { sink.err = nil })
			pass(31 * time.Second)
			sink.wantLog(t, a, 1100)
			s.wantLag(0)
			if n := lines.Len(); n != 2 {
				t.Errorf("want a line for each turn, got %v", lines.All())
			}
			stop()
			s.close()
		})
	}
}

// TestForwardToASlowSink shows that the sink's time is not the rooms' time.
func TestForwardToASlowSink(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, sink := open(t, dir, forwarded), newSink()
		a := s.room("a")
		sink.delay = time.Minute
		stop := s.forward(sink)
		for seq := uint64(1); seq <= 100; seq++ {
			start := time.Now()
			s.say(a, seq, seq)
			if took := time.Since(start); took > 5*time.Millisecond {
				t.Fatalf("event %d took %v", seq, took)
			}
			if n := s.OpenTransactions(); n != 0 {
				t.Fatalf("%d transactions are open while the sink works", n)
			}
			pass(time.Second)
		}
		pass(10 * time.Minute)
		sink.wantLog(t, a, 100)
		stop()
		s.close()
	})
}

func TestForwardStopsInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, sink := open(t, dir, forwarded), newSink()
		a := s.room("a")
		s.say(a, 1, 5000)
		sink.delay = time.Second
		stop := s.forward(sink)
		pass(5*time.Second + time.Second/2)
		stop()
		s.close()
		s = open(t, dir, forwarded)
		if lag := s.Stats().Unsent; lag == 0 || lag >= 5000 {
			t.Errorf("the cursor was not kept: lag is %d", lag)
		}
		sink.delay = 0
		stop = s.forward(sink)
		pass(time.Minute)
		sink.wantLog(t, a, 5000)
		stop()
		s.close()
	})
}

// TestUnsentFor holds the age of what the database does not have to the clock, across
// a restart too.
func TestUnsentFor(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, sink := open(t, dir, forwarded), newSink()
		want := func(why string, age time.Duration, err error) {
			t.Helper()
			got := s.Stats()
			if off := got.UnsentFor - age; off < 0 || off > time.Second || !errors.Is(got.SendError, err) {
				t.Errorf("%s: the oldest event waits for %v, the error is %v; want %v and %v", why, got.UnsentFor, got.SendError, age, err)
			}
		}
		a, b := s.room("a"), s.room("b")
		want("no event yet", 0, nil)
		sink.err = errDatabase
		stop := s.forward(sink)
		s.say(a, 1, 3*journal.BulkEvents)
		pass(time.Minute)
		s.say(b, 1, 1)
		pass(time.Minute)
		want("the database is down", 2*time.Minute, errDatabase)
		stop()
		s.close()

		s = open(t, dir, forwarded)
		pass(time.Hour)
		want("after a restart", time.Hour+2*time.Minute, nil)
		sink.set(func() { sink.err = nil })
		stop = s.forward(sink)
		pass(time.Minute)
		want("the database is back", 0, nil)
		sink.set(func() { sink.err = errDatabase })
		s.say(b, 2, 2)
		pass(time.Minute)
		want("an event of a room that was quiet", time.Minute, errDatabase)
		stop()
		s.close()
	})
}

func TestForwardNeedsItsOption(t *testing.T) {
	if err := openNew(t).Forward(t.Context(), newSink()); err == nil {
		t.Error("Forward ran on a journal that does not keep what is to be sent")
	}
}
