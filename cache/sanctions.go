package cache

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// Store keeps the bans that were set on this server: the journal does. The methods
// never wait. An error says that nothing is stored; else done is called once, with nil
// when it is on the disk. What is put is brought to the database.
type Store interface {
	PutSanction(id string, value []byte, done func(error)) error
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
// [Cache.publishing] guards them.
type sanctions struct {
	store Store
	set   map[string]Ban       // by id
	gone  map[string]time.Time // ids of bans that were lifted here, and when
}

// Keep lets bans be set and lifted on this server, with what the store has kept of
// them, by id. What cannot be read is logged and left out. It must be called before
// the cache is used otherwise.
func (c *Cache) Keep(store Store, kept map[string][]byte) {
	s := &sanctions{store: store, set: map[string]Ban{}, gone: map[string]time.Time{}}
	for id, value := range kept {
		switch ban, lifted, err := DecodeBan(id, value); {
		case err != nil:
			c.logger.Error("a ban of the journal cannot be read", zap.Error(err))
		case !lifted.IsZero():
			s.gone[id] = lifted
		default:
			s.set[id] = ban
		}
	}
	c.publishing.Lock()
	defer c.publishing.Unlock()
	c.sanctions = s
	c.put(c.base)
}

// ParseBan returns a ban, without an id, from texts as a document of the source may
// have them; empty ones count as absent. Its error names the field that is wrong.
func ParseBan(user, ip, room, reason, by, expires string) (Ban, error) {
	r := reader{doc: fields{"user": user, "ip": ip, "room": room, "reason": reason, "by": by, "expires": expires}}
	ban := r.ban()
	return ban, r.err
}

// Ban sets a ban, to which it gives an id, and returns it once a crash would not undo
// it.
func (c *Cache) Ban(b Ban) (Ban, error) {
	b.ID = "ban-" + strings.ToLower(rand.Text()[:16])
	err := c.sanction(b.ID, encodeBan(&b), func(s *sanctions) { s.set[b.ID] = b })
	return b, err
}

// Unban lifts a ban, whether it was set here or stands in the source, and returns once
// a crash would not undo that. It is [ErrNoBan] if there is none with this id.
func (c *Cache) Unban(id string) error {
	if !c.Snapshot().hasBan(id) {
		return ErrNoBan
	}
	now := time.Now()
	return c.sanction(id, encode(sanction{Lifted: &now}), func(s *sanctions) {
		delete(s.set, id)
		s.gone[id] = now
	})
}

// sanction stores and publishes a change.
func (c *Cache) sanction(id string, value []byte, change func(*sanctions)) error {
	kept := make(chan error, 1)
	c.publishing.Lock()
	err := c.sanctions.store.PutSanction(id, value, func(err error) { kept <- err })
	if err == nil {
		change(c.sanctions)
		c.put(c.base)
	}
	c.publishing.Unlock()
	if err != nil {
		return err
	}
	return <-kept
}

// over returns what holds: a snapshot of the source with the bans that were set and
// lifted here. The source was last read at the time read, zero if it never was.
func (s *sanctions) over(base *Snapshot, read, now time.Time) *Snapshot {
	s.forget(base, read, now)
	result := *base
	result.replaced = make(chan struct{})
	lifted := func(b Ban) bool { _, gone := s.gone[b.ID]; return gone }
	if len(s.gone) > 0 && slices.ContainsFunc(base.bans.list, lifted) {
		result.bans = newBans(slices.DeleteFunc(slices.Clone(base.bans.list), lifted))
	}
	result.local = newBans(slices.SortedFunc(maps.Values(s.set), func(a, b Ban) int { return cmp.Compare(a.ID, b.ID) }))
	result.counts.Bans = len(result.bans.list) + len(result.local.list)
	return &result
}

// forget drops what counts no more: what has expired, what the source has made its
// own, and the lifting of what it has no more.
func (s *sanctions) forget(base *Snapshot, read, now time.Time) {
	if len(s.set)+len(s.gone) == 0 {
		return
	}
	sourced := make(map[string]bool)
	for i := range base.bans.list {
		id := base.bans.list[i].ID
		_, set := s.set[id]
		_, gone := s.gone[id]
		if set || gone {
			sourced[id] = true
		}
	}
	for id := range s.set {
		if ban := s.set[id]; sourced[id] || !ban.Holds(now) {
			delete(s.set, id)
			_ = s.store.DeleteSanction(id, nil) // if it stays it is deleted after the next start
		}
	}
	for id, at := range s.gone {
		if !sourced[id] && read.Sub(at) > settling {
			delete(s.gone, id)
			_ = s.store.DeleteSanction(id, nil)
		}
	}
}

// sanction is what the store keeps of a ban.
type sanction struct {
	User    string     `json:"user,omitempty"`
	IP      string     `json:"ip,omitempty"`
	Room    string     `json:"room,omitempty"`
	Reason  string     `json:"reason,omitempty"`
	By      string     `json:"by,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
	Lifted  *time.Time `json:"lifted,omitempty"` // it was lifted; nothing else counts
}

// DecodeBan reads what [Store] was given. lifted is when the ban was lifted, zero if
// it holds.
func DecodeBan(id string, value []byte) (ban Ban, lifted time.Time, err error) {
	var s sanction
	if err := json.Unmarshal(value, &s); err != nil {
		return Ban{}, time.Time{}, fmt.Errorf("ban %.64q: %w", id, err)
	}
	if s.Lifted != nil {
		return Ban{ID: id}, *s.Lifted, nil
	}
	ban = Ban{ID: id, User: s.User, Room: s.Room, Reason: s.Reason, By: s.By}
	if s.Expires != nil {
		ban.Expires = *s.Expires
	}
	if s.IP != "" {
		if ban.Net, err = netip.ParsePrefix(s.IP); err != nil {
			return Ban{}, time.Time{}, fmt.Errorf("ban %.64q: %w", id, err)
		}
	}
	return ban, time.Time{}, nil
}

func encodeBan(b *Ban) []byte {
	s := sanction{User: b.User, Room: b.Room, Reason: b.Reason, By: b.By}
	if b.Net.IsValid() {
		s.IP = b.Net.String()
	}
	if !b.Expires.IsZero() {
		s.Expires = &b.Expires
	}
	return encode(s)
}

func encode(s sanction) []byte {
	data, err := json.Marshal(s)
	if err != nil {
		panic("cache: encode: " + err.Error()) // it holds nothing that cannot be encoded
	}
	return data
}
