package room

import (
	"bytes"
	"runtime"
	"sync"
	"time"
)

// Bounds of the fan-out.
const (
	// gatherLeast and gatherMost bound the time between two flushes under load.
	gatherLeast = 5 * time.Millisecond
	gatherMost  = 45 * time.Millisecond
	// After a flush comes a pause of so many times its length as it had events,
	// within these bounds. So flushing takes at most a fifth of a core where events
	// come one by one, and a ninth where there are many, which gain by waiting for
	// each other.
	gatherShareLeast = 4
	gatherShareMost  = 8
	// gatherBytes is the size from which a batch goes out whatever the time.
	gatherBytes = 32 << 10
	// flushChunk is the number of writes after which other goroutines get their turn.
	flushChunk = 96
)

// fanout gathers what goes to everybody. When the last flush is longer ago than the
// interval a thing goes out at once; else it waits with others for the timer, and
// all go out in one write for each member. It belongs to the actor.
type fanout struct {
	batch    []byte // objects, separated by line feeds
	first    uint64 // seq of the first event in the batch; 0 without one
	events   int    // in the batch
	flushed  time.Time
	interval time.Duration
	timer    *time.Timer // runs while there is a batch
}

func newFanout() fanout { return fanout{interval: gatherLeast, timer: newStoppedTimer()} }

// broadcast sends an object to all members, gathered under load.
func (r *Room) broadcast(data []byte, now time.Time) {
	f := &r.out
	if len(f.batch) > 0 {
		f.batch = append(f.batch, '\n')
	}
	f.batch = append(f.batch, data...)
	due := f.flushed.Add(f.interval)
	switch {
	case !now.Before(due), len(f.batch) >= gatherBytes:
		r.flush()
	case len(f.batch) == len(data): // the first of the batch
		f.timer.Reset(due.Sub(now))
	}
}

// flush offers the batch to every member that follows live.
func (r *Room) flush() {
	f := &r.out
	if len(f.batch) == 0 {
		return
	}
	start := time.Now()
	frame, first := textFrame(f.batch), f.first
	share := min(max(f.events, gatherShareLeast), gatherShareMost)
	deflated := frame // for those who have negotiated it
	if r.members.deflating > 0 {
		if smaller := deflatedFrame(f.batch); smaller != nil {
			deflated = smaller
		}
	}
	f.batch, f.first, f.events = f.batch[:0], 0, 0
	f.timer.Stop()
	for i, m := range r.members.list {
		if i%flushChunk == flushChunk-1 {
			runtime.Gosched()
		}
		if m.feed != feedLive {
			continue
		}
		if first != 0 && m.next > first { // it joined amidst these events
			m.feed = feedCatching
			r.catchUp(m)
			continue
		}
		suits := frame
		if m.deflates {
			suits = deflated
		}
		if m.out.offer(suits) == full && first != 0 {
			m.feed, m.next = feedSkipping, first
		}
	}
	if first != 0 { // a count of viewers alone is no load
		f.flushed = time.Now()
		f.interval = min(max(time.Duration(share)*f.flushed.Sub(start), gatherLeast), gatherMost)
	}
}

// sequenced returns the newest seq that has gone out to those who follow live.
func (r *Room) sequenced() uint64 {
	if r.out.first != 0 {
		return r.out.first - 1
	}
	return r.events.seq
}

// hungry tells the actor that a member's outbox has emptied.
type hungry struct{ of *member }

func (h hungry) run(r *Room) {
	m := h.of
	if m.gone {
		return
	}
	switch m.feed {
	case feedCatching:
		r.catchUp(m)
	case feedSkipping:
		if to := r.sequenced(); r.skip(m, m.next, to) {
			m.feed, m.next = feedLive, to+1
		}
	case feedLive: // a reply had found no room
	}
	if n := r.count.told; m.feed == feedLive && n > 0 { // it may have missed this too
		m.out.offer(textFrame(encode(viewers{Type: "viewers", Count: n})))
	}
}

// skip tells a member which events it will not get. While that finds no room it is
// false: hungry comes again.
func (r *Room) skip(m *member, from, to uint64) bool {
	if from > to {
		return true
	}
	if m.out.offer(textFrame(encode(skipped{Type: "skipped", From: from, To: to}))) == full {
		return false
	}
	r.counters.skipped.Add(int64(to - from + 1))
	return true
}

// catchUp sends a member the events from m.next on out of the log, in portions that
// fit its outbox, with its greeting before them. The member follows live once it has
// them all.
func (r *Room) catchUp(m *member) {
	buf, _ := portions.Get().(*bytes.Buffer)
	defer portions.Put(buf)
	for m.feed == feedCatching && !m.out.wantRoom() {
		if oldest := r.events.first(); m.next < oldest {
			if !r.skip(m, m.next, oldest-1) {
				return
			}
			m.next = oldest
		}
		frame, next := r.portion(m, buf)
		if len(frame) > 0 && m.out.lend(frame) != taken {
			return // hungry goes on, unless the connection is gone
		}
		m.greeting, m.next = nil, next
		if next > r.events.seq {
			m.feed = feedLive
		}
	}
}

// portions holds buffers for one portion each, so that thousands who join make no garbage
// of the size of what they are shown.
var portions = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// portion makes a frame in buf of what a member is to get next, empty when that is
// nothing. It returns the seq that comes after it, too.
func (r *Room) portion(m *member, buf *bytes.Buffer) (frame []byte, next uint64) {
	var start [maxFrameStart]byte
	buf.Reset()
	buf.Write(start[:])
	buf.Write(m.greeting)
	next = m.next
	for _, e := range r.events.from(m.next) {
		if buf.Len()+len(e.data) > portionSize && next > m.next {
			break
		}
		if buf.Len() > maxFrameStart {
			buf.WriteByte('\n')
		}
		buf.Write(e.data)
		next = e.seq + 1
	}
	return frameIn(buf.Bytes(), opText), next
}
