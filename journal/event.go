package journal

import "fmt"

// Event is one event of a room's log.
type Event struct {
	Epoch   string // of the life that it belongs to
	Room    string // the room's name; filled in by the journal
	Seq     uint64 // from 1 on, without holes
	Time    int64  // Unix milliseconds
	Type    string // as on the wire
	User    string // id of the author; may be empty
	Command string // the author's own id of the command that made it; may be empty
	Data    []byte // the event as JSON; kept byte for byte

	// What the event does to others of its life. Append takes these; in what is
	// read they are empty.
	Removes []uint64 // earlier events that it removes from sight, by their seqs
	Clears  bool     // it removes all earlier events
	Ends    uint64   // the poll of that number is over, and so are all before it; 0: none

	// Removed says that a later event has removed this one. Only the methods that
	// read set it. The journal keeps Data as it was, and knows nothing of types:
	// the reader decides which events are out of sight when all before one are
	// removed.
	Removed bool
}

// Append writes an event of a life that is open; its seq must follow the newest
// one. It never waits. It copies Data and Removes. An error means that the event is not
// in the journal: [ErrUnavailable], [ErrFull], [ErrClosed], [ErrNotFound], [ErrOver] or
// [ErrOrder].
//
// What the event does to others is on the disk when it is, and not before. Whoever
// reads a log finds it done at once.
//
// Otherwise done, which may be nil, is called once: with nil when the event is on
// the disk, or with an error that wraps [ErrUnavailable] when it is not yet.
func (j *Journal) Append(e Event, done func(error)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.admit(refusable); err != nil {
		return err
	}
	l, err := j.index.open(e.Epoch)
	if err != nil {
		return err
	}
	if e.Seq != l.seq+1 {
		return fmt.Errorf("%w: event %d of room %q cannot follow event %d", ErrOrder, e.Seq, l.Room, l.seq)
	}
	key := eventKey(l.id, e.Seq)
	w := write{
		changes: []change{{bucketEvents, key, encodeEvent(key, &e)}},
		done:    done,
		event:   true,
	}
	if err := l.affect(&e, &w); err != nil {
		return err
	}
	j.accept(w)
	j.index.grow(l)
	return nil
}

// Sync calls done once all that was accepted before is on the disk, or with an error
// that wraps [ErrUnavailable] when it is not yet. For its own errors see
// [Journal.Append].
func (j *Journal) Sync(done func(error)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.admit(refusable); err != nil {
		return err
	}
	j.accept(write{done: done})
	return nil
}
