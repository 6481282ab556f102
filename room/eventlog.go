package room

import "chatserver/journal"

// entry is one event of the log with its encoded form, which all clients share.
type entry struct {
	seq     uint64
	kind    string
	author  string // user id of a message
	removed bool   // it is a message that was removed; data does not have its text
	data    []byte // JSON; never changed in place
}

// entryOf returns an event of the journal's as it stands in the log now.
func entryOf(kept *journal.Event) entry {
	e := entry{seq: kept.Seq, kind: kept.Type, author: kept.User, data: kept.Data}
	if kept.Removed {
		e.remove()
	}
	return e
}

// eventLog holds a room's newest events in memory. It belongs to the actor.
type eventLog struct {
	keep    int // events that are held for sure
	seq     uint64
	entries []entry // with seq from l.seq-len+1 to l.seq, without holes
}

// add appends the event with the next seq.
func (l *eventLog) add(e entry) {
	if len(l.entries) >= 2*l.keep { // moved once per keep events
		n := copy(l.entries, l.entries[len(l.entries)-l.keep:])
		clear(l.entries[n:])
		l.entries = l.entries[:n]
	}
	l.entries = append(l.entries, e)
	l.seq = e.seq
}

// first returns the oldest seq that is held; seq+1 when nothing is.
func (l *eventLog) first() uint64 { return l.seq + 1 - uint64(len(l.entries)) }

// from returns the events from seq on. The slice is valid until the next add.
func (l *eventLog) from(seq uint64) []entry {
	if first := l.first(); seq < first {
		seq = first
	}
	if seq > l.seq {
		return nil
	}
	return l.entries[len(l.entries)-int(l.seq-seq)-1:]
}

// last returns the newest n events.
func (l *eventLog) last(n int) []entry {
	return l.entries[max(0, len(l.entries)-n):]
}

// at returns the event with that seq, nil if it is not held. It is valid until the next
// add.
func (l *eventLog) at(seq uint64) *entry {
	if seq < l.first() || seq > l.seq {
		return nil
	}
	return &l.from(seq)[0]
}
