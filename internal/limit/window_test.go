package limit

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// epoch is an arbitrary time without a monotonic reading, so that tests can set
// the clock back.
var epoch = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return epoch.Add(d) }

// attempt is a Take at a time after epoch, and what it must return.
type attempt struct{ at, wait time.Duration }

func TestWindowTake(t *testing.T) {
	const s, year = time.Second, 365 * 24 * time.Hour
	for _, tt := range []struct {
		name     string
		rates    []Rate
		attempts []attempt
	}{
		{"up to N pass at once", []Rate{{3, s}}, []attempt{{0, 0}, {0, 0}, {0, 0}, {0, s}}},
		{"N pass again when Per is over", []Rate{{2, s}}, []attempt{{0, 0}, {0, 0}, {s, 0}, {s, 0}}},
		{"the border is sharp", []Rate{{1, s}}, []attempt{{0, 0}, {s - 1, s}, {2*s - 1, 0}}},
		{"it slides", []Rate{{2, s}}, []attempt{{0, 0}, {s / 2, 0}, {s, 0}, {s + s/4, 3 * s / 4}}},
		{"the wait is for the next", []Rate{{2, 10 * s}}, []attempt{{0, 0}, {4 * s, 0}, {5 * s, 9 * s}, {14 * s, 0}}},
		{"refused attempts count", []Rate{{1, s}}, []attempt{{0, 0}, {s / 2, s}, {s, s}, {s + s/2, s}, {2*s + s/2, 0}}},
		{"every rate must let it pass", []Rate{{2, s}, {3, 10 * s}}, []attempt{{0, 0}, {0, 0}, {s / 2, 9*s + s/2}, {2 * s, 8 * s}}},
		{"in any order", []Rate{{3, 10 * s}, {2, s}}, []attempt{{0, 0}, {0, 0}, {s / 2, 9*s + s/2}, {2 * s, 8 * s}}},
		{"rates that are off do not count", []Rate{{}, {1, s}, {N: 1}}, []attempt{{0, 0}, {0, s}}},
		{"no rates", nil, []attempt{{0, 0}, {0, 0}, {0, 0}}},
		{"long idle", []Rate{{2, s}}, []attempt{{0, 0}, {0, 0}, {200 * year, 0}, {200 * year, 0}, {200 * year, s}}},
		{"overtaken by another", []Rate{{2, s}}, []attempt{{100, 0}, {0, 0}, {50, s + 50}, {s + 99, 1}, {s + 100, 0}}},
		{"clock set back", []Rate{{1, s}}, []attempt{{time.Hour, 0}, {0, 0}, {0, s}, {s, 0}}},
		{"clock set back by less than Per", []Rate{{1, s}}, []attempt{{s / 2, 0}, {0, s + s/2}, {s + s/2, 0}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := NewWindow(tt.rates...)
			for i, a := range tt.attempts {
				if got := w.Take(after(a.at)); got != a.wait {
					t.Fatalf("attempt %d, at %v, has to wait %v; want %v", i+1, a.at, got, a.wait)
				}
			}
		})
	}
}

func TestWindowWithoutRatesIsIdle(t *testing.T) {
	for name, w := range map[string]*Window{"nil": nil, "zero": {}, "off": NewWindow(Rate{})} {
		if wait := w.Take(epoch); wait != 0 || !w.Idle(epoch) {
			t.Errorf("%s window: wait is %v, idle is %v; want 0, true", name, wait, w.Idle(epoch))
		}
	}
}

func TestWindowIdle(t *testing.T) {
	const s = time.Second
	w := NewWindow(Rate{3, s}, Rate{20, 30 * s})
	wantIdle := func(at time.Duration, want bool) {
		t.Helper()
		if got := w.Idle(after(at)); got != want {
			t.Errorf("at %v idle is %v; want %v", at, got, want)
		}
	}
	wantIdle(0, true)
	w.Take(after(0))
	wantIdle(0, false)
	wantIdle(30*s-1, false)
	wantIdle(30*s, true)
	w.Take(after(10 * s))
	wantIdle(30*s, false)
	wantIdle(40*s, true)
	wantIdle(-10*s, false) // the clock was set back, a little
	wantIdle(-20*s, true)  // and a lot
}

// Who waits as long as told passes, whatever was before.
func TestWindowKeepsItsWord(t *testing.T) {
	w := NewWindow(Rate{3, time.Second}, Rate{20, 30 * time.Second})
	now, refused := epoch, 0
	for range 1000 {
		if wait := w.Take(now); wait > 0 {
			refused++
			now = now.Add(wait)
			if wait := w.Take(now); wait != 0 {
				t.Fatalf("after waiting as told, another %v", wait)
			}
		}
		now = now.Add(100 * time.Millisecond)
	}
	if refused == 0 {
		t.Error("nothing was refused, so nothing was tested")
	}
}

func TestWindowFromManyGoroutines(t *testing.T) {
	const n = 50
	w := NewWindow(Rate{n, time.Minute})
	var passed atomic.Int64
	var wg sync.WaitGroup
	for i := range 4 * n {
		wg.Go(func() {
			if w.Take(after(time.Duration(i))) == 0 {
				passed.Add(1)
			}
			w.Idle(epoch)
		})
	}
	wg.Wait()
	if passed.Load() != n {
		t.Errorf("%d attempts passed; want %d", passed.Load(), n)
	}
}

func TestWindowMemory(t *testing.T) {
	w := NewWindow(Rate{20, time.Second}, Rate{3, time.Minute})
	if w.attempts != nil {
		t.Error("a window takes memory for attempts before the first")
	}
	for range 1000 {
		w.Take(epoch)
	}
	if len(w.attempts) != 20 {
		t.Errorf("it remembers %d attempts; want 20", len(w.attempts))
	}
	if n := testing.AllocsPerRun(100, func() { w.Take(epoch) }); n != 0 {
		t.Errorf("%v allocations an attempt; want none", n)
	}
}

// model is a window written for its definition rather than for speed.
type model struct {
	rates    []Rate
	attempts []time.Duration // all of them
}

func (m *model) take(at time.Duration) (wait time.Duration) {
	if n := len(m.attempts); n > 0 && (at-m.attempts[n-1]).Abs() >= m.longest() {
		m.attempts = nil
	}
	passes := m.passes(at)
	newest := at
	if n := len(m.attempts); n > 0 {
		newest = max(at, m.attempts[n-1])
	}
	m.attempts = append(m.attempts, newest)
	if passes {
		return 0
	}
	// It may pass first when some attempt turns old enough for some rate.
	var times []time.Duration
	for _, r := range m.rates {
		for _, a := range m.attempts {
			times = append(times, max(at, a+r.Per))
		}
	}
	slices.Sort(times)
	return times[slices.IndexFunc(times, m.passes)] - at
}

func (m *model) passes(at time.Duration) bool {
	return !slices.ContainsFunc(m.rates, func(r Rate) bool {
		before := len(m.attempts) - r.N
		return before >= 0 && at-m.attempts[before] < r.Per
	})
}

func (m *model) longest() (longest time.Duration) {
	for _, r := range m.rates {
		longest = max(longest, r.Per)
	}
	return longest
}

// The fuzzer's bytes are steps in time, mostly forward; a few are large.
func FuzzWindow(f *testing.F) {
	f.Add(byte(3), byte(10), byte(20), byte(200), []byte{0, 0, 0, 0, 5, 5, 9, 255, 0, 200, 200, 1})
	f.Add(byte(1), byte(1), byte(0), byte(0), []byte{0, 1, 0, 1, 1, 0, 254, 0})
	f.Fuzz(func(t *testing.T, n1, per1, n2, per2 byte, steps []byte) {
		if n1 == 0 || per1 == 0 || len(steps) > 300 {
			return // says nothing
		}
		m := &model{rates: []Rate{{int(n1), time.Duration(per1)}}}
		second := Rate{int(n2), time.Duration(per2)}
		if !second.off() {
			m.rates = append(m.rates, second)
		}
		w := NewWindow(m.rates[0], second)
		var at time.Duration
		for i, step := range steps {
			switch {
			case step < 200:
				at += time.Duration(step) / 4
			case step < 240:
				at -= time.Duration(step - 200)
			default:
				at += time.Duration(step-248) * 100
			}
			if got, want := w.Take(after(at)), m.take(at); got != want {
				t.Fatalf("attempt %d, at %d, with %v: wait is %d; want %d", i+1, at, m.rates, got, want)
			}
			if w.Idle(after(at)) {
				t.Fatalf("idle right after attempt %d", i+1)
			}
		}
	})
}

func BenchmarkWindow(b *testing.B) {
	w := NewWindow(Rate{3, time.Second}, Rate{20, 30 * time.Second})
	now := epoch
	b.ReportAllocs()
	for b.Loop() {
		w.Take(now)
		now = now.Add(time.Second)
	}
}
