package room

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"slices"

	"chatserver/internal/fault"
	"chatserver/journal"
)

// Log is one life of a room's log as the journal has it, whether the room is open or
// closed. It holds what is on the disk, which is all that was acknowledged.
type Log struct {
	Room  string
	Epoch string
	First uint64 // seq of the oldest event that is kept; Seq+1 when none is
	Seq   uint64 // of the newest event ever
	// ShowRemoved has messages that were removed keep their text, and be marked.
	ShowRemoved bool

	journal Journal
}

// Log returns the log of a room: that of the life with the epoch, or of the newest
// one if the epoch is empty. It is a room_not_found error when the journal has none.
func (g *Registry) Log(name, epoch string) (*Log, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	for _, l := range g.opts.Journal.Lives(name) {
		if epoch == "" || l.Epoch == epoch {
			return &Log{Room: l.Room, Epoch: l.Epoch, First: l.First, Seq: l.Seq, journal: g.opts.Journal}, nil
		}
	}
	if epoch != "" {
		return nil, fault.New(fault.RoomNotFound, "the journal has no log of room %s with the epoch %.32q", name, epoch)
	}
	return nil, fault.New(fault.RoomNotFound, "the journal has no log of a room %s; it was never open, or too long ago", name)
}

// Events streams the events with a seq above after and, unless before is 0, below
// before, in order, each as it goes over the wire now. However slow the caller is, it
// holds nothing up. An error ends the stream.
func (l *Log) Events(after, before uint64) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for e, err := range l.journal.All(l.Epoch, after, before) {
			if errors.Is(err, journal.ErrNotFound) {
				return // retention has taken it away meanwhile
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(l.form(&e), nil) {
				return
			}
		}
	}
}

// Newest returns the newest events with a seq below before, at most limit of them, in
// order.
func (l *Log) Newest(before uint64, limit int) ([]json.RawMessage, error) {
	events, err := l.journal.Newest(l.Epoch, before, limit)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, nil // retention has taken it away meanwhile
	}
	lines := make([]json.RawMessage, len(events))
	for i := range events {
		lines[i] = l.form(&events[i])
	}
	return lines, err
}

// form returns an event as whoever reads the log may see it.
func (l *Log) form(e *journal.Event) json.RawMessage {
	switch {
	case !e.Removed || !slices.Contains(removable, e.Type):
		return e.Data
	case l.ShowRemoved:
		return append(bytes.Clone(e.Data[:len(e.Data)-1]), `,"redacted":true}`...)
	default:
		return redact(e.Data)
	}
}
