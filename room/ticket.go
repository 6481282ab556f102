package room

import (
	"crypto/rand"
	"strings"
	"time"
)

// ticket is what lets a consumer be in a paid room: a session with the credit service. A
// user has one in a room, however many connections. It belongs to the actor.
type ticket struct {
	user    string
	key     string // its name in the journal, and for the service before that has one for it
	session string // the service's name for it; empty before it has answered

	conns   int           // that are here by it
	since   time.Time     // when the first of them came
	seen    time.Time     // when those that have gone were last there
	used    time.Duration // that the user was here before since
	expires time.Time     // when it ends; zero while it has conns, and before it had any

	asking  bool      // the service is being asked
	asked   bool      // it may have begun a session, though nobody has said so
	failed  bool      // it did not answer the newest question
	until   time.Time // the user may be here until then; zero: nobody has said so
	due     time.Time // when to ask again
	refused time.Time // the user is refused until then; such a ticket is nothing else
	waiting []arrival // who comes in when the service has answered
}

// till holds the tickets of a room. It belongs to the actor.
type till struct {
	tickets map[string]*ticket // by user id
	unasked []*ticket          // that are due
	timer   *time.Timer        // runs while there is something to tend
	due     time.Time          // when it runs out; zero: it does not run
	tended  time.Time          // when it ran out last
}

func newTill() till { return till{tickets: make(map[string]*ticket), timer: newStoppedTimer()} }

// newTicketKey returns a key that no other ticket has had.
func newTicketKey() string { return strings.ToLower(rand.Text()) }

// ticketOf returns a user's ticket, a new one if there is none.
func (r *Room) ticketOf(user string, now time.Time) *ticket {
	t := r.till.tickets[user]
	if t == nil || !t.refused.IsZero() && !now.Before(t.refused) {
		t = &ticket{user: user, key: newTicketKey()}
		r.till.tickets[user] = t
	}
	return t
}

// charge has a member be here by the user's ticket. One that nobody has asked for yet is
// asked for soon.
func (r *Room) charge(m *member, now time.Time) {
	t := r.ticketOf(m.user.ID, now)
	m.ticket = t
	t.conns++
	if t.conns == 1 {
		t.since, t.expires = now, time.Time{}
	}
	r.tendBy(t.due)
}

// leave notes that a member is not here by the ticket any more, and when it was last there.
func (t *ticket) leave(m *member, seen time.Time) {
	m.ticket = nil
	if seen.After(t.seen) {
		t.seen = seen
	}
	t.conns--
	if t.conns == 0 {
		t.used += max(0, t.seen.Sub(t.since))
	}
}

// usedBy returns for how long the user has been here.
func (t *ticket) usedBy(now time.Time) time.Duration {
	if t.conns == 0 {
		return t.used
	}
	return t.used + now.Sub(t.since)
}

// unticket notes that a member goes. Whoever was thrown out or has said goodbye does not
// come back by the same ticket; whoever may have lost the connection has a while for that.
// A session that has died because nobody read from it counts until somebody last did.
func (r *Room) unticket(m *member, now time.Time) {
	t := m.ticket
	if t == nil {
		return
	}
	seen, grace := now, ticketGrace
	if m.session != nil && m.out == nil && now.Sub(m.session.read) >= sessionLife {
		seen = m.session.read
	}
	if m.muted {
		grace = 0
	}
	t.leave(m, seen)
	r.expireUnused(t, t.seen.Add(grace))
}

// expireUnused says when a ticket ends by which nobody is here, unless that was said.
func (r *Room) expireUnused(t *ticket, at time.Time) {
	if t.conns > 0 {
		return
	}
	if t.expires.IsZero() {
		t.expires = at
	}
	r.tendBy(t.expires)
}

// redeem ends a ticket: the service hears what was used.
func (r *Room) redeem(t *ticket) {
	delete(r.till.tickets, t.user)
	switch {
	case !t.refused.IsZero():
	case t.session == "" && !t.asking && !t.asked && t.used == 0: // there is nothing to tell
		r.desk.forget(t.key)
	default:
		r.desk.settle(t.key, r.recordOf(t, t.used))
	}
}

// tendBy has the tickets looked after at that time at the latest, but not all the time.
func (r *Room) tendBy(at time.Time) {
	at = later(at, r.till.tended.Add(tendPause))
	if r.till.due.IsZero() || at.Before(r.till.due) {
		r.till.due = at
		r.till.timer.Reset(time.Until(at))
	}
}

// tend ends the tickets that are over, and asks for those that are due.
func (r *Room) tend() {
	now := time.Now()
	r.till.tended, r.till.due = now, time.Time{}
	r.till.unasked = r.till.unasked[:0]
	for _, t := range r.till.tickets {
		switch {
		case t.asking:
		case t.conns > 0 && t.due.After(now):
			r.tendBy(t.due)
		case t.conns > 0:
			r.till.unasked = append(r.till.unasked, t)
		case t.expires.After(now):
			r.tendBy(t.expires)
		default:
			r.redeem(t)
		}
	}
	r.askNext()
	if len(r.till.unasked) > 0 {
		r.tendBy(now)
	}
}

// askNext asks for tickets that are due, as far as there is room for that. Nobody else
// waits for the answer.
func (r *Room) askNext() {
	for r.phase == phaseOpen && len(r.till.unasked) > 0 {
		t := r.till.unasked[len(r.till.unasked)-1]
		if t.conns > 0 && !t.asking && !t.due.After(time.Now()) && !r.ask(t, r.desk.patient) {
			return
		}
		r.till.unasked = r.till.unasked[:len(r.till.unasked)-1]
	}
}

// review brings tickets in line with settings and roles that have changed.
func (r *Room) review() {
	if r.opts.Credit == nil {
		return
	}
	now := time.Now()
	for _, m := range r.members.list {
		pays := r.pays(m)
		switch {
		case m.guest && r.charges():
			m.part(outOfCredit)
		case pays && m.ticket == nil && !m.muted:
			r.charge(m, now)
		case !pays && m.ticket != nil:
			t := m.ticket
			t.leave(m, now)
			r.expireUnused(t, now)
		}
	}
}

// closeTickets ends the tickets with the room, or has the next start of the server know
// them. The room writes nothing of them from then on. Nobody waits any more.
func (r *Room) closeTickets() {
	now := time.Now()
	for _, t := range r.till.tickets {
		r.letIn(t, r.over())
		t.used, t.conns = t.usedBy(now), 0
		switch {
		case !r.parting().returns():
			r.redeem(t)
		case t.refused.IsZero():
			_ = r.desk.keep(t.key, r.recordOf(t, t.used), nil) // what it has kept before holds
		}
	}
	clear(r.till.tickets)
	for _, m := range r.members.list {
		m.ticket = nil
	}
}

// ticketRecord is what the journal keeps of a ticket.
type ticketRecord struct {
	Room    string `json:"room"`
	Epoch   string `json:"epoch"`
	User    string `json:"user"`
	Session string `json:"session,omitempty"`
	Used    int64  `json:"used"`            // milliseconds
	Until   int64  `json:"until,omitempty"` // Unix milliseconds
	Ended   int64  `json:"ended,omitempty"` // Unix milliseconds; 0: it goes on
}

func (r *Room) recordOf(t *ticket, used time.Duration) ticketRecord {
	rec := ticketRecord{Room: r.name, Epoch: r.epoch, User: t.user, Session: t.session, Used: used.Milliseconds()}
	if !t.until.IsZero() {
		rec.Until = t.until.UnixMilli()
	}
	return rec
}

func (rec *ticketRecord) used() time.Duration { return time.Duration(rec.Used) * time.Millisecond }

// ticket returns the ticket as it goes on after a start of the server.
func (rec *ticketRecord) ticket(key string, now time.Time) *ticket {
	t := &ticket{user: rec.User, key: key, session: rec.Session, used: rec.used(), asked: true, expires: now.Add(ticketRestart)}
	if rec.Until > 0 {
		t.until = time.UnixMilli(rec.Until)
		t.due = t.until.Add(-creditMargin)
	}
	return t
}

// takeBack has tickets go on that a former room of the same life has given.
func (r *Room) takeBack(tickets map[string]*ticket) {
	for user, t := range tickets {
		r.till.tickets[user] = t
		r.tendBy(t.expires)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
