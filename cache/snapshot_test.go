package cache

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// banOf returns a ban of a user ("ann") or of addresses ("192.0.2.0/24").
func banOf(id, whom, room string, expires time.Time) Ban {
	ban := Ban{ID: id, Room: room, Expires: expires}
	r := reader{doc: fields{"ip": whom}}
	if ban.Net = r.network("ip"); r.err != nil {
		ban.User = whom
	}
	return ban
}

func TestBanned(t *testing.T) {
	s := NewSnapshot(&Documents{Bans: []Ban{
		banOf("user", "ann", "", time.Time{}),
		banOf("user in a room", "bob", "a", time.Time{}),
		banOf("user for a time", "cleo", "", noon.Add(time.Minute)),
		banOf("address", "192.0.2.1", "", time.Time{}),
		banOf("prefix", "198.51.100.77/24", "", time.Time{}),
		banOf("prefix in a room", "10.0.0.0/8", "a", time.Time{}),
		banOf("part of it", "10.1.0.0/16", "b", time.Time{}),
		banOf("mapped", "::ffff:203.0.113.9", "", time.Time{}),
		banOf("mapped prefix", "::ffff:203.0.114.0/120", "", time.Time{}),
		banOf("IPv6", "2001:db8::/32", "", noon.Add(time.Hour)),
		banOf("everybody", "0.0.0.0/0", "closed", time.Time{}),
		{ID: "both", User: "dora", Net: netip.MustParsePrefix("192.0.2.200/32")},
	}}, noon)
	for _, tt := range []struct {
		room, user, addr, want string
		after                  time.Duration
	}{
		{"a", "ann", "", "user", 0},
		{"a", "Ann", "", "", 0},
		{"a", "bob", "", "user in a room", 0},
		{"b", "bob", "", "", 0},
		{"a", "cleo", "", "user for a time", 0},
		{"a", "cleo", "", "user for a time", time.Minute - 1},
		{"a", "cleo", "", "", time.Minute},
		{"a", "guest-1", "192.0.2.1", "address", 0},
		{"a", "", "::ffff:192.0.2.1", "address", 0},
		{"a", "", "192.0.2.2", "", 0},
		{"a", "", "198.51.100.0", "prefix", 0},
		{"a", "", "198.51.100.255", "prefix", 0},
		{"a", "", "198.51.101.0", "", 0},
		{"a", "", "10.1.2.3", "prefix in a room", 0},
		{"b", "", "10.1.2.3", "part of it", 0},
		{"b", "", "10.2.2.3", "", 0},
		{"a", "", "203.0.113.9", "mapped", 0},
		{"a", "", "203.0.114.7", "mapped prefix", 0},
		{"a", "", "2001:db8:1::1", "IPv6", 0},
		{"a", "", "2001:db8:1::1%eth0", "IPv6", 0},
		{"a", "", "2001:db8:1::1", "", time.Hour},
		{"closed", "", "1.2.3.4", "everybody", 0},
		{"closed", "", "2001:db9::1", "", 0},
		{"a", "dora", "", "both", 0},
		{"a", "", "192.0.2.200", "both", 0},
		{"a", "", "", "", 0},
	} {
		var from netip.Addr
		if tt.addr != "" {
			from = addr(tt.addr)
		}
		ban, found := s.Sanctioned(KindBan, tt.room, tt.user, from, true, noon.Add(tt.after))
		if ban.ID != tt.want || found != (tt.want != "") {
			t.Errorf("in %s after %v, user %q at %q: ban %q, %v; want %q", tt.room, tt.after, tt.user, tt.addr, ban.ID, found, tt.want)
		}
	}
}

func TestLongestBanCounts(t *testing.T) {
	short, long, never := banOf("short", "ann", "", noon.Add(1)), banOf("long", "ann", "", noon.Add(time.Hour)), banOf("never", "ann", "", time.Time{})
	for _, tt := range []struct {
		list []Ban
		want string
	}{
		{[]Ban{short, long}, "long"},
		{[]Ban{long, short}, "long"},
		{[]Ban{never, long}, "never"},
		{[]Ban{long, never}, "never"},
	} {
		s := NewSnapshot(&Documents{Bans: tt.list}, noon)
		if ban, _ := s.Sanctioned(KindBan, "a", "ann", netip.Addr{}, true, noon); ban.ID != tt.want {
			t.Errorf("ban %q; want %q", ban.ID, tt.want)
		}
		if got := slices.Collect(s.Bans()); len(got) != 2 {
			t.Errorf("%d bans are listed; want both", len(got))
		}
	}
}

func TestEmptySnapshotAnswers(t *testing.T) {
	for _, s := range []*Snapshot{Empty(), {}, NewSnapshot(&Documents{}, noon)} {
		if _, found := s.Sanctioned(KindBan, "a", "ann", addr("192.0.2.1"), true, noon); found {
			t.Error("somebody is banned")
		}
		if masked, blockedBy := s.CheckWords("a", "text"); masked != "text" || blockedBy != "" {
			t.Error("a text was changed")
		}
		if room := s.Room("a"); room.Title != nil || room.SlowMode != nil || room.Moderators != nil {
			t.Error("a room is known")
		}
		if _, found := s.Emote("a", ":clap:"); found {
			t.Error("an emote is known")
		}
		for range s.Emotes("a") {
			t.Error("an emote is listed")
		}
		for range s.Announcements() {
			t.Error("an announcement is listed")
		}
		select {
		case <-s.Replaced():
			t.Error("it is replaced")
		default:
		}
	}
}

func TestEmotesByRoom(t *testing.T) {
	s := NewSnapshot(&Documents{Emotes: []Emote{{Code: "all", URL: "u1"}, {Code: "one", URL: "u2", Room: "a"}}}, noon)
	for _, tt := range []struct {
		room, code, url string
		found           bool
	}{{"a", "all", "u1", true}, {"b", "all", "u1", true}, {"a", "one", "u2", true}, {"b", "one", "", false}} {
		if url, found := s.Emote(tt.room, tt.code); url != tt.url || found != tt.found {
			t.Errorf("in %s, %s is %q, %v; want %q", tt.room, tt.code, url, found, tt.url)
		}
	}
	if a, b := len(slices.Collect(s.Emotes("a"))), len(slices.Collect(s.Emotes("b"))); a != 2 || b != 1 {
		t.Errorf("%d emotes in a and %d in b; want 2 and 1", a, b)
	}
	for range s.Emotes("a") {
		break
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	s := NewSnapshot(manyDocuments(1000, 10), noon)
	for _, who := range []netip.Addr{addr("10.0.0.5"), addr("9.9.9.9"), addr("2001:db8::9")} {
		if n := testing.AllocsPerRun(100, func() { s.Sanctioned(KindBan, "testroom", "nobody", who, true, noon) }); n != 0 {
			t.Errorf("Sanctioned for %v allocates %v times", who, n)
		}
	}
}

// manyDocuments returns bans, half of users and half of addresses and prefixes, and
// words.
func manyDocuments(nBans, nWords int) *Documents {
	docs := &Documents{Words: manyWords(nWords)}
	for i := range nBans {
		ban := Ban{ID: fmt.Sprintf("ban-%08d", i), Reason: fmt.Sprintf("reason %d", i%7), By: "moderator"}
		switch {
		case i%2 == 0:
			ban.User = fmt.Sprintf("user-%08d", i)
		case i%8 == 1:
			ban.Net = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), 0}), 24)
		case i%8 == 3:
			ban.Net = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, byte(i >> 16), byte(i >> 8), byte(i)}), 64)
		default:
			ban.Net = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(i>>16) + 20, byte(i >> 8), byte(i), 7}), 32)
		}
		if i%3 == 0 {
			ban.Room = fmt.Sprintf("room-%d", i%100)
		}
		docs.Bans = append(docs.Bans, ban)
	}
	return docs
}

func BenchmarkBanned(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		s := NewSnapshot(manyDocuments(n, 0), noon)
		for _, bb := range []struct{ name, user, addr string }{
			{"nobody", "someone", "9.9.9.9"},
			{"nobody6", "someone", "2001:db9::9"},
			{"user", "user-00000002", "9.9.9.9"},
			{"prefix", "someone", "10.0.1.200"},
		} {
			from := addr(bb.addr)
			b.Run(fmt.Sprintf("%d/%s", n, bb.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s.Sanctioned(KindBan, "testroom", bb.user, from, true, noon)
				}
			})
		}
	}
}

func BenchmarkNewSnapshot(b *testing.B) {
	docs := manyDocuments(100_000, 10_000)
	before := heap()
	s := NewSnapshot(docs, noon)
	held := heap() - before
	b.ReportAllocs()
	for b.Loop() {
		NewSnapshot(docs, noon)
	}
	b.ReportMetric(held, "index-MiB")
	runtime.KeepAlive(s)
}
