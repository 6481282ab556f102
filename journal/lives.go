package journal

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Room is a room that is open.
type Room struct {
	Name     string
	Port     int
	Epoch    string    // names this life of the room; never used again
	Created  time.Time // to the millisecond
	Settings []byte    // JSON, or empty
	Seq      uint64    // the newest event's; ignored on writing
}

// Life is one log of a room, from its creation to its closing.
type Life struct {
	Room    string
	Epoch   string
	Created time.Time
	Closed  time.Time // zero: it is open
	First   uint64    // seq of the oldest event that is kept; Seq+1: none is
	Seq     uint64    // of the newest event ever
}

// life is what memory holds of a life. Journal.mu guards it; id, Room and Epoch
// never change.
type life struct {
	lifeRecord
	id  uint64
	seq uint64 // of the newest event that was accepted
	// unsentSince is not after the time of the oldest event that the database does not
	// have; it counts only while there is one.
	unsentSince time.Time
	// Events that were removed by others which are not on the disk yet; nil: none.
	removing map[uint64]struct{}
}

// index holds all lives and sanctions in memory, as they were accepted. Journal.mu
// guards it.
type index struct {
	lives  map[string]*life   // by epoch
	rooms  map[string][]*life // by the room's name, oldest first
	newest uint64             // the highest number of a life

	unsent  uint64             // events that the database does not have
	behind  map[*life]struct{} // the lives that they are in
	changes uint64             // of the open rooms

	sanctions map[string]*sanction
	dirty     map[string]struct{} // ids of sanctions that the database does not have
}

func newIndex() index {
	return index{
		lives:     make(map[string]*life),
		rooms:     make(map[string][]*life),
		behind:    make(map[*life]struct{}),
		sanctions: make(map[string]*sanction),
		dirty:     make(map[string]struct{}),
	}
}

func (x *index) add(l *life) {
	x.lives[l.Epoch] = l
	x.rooms[l.Room] = append(x.rooms[l.Room], l)
	x.newest = max(x.newest, l.id)
	if l.Sent < l.seq {
		x.behind[l] = struct{}{}
		x.unsent += l.seq - l.Sent
	}
}

func (x *index) remove(l *life) {
	delete(x.lives, l.Epoch)
	delete(x.behind, l)
	x.unsent -= l.seq - l.Sent
	x.rooms[l.Room] = slices.DeleteFunc(x.rooms[l.Room], func(other *life) bool { return other == l })
	if len(x.rooms[l.Room]) == 0 {
		delete(x.rooms, l.Room)
	}
}

// grow counts one more event of a life.
func (x *index) grow(l *life) {
	if l.Sent == l.seq {
		l.unsentSince = time.Now()
	}
	l.seq++
	x.unsent++
	x.behind[l] = struct{}{}
}

// sent notes that the database has the events of a life up to seq, which is of that time.
func (x *index) sent(l *life, seq uint64, at time.Time) {
	if seq <= l.Sent {
		return
	}
	x.unsent -= seq - l.Sent
	l.unsentSince = at
	if l.Sent = seq; l.Sent == l.seq {
		delete(x.behind, l)
	}
}

// unsentFor returns for how long the oldest event has been waiting for the database; 0
// if none does.
func (x *index) unsentFor() time.Duration {
	longest := time.Duration(0)
	for l := range x.behind {
		longest = max(longest, time.Since(l.unsentSince))
	}
	return longest
}

// find returns a life, or ErrNotFound.
func (x *index) find(epoch string) (*life, error) {
	if l, ok := x.lives[epoch]; ok {
		return l, nil
	}
	return nil, unknownEpoch(epoch)
}

// open returns a life that is open; ErrNotFound or ErrOver if there is none.
func (x *index) open(epoch string) (*life, error) {
	l, err := x.find(epoch)
	if err == nil && l.Closed != 0 {
		return nil, fmt.Errorf("%w: room %q with epoch %q takes nothing more", ErrOver, l.Room, epoch)
	}
	return l, err
}

// OpenRoom begins a life of a room: its epoch must be new, and no other life of the
// same name open. For the errors and done see [Journal.Append].
func (j *Journal) OpenRoom(r Room, done func(error)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.admit(refusable); err != nil {
		return err
	}
	if _, ok := j.index.lives[r.Epoch]; ok || r.Epoch == "" {
		return fmt.Errorf("%w: epoch %q of room %q is not new", ErrOrder, r.Epoch, r.Name)
	}
	for _, other := range j.index.rooms[r.Name] {
		if other.Closed == 0 {
			return fmt.Errorf("%w: room %q is open already, with epoch %q", ErrOrder, r.Name, other.Epoch)
		}
	}
	l := &life{id: j.index.newest + 1, lifeRecord: lifeRecord{
		Room: r.Name, Epoch: r.Epoch, Port: r.Port, Created: r.Created.UnixMilli(), Settings: slices.Clone(r.Settings),
	}}
	if err := j.put(l, done); err != nil {
		return err
	}
	j.index.add(l)
	return nil
}

// UpdateRoom replaces the port and the settings of the open room with that epoch.
// The disk may fail meanwhile: the change waits for it. For the errors and done see
// [Journal.Append].
func (j *Journal) UpdateRoom(r Room, done func(error)) error {
	return j.change(r.Epoch, done, func(l *life) {
		l.Port, l.Settings = r.Port, slices.Clone(r.Settings)
	})
}

// CloseRoom ends a life. Its events stay as long as retention keeps them. The disk
// may fail meanwhile: the change waits for it. For the errors and done see
// [Journal.Append].
func (j *Journal) CloseRoom(epoch string, done func(error)) error {
	return j.change(epoch, done, func(l *life) { l.Closed = time.Now().UnixMilli() })
}

// change edits an open life and writes it.
func (j *Journal) change(epoch string, done func(error), edit func(*life)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.admit(needed); err != nil {
		return err
	}
	l, err := j.index.open(epoch)
	if err != nil {
		return err
	}
	edited := *l
	edit(&edited)
	if err := j.put(&edited, done); err != nil {
		return err
	}
	l.Port, l.Settings, l.Closed = edited.Port, edited.Settings, edited.Closed
	return nil
}

// put writes a life's record. The caller holds mu and has asked admit.
func (j *Journal) put(l *life, done func(error)) error {
	c, err := l.change()
	if err != nil {
		return err
	}
	j.accept(write{changes: []change{c}, done: done})
	j.index.changes++
	return nil
}

// change returns the change that stores the life.
func (l *life) change() (change, error) {
	key := lifeKey(l.id)
	value, err := encodeLife(key, &l.lifeRecord)
	if err != nil {
		return change{}, fmt.Errorf("settings of room %q are no JSON: %w", l.Room, err)
	}
	return change{bucketLives, key, value}, nil
}

// OpenRooms returns the rooms that are open, by the order of their creation.
func (j *Journal) OpenRooms() []Room {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.index.openRooms()
}

func (x *index) openRooms() []Room {
	var open []*life
	for _, l := range x.lives {
		if l.Closed == 0 {
			open = append(open, l)
		}
	}
	slices.SortFunc(open, func(a, b *life) int { return cmp.Compare(a.id, b.id) })
	rooms := make([]Room, 0, len(open))
	for _, l := range open {
		rooms = append(rooms, Room{
			Name: l.Room, Port: l.Port, Epoch: l.Epoch, Created: time.UnixMilli(l.Created),
			Settings: slices.Clone(l.Settings), Seq: l.seq,
		})
	}
	return rooms
}

// Lives returns the lives of a room that the journal knows, newest first; none if
// it knows no room of that name.
func (j *Journal) Lives(room string) []Life {
	j.mu.Lock()
	defer j.mu.Unlock()
	var lives []Life
	for _, l := range slices.Backward(j.index.rooms[room]) {
		lives = append(lives, l.view())
	}
	return lives
}

// Life returns the life of an epoch, or [ErrNotFound].
func (j *Journal) Life(epoch string) (Life, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	l, err := j.index.find(epoch)
	if err != nil {
		return Life{}, err
	}
	return l.view(), nil
}

// view returns a life as others see it.
func (l *life) view() Life {
	view := Life{Room: l.Room, Epoch: l.Epoch, Created: time.UnixMilli(l.Created), First: l.Pruned + 1, Seq: l.seq}
	if l.Closed != 0 {
		view.Closed = time.UnixMilli(l.Closed)
	}
	return view
}
