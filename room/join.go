package room

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"chatserver/internal/fault"
	"chatserver/internal/limit"
	"chatserver/internal/text"
)

// joinRequest is the join command on the wire.
type joinRequest struct {
	Name  string  `json:"name"`
	Token string  `json:"token"`
	Epoch string  `json:"epoch"`
	Since *uint64 `json:"since"`
}

// arrival is a checked join, for the actor.
type arrival struct {
	name  string // empty: the room makes one
	epoch string
	since *uint64
	addr  netip.Addr
	out   *outbox

	deflates bool // the client has negotiated permessage-deflate
}

// onJoin lets the connection into the room. A join that is malformed leaves the
// connection as it was, so that the client can join again in time.
func (c *conn) onJoin(id string, data []byte) error {
	var req joinRequest
	if err := parse(data, &req); err != nil {
		return err
	}
	if req.Token != "" {
		return c.turnAway(id, codeUnauthorized, fault.New(fault.Unauthorized, "this server issues no tokens; join without one, as a guest"))
	}
	if c.room.opts.Guests == GuestsNone {
		return c.turnAway(id, codeUnauthorized, fault.New(fault.Unauthorized, "guests are not let in here"))
	}
	a := arrival{epoch: req.Epoch, since: req.Since, addr: c.addr, out: c.out, deflates: c.wire.deflates}
	if strings.TrimSpace(req.Name) != "" {
		name, err := text.Name(req.Name)
		if err != nil {
			return err
		}
		a.name = name
	}
	q := atOnce(func(r *Room) (*member, error) { return r.join(a) })
	c.room.arrive(q) // when that fails, wait says why
	m, err := q.wait(context.Background(), c.room)
	var refused *fault.Error
	switch {
	case errors.As(err, &refused) && refused.Code == fault.Full:
		return c.turnAway(id, codeFull, refused)
	case errors.As(err, &refused) && refused.Code == fault.Banned:
		return c.turnAway(id, codeBanned, refused)
	case errors.As(err, &refused) && refused.Code == fault.RoomNotFound:
		return &ends{c.room.parting().each()}
	case err != nil:
		return err
	}
	c.member = m
	c.stopWatch()
	c.wire.joinBy = time.Time{}
	acknowledge(c.out, id, 0)
	return nil
}

// turnAway says why the client may not come in, and ends the connection.
func (c *conn) turnAway(id string, code int, why *fault.Error) error {
	refuse(c.out, id, why)
	return &ends{farewell{code: code, text: string(why.Code)}}
}

// join makes a member and sends it the welcome and the events that it is owed.
func (r *Room) join(a arrival) (*member, error) {
	if r.phase != phaseOpen {
		return nil, notFound(r.name)
	}
	if most := r.connectionLimit(); most > 0 && r.members.len() >= most {
		return nil, fullError("this room has all the connections that it takes", most)
	}
	user := User{ID: newGuestID(), Role: Consumer}
	if r.bans(user.ID, a.addr, time.Now()) {
		return nil, fault.New(fault.Banned, "you are banned from this room")
	}
	name := r.uniqueName(a.name)
	user.Name = name
	m := &member{
		user:     user,
		guest:    true,
		addr:     a.addr,
		skeleton: text.Skeleton(name),
		sortKey:  strings.ToLower(name),
		out:      a.out,
		deflates: a.deflates,
		speech:   r.guestSpeech(a.addr),
	}
	m.out.onHungry(func() { r.urge(context.Background(), hungry{m}) })
	count := r.members.len() + 1
	var gap bool
	m.next, gap = r.owed(a.epoch, a.since)
	m.greeting = encode(r.welcome(m, count, gap))
	r.members.add(m) // from here on nothing can fail
	m.speech.address.members++
	r.idle.Stop()
	if count != r.count.told {
		r.count.told = 0 // this one knows another number than the others
	}
	r.catchUp(m)
	r.countViewers()
	return m, nil
}

// connectionLimit returns how many connections the room takes; 0 means any number.
func (r *Room) connectionLimit() int {
	own, servers := r.settings.MaxConnections, r.opts.MaxConnectionsPerRoom
	if own == 0 || servers == 0 {
		return max(own, servers)
	}
	return min(own, servers)
}

// owed returns the seq of the first event that an arrival is sent, and whether
// events between the one that it knows and that one are gone for it.
func (r *Room) owed(epoch string, since *uint64) (first uint64, gap bool) {
	seq := r.events.seq
	returns := epoch != "" || since != nil
	if epoch == r.epoch && since != nil && *since <= seq &&
		seq-*since <= resumeLimit && *since+1 >= r.events.first() {
		return *since + 1, false
	}
	return seq + 1 - uint64(len(r.events.last(r.opts.History))), returns
}

func (r *Room) welcome(m *member, count int, gap bool) welcome {
	rate := r.opts.Limits.Messages
	return welcome{
		Type:     "welcome",
		Room:     r.name,
		Epoch:    r.epoch,
		Seq:      r.events.seq,
		You:      m.user,
		Settings: r.settings,
		Viewers:  count,
		Limits:   limits{Text: r.opts.Limits.Text, Bytes: maxMessage, Messages: rate.N, Window: rate.Per.Milliseconds()},
		Gap:      gap,
	}
}

// guestSpeech returns the limits of a guest's messages: its own, and those of its
// address.
func (r *Room) guestSpeech(addr netip.Addr) speech {
	l := r.opts.Limits
	network := networkOf(addr)
	shared, known := r.addresses[network]
	if !known {
		r.forgetIdleAddresses()
		shared = &address{Window: limit.NewWindow(times(l.Messages, addressFactor), times(l.Burst, addressFactor))}
		r.addresses[network] = shared
	}
	return speech{limits: &r.opts.Limits, address: shared}
}

func times(r limit.Rate, n int) limit.Rate {
	r.N *= n
	return r
}

// forgetIdleAddresses drops limits that bind nobody, once many were gathered.
func (r *Room) forgetIdleAddresses() {
	if len(r.addresses) < r.addressesMost {
		return
	}
	now := time.Now()
	maps.DeleteFunc(r.addresses, func(_ netip.Prefix, a *address) bool { return a.members == 0 && a.Idle(now) })
	r.addressesMost = max(addressesMin, 2*len(r.addresses))
}

// addressesMin is the number of addresses below which none is forgotten.
const addressesMin = 1024

// newGuestID returns an id that no other guest has had.
func newGuestID() string { return "guest-" + strings.ToLower(rand.Text()[:12]) }

// uniqueName returns the name if nobody in the room bears it or one that looks like
// it, else the name with a number. Without a name it is guest and a number.
func (r *Room) uniqueName(name string) string {
	if name == "" {
		for {
			r.guests++
			numbered := fmt.Sprintf("guest-%d", r.guests)
			if _, taken := r.members.byName[text.Skeleton(numbered)]; !taken {
				return numbered
			}
		}
	}
	candidate := name
	for n := 2; ; n++ {
		if _, taken := r.members.byName[text.Skeleton(candidate)]; !taken {
			return candidate
		}
		candidate = withNumber(name, nextNumber(n))
	}
}

// nextNumber returns the number for the nth attempt at a name: 2 to 9 in order, then
// one at random out of ever more, so that a name which thousands bear costs few
// attempts.
func nextNumber(n int) int {
	if n < 10 {
		return n
	}
	most := 100
	for range min(n-10, 6) {
		most *= 10
	}
	return 10 + mathrand.IntN(most-10) //nolint:gosec // no secret: a number for a name
}

// withNumber appends the number to a name, which is shortened to make room for it.
func withNumber(name string, n int) string {
	suffix := fmt.Sprintf("-%d", n)
	runes := []rune(name)
	if most := text.MaxName - utf8.RuneCountInString(suffix); len(runes) > most {
		runes = runes[:most]
	}
	return strings.TrimSpace(string(runes)) + suffix
}
