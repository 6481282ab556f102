package cache

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// GuestPrefix begins the ids that rooms give to guests.
const GuestPrefix = "guest-"

// bans answers whom they hold for. A lookup takes a step for a user and one for each
// length that a prefix of the bans has, however many bans there are. It never changes
// once it is published.
type bans struct {
	list  []Ban
	kinds [kinds]index
}

// index finds the bans of a kind.
type index struct {
	users   group[userBan]
	nets    group[netBan]
	lengths [2][]int // of the prefixes in nets, the longest first; of IPv4 and IPv6
}

// A user, or the addresses of a prefix, in one room or all ("").
type (
	userBan struct{ room, user string }
	netBan  struct {
		net  netip.Prefix
		room string
	}
)

// group finds the bans for one user or prefix, by their places in the list.
type group[K comparable] struct {
	first map[K]int   // the one that lasts longest
	rest  map[K][]int // the others, where there are any, the longest first
}

// idSet holds ids of bans.
type idSet map[string]struct{}

func (s idSet) has(id string) bool {
	_, found := s[id]
	return found
}

// newBans builds the indexes.
func newBans(list []Ban) bans {
	b := bans{list: list}
	var users, nets [kinds]int // how many there are
	for i := range list {
		kind := list[i].Kind.place()
		if list[i].User != "" {
			users[kind]++
		}
		if list[i].Net.IsValid() {
			nets[kind]++
		}
	}
	for i := range b.kinds {
		b.kinds[i] = index{users: newGroup[userBan](users[i]), nets: newGroup[netBan](nets[i])}
	}
	var lengths [kinds][2]map[int]struct{}
	for i := range list {
		ban := &list[i]
		kind := ban.Kind.place()
		if ban.User != "" {
			b.kinds[kind].users.add(list, userBan{ban.Room, ban.User}, i)
		}
		if ban.Net.IsValid() {
			b.kinds[kind].nets.add(list, netBan{ban.Net, ban.Room}, i)
			set := &lengths[kind][family(ban.Net.Addr())]
			if *set == nil {
				*set = map[int]struct{}{}
			}
			(*set)[ban.Net.Bits()] = struct{}{}
		}
	}
	for i := range b.kinds {
		x := &b.kinds[i]
		x.users.sort(list)
		x.nets.sort(list)
		for f, set := range lengths[i] {
			x.lengths[f] = slices.SortedFunc(maps.Keys(set), func(x, y int) int { return cmp.Compare(y, x) })
		}
	}
	return b
}

// newGroup returns a group with space for so many bans.
func newGroup[K comparable](size int) group[K] {
	return group[K]{first: make(map[K]int, size), rest: make(map[K][]int)}
}

// add takes in one more ban. The places of several are in order after sort.
func (g group[K]) add(list []Ban, key K, i int) {
	old, taken := g.first[key]
	if taken && !outlasts(&list[i], &list[old]) {
		old, i = i, old
	}
	g.first[key] = i
	if taken {
		g.rest[key] = append(g.rest[key], old)
	}
}

func (g group[K]) sort(list []Ban) {
	for _, places := range g.rest {
		slices.SortStableFunc(places, func(i, j int) int {
			switch {
			case outlasts(&list[i], &list[j]):
				return -1
			case outlasts(&list[j], &list[i]):
				return 1
			default:
				return 0
			}
		})
	}
}

// at returns the ban of a key that lasts longest but n others; nil: there is none.
func (g group[K]) at(list []Ban, key K, n int) *Ban {
	if n == 0 {
		if i, found := g.first[key]; found {
			return &list[i]
		}
		return nil
	}
	if rest := g.rest[key]; n <= len(rest) {
		return &list[rest[n-1]]
	}
	return nil
}

// longest returns the ban of a key that holds and lasts longest, nil if none does. Those
// that are gone, or that do not count, are as if they were not there.
func (g group[K]) longest(list []Ban, key K, gone idSet, counts func(*Ban) bool, now time.Time) *Ban {
	for n := 0; ; n++ {
		ban := g.at(list, key, n)
		if ban == nil || !ban.Holds(now) { // nor do those that end before it
			return nil
		}
		if !gone.has(ban.ID) && counts(ban) {
			return ban
		}
	}
}

// whole counts every ban.
func whole(*Ban) bool { return true }

// notOfGuest counts those that were not set for one guest, and for the guest's address
// only since guests have no lasting id.
func notOfGuest(b *Ban) bool { return !strings.HasPrefix(b.User, GuestPrefix) }

// outlasts tells whether a ban ends after another one.
func outlasts(a, b *Ban) bool {
	return !b.Expires.IsZero() && (a.Expires.IsZero() || a.Expires.After(b.Expires))
}

// longer returns the one of two bans that lasts longer; either may be nil.
func longer(a, b *Ban) *Ban {
	if a == nil || b != nil && outlasts(b, a) {
		return b
	}
	return a
}

func family(addr netip.Addr) int {
	if addr.Is4() {
		return 0
	}
	return 1
}

// find returns the ban of a kind that holds for a user or an address in just this room,
// or in just all ("") rooms, and lasts longest; nil if none does. The address is one
// that IPv6 does not map. The address of who is no guest is not held by bans of guests.
func (b *bans) find(kind Kind, room, user string, addr netip.Addr, guest bool, gone idSet, now time.Time) *Ban {
	x := &b.kinds[kind.place()]
	var found *Ban
	if user != "" {
		found = x.users.longest(b.list, userBan{room, user}, gone, whole, now)
	}
	counts := whole
	if !guest {
		counts = notOfGuest
	}
	if !addr.IsValid() {
		return found
	}
	for _, length := range x.lengths[family(addr)] {
		net, err := addr.Prefix(length)
		if err != nil {
			continue // no prefix is longer than its addresses
		}
		found = longer(found, x.nets.longest(b.list, netBan{net, room}, gone, counts, now))
	}
	return found
}

// like appends those bans that hold, and hold for the very same as another one: of its
// kind, for its user and its addresses, in its room.
func (b *bans) like(same *Ban, gone idSet, now time.Time, found []Ban) []Ban {
	x := &b.kinds[same.Kind.place()]
	for n := 0; ; n++ {
		var ban *Ban
		if same.User != "" {
			ban = x.users.at(b.list, userBan{same.Room, same.User}, n)
		} else {
			ban = x.nets.at(b.list, netBan{same.Net, same.Room}, n)
		}
		if ban == nil || !ban.Holds(now) {
			return found
		}
		if !gone.has(ban.ID) && ban.User == same.User && ban.Net == same.Net {
			found = append(found, *ban)
		}
	}
}
