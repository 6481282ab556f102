package room

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"go.uber.org/zap"

	"chatserver/internal/fault"
	"chatserver/journal"
)

// historyRequest is the history command on the wire.
type historyRequest struct {
	Before *uint64 `json:"before"`
	Limit  *int    `json:"limit"`
}

// Bounds of history.
const (
	maxHistoryBytes   = 64 << 10 // of the events in one answer, which has one at least
	maxHistoryReaders = 4        // who read one room's log from the disk at the same time
)

// onHistory asks the room for older events. What the room does not hold for sure is read
// from the journal here, since the actor waits for no disk.
func (s *speaker) onHistory(id string, data []byte) (effect, error) {
	var req historyRequest
	if err := parse(data, &req); err != nil {
		return nil, err
	}
	limit, err := listLimit(req.Limit)
	if err != nil {
		return nil, err
	}
	q := &lookBack{of: s, to: s.asker, id: id, limit: uint64(limit)}
	if req.Before != nil {
		if q.before = *req.Before; q.before == 0 {
			return nil, fault.New(fault.BadField, "before must be 1 or more; leave it out for the newest events")
		}
	}
	if !s.lookingBack.CompareAndSwap(false, true) {
		return nil, &fault.Error{Code: fault.Busy, Detail: "the history that you asked for before is still under way; wait for it", RetryAfter: busyRetry}
	}
	if err = q.readOld(s.room); err == nil {
		err = s.room.offer(q)
	}
	if err != nil {
		s.lookingBack.Store(false)
	}
	return nil, err
}

// lookBack is a checked history, for the actor.
type lookBack struct {
	of     *speaker
	to     asker
	id     string
	before uint64 // 0: from the newest on
	limit  uint64

	first uint64  // the oldest event that the journal has; 0: it has none
	asOf  uint64  // the room's newest event, before old was read
	old   []entry // out of the journal, in order; none, if the room holds enough
}

// window returns the seqs of the events that are asked for, of those from oldest to newest:
// from, and those up to before to.
func (q *lookBack) window(oldest, newest uint64) (from, to uint64) {
	to = newest + 1
	if q.before > 0 {
		to = min(to, q.before)
	}
	from = oldest
	if to > q.limit {
		from = max(from, to-q.limit)
	}
	return min(from, to), to
}

// readOld reads from the journal, unless the room holds all that is asked for.
func (q *lookBack) readOld(r *Room) error {
	life, err := r.opts.Journal.Life(r.epoch)
	if errors.Is(err, journal.ErrNotFound) {
		return nil // it keeps nothing
	}
	if err != nil {
		return r.unreadable(err)
	}
	q.first, q.asOf = life.First, r.State().Seq
	from, to := q.window(q.first, q.asOf)
	if from == to || from+uint64(r.opts.logKeep()) > q.asOf {
		return nil
	}
	defer r.historyReaders.Add(-1)
	if r.historyReaders.Add(1) > maxHistoryReaders {
		return &fault.Error{Code: fault.Busy, Detail: "many look back at once; send this again after retry_after", RetryAfter: busyRetry}
	}
	events, err := r.opts.Journal.Newest(r.epoch, to, int(q.limit))
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return r.unreadable(err)
	}
	for i := range events {
		q.old = append(q.old, entryOf(&events[i]))
	}
	q.old = slices.Clone(newestOf(q.old)) // the rest is garbage from here on
	return nil
}

// unreadable returns what a client is told when the journal could not be read.
func (r *Room) unreadable(err error) error {
	if errors.Is(err, journal.ErrClosed) {
		return unavailable()
	}
	r.log.Warn("older events cannot be read from the journal", zap.Error(err))
	return fault.New(fault.Internal, "these events cannot be read; the operator can read why in the server's log")
}

// newestOf returns the last ones of some entries, as many as fit an answer.
func newestOf(entries []entry) []entry {
	size := 0
	for i, e := range slices.Backward(entries) {
		if size += len(e.data); size > maxHistoryBytes && i < len(entries)-1 {
			return entries[i+1:]
		}
	}
	return entries
}

func (q *lookBack) run(r *Room) {
	defer q.of.lookingBack.Store(false)
	if q.of.member.muted || q.of.member.gone {
		return // it hears nothing any more
	}
	events, ok := q.events(r)
	if !ok || !q.to.hand(q.answer(r, events)) {
		r.refuse(q.to, q.id, &fault.Error{Code: fault.Busy, Detail: "there is more on its way to you; send this again after retry_after", RetryAfter: busyRetry})
	}
}

// events returns what is asked for, as the log has it now. It is false if the room has gone
// on so far meanwhile that there would be a hole, or if the disk is behind.
func (q *lookBack) events(r *Room) ([]entry, bool) {
	from, to := q.window(q.oldest(r), r.events.seq)
	held := min(max(r.events.first(), from), to) // from here on the room has all
	if from == held {
		return newestOf(r.events.from(from)[:to-from]), true
	}
	if !q.redact(r) {
		return nil, false
	}
	events := slices.Clip(slices.DeleteFunc(q.old, func(e entry) bool { return e.seq < from || e.seq >= held }))
	if len(events) == 0 || events[len(events)-1].seq != held-1 {
		return nil, false
	}
	return newestOf(append(events, r.events.from(held)[:to-held]...)), true
}

// oldest returns the seq of the oldest event that the journal or the room has.
func (q *lookBack) oldest(r *Room) uint64 {
	if q.first == 0 {
		return r.events.first()
	}
	return min(q.first, r.events.first())
}

// redact takes away from the old events what was removed since they were read. It is false
// if the room does not hold all that has happened since.
func (q *lookBack) redact(r *Room) bool {
	if r.events.first() > q.asOf+1 {
		return false
	}
	for _, e := range r.events.from(q.asOf + 1) {
		removes := func(uint64) bool { return true }
		switch e.kind {
		case typeCleared:
		case typeDeleted:
			var deleted deletedEvent
			if err := json.Unmarshal(e.data, &deleted); err != nil {
				panic("room: redact: " + err.Error()) // it is one of ours
			}
			removes = func(seq uint64) bool { return seq == deleted.Target }
		default:
			continue
		}
		for i := range q.old {
			if removes(q.old[i].seq) {
				q.old[i].remove()
			}
		}
	}
	return true
}

// answer makes the answer's bytes, around those of the events.
func (q *lookBack) answer(r *Room, events []entry) []byte {
	size := 0
	for _, e := range events {
		size += len(e.data) + 1
	}
	head := encode(historyHead{Type: "history", ID: q.id})
	b := bytes.NewBuffer(make([]byte, 0, size+len(head)+256))
	b.Write(head[:len(head)-1])
	b.WriteString(`,"events":[`)
	for i, e := range events {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(e.data)
	}
	b.WriteString(`],"first":` + strconv.FormatUint(q.oldest(r), 10))
	if totals := r.reacted.of(events); totals != nil {
		b.WriteString(`,"reactions":`)
		b.Write(encode(totals))
	}
	b.WriteByte('}')
	return b.Bytes()
}

// historyHead is the beginning of the answer to history.
type historyHead struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
}

func (q *lookBack) failed(err error) { q.of.room.refuse(q.to, q.id, err) }
