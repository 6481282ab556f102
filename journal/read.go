package journal

import (
	"bytes"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// What is read in one transaction at most.
const (
	portionEvents = 256
	portionBytes  = 256 << 10 // and one event more
)

// Read returns events of a life, whether it is open or closed, that are on the
// disk: those with a seq above after and, unless before is 0, below before; the
// oldest limit of them, in order, with Removed set. The error is [ErrNotFound] for an
// unknown life, [ErrDamaged] for records that cannot be read.
func (j *Journal) Read(epoch string, after, before uint64, limit int) ([]Event, error) {
	var events []Event
	if limit <= 0 {
		return nil, nil
	}
	for e, err := range j.All(epoch, after, before) {
		if err != nil {
			return nil, err
		}
		if events = append(events, e); len(events) == limit {
			break
		}
	}
	return events, nil
}

// All streams what [Journal.Read] returns, without a limit. It reads in portions:
// however slow its caller is, no transaction is open while that has the word. An
// error ends the stream; what follows a damaged event can be read with its seq as
// after.
func (j *Journal) All(epoch string, after, before uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			portion, err := j.portion(epoch, after, before, portionEvents)
			for i := range portion {
				if !yield(portion[i], nil) {
					return
				}
				after = portion[i].Seq
			}
			if err != nil {
				yield(Event{}, err)
				return
			}
			if len(portion) == 0 {
				return
			}
		}
	}
}

// Newest returns the newest limit events of a life that are on the disk, of those
// with a seq below before, unless that is 0; the oldest of them first. For the
// errors see [Journal.Read].
func (j *Journal) Newest(epoch string, before uint64, limit int) ([]Event, error) {
	l, err := j.lookUp(epoch)
	if err != nil {
		return nil, err
	}
	end := l.seq
	if before > 0 {
		end = min(end, before-1)
	}
	if end > 0 && end == l.seq { // the disk may be behind
		if end, err = j.newestOnDisk(l.id); err != nil {
			return nil, err
		}
	}
	return j.Read(epoch, end-min(end, uint64(max(0, limit))), before, limit)
}

// Command says which event a user's command made.
type Command struct {
	User, ID string
	Seq      uint64
	Time     time.Time
	Removed  bool // the event is removed
}

// Commands returns the commands with an id that made the events of a life since a
// time, oldest first. It reads back from the newest event to the first that is
// older. For the errors see [Journal.Read].
func (j *Journal) Commands(epoch string, since time.Time) ([]Command, error) {
	var portions [][]Command // the newest first
	before, oldest := uint64(0), since.UnixMilli()
	for {
		events, err := j.Newest(epoch, before, portionEvents)
		if err != nil || len(events) == 0 {
			return inOrder(portions), err
		}
		var found []Command
		for i := range events {
			e := &events[i]
			if e.Time >= oldest && e.Command != "" {
				found = append(found, Command{User: e.User, ID: e.Command, Seq: e.Seq, Time: time.UnixMilli(e.Time), Removed: e.Removed})
			}
		}
		portions = append(portions, found)
		if before = events[0].Seq; events[0].Time < oldest || before <= 1 {
			return inOrder(portions), nil
		}
	}
}

// inOrder puts portions together, the last one first.
func inOrder(portions [][]Command) []Command {
	slices.Reverse(portions)
	return slices.Concat(portions...)
}

// lookUp returns a copy of a life.
func (j *Journal) lookUp(epoch string) (life, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	l, err := j.index.find(epoch)
	if err != nil {
		return life{}, err
	}
	found := *l
	found.removing = maps.Clone(l.removing)
	return found, nil
}

// portion reads the next events of a life with a seq above after, and below before
// unless that is 0, in one short transaction: limit of them, or fewer. With an error
// it returns the events that stand before the fault.
func (j *Journal) portion(epoch string, after, before uint64, limit int) ([]Event, error) {
	l, err := j.lookUp(epoch)
	if err != nil {
		return nil, err
	}
	if after == math.MaxUint64 {
		return nil, nil
	}
	if before == 0 {
		before = math.MaxUint64
	}
	var events []Event
	size := 0
	err = j.view(func(tx *bolt.Tx) error {
		removed := marksFrom(tx, l.id, after+1)
		c := tx.Bucket(bucketEvents).Cursor()
		for key, value := c.Seek(eventKey(l.id, after+1)); key != nil; key, value = c.Next() {
			owner, seq, ok := splitEventKey(key)
			if !ok || owner != l.id || seq >= before || len(events) >= min(limit, portionEvents) || size >= portionBytes {
				return nil
			}
			e, err := decodeEvent(key, bytes.Clone(value))
			if err != nil {
				return damagef("event %d of room %q, epoch %q: %v", seq, l.Room, l.Epoch, err)
			}
			marked, err := removed.has(seq)
			if err != nil {
				return damagef("the mark that event %d of room %q, epoch %q, is removed: %v", seq, l.Room, l.Epoch, err)
			}
			e.Epoch, e.Room, e.Removed = l.Epoch, l.Room, marked || l.hides(seq)
			events = append(events, e)
			size += len(value)
		}
		return nil
	})
	return events, err
}

// newestOnDisk returns the seq of the newest event of a life in the file; 0: none.
func (j *Journal) newestOnDisk(life uint64) (seq uint64, err error) {
	err = j.view(func(tx *bolt.Tx) error {
		seq = newestSeq(tx, life)
		return nil
	})
	return seq, err
}

// newestSeq returns the seq of the newest event of a life; 0: none.
func newestSeq(tx *bolt.Tx, life uint64) uint64 {
	c := tx.Bucket(bucketEvents).Cursor()
	key, _ := c.Seek(eventKey(life, math.MaxUint64))
	if key == nil {
		key, _ = c.Last()
	} else {
		key, _ = c.Prev()
	}
	if owner, seq, ok := splitEventKey(key); ok && owner == life {
		return seq
	}
	return 0
}
