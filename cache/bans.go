package cache

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// bans answers who is banned. A lookup takes a step for a user and one for each
// length that a prefix of the bans has, however many bans there are.
type bans struct {
	list    []Ban
	users   map[userBan]int // indexes of list
	nets    map[netBan]int
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

// newBans builds the indexes. Of several bans for the same user or prefix in the
// same room, the one that lasts longest stands for all.
func newBans(list []Ban) bans {
	b := bans{list: list, users: map[userBan]int{}, nets: map[netBan]int{}}
	lengths := [2]map[int]struct{}{{}, {}}
	for i := range list {
		ban := &list[i]
		if ban.User != "" {
			keepLonger(list, b.users, userBan{ban.Room, ban.User}, i)
		}
		if ban.Net.IsValid() {
			keepLonger(list, b.nets, netBan{ban.Net, ban.Room}, i)
			lengths[family(ban.Net.Addr())][ban.Net.Bits()] = struct{}{}
		}
	}
	for i, set := range lengths {
		b.lengths[i] = slices.SortedFunc(maps.Keys(set), func(x, y int) int { return cmp.Compare(y, x) })
	}
	return b
}

// keepLonger sets index[key] to the one of two bans that lasts longer.
func keepLonger[K comparable](list []Ban, index map[K]int, key K, i int) {
	if old, taken := index[key]; !taken || outlasts(&list[i], &list[old]) {
		index[key] = i
	}
}

// outlasts tells whether a ban ends after another one.
func outlasts(a, b *Ban) bool {
	return !b.Expires.IsZero() && (a.Expires.IsZero() || a.Expires.After(b.Expires))
}

func family(addr netip.Addr) int {
	if addr.Is4() {
		return 0
	}
	return 1
}

// find returns a ban that holds for a user or an address in a room.
func (b *bans) find(room, user string, addr netip.Addr, now time.Time) (*Ban, bool) {
	if user != "" {
		for _, where := range [2]string{room, ""} {
			if i, found := b.users[userBan{where, user}]; found && b.list[i].Holds(now) {
				return &b.list[i], true
			}
		}
	}
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return nil, false
	}
	for _, length := range b.lengths[family(addr)] {
		net, err := addr.Prefix(length)
		if err != nil {
			continue // no prefix is longer than its addresses
		}
		for _, where := range [2]string{room, ""} {
			if i, found := b.nets[netBan{net, where}]; found && b.list[i].Holds(now) {
				return &b.list[i], true
			}
		}
	}
	return nil, false
}
