package room

import (
	"bytes"
	"iter"
	"runtime"
	"sync"
	"time"
)

// Bounds of the fan-out.
const (
	// gatherLeast and gatherMost bound the time between two flushes under load; after a
	// batch of few events, which gain little by waiting for others, it is gatherMostFew.
	gatherLeast   = 5 * time.Millisecond
	gatherMostFew = 30 * time.Millisecond
	gatherMost    = 45 * time.Millisecond
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
	items    []item // what is in the batch, in order
	span     span   // its events
	events   int    // number of them
	flushed  time.Time
	interval time.Duration
	timer    *time.Timer // runs while there is a batch
}

// item is an object in a batch.
type item struct {
	seq uint64    // of an event, else 0
	end int       // where it ends
	at  time.Time // when it was added
}

func newFanout() fanout { return fanout{interval: gatherLeast, timer: newStoppedTimer()} }

// add puts an object into the batch; seq is 0 for one that is no event.
func (f *fanout) add(seq uint64, object []byte, now time.Time) {
	if len(f.batch) > 0 {
		f.batch = append(f.batch, '\n')
	}
	f.batch = append(f.batch, object...)
	f.items = append(f.items, item{seq, len(f.batch), now})
	if seq == 0 {
		return
	}
	f.events++
	if f.span.last = seq; f.span.first == 0 {
		f.span.first = seq
	}
}

// objects goes through the objects in the batch, with the seqs of events.
func (f *fanout) objects() iter.Seq2[uint64, []byte] {
	return func(yield func(uint64, []byte) bool) {
		start := 0
		for _, it := range f.items {
			if !yield(it.seq, f.batch[start:it.end]) {
				return
			}
			start = it.end + 1
		}
	}
}

// rewrite makes the batch anew, with events as they stand in the log now.
func (f *fanout) rewrite(log *eventLog) {
	if f.span.first == 0 {
		return
	}
	anew, i := fanout{batch: make([]byte, 0, len(f.batch))}, 0
	for seq, object := range f.objects() {
		if e := log.at(seq); e != nil {
			object = e.data
		}
		anew.add(seq, object, f.items[i].at)
		i++
	}
	f.batch, f.items = anew.batch, anew.items
}

// clear empties the batch.
func (f *fanout) clear() {
	f.batch, f.items, f.span, f.events = f.batch[:0], f.items[:0], span{}, 0
}

// broadcast sends an object to all members, gathered under load; seq is 0 for one that
// is no event.
func (r *Room) broadcast(seq uint64, object []byte, now time.Time) {
	f := &r.out
	f.add(seq, object, now)
	due := f.flushed.Add(f.interval)
	switch {
	case !now.Before(due), len(f.batch) >= gatherBytes:
		r.flush()
	case len(f.items) == 1: // the first of the batch
		f.timer.Reset(due.Sub(now))
	}
}

// encodings are a batch's bytes in every form in which members take it.
type encodings [deliveries][]byte

// encode returns the batch in the forms that somebody takes.
func (r *Room) encodeBatch() (forms encodings) {
	f, by := &r.out, &r.members.by
	forms[deliverPlain] = textFrame(f.batch)
	forms[deliverDeflated] = forms[deliverPlain]
	if by[deliverDeflated] > 0 {
		if smaller := deflatedFrame(f.batch); smaller != nil {
			forms[deliverDeflated] = smaller
		}
	}
	if by[deliverStream] > 0 {
		stream := framing{r.epoch}
		for seq, object := range f.objects() {
			forms[deliverStream] = stream.appendObject(forms[deliverStream], seq, object)
		}
	}
	return forms
}

// flush offers the batch to every member that follows live.
func (r *Room) flush() {
	f := &r.out
	if len(f.batch) == 0 {
		return
	}
	start := time.Now()
	forms, events := r.encodeBatch(), f.span
	share, most := min(max(f.events, gatherShareLeast), gatherShareMost), gatherMost
	if share == gatherShareLeast {
		most = gatherMostFew
	}
	if r.members.by[deliverPolled] > 0 {
		r.notePolled()
	}
	items := f.items // nothing takes their place before the end of this flush
	f.clear()
	f.timer.Stop()
	for i, m := range r.members.list {
		if i%flushChunk == flushChunk-1 {
			runtime.Gosched()
		}
		if m.feed != feedLive || m.delivery == deliverPolled {
			continue
		}
		if events.first != 0 && m.next > events.first { // it joined amidst these events
			m.feed = feedCatching
			r.catchUp(m)
			continue
		}
		if m.out.offer(forms[m.delivery], events) == full && events.first != 0 {
			m.feed, m.next = feedSkipping, events.first
		}
	}
	if events.first != 0 { // a count of viewers alone is no load
		f.flushed = time.Now()
		f.interval = min(max(time.Duration(share)*f.flushed.Sub(start), gatherLeast), most)
		r.tellDelivered(items, f.flushed)
	}
	r.tellSent()
}

// tellDelivered tells the observer how long the events among items took.
func (r *Room) tellDelivered(items []item, now time.Time) {
	for _, it := range items {
		if it.seq > 0 {
			r.opts.Observer.Delivered(now.Sub(it.at))
		}
	}
}

// tellSent tells the observer what has gone out since the last time.
func (r *Room) tellSent() {
	sent := r.counters.bytesOut.Load()
	r.opts.Observer.Sent(sent - r.sent)
	r.sent = sent
}

// notePolled has those who poll ask for what is in the batch. Events they read from the
// log.
func (r *Room) notePolled() {
	var notes [][]byte // shared by all
	for seq, object := range r.out.objects() {
		if seq == 0 {
			notes = append(notes, bytes.Clone(object))
		}
	}
	for _, m := range r.members.list {
		if m.delivery == deliverPolled {
			m.session.note(notes...)
		}
	}
}

// sequenced returns the newest seq that has gone out to those who follow live.
func (r *Room) sequenced() uint64 {
	if first := r.out.span.first; first != 0 {
		return first - 1
	}
	return r.events.seq
}

// hungry tells the actor that a member's outbox has emptied.
type hungry struct{ of *member }

func (h hungry) run(r *Room) {
	m := h.of
	if m.gone || m.out == nil {
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
		m.note(encode(viewers{Type: "viewers", Count: n}))
	}
}

// skip tells a member which events it will not get. While that finds no room it is
// false: hungry comes again.
func (r *Room) skip(m *member, from, to uint64) bool {
	if from > to {
		return true
	}
	notice := m.out.framing.object(encode(skipped{Type: "skipped", From: from, To: to}))
	if m.out.offer(notice, span{first: from, last: to}) == full {
		return false
	}
	r.skipped(to - from + 1)
	return true
}

// skipped counts events that a client does not get.
func (r *Room) skipped(events uint64) {
	r.counters.skipped.Add(int64(events))
	r.opts.Observer.Skipped(events)
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
		events := span{m.next, next - 1, m.greeting != nil}
		if len(frame) > 0 && m.out.lend(frame, events) != taken {
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

// portion makes in buf the bytes of what a member is to get next, none when that is
// nothing. It returns the seq that comes after it, too.
func (r *Room) portion(m *member, buf *bytes.Buffer) (portion []byte, next uint64) {
	f := m.out.framing
	f.begin(buf)
	if m.greeting != nil {
		for object := range bytes.SplitSeq(m.greeting, []byte{'\n'}) {
			f.add(buf, 0, object)
		}
	}
	next = m.next
	for _, e := range r.events.from(m.next) {
		if buf.Len()+len(e.data) > portionSize && next > m.next {
			break
		}
		f.add(buf, e.seq, e.data)
		next = e.seq + 1
	}
	return f.end(buf), next
}
