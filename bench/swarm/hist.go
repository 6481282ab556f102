package swarm

import (
	"math/bits"
	"time"
)

// Hist counts times in buckets that grow with them: exact to the microsecond below
// 64 µs, then to a 32nd. Adding allocates nothing.
type Hist struct {
	counts [64 + octaves*perOctave]uint64
	n      uint64
	max    time.Duration
}

const (
	exact     = 64 // microseconds that have a bucket each
	perOctave = 32 // buckets from one power of two to the next
	octaves   = 30 // the last one ends after 19 hours
)

// bucket returns the index of the bucket for so many microseconds.
func bucket(us uint64) int {
	if us < exact {
		return int(us)
	}
	shift := bits.Len64(us) - 6 // so that us>>shift is 32 to 63
	return min(exact+(shift-1)*perOctave+int(us>>shift)-perOctave, len(Hist{}.counts)-1)
}

// end returns the first time that is beyond the bucket.
func end(bucket int) time.Duration {
	if bucket < exact {
		return time.Duration(bucket+1) * time.Microsecond
	}
	shift := (bucket-exact)/perOctave + 1
	in := (bucket-exact)%perOctave + perOctave
	return time.Duration(in+1) << shift * time.Microsecond
}

// Add counts a time. One below zero counts as zero.
func (h *Hist) Add(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0)/time.Microsecond))]++
	h.n++
	h.max = max(h.max, d)
}

// Quantile returns the time within which the share q of all were, at most a 32nd too
// much. It is 0 when nothing was counted.
func (h *Hist) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := min(uint64(q*float64(h.n)), h.n-1)
	for i, count := range &h.counts {
		if rank < count {
			return min(end(i), h.max)
		}
		rank -= count
	}
	return h.max
}

// Max returns the longest time.
func (h *Hist) Max() time.Duration { return h.max }

// Count returns how many times were counted.
func (h *Hist) Count() uint64 { return h.n }
