package room

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"chatserver/internal/limit"
)

// member is one client that has joined. It belongs to the actor, but for out, which is
// safe for use by several goroutines, and speech.
type member struct {
	user     User
	guest    bool
	deflates bool // has negotiated permessage-deflate
	addr     netip.Addr
	skeleton string // of the name; see text.Skeleton
	sortKey  string // the name in lower case, for who
	out      *outbox
	speech   speech

	index int  // in memberSet.list
	gone  bool // has left
	muted bool // was thrown out; what it has sent before counts no more

	feed feedState
	// next is the seq of the first event that the member was not sent: catching, it
	// is the next one from the log; skipping, the first one missed; live, it keeps
	// the member from getting again what it had from the log.
	next uint64
	// greeting is the welcome, until it was sent.
	greeting []byte

	lastMessage time.Time
	said        []saying // within the last uniquePeriod, while unique is set
}

// feedState tells how a member gets events.
type feedState int

const (
	feedCatching feedState = iota // from the log, in portions
	feedLive                      // with everybody else
	feedSkipping                  // not at all, until its outbox has emptied
)

// speech limits the messages of a user: by the user alone, and of guests by their
// address too. It belongs to the connection's reader, but for the address.
type speech struct {
	limits  *Limits
	user    *limit.Window // nil until the first message
	address *address
}

// address is what the guests of one network share. Its window is safe for use by
// several goroutines.
type address struct {
	*limit.Window
	members int // that share it now; owned by the actor
}

// take counts a message; a wait above 0 refuses it.
func (s *speech) take(now time.Time) time.Duration {
	if s.user == nil {
		s.user = limit.NewWindow(s.limits.Messages, s.limits.Burst)
	}
	return max(s.user.Take(now), s.address.Take(now))
}

// memberSet holds the members densely for the fan-out, by name for uniqueness and
// by order of name for who.
type memberSet struct {
	list   []*member
	byName map[string]*member // by skeleton
	sorted []*member

	deflating int // members that have negotiated permessage-deflate
}

func newMemberSet() memberSet { return memberSet{byName: make(map[string]*member)} }

func (s *memberSet) len() int { return len(s.list) }

func (s *memberSet) add(m *member) {
	m.index = len(s.list)
	if m.deflates {
		s.deflating++
	}
	s.list = append(s.list, m)
	s.byName[m.skeleton] = m
	at, _ := slices.BinarySearchFunc(s.sorted, m, compareMembers)
	s.sorted = slices.Insert(s.sorted, at, m)
}

func (s *memberSet) remove(m *member) {
	if m.deflates {
		s.deflating--
	}
	last := len(s.list) - 1
	s.list[m.index] = s.list[last]
	s.list[m.index].index = m.index
	s.list[last] = nil
	s.list = s.list[:last]
	delete(s.byName, m.skeleton)
	if at, found := slices.BinarySearchFunc(s.sorted, m, compareMembers); found {
		s.sorted = slices.Delete(s.sorted, at, at+1)
	}
}

// withPrefix returns the members whose name begins with the prefix, in any case, by
// order of name. The slice is valid until the next change.
func (s *memberSet) withPrefix(prefix string) []*member {
	prefix = strings.ToLower(prefix)
	from, _ := slices.BinarySearchFunc(s.sorted, prefix, func(m *member, p string) int { return cmp.Compare(m.sortKey, p) })
	rest := s.sorted[from:]
	n, _ := slices.BinarySearchFunc(rest, prefix, func(m *member, p string) int {
		if strings.HasPrefix(m.sortKey, p) {
			return -1
		}
		return 1
	})
	return rest[:n]
}

// byID returns the connections of a user.
func (s *memberSet) byID(id string) []*member {
	var found []*member
	for _, m := range s.list {
		if m.user.ID == id {
			found = append(found, m)
		}
	}
	return found
}

func compareMembers(a, b *member) int {
	return cmp.Or(cmp.Compare(a.sortKey, b.sortKey), cmp.Compare(a.user.ID, b.user.ID))
}
