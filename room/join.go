package room

import (
	"bytes"
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

	"chatserver/cache"
	"chatserver/internal/fault"
	"chatserver/internal/limit"
	"chatserver/internal/text"
	"chatserver/internal/token"
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
	claims *token.Claims // nil for a guest
	name   string        // a guest's; empty: the room makes one
	epoch  string
	since  *uint64
	addr   netip.Addr

	delivery delivery
	out      *outbox  // nil for a session
	session  *session // nil for a WebSocket

	aside func() // lets others pass while it waits; nil: it is in nobody's way
	tell  func(*member, error)
}

// arrivalOf checks a join. It may wait for keys that tokens are verified with.
func (r *Room) arrivalOf(ctx context.Context, req *joinRequest, addr netip.Addr) (arrival, error) {
	a := arrival{epoch: req.Epoch, since: req.Since, addr: addr}
	if req.Token != "" {
		if r.opts.Tokens == nil {
			return a, fault.New(fault.Unauthorized, "this server takes no tokens; join without one, as a guest")
		}
		claims, err := r.opts.Tokens.Verify(ctx, req.Token, r.name)
		a.claims = &claims
		return a, err //nolint:wrapcheck // it is for the client
	}
	if r.opts.Guests == GuestsNone {
		return a, fault.New(fault.Unauthorized, "guests are not let in here; join with a token")
	}
	if strings.TrimSpace(req.Name) != "" {
		name, err := text.Name(req.Name)
		if err != nil {
			return a, err
		}
		a.name = name
	}
	return a, nil
}

// onJoin lets the connection into the room. A join that is malformed leaves the
// connection as it was, so that the client can join again in time.
func (c *conn) onJoin(id string, data []byte) error {
	var req joinRequest
	if err := parse(data, &req); err != nil {
		return err
	}
	a, err := c.room.arrivalOf(c.room.stopping, &req, c.addr)
	var m *member
	if err == nil {
		a.out = c.out
		if c.wire.deflates {
			a.delivery = deliverDeflated
		}
		m, err = c.room.admit(context.Background(), a)
	}
	if err != nil {
		return c.notJoined(id, err)
	}
	c.room.opts.Observer.Joined(OverWebSocket)
	c.member = m
	c.stopWatch()
	c.wire.joinBy = time.Time{}
	if a.claims != nil {
		c.wire.expires = a.claims.Expires
	}
	acknowledge(c.out, id, 0)
	return nil
}

// notJoined returns what becomes of a connection whose join was refused.
func (c *conn) notJoined(id string, err error) error {
	refused, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	var code int
	switch refused.Code {
	case fault.Full, fault.NotAccepting:
		code = codeFull
	case fault.Banned:
		code = codeBanned
	case fault.Unauthorized:
		code = codeUnauthorized
	case fault.Credit:
		code = codeCredit
	default:
		if bye := c.room.parting(); bye != nil {
			return &ends{bye.each()}
		}
		return err
	}
	c.room.refuse(c.out, id, refused)
	return &ends{farewell{code: code, text: string(refused.Code)}}
}

// admit has the room let an arrival in.
func (r *Room) admit(ctx context.Context, a arrival) (*member, error) {
	q := newQuestion(func(r *Room, tell func(*member, error)) { r.enter(a, tell) }) //nolint:contextcheck // the member outlives the question
	r.arrive(q)                                                                     //nolint:contextcheck // it never gives up; when the room is done, wait says so
	return q.wait(ctx, r)
}

// join makes a member and sends it the greeting and the events that it is owed.
func (r *Room) join(a arrival) (*member, error) {
	now := time.Now()
	m := r.memberOf(a)
	if err := r.refuses(m, now); err != nil {
		return nil, err
	}
	if m.guest { // from here on nothing can fail
		m.user.Name = r.uniqueName(a.name)
		m.speech = r.guestSpeech(a.addr)
		m.speech.address.members++
	}
	m.skeleton, m.sortKey = text.Skeleton(m.user.Name), strings.ToLower(m.user.Name)
	m.person = r.personOf(m)
	if !m.guest {
		m.speech = speech{limits: &r.opts.Limits, user: m.person.window}
		r.replaceOldest(m.person)
	}
	r.owe(m, a.epoch, a.since)
	r.members.add(m)
	if r.pays(m) {
		r.charge(m, now)
	}
	if m.user.Role == Producer {
		r.producers = append(r.producers, m)
	}
	if n := r.members.len(); n != r.count.told {
		r.count.told = 0 // this one knows another number than the others
	}
	m.greeting = r.greet(m)
	r.idle.Stop()
	if m.out != nil {
		m.out.onHungry(func() { r.urge(context.Background(), hungry{m}) })
		r.catchUp(m)
	} else {
		r.startSession(m)
	}
	r.countViewers()
	return m, nil
}

// refuses returns why the room does not let somebody in now.
func (r *Room) refuses(m *member, now time.Time) error {
	if r.phase != phaseOpen {
		return r.over()
	}
	if most := r.connectionLimit(); most > 0 && r.members.len() >= most {
		return fullError("this room has all the connections that it takes", most)
	}
	if r.bans(m, now) {
		return fault.New(fault.Banned, "you are banned from this room")
	}
	return nil
}

// memberOf returns the member that an arrival is going to be.
func (r *Room) memberOf(a arrival) *member {
	r.joined++
	m := &member{
		guest:    a.claims == nil,
		addr:     a.addr,
		delivery: a.delivery,
		out:      a.out,
		session:  a.session,
		number:   r.joined,
	}
	if m.guest {
		m.user = User{ID: newGuestID(), Role: Consumer}
		return m
	}
	c := a.claims
	m.claimed = Role(c.Role)
	m.user = User{ID: c.User, Name: c.Name, Role: r.roleOf(c.User, Role(c.Role)), Member: c.Member}
	return m
}

// replaceOldest parts from the oldest connections of a user who comes with one more than
// it may have.
func (r *Room) replaceOldest(p *person) {
	for len(p.conns) > maxConnsOfUser {
		oldest := p.conns[0]
		oldest.part(farewell{code: codeReplaced, reason: reasonReplaced})
		r.remove(oldest)
	}
}

// connectionLimit returns how many connections the room takes; 0 means any number.
func (r *Room) connectionLimit() int {
	own, servers := r.settings.MaxConnections, r.opts.MaxConnectionsPerRoom
	if own == 0 || servers == 0 {
		return max(own, servers)
	}
	return min(own, servers)
}

// owe notes which events a member is sent first, by where it says that it was.
func (r *Room) owe(m *member, epoch string, since *uint64) {
	seq := r.events.seq
	if epoch == r.epoch && since != nil && *since <= seq &&
		seq-*since <= resumeLimit && *since+1 >= r.events.first() {
		m.next, m.comesBack, m.gap = *since+1, true, false
		return
	}
	m.next, m.comesBack = seq+1-uint64(len(r.events.last(r.opts.History))), false
	m.gap = epoch != "" || since != nil
}

// greet returns what a member hears before the events, nil if that is nothing: the welcome,
// unless it has had that, and the totals that it cannot know.
func (r *Room) greet(m *member) []byte {
	var objects [][]byte
	if !m.welcomed {
		objects = append(objects, encode(r.welcome(m)))
	}
	if unknown := r.reacted.unknownTo(m.next, m.comesBack); unknown != nil {
		objects = append(objects, encode(reactions{Type: "reactions", Totals: unknown}))
	}
	if r.poll != nil {
		objects = append(objects, encode(r.poll.standing()))
	}
	if objects == nil {
		return nil
	}
	return bytes.Join(objects, []byte{'\n'})
}

func (r *Room) welcome(m *member) welcome {
	rate := r.opts.Limits.Messages
	if m.user.Role.moderates() {
		rate = r.opts.Limits.Moderators
	}
	w := welcome{
		Type:     "welcome",
		Room:     r.name,
		Epoch:    r.epoch,
		Seq:      r.events.seq,
		You:      m.user,
		Settings: r.settings,
		Viewers:  r.members.len(),
		Limits:   limits{Text: r.opts.Limits.Text, Bytes: maxMessage, Messages: rate.N, Window: rate.Per.Milliseconds()},
		Gap:      m.gap,
	}
	if r.poll != nil {
		w.Poll = &r.poll.pollEvent
	}
	return w
}

// guestSpeech returns the limits of a guest's messages: its own, and those of its
// address.
func (r *Room) guestSpeech(addr netip.Addr) speech {
	return speech{limits: &r.opts.Limits, address: r.addressOf(addr)}
}

// addressOf returns what those of one network share.
func (r *Room) addressOf(addr netip.Addr) *address {
	network := networkOf(addr)
	shared, known := r.addresses[network]
	if !known {
		r.forgetIdleAddresses()
		l := &r.opts.Limits
		shared = &address{
			Window: limit.NewWindow(times(l.Messages, addressFactor), times(l.Burst, addressFactor)),
			joins:  limit.NewWindow(l.Commands),
		}
		r.addresses[network] = shared
	}
	return shared
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
	maps.DeleteFunc(r.addresses, func(_ netip.Prefix, a *address) bool { return a.members == 0 && a.Idle(now) && a.joins.Idle(now) })
	r.addressesMost = max(addressesMin, 2*len(r.addresses))
}

// addressesMin is the number of addresses below which none is forgotten.
const addressesMin = 1024

// newGuestID returns an id that no other guest has had.
func newGuestID() string { return cache.GuestPrefix + strings.ToLower(rand.Text()[:12]) }

// uniqueName returns the name if nobody in the room bears it or one that looks like
// it, else the name with a number. Without a name it is guest and a number.
func (r *Room) uniqueName(name string) string {
	if name == "" {
		for {
			r.guests++
			numbered := fmt.Sprintf("guest-%d", r.guests)
			if r.members.named[text.Skeleton(numbered)] == 0 {
				return numbered
			}
		}
	}
	candidate := name
	for n := 2; ; n++ {
		if r.members.named[text.Skeleton(candidate)] == 0 {
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
