package cache

import (
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// Store keeps the bans that were set on this server: the journal does. The methods
// never wait. An error says that nothing is stored; else done, which may be nil, is
// called once, with nil when it is on the disk. What is put is brought to the database.
type Store interface {
	// PutSanctions stores values under ids: all of them or none.
	PutSanctions(values map[string][]byte, done func(error)) error
	DeleteSanction(id string, done func(error)) error
}

// ErrNoBan is the outcome of lifting a ban that is not there.
var ErrNoBan = errors.New("there is no ban with this id")

// settling is how long after a ban was lifted a reading of the source has to come, and
// not show it, before it is forgotten that it was: the database may hear of it late.
const settling = 10 * time.Minute

// sanctions are the bans that were set or lifted here, over those of the source. They
// hold at once; the store keeps them and brings them to the database. As soon as the
// source has such a ban too it is the source's: whoever takes it out there lifts it.
//
// A change of them costs a new index of the bans that were set here for the same room,
// and nothing that grows with the source's. [Cache.publishing] guards the fields. Values
// of set, and hidden, are published: they are replaced, never changed.
type sanctions struct {
	store  Store
	base   *Snapshot            // what the source says
	set    map[string]*bans     // by room; the source has none of them
	gone   map[string]time.Time // ids of bans that were lifted here, and when
	hidden idSet                // those of gone that the source has
}

// Keep lets bans be set and lifted on this server, with what the store has kept of
// them, by id. What cannot be read is logged and left out. It must be called before a
// ban is set or lifted, and before anybody relies on the snapshot.
func (c *Cache) Keep(store Store, kept map[string][]byte) {
	s := &sanctions{store: store, set: map[string]*bans{}, gone: map[string]time.Time{}}
	rooms := map[string][]Ban{}
	for _, id := range slices.Sorted(maps.Keys(kept)) {
		switch ban, lifted, err := DecodeBan(id, kept[id]); {
		case err != nil:
			c.logger.Error("a ban of the journal cannot be read", zap.Error(err))
		case !lifted.IsZero():
			s.gone[id] = lifted
		default:
			rooms[ban.Room] = append(rooms[ban.Room], ban)
		}
	}
	for room, list := range rooms {
		s.set[room] = new(newBans(list))
	}
	c.publishing.Lock()
	defer c.publishing.Unlock()
	c.sanctions = s
	now := time.Now()
	s.meet(c.base, now)
	s.forget(c.lastRead(), now)
	c.put()
}

// Sanction sets a ban, to which it gives an id, in place of those that hold for the very
// same: of its kind, for its user and its addresses, in its room, whether they were set
// here or stand in the source. It never waits. When it returns, the snapshot has the ban.
//
// done, which may be nil, is called once, on any goroutine, with nil when a crash would
// not undo it, or with an error when it would as yet. It must not block, nor call the
// cache. After an error of Sanction itself nothing has happened.
func (c *Cache) Sanction(b Ban, done func(error)) (Ban, error) {
	b.ID = newID(b.Kind)
	c.publishing.Lock()
	defer c.publishing.Unlock()
	now := time.Now()
	err := c.change(&b, c.sanctions.like(&b, now), now, done)
	return b, err
}

// Lift lifts all bans and timeouts that hold now and match, whether they were set here or
// stand in the source, and returns them. It never waits. When it returns, the snapshot
// does not have them any more. If none matches it returns nothing, and done is not
// called; else see [Cache.Sanction] for done, which stands for all of them, and for the
// error.
//
// match must neither change what it is given nor call the cache.
func (c *Cache) Lift(match func(*Ban) bool, done func(error)) (lifted []Ban, err error) {
	c.publishing.Lock()
	defer c.publishing.Unlock()
	now := time.Now()
	for b := range c.Snapshot().all() {
		if match(b) && b.Holds(now) {
			lifted = append(lifted, *b)
		}
	}
	if len(lifted) == 0 {
		return nil, nil
	}
	if err := c.change(nil, lifted, now, done); err != nil {
		return nil, err
	}
	return lifted, nil
}

// Ban is [Cache.Sanction], and returns once a crash would not undo it. An error of the
// store says that it may be in force, and not survive a crash.
func (c *Cache) Ban(b Ban) (Ban, error) {
	kept := make(chan error, 1)
	b, err := c.Sanction(b, func(err error) { kept <- err })
	if err != nil {
		return b, err
	}
	return b, <-kept
}

// Unban lifts the ban or timeout with an id, as [Cache.Lift] does, and returns once a
// crash would not undo that. It is [ErrNoBan] if none with this id holds.
func (c *Cache) Unban(id string) error {
	kept := make(chan error, 1)
	lifted, err := c.Lift(func(b *Ban) bool { return b.ID == id }, func(err error) { kept <- err })
	switch {
	case err != nil:
		return err
	case len(lifted) == 0:
		return ErrNoBan
	}
	return <-kept
}

// newID makes an id that no ban has had.
func newID(kind Kind) string {
	name := "ban-"
	if kind == KindTimeout {
		name = "timeout-"
	}
	return name + strings.ToLower(rand.Text()[:16])
}

// change sets a ban, unless that is nil, and lifts others, in one breath. The caller
// holds publishing.
func (c *Cache) change(set *Ban, lifted []Ban, now time.Time, done func(error)) error {
	values := make(map[string][]byte, 1+len(lifted))
	if set != nil {
		values[set.ID] = encodeBan(set)
	}
	for i := range lifted {
		values[lifted[i].ID] = encode(sanction{Lifted: &now})
	}
	s := c.sanctions
	if err := s.store.PutSanctions(values, done); err != nil {
		return err
	}
	s.lift(lifted, now)
	if set != nil {
		s.renew(set.Room, set, now)
	}
	c.put()
	return nil
}

// like returns the bans in force that hold for the very same as another one.
func (s *sanctions) like(b *Ban, now time.Time) []Ban {
	found := s.base.bans.like(b, s.hidden, now, nil)
	if set := s.set[b.Room]; set != nil {
		found = set.like(b, nil, now, found)
	}
	return found
}

// lift takes bans out, and hides those of the source.
func (s *sanctions) lift(lifted []Ban, now time.Time) {
	rooms := map[string]bool{} // in which bans that were set here are among them
	more := idSet{}
	for i := range lifted {
		id := lifted[i].ID
		s.gone[id] = now
		if s.sourced(id) {
			more[id] = struct{}{}
		} else {
			rooms[lifted[i].Room] = true
		}
	}
	if len(more) > 0 {
		maps.Copy(more, s.hidden)
		s.hidden = more
	}
	for room := range rooms {
		s.renew(room, nil, now)
	}
}

// renew makes anew what is set for a room: with one ban more, unless that is nil, without
// those that were lifted or made the source's own, and without those that have expired,
// which nobody needs to keep any more.
func (s *sanctions) renew(room string, more *Ban, now time.Time) {
	var list []Ban
	if old := s.set[room]; old != nil {
		list = make([]Ban, 0, len(old.list)+1)
		for i := range old.list {
			ban := &old.list[i]
			switch _, gone := s.gone[ban.ID]; {
			case gone:
			case s.sourced(ban.ID), !ban.Holds(now):
				s.drop(ban.ID)
			default:
				list = append(list, *ban)
			}
		}
	}
	if more != nil {
		list = append(list, *more)
	}
	if len(list) == 0 {
		delete(s.set, room)
		return
	}
	s.set[room] = new(newBans(list))
}

// drop has the store keep a ban, or the lifting of one, no longer.
func (s *sanctions) drop(id string) {
	_ = s.store.DeleteSanction(id, nil) // if it stays it is deleted after the next start
}

// sourced tells whether the source has a ban.
func (s *sanctions) sourced(id string) bool { return s.base.ids.has(id) }

// meet takes note of what the source says now: what it has made its own, and what of the
// lifted it has.
func (s *sanctions) meet(base *Snapshot, now time.Time) {
	s.base = base
	for room, set := range s.set {
		if slices.ContainsFunc(set.list, func(b Ban) bool { return s.sourced(b.ID) }) {
			s.renew(room, nil, now)
		}
	}
	s.hidden = idSet{}
	for id := range s.gone {
		if s.sourced(id) {
			s.hidden[id] = struct{}{}
		}
	}
}

// forget drops what counts no more: what has expired, and the lifting of what the source
// has no more. The source was last read at the time read, zero if it never was.
func (s *sanctions) forget(read, now time.Time) {
	for room, set := range s.set {
		if slices.ContainsFunc(set.list, func(b Ban) bool { return !b.Holds(now) }) {
			s.renew(room, nil, now)
		}
	}
	for id, at := range s.gone {
		if !s.sourced(id) && read.Sub(at) > settling {
			delete(s.gone, id)
			s.drop(id)
		}
	}
}

// over returns what holds: a snapshot of the source with the bans that were set and
// lifted here.
func (s *sanctions) over() *Snapshot {
	result := *s.base
	result.replaced = make(chan struct{})
	result.local = maps.Clone(s.set)
	result.lifted = s.hidden
	result.counts.Bans -= len(s.hidden)
	for _, set := range s.set {
		result.counts.Bans += len(set.list)
	}
	return &result
}
