package cache

import (
	"iter"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Snapshot is what the database said at one moment. It never changes, so it can be
// read from any goroutine; a decision reads one snapshot from its beginning to its
// end. What its methods return is shared: it must not be changed.
type Snapshot struct {
	version  string
	loadedAt time.Time
	replaced chan struct{}
	leftOut  int

	rooms         map[string]Room
	bans          bans             // of the source
	ids           idSet            // of the bans of the source
	lifted        idSet            // those of the source that were lifted on this server
	local         map[string]*bans // set on this server, by room
	words         words
	emotes        map[string]Emote
	announcements []Announcement
	counts        Counts
}

// Counts tell how many documents of each collection are in force.
type Counts struct {
	Rooms         int `json:"rooms"`
	Bans          int `json:"bans"`
	Words         int `json:"words"`
	Emotes        int `json:"emotes"`
	Announcements int `json:"announcements"`
}

// NewSnapshot makes a snapshot of documents that were read at some time. They
// belong to it from now on.
func NewSnapshot(docs *Documents, loadedAt time.Time) *Snapshot {
	s := &Snapshot{
		version:       docs.version(),
		loadedAt:      loadedAt,
		replaced:      make(chan struct{}),
		leftOut:       docs.Malformed,
		rooms:         make(map[string]Room, len(docs.Rooms)),
		bans:          newBans(docs.Bans),
		ids:           make(idSet, len(docs.Bans)),
		words:         newWords(docs.Words),
		emotes:        make(map[string]Emote, len(docs.Emotes)),
		announcements: docs.Announcements,
		counts: Counts{
			Rooms:         len(docs.Rooms),
			Bans:          len(docs.Bans),
			Words:         len(docs.Words),
			Emotes:        len(docs.Emotes),
			Announcements: len(docs.Announcements),
		},
	}
	for _, room := range docs.Rooms {
		s.rooms[room.Name] = room
	}
	for i := range docs.Bans {
		s.ids[docs.Bans[i].ID] = struct{}{}
	}
	for _, emote := range docs.Emotes {
		s.emotes[emote.Code] = emote
	}
	return s
}

// Empty returns the snapshot before anything was read.
func Empty() *Snapshot { return &Snapshot{replaced: make(chan struct{})} }

// Version names the content: equal content has an equal version, on all servers
// that read the same source. It is empty before anything was read.
func (s *Snapshot) Version() string { return s.version }

// LoadedAt returns when this content was first read, zero if nothing was read yet.
func (s *Snapshot) LoadedAt() time.Time { return s.loadedAt }

// LeftOut returns how many documents were malformed.
func (s *Snapshot) LeftOut() int { return s.leftOut }

// Counts returns how many documents are in force.
func (s *Snapshot) Counts() Counts { return s.counts }

// Replaced returns a channel that is closed when a newer snapshot is there.
func (s *Snapshot) Replaced() <-chan struct{} { return s.replaced }

// Room returns what the database says of a room; nothing, if it does not know it.
func (s *Snapshot) Room(name string) Room { return s.rooms[name] }

// Sanctioned returns a ban, or a timeout, that holds at a time for a user, or for an address,
// in a room: of several the one that lasts longest. An empty user or the zero address stands
// for none. Who is no guest is not concerned by one that was set for a guest at the same
// address: one whose user begins with [GuestPrefix].
func (s *Snapshot) Sanctioned(kind Kind, room, user string, addr netip.Addr, guest bool, now time.Time) (Ban, bool) {
	addr = addr.Unmap().WithZone("")
	var found *Ban
	for _, where := range [2]string{room, ""} {
		found = longer(found, s.bans.find(kind, where, user, addr, guest, s.lifted, now))
		if local := s.local[where]; local != nil {
			found = longer(found, local.find(kind, where, user, addr, guest, nil, now))
		}
	}
	if found == nil {
		return Ban{}, false
	}
	return *found, true
}

// Bans goes through all bans and timeouts, those that have expired too: first those that
// were set on this server, by room, then those of the source in its order.
func (s *Snapshot) Bans() iter.Seq[Ban] {
	return func(yield func(Ban) bool) {
		for ban := range s.all() {
			if !yield(*ban) {
				return
			}
		}
	}
}

// all goes through what Bans does. The bans are the snapshot's own.
func (s *Snapshot) all() iter.Seq[*Ban] {
	return func(yield func(*Ban) bool) {
		for _, room := range slices.Sorted(maps.Keys(s.local)) {
			list := s.local[room].list
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
		for i := range s.bans.list {
			ban := &s.bans.list[i]
			if !s.lifted.has(ban.ID) && !yield(ban) {
				return
			}
		}
	}
}

// CheckWords looks for blocked and masked words in a text that is said in a room.
// If one of them blocks the text, blockedBy is that word and masked is the text as
// it was. Else masked is the text with one * for each character (code point) of the
// masked words.
//
// A word is found as a whole only, in any case, width and composition of its
// characters; punctuation parts words, and white space in a phrase may be any white
// space. In scripts without spaces between words it is found wherever its letters
// stand. The time it takes does not depend on the number of words; a text without
// any of them is not copied.
func (s *Snapshot) CheckWords(room, text string) (masked, blockedBy string) {
	return s.words.check(room, text)
}

// Emote returns the URL of the picture that a code stands for in a room.
func (s *Snapshot) Emote(room, code string) (url string, found bool) {
	e, found := s.emotes[code]
	if !found || e.Room != "" && e.Room != room {
		return "", false
	}
	return e.URL, true
}

// Emotes goes through the emotes of a room, in no order.
func (s *Snapshot) Emotes(room string) iter.Seq[Emote] {
	return func(yield func(Emote) bool) {
		for e := range maps.Values(s.emotes) {
			if (e.Room == "" || e.Room == room) && !yield(e) {
				return
			}
		}
	}
}

// Announcements goes through all announcements, in the order of the source.
func (s *Snapshot) Announcements() iter.Seq[Announcement] { return slices.Values(s.announcements) }
