package swarm

import (
	"testing"
	"time"
)

func TestBucketsFollowOneAnother(t *testing.T) {
	last := -1
	for us := range uint64(1 << 21) {
		b := bucket(us)
		if b != last && b != last+1 {
			t.Fatalf("%d µs is in bucket %d, the time before in %d", us, b, last)
		}
		if d := time.Duration(us) * time.Microsecond; d >= end(b) || b > 0 && d < end(b-1) {
			t.Fatalf("%v is in bucket %d, which goes from %v to %v", d, b, end(b-1), end(b))
		}
		last = b
	}
}

func TestQuantiles(t *testing.T) {
	var h Hist
	if got := h.Quantile(0.5); got != 0 {
		t.Errorf("the median of nothing is %v", got)
	}
	for i := range 1000 {
		h.Add(time.Duration(i+1) * time.Millisecond)
	}
	for _, c := range []struct {
		q    float64
		want time.Duration
	}{{0, time.Millisecond}, {0.5, 501 * time.Millisecond}, {0.99, 991 * time.Millisecond}, {0.999, time.Second}, {1, time.Second}} {
		if got := h.Quantile(c.q); got < c.want || got > c.want+c.want/32+time.Microsecond {
			t.Errorf("quantile %v is %v, want %v or a 32nd more", c.q, got, c.want)
		}
	}
	if h.Max() != time.Second || h.Count() != 1000 {
		t.Errorf("max %v of %d, want 1s of 1000", h.Max(), h.Count())
	}
}

func TestHistTakesAnyTime(t *testing.T) {
	var h Hist
	for _, d := range []time.Duration{-time.Second, 0, 1<<63 - 1} {
		h.Add(d)
	}
	if got := h.Quantile(0); got > time.Microsecond {
		t.Errorf("a time below zero counts as %v", got)
	}
	if h.Count() != 3 {
		t.Errorf("%d of 3 were counted", h.Count())
	}
}

func TestAddingAllocatesNothing(t *testing.T) {
	var h Hist
	if n := testing.AllocsPerRun(100, func() { h.Add(123 * time.Millisecond) }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}
