package cache

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
)

// fakeStore is a journal that a test holds in its hand.
type fakeStore struct {
	mu     sync.Mutex
	values map[string][]byte
	wait   []func(error) // writes that are not on the disk yet
	err    error         // refuses every write
	puts   int
	slow   bool // nothing gets to the disk before commit
}

func newStore() *fakeStore { return &fakeStore{values: map[string][]byte{}} }

func (s *fakeStore) PutSanctions(values map[string][]byte, done func(error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.puts++
	maps.Copy(s.values, values)
	if done == nil {
		return nil
	}
	if s.slow {
		s.wait = append(s.wait, done)
		return nil
	}
	done(nil)
	return nil
}

func (s *fakeStore) DeleteSanction(id string, _ func(error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	delete(s.values, id)
	return nil
}

// commit tells those who wait what became of their writes.
func (s *fakeStore) commit(err error) {
	s.mu.Lock()
	wait := s.wait
	s.wait = nil
	s.mu.Unlock()
	for _, done := range wait {
		done(err)
	}
}

// kept returns what the store would give back at the next start.
func (s *fakeStore) kept() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.values)
}

// documents is a source that a test fills.
type documents struct {
	mu   sync.Mutex
	bans []Ban
	read int // how often it was changed
}

func (d *documents) Name() string { return "documents" }

func (d *documents) set(bans ...Ban) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bans = bans
	d.read++
}

// bench is a cache with a store.
type bench struct {
	*Cache
	t      testing.TB
	store  *fakeStore
	source *documents
}

// newBench returns a cache over a source with bans.
func newBench(tb testing.TB, list ...Ban) *bench {
	tb.Helper()
	b := &bench{t: tb, store: newStore(), source: &documents{}}
	b.start(list...)
	return b
}

// start begins anew with what the store has kept, and with bans in the source.
func (b *bench) start(list ...Ban) {
	b.Cache = New(Options{Source: &fakeSource{}, Logger: zap.NewNop()})
	b.Keep(b.store, b.store.kept())
	b.reads(list...)
}

// reads has the cache read bans from the source.
func (b *bench) reads(list ...Ban) {
	docs := &Documents{Bans: list}
	b.source.set(list...)
	copy(docs.Hash[:], fmt.Sprint(b.source.read, len(list)))
	b.publish(docs)
	b.note(nil)
}

// readsAgain has the cache find that nothing changed.
func (b *bench) readsAgain() {
	docs := &Documents{}
	copy(docs.Hash[:], fmt.Sprint(b.source.read, len(b.source.bans)))
	b.publish(docs)
	b.note(nil)
}

// set sets a sanction, which must succeed.
func (b *bench) set(ban Ban) Ban {
	b.t.Helper()
	got, err := b.Sanction(ban, nil)
	if err != nil || got.ID == "" {
		b.t.Fatalf("Sanction(%+v) = %+v, %v", ban, got, err)
	}
	return got
}

// lift lifts what bears one of the ids.
func (b *bench) lift(ids ...string) {
	b.t.Helper()
	lifted, err := b.Lift(func(x *Ban) bool { return slices.Contains(ids, x.ID) }, nil)
	if err != nil || len(lifted) != len(ids) {
		b.t.Fatalf("Lift(%q) = %+v, %v", ids, lifted, err)
	}
}

// wantIDs demands that exactly these are in force, and that the counts say so.
func (b *bench) wantIDs(why string, want ...string) {
	b.t.Helper()
	var got []string
	for ban := range b.Snapshot().Bans() {
		got = append(got, ban.ID)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || b.Snapshot().Counts().Bans != len(want) {
		b.t.Errorf("%s: in force are %q, counted %d; want %q", why, got, b.Snapshot().Counts().Bans, want)
	}
}

// wantHeld demands who is banned and timed out in a room; "" is nobody.
func (b *bench) wantHeld(why, room, user, banned, timedOut string) {
	b.t.Helper()
	s, now := b.Snapshot(), time.Now()
	if ban, _ := s.Sanctioned(KindBan, room, user, netip.Addr{}, true, now); ban.ID != banned {
		b.t.Errorf("%s: %s is banned by %q; want %q", why, user, ban.ID, banned)
	}
	if ban, _ := s.Sanctioned(KindTimeout, room, user, netip.Addr{}, true, now); ban.ID != timedOut {
		b.t.Errorf("%s: %s is timed out by %q; want %q", why, user, ban.ID, timedOut)
	}
}
