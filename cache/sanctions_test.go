package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTimedOut(t *testing.T) {
	timeout := func(id, whom, room string, expires time.Time) Ban {
		ban := banOf(id, whom, room, expires)
		ban.Kind = KindTimeout
		return ban
	}
	minute, hour := noon.Add(time.Minute), noon.Add(time.Hour)
	s := NewSnapshot(&Documents{Bans: []Ban{
		banOf("ban", "ann", "", time.Time{}),
		timeout("short", "ann", "a", minute),
		timeout("long", "ann", "a", hour),
		timeout("in all rooms", "ann", "", minute.Add(1)),
		timeout("address", "192.0.2.1", "a", minute),
		timeout("prefix", "192.0.2.0/24", "a", hour),
		timeout("for ever", "192.0.2.0/28", "b", time.Time{}),
	}}, noon)
	for _, tt := range []struct {
		room, user, addr, want string
		after                  time.Duration
	}{
		{"a", "ann", "", "long", 0},
		{"a", "ann", "", "long", 30 * time.Minute},
		{"a", "ann", "", "", time.Hour},
		{"b", "ann", "", "in all rooms", 0},
		{"a", "bob", "", "", 0},
		{"a", "", "192.0.2.1", "prefix", 0},
		{"a", "", "::ffff:192.0.2.1", "prefix", 0},
		{"a", "bob", "192.0.2.1", "prefix", 0},
		{"a", "ann", "192.0.2.1", "long", 0},
		{"b", "ann", "192.0.2.1", "for ever", 0},
		{"a", "", "192.0.3.1", "", 0},
	} {
		var from netip.Addr
		if tt.addr != "" {
			from = addr(tt.addr)
		}
		got, found := s.Sanctioned(KindTimeout, tt.room, tt.user, from, true, noon.Add(tt.after))
		if got.ID != tt.want || found != (tt.want != "") {
			t.Errorf("in %s after %v, user %q at %q: timed out by %q, %v; want %q", tt.room, tt.after, tt.user, tt.addr, got.ID, found, tt.want)
		}
	}
	if ban, _ := s.Sanctioned(KindBan, "a", "ann", addr("192.0.2.1"), true, noon); ban.ID != "ban" {
		t.Errorf("ann is banned by %q; want no timeout to count", ban.ID)
	}
	if _, found := s.Sanctioned(KindBan, "a", "", addr("192.0.2.1"), true, noon); found {
		t.Error("a timeout keeps an address out")
	}
}

func TestSanctionHoldsAtOnce(t *testing.T) {
	b := newBench(t)
	b.store.slow = true
	before := b.Snapshot()
	var outcome []error
	done := func(err error) { outcome = append(outcome, err) }
	ann, err := b.Sanction(Ban{Kind: KindTimeout, User: "ann", Room: "a", Expires: time.Now().Add(time.Hour)}, done)
	if err != nil || !strings.HasPrefix(ann.ID, "timeout-") {
		t.Fatalf("Sanction = %+v, %v", ann, err)
	}
	select {
	case <-before.Replaced():
	default:
		t.Error("nobody is told of the new snapshot")
	}
	bob, err := b.Sanction(Ban{User: "bob"}, done)
	if err != nil || !strings.HasPrefix(bob.ID, "ban-") {
		t.Fatalf("Sanction = %+v, %v", bob, err)
	}
	b.wantHeld("before the disk has it", "a", "ann", "", ann.ID)
	b.wantHeld("another room", "b", "ann", "", "")
	b.wantHeld("all rooms", "b", "bob", bob.ID, "")
	if len(outcome) > 0 {
		t.Errorf("done was called before the disk had it: %v", outcome)
	}
	down := errors.New("the disk is full")
	b.store.commit(down)
	if len(outcome) != 2 || !errors.Is(outcome[0], down) {
		t.Errorf("done was told %v; want the disk's error for each", outcome)
	}
	b.wantHeld("though the disk is full", "a", "ann", "", ann.ID)

	b.start() // with what the store has
	b.wantHeld("after a restart", "a", "ann", "", ann.ID)
	b.wantHeld("after a restart", "b", "bob", bob.ID, "")
}

func TestRefusedSanctionHasNotHappened(t *testing.T) {
	b := newBench(t, banOf("1", "ann", "a", time.Time{}))
	b.store.err = errors.New("the queue is full")
	before := b.Snapshot()
	fail := func(error) { t.Error("done was called") }
	if _, err := b.Sanction(Ban{User: "ann", Room: "a"}, fail); !errors.Is(err, b.store.err) {
		t.Errorf("Sanction: %v", err)
	}
	if lifted, err := b.Lift(func(*Ban) bool { return true }, fail); !errors.Is(err, b.store.err) || lifted != nil {
		t.Errorf("Lift: %v, %v", lifted, err)
	}
	if _, err := b.Ban(Ban{User: "bob"}); !errors.Is(err, b.store.err) {
		t.Errorf("Ban: %v", err)
	}
	if err := b.Unban("1"); !errors.Is(err, b.store.err) {
		t.Errorf("Unban: %v", err)
	}
	if b.Snapshot() != before {
		t.Error("there is a new snapshot")
	}
	b.wantIDs("as before", "1")
}

// A sanction replaces what holds for the very same, and nothing else.
func TestSanctionReplaces(t *testing.T) {
	hour, minute := time.Now().Add(time.Hour), time.Now().Add(time.Minute)
	both := Ban{ID: "both", User: "ann", Net: netip.MustParsePrefix("192.0.2.1/32"), Room: "a"}
	b := newBench(t,
		banOf("source", "ann", "a", time.Time{}), banOf("source too", "ann", "a", hour), banOf("over", "ann", "a", time.Now().Add(-1)),
		banOf("another room", "ann", "b", time.Time{}), banOf("all rooms", "ann", "", time.Time{}), banOf("bob", "bob", "a", time.Time{}), both,
		banOf("address", "192.0.2.1", "a", time.Time{}), banOf("prefix", "192.0.2.0/24", "a", time.Time{}))
	rest := []string{"over", "another room", "all rooms", "bob", "both", "prefix"}
	timeout := b.set(Ban{Kind: KindTimeout, User: "ann", Room: "a", Expires: hour})
	b.wantIDs("a timeout replaces no ban", append([]string{timeout.ID, "source", "source too", "address"}, rest...)...)
	puts := b.store.puts
	short := b.set(Ban{User: "ann", Room: "a", Expires: minute})
	b.wantIDs("a ban, those of the source", append([]string{timeout.ID, short.ID, "address"}, rest...)...)
	if b.store.puts != puts+1 {
		t.Errorf("it took %d writes; want one, that a crash cannot part", b.store.puts-puts)
	}
	again := b.set(Ban{Kind: KindTimeout, User: "ann", Room: "a", Expires: minute})
	b.wantIDs("a timeout, the one set here", append([]string{again.ID, short.ID, "address"}, rest...)...)
	home := b.set(banOf("", "192.0.2.1", "a", time.Time{}))
	b.wantIDs("an address", append([]string{again.ID, short.ID, home.ID}, rest...)...)
	b.start(b.source.bans...)
	b.wantIDs("after a restart", append([]string{again.ID, short.ID, home.ID}, rest...)...)
}

func TestLift(t *testing.T) {
	past := time.Now().Add(-time.Hour)
	b := newBench(t, banOf("longest", "ann", "a", time.Time{}), banOf("shorter", "ann", "a", time.Now().Add(time.Hour)), banOf("over", "ann", "a", past))
	bob, cleo := b.set(Ban{User: "bob", Room: "a"}), b.set(Ban{Kind: KindTimeout, User: "cleo"})

	if lifted, err := b.Lift(func(*Ban) bool { return false }, func(error) { t.Error("done was called") }); lifted != nil || err != nil {
		t.Errorf("Lift of nothing: %v, %v", lifted, err)
	}
	b.lift("longest")
	b.wantHeld("the shorter one counts now", "a", "ann", "shorter", "")
	b.store.slow = true
	told := 0
	before := b.Snapshot()
	lifted, err := b.Lift(func(*Ban) bool { return true }, func(error) { told++ })
	var ids []string
	for _, ban := range lifted {
		ids = append(ids, ban.ID)
	}
	slices.Sort(ids)
	want := []string{bob.ID, "shorter", cleo.ID}
	slices.Sort(want)
	if err != nil || !slices.Equal(ids, want) || told != 0 {
		t.Errorf("Lift = %q, %v, told %d times; want %q", ids, err, told, want)
	}
	b.wantIDs("before the disk has it", "over")
	if _, found := before.Sanctioned(KindBan, "a", "bob", netip.Addr{}, true, time.Now()); !found {
		t.Error("a snapshot has changed")
	}
	b.store.commit(nil)
	if told != 1 {
		t.Errorf("done was called %d times; want once for all", told)
	}
	b.start(b.source.bans...)
	b.wantIDs("after a restart", "over")
}

func TestBanAndUnbanWaitForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, banOf("source", "ann", "", time.Time{}), banOf("over", "bob", "", time.Now().Add(-1)))
		b.store.slow = true
		waits := func(why string, call func() error) {
			outcome := make(chan error, 1)
			go func() { outcome <- call() }()
			synctest.Wait()
			select {
			case err := <-outcome:
				t.Errorf("%s did not wait for the disk: %v", why, err)
			default:
			}
			b.store.commit(nil)
			if err := <-outcome; err != nil {
				t.Errorf("%s: %v", why, err)
			}
		}
		var ban Ban
		waits("Ban", func() (err error) { ban, err = b.Ban(Ban{User: "ann", Room: "a"}); return err })
		waits("Unban", func() error { return b.Unban("source") })
		b.wantHeld("the ban alone", "a", "ann", ban.ID, "")
		waits("Unban", func() error { return b.Unban(ban.ID) })
		b.wantIDs("all lifted", "over")
		for _, id := range []string{"source", ban.ID, "never", "over"} {
			if err := b.Unban(id); !errors.Is(err, ErrNoBan) {
				t.Errorf("Unban(%q) = %v; want ErrNoBan", id, err)
			}
		}
	})
}

// What was set here is the source's once that has it; what was lifted stays lifted
// while the source has it, and for a while.
func TestTheSourceTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs := banOf("theirs", "ann", "", time.Time{})
		b := newBench(t, theirs)
		ours, other := b.set(Ban{User: "bob", Room: "a"}), b.set(Ban{User: "cleo", Room: "a"})
		b.lift("theirs")
		b.wantIDs("set and lifted", ours.ID, other.ID)
		b.reads(theirs, ours)
		b.wantIDs("the source has ours", ours.ID, other.ID)
		if kept := b.store.kept(); kept[ours.ID] != nil || kept[other.ID] == nil || kept["theirs"] == nil {
			t.Errorf("the store keeps %q", slices.Collect(maps.Keys(kept)))
		}
		b.reads(theirs)
		b.wantIDs("the source took ours out", other.ID)
		b.reads()
		<-time.After(settling / 2)
		b.reads(theirs) // a reading that began before it was taken out
		b.wantIDs("lifted a while ago", other.ID)
		b.start(theirs)
		b.wantIDs("lifted before a restart", other.ID)
		b.reads()
		<-time.After(settling)
		b.readsAgain() // notes the time
		b.readsAgain() // and looks at it
		if kept := b.store.kept(); len(kept) != 1 {
			t.Errorf("the store keeps %q; want nothing of what the source has no more", slices.Collect(maps.Keys(kept)))
		}
		b.reads(theirs)
		b.wantIDs("it is another ban", other.ID, "theirs")
	})
}

// What has expired is dropped, from the store too: by what comes later in its room, and
// by readings.
func TestExpiredSanctionsAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		for i := range 10 {
			b.set(Ban{Kind: KindTimeout, User: fmt.Sprint("user", i), Room: fmt.Sprint("room", i%2), Expires: time.Now().Add(time.Minute)})
		}
		<-time.After(time.Minute)
		if lifted, err := b.Lift(func(*Ban) bool { return true }, nil); lifted != nil || err != nil {
			t.Errorf("what was over is lifted: %v, %v", lifted, err)
		}
		ann := b.set(Ban{User: "ann", Room: "room0"})
		if n := len(b.store.kept()); n != 6 {
			t.Errorf("the store keeps %d sanctions; want those of room1, and ann's", n)
		}
		b.readsAgain()
		if kept := b.store.kept(); len(kept) != 1 || kept[ann.ID] == nil {
			t.Errorf("the store keeps %d sanctions; want ann's", len(kept))
		}
	})
}

// Without a source nothing is read: what was lifted has to be forgotten all the same.
func TestNothingPilesUpWithoutASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore()
		b := &bench{Cache: New(Options{}), t: t, store: store}
		b.Keep(store, nil)
		for range 20 {
			b.set(Ban{Kind: KindTimeout, User: "ann", Room: "a", Expires: time.Now().Add(time.Hour)})
		}
		if n := b.Snapshot().Counts().Bans; n != 1 {
			t.Errorf("%d timeouts of ann are in force; want the newest", n)
		}
		<-time.After(2 * time.Hour)
		b.tidy()
		if kept := store.kept(); len(kept) != 0 {
			t.Errorf("the store keeps %q", slices.Collect(maps.Keys(kept)))
		}
	})
}

func TestSanctionsAreKeptAsTheyWere(t *testing.T) {
	for _, tt := range []struct {
		ban  Ban
		want string
	}{
		{Ban{User: "ann"}, `{"user":"ann"}`},
		{Ban{Kind: KindTimeout, User: "ann", Room: "a", Reason: "r", By: "bob", Expires: noon}, `{"kind":"timeout","user":"ann","room":"a","reason":"r","by":"bob","expires":"2026-11-24T12:00:00Z"}`},
		{banOf("", "192.0.2.0/24", "", time.Time{}), `{"ip":"192.0.2.0/24"}`},
	} {
		value := encodeBan(&tt.ban)
		got, lifted, err := DecodeBan("", value)
		if string(value) != tt.want || got != tt.ban || !lifted.IsZero() || err != nil {
			t.Errorf("%+v is kept as %s, and comes back as %+v, %v, %v", tt.ban, value, got, lifted, err)
		}
	}
	for _, value := range []string{`{"kind":"shout","user":"ann"}`, `{"ip":"x"}`, `[]`, ``} {
		if ban, _, err := DecodeBan("x", []byte(value)); err == nil {
			t.Errorf("%s is read as %+v", value, ban)
		}
	}
}

func TestParseBan(t *testing.T) {
	var f BanForm
	if err := json.Unmarshal([]byte(`{"kind":"timeout","user":"ann","ip":"192.0.2.1","room":"a","reason":"r","by":"bob","expires":"2026-11-24T12:00:00Z"}`), &f); err != nil {
		t.Fatal(err)
	}
	want := Ban{Kind: KindTimeout, User: "ann", Net: netip.MustParsePrefix("192.0.2.1/32"), Room: "a", Reason: "r", By: "bob", Expires: noon}
	if ban, err := ParseBan(f); err != nil || ban != want {
		t.Errorf("%+v, %v; want %+v", ban, err, want)
	}
	f.Kind = "ban"
	if ban, err := ParseBan(f); err != nil || ban.Kind != KindBan {
		t.Errorf("%+v, %v; want a ban", ban, err)
	}
	f.Kind = "Timeout"
	if _, err := ParseBan(f); err == nil || !strings.Contains(err.Error(), "kind") {
		t.Errorf("%v; want kind to be named", err)
	}
}

// TestSideBySide has rooms sanction while the source is read.
func TestSideBySide(t *testing.T) {
	b := newBench(t)
	var rooms sync.WaitGroup
	const each = 200
	for r := range 4 {
		rooms.Go(func() {
			room := fmt.Sprint("room", r)
			for i := range each {
				user := fmt.Sprint("user", i)
				ban, err := b.Sanction(Ban{User: user, Room: room}, nil)
				if err != nil {
					t.Error(err)
				}
				if got, found := b.Snapshot().Sanctioned(KindBan, room, user, netip.Addr{}, true, time.Now()); !found || got.ID != ban.ID {
					t.Errorf("%s is banned by %+v right after %s", user, got, ban.ID)
				}
				if i%2 == 0 {
					if lifted, err := b.Lift(func(x *Ban) bool { return x.Room == room && x.User == user }, nil); err != nil || len(lifted) != 1 {
						t.Errorf("Lift = %+v, %v", lifted, err)
					}
				}
			}
		})
	}
	for i := range 50 {
		b.reads(banOf(strconv.Itoa(i), "somebody", "", time.Time{}))
	}
	rooms.Wait()
	if n := b.Snapshot().Counts().Bans; n != 4*each/2+1 {
		t.Errorf("%d bans are in force; want %d", n, 4*each/2+1)
	}
}

// BenchmarkSanction is what a room's actor spends on a moderator's command, with bans in
// the source, and with bans that were set here for the same room.
func BenchmarkSanction(b *testing.B) {
	for _, n := range []struct{ source, here int }{{1000, 0}, {100_000, 0}, {100_000, 1000}, {0, 10_000}} {
		b.Run(fmt.Sprintf("source=%d/here=%d", n.source, n.here), func(b *testing.B) {
			c := newBench(b, manyDocuments(n.source, 0).Bans...)
			var list []Ban
			for i := range n.here {
				list = append(list, Ban{ID: fmt.Sprint("here", i), User: fmt.Sprint("user", i), Room: "a"})
			}
			set := newBans(list)
			c.sanctions.set["a"] = &set
			c.put()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.set(Ban{Kind: KindTimeout, User: fmt.Sprint("u", i%100), Room: "a", Expires: time.Now().Add(time.Hour)})
			}
		})
	}
}

// BenchmarkLift lifts a ban of the source and, in turn, one that was set here.
func BenchmarkLift(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint("source=", n), func(b *testing.B) {
			docs := manyDocuments(n, 0)
			c := newBench(b, docs.Bans...)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				id := docs.Bans[i/2%n].ID
				if i%2 == 0 {
					id = c.set(Ban{User: "ann", Room: "a"}).ID
				}
				if _, err := c.Lift(func(x *Ban) bool { return x.ID == id }, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
