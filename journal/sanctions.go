package journal

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
)

// Sanction is a ban or the like, set or lifted.
type Sanction struct {
	ID    string
	Value []byte // JSON
}

// sanction is what memory holds of a sanction.
type sanction struct {
	state   sanctionState
	value   []byte
	version uint64 // goes up with each change
}

func (x *index) setSanction(id string, state sanctionState, value []byte) {
	s := &sanction{state: state, value: value}
	if old, ok := x.sanctions[id]; ok {
		s.version = old.version + 1
	}
	x.sanctions[id] = s
	if state == sanctionSent {
		delete(x.dirty, id)
	} else {
		x.dirty[id] = struct{}{}
	}
}

// maxSanctionID is the longest id, in bytes.
const maxSanctionID = 1024

// PutSanction stores a value under an id of 1 to 1024 bytes, in place of the one
// that may be there. It copies value. The disk may fail meanwhile: the change waits
// for it. For the errors and done see [Journal.Append].
func (j *Journal) PutSanction(id string, value []byte, done func(error)) error {
	return j.PutSanctions(map[string][]byte{id: value}, done)
}

// PutSanctions stores several values by their ids as [Journal.PutSanction] does one, all
// of them in one transaction.
func (j *Journal) PutSanctions(values map[string][]byte, done func(error)) error {
	for id := range values {
		if id == "" || len(id) > maxSanctionID {
			return fmt.Errorf("the id of a sanction has %d bytes; it must have 1 to %d", len(id), maxSanctionID)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.admit(needed); err != nil {
		return err
	}
	w := write{done: done}
	for id, value := range values {
		j.index.setSanction(id, sanctionUnsent, bytes.Clone(value))
		w.changes = append(w.changes, j.index.sanctionChange(id))
	}
	j.accept(w)
	return nil
}

// DeleteSanction removes what is stored under an id, without a word to the database: a
// ban that was lifted is put, as such, and deleted once the database has no need of it.
// The disk may fail meanwhile: the change waits for it. For the errors and done see
// [Journal.Append].
func (j *Journal) DeleteSanction(id string, done func(error)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.admit(needed); err != nil {
		return err
	}
	j.index.dropSanction(id)
	j.accept(write{changes: []change{j.index.sanctionChange(id)}, done: done})
	return nil
}

// Sanctions returns all sanctions by the order of their ids. The values must not be
// changed.
func (j *Journal) Sanctions() []Sanction {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []Sanction
	for _, id := range slices.Sorted(maps.Keys(j.index.sanctions)) {
		all = append(all, Sanction{ID: id, Value: j.index.sanctions[id].value})
	}
	return all
}

func (x *index) dropSanction(id string) {
	delete(x.sanctions, id)
	delete(x.dirty, id)
}

// sanctionChange returns the change that stores a sanction as it is in memory.
func (x *index) sanctionChange(id string) change {
	key := []byte(id)
	s, ok := x.sanctions[id]
	if !ok {
		return change{bucketSanctions, key, nil}
	}
	return change{bucketSanctions, key, encodeSanction(key, s.state, s.value)}
}
