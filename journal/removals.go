package journal

import (
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// removal is what an event that is not on the disk yet has removed.
type removal struct {
	life *life
	seqs []uint64
}

// affect adds to an event's write what the event does to others, and notes that in
// memory. After an error it has done neither.
func (l *life) affect(e *Event, w *write) error {
	for _, seq := range e.Removes {
		if seq == 0 || seq >= e.Seq {
			return fmt.Errorf("%w: event %d of room %q cannot remove event %d, which does not stand before it", ErrOrder, e.Seq, l.Room, seq)
		}
	}
	if e.Ends >= e.Seq {
		return fmt.Errorf("%w: event %d of room %q cannot end poll %d, which does not stand before it", ErrOrder, e.Seq, l.Room, e.Ends)
	}
	if e.Clears || e.Ends > l.Ended {
		edited := *l
		edited.Ended = max(l.Ended, e.Ends)
		if e.Clears {
			edited.Cleared = e.Seq
		}
		c, err := edited.change()
		if err != nil {
			return err
		}
		w.changes = append(w.changes, c)
		l.Cleared, l.Ended = edited.Cleared, edited.Ended
	}
	l.remove(e.Removes, w)
	return nil
}

// remove adds the marks of events to the write that removes them. Those that nobody
// would look for get none.
func (l *life) remove(seqs []uint64, w *write) {
	gone := removal{life: l}
	for _, seq := range seqs {
		if seq <= l.Pruned || seq < l.Cleared {
			continue
		}
		key := markKey(l.id, seq)
		w.changes = append(w.changes, change{bucketRemoved, key, encodeMark(key)})
		gone.seqs = append(gone.seqs, seq)
	}
	if len(gone.seqs) == 0 {
		return
	}
	if l.removing == nil {
		l.removing = make(map[uint64]struct{})
	}
	for _, seq := range gone.seqs {
		l.removing[seq] = struct{}{}
	}
	w.removes = &gone
}

// settle notes that a write's marks are on the disk: whoever reads it finds them there.
func (w *write) settle() {
	if w.removes == nil {
		return
	}
	l := w.removes.life
	for _, seq := range w.removes.seqs {
		delete(l.removing, seq)
	}
	if len(l.removing) == 0 {
		l.removing = nil
	}
}

// hides tells whether memory knows that an event is removed; others may have a mark.
func (l *life) hides(seq uint64) bool {
	_, removing := l.removing[seq]
	return removing || seq < l.Cleared
}

// marks goes over the marks of a life beside its events, in a transaction.
type marks struct {
	cursor     *bolt.Cursor
	life       uint64
	key, value []byte // of the mark where it stands
	seq        uint64
	there      bool // it stands at one of the life
}

// marksFrom stands at the first mark of a life whose seq is not below from.
func marksFrom(tx *bolt.Tx, life, from uint64) *marks {
	m := &marks{cursor: tx.Bucket(bucketRemoved).Cursor(), life: life}
	m.stand(m.cursor.Seek(markKey(life, from)))
	return m
}

func (m *marks) next() { m.stand(m.cursor.Next()) }

func (m *marks) stand(key, value []byte) {
	owner, seq, ok := splitEventKey(key)
	m.key, m.value, m.seq, m.there = key, value, seq, ok && owner == m.life
}

// has goes on to an event, and tells whether that is marked. The error says that the
// mark cannot be trusted.
func (m *marks) has(seq uint64) (bool, error) {
	for m.there && m.seq < seq {
		m.next()
	}
	if !m.there || m.seq > seq {
		return false, nil
	}
	return true, checkMark(m.key, m.value)
}
