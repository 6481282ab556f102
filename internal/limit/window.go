package limit

import (
	"sync"
	"time"
)

// Window counts attempts against one or more rates, all of which must let an
// attempt pass. An attempt passes a rate when the N-th attempt before it is at
// least Per ago, or does not exist. Attempts that were refused count too, so that
// whoever keeps trying without a pause stays refused.
//
// A window takes no memory for attempts before the first, and about 8 bytes for
// each that it must remember, which are as many as the largest N. It is safe for
// use by several goroutines. A nil Window, and one without a rate that is on,
// lets everything pass.
type Window struct {
	// Set by NewWindow and never changed.
	rates   []Rate        // those that are on
	size    int           // the largest N of them
	longest time.Duration // the longest Per of them

	mu sync.Mutex // guards what follows

	// start is when the window began, or began anew: the zero of the times in
	// newest and attempts.
	start  time.Time
	newest time.Duration

	// attempts is a ring of the newest ones, in the order of time. It grows to
	// size entries; next is where the next goes.
	attempts []time.Duration
	next     int
}

// NewWindow returns a window for rates, leaving out those that are off.
func NewWindow(rates ...Rate) *Window {
	w := &Window{}
	for _, r := range rates {
		if r.off() {
			continue
		}
		w.rates = append(w.rates, r)
		w.size = max(w.size, r.N)
		w.longest = max(w.longest, r.Per)
	}
	return w
}

// Take records an attempt at now. It returns 0 when the attempt may pass, else
// how long after now the next one may, if none comes before.
//
// Time may go back. A little, since goroutines overtake each other: then the
// attempt is judged by its own time, and recorded as if made together with the
// newest. By the longest Per or more, since a clock was set: then the window
// begins anew. So wait is never more than twice the longest Per.
func (w *Window) Take(now time.Time) (wait time.Duration) {
	if w == nil || len(w.rates) == 0 {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stale(now) {
		w.start, w.newest = now, 0
		w.attempts, w.next = w.attempts[:0], 0
	}
	at := now.Sub(w.start)
	refused := w.wait(at) > 0
	w.record(max(at, w.newest))
	if !refused {
		return 0
	}
	return w.wait(at)
}

// Idle reports whether no attempt lies within the longest Per of now. An idle
// window behaves as a new one, and its owner may drop it.
func (w *Window) Idle(now time.Time) bool {
	if w == nil || len(w.rates) == 0 {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stale(now)
}

// stale reports whether the newest attempt is at least the longest Per away from
// now, or there is none.
func (w *Window) stale(now time.Time) bool {
	if len(w.attempts) == 0 {
		return true
	}
	since := now.Sub(w.start.Add(w.newest))
	return since >= w.longest || since <= -w.longest
}

// wait returns how long an attempt at that time has to wait to pass every rate.
func (w *Window) wait(at time.Duration) (wait time.Duration) {
	for _, r := range w.rates {
		if len(w.attempts) >= r.N {
			wait = max(wait, r.Per-(at-w.back(r.N)))
		}
	}
	return wait
}

// back returns when the n-th newest attempt was made; there must be as many.
func (w *Window) back(n int) time.Duration {
	i := w.next - n
	if i < 0 {
		i += len(w.attempts)
	}
	return w.attempts[i]
}

// record puts an attempt into the ring.
func (w *Window) record(at time.Duration) {
	if len(w.attempts) < w.size {
		w.attempts = append(w.attempts, at)
	} else {
		w.attempts[w.next] = at
	}
	w.next = (w.next + 1) % w.size
	w.newest = at
}
