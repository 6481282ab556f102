package room

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"chatserver/internal/fault"
)

// Credit is the platform's credit service: it says which consumers may be in rooms that
// are paid for, and takes tips. The methods wait for it, for some seconds at most; no actor
// calls them (see desk).
type Credit interface {
	// Open begins a session of a user in a room. The key is the caller's own name for it:
	// whoever asks again under the same key is answered for the same session. After any
	// error but [ErrNotAsked] there may be a session or not.
	Open(ctx context.Context, key, user, room string) (Grant, error)
	// Renew asks whether a session may go on. used is all the time that it has taken so
	// far, so that what is said twice counts once. It is [ErrNoSession] when the service
	// does not know the session.
	Renew(ctx context.Context, session string, used time.Duration) (Grant, error)
	// End ends a session, with all the time that it took. It may be called again.
	End(ctx context.Context, session string, used time.Duration) error
	// Tip has a tip taken, once, however often it is asked for under the same key. It is a
	// [*TipRefusedError] when the service says no.
	Tip(ctx context.Context, key string, t Tip) error
}

// Grant is what the credit service says of a session.
type Grant struct {
	Session string        // its name for the session; only Open tells it
	Allowed bool          // whether the user may be in the room
	Left    time.Duration // for how long, from now; above 0 if allowed
}

// Tip is what a user gives in a room.
type Tip struct {
	User, Room string
	Amount     json.Number // decimal, without exponent
	Currency   string
	Text       string
}

// ErrNoSession says that the credit service does not know a session.
var ErrNoSession = errors.New("the credit service does not know the session")

// ErrNotAsked says that the credit service was left alone, since it fails: it has heard
// nothing.
var ErrNotAsked = errors.New("the credit service was not asked")

// TipRefusedError is the error of a tip that the credit service does not take.
type TipRefusedError struct {
	Reason string // in the service's words; may be empty, and hold anything
}

func (*TipRefusedError) Error() string { return "the credit service refuses the tip" }

// Times of paid rooms.
const (
	// ticketGrace is how long a ticket is kept for whoever has lost the connection;
	// ticketRestart is that after a start of the server.
	ticketGrace   = 3 * time.Second
	ticketRestart = time.Minute
	// creditRetry is the time between two questions while the service fails.
	creditRetry = 5 * time.Second
	// creditMargin is how long before the end of the allowed time the room asks again, or a
	// quarter of that time if that is less: the answer may take 3 s.
	creditMargin = 4 * time.Second
	// refusalMemory is how long a user whom the service has refused is refused without
	// asking it.
	refusalMemory = 2 * time.Second
	// tendPause is the least time between two rounds over a room's tickets.
	tendPause = 250 * time.Millisecond
)

// outOfCredit parts from somebody who may not be in a paid room any more.
var outOfCredit = farewell{code: codeCredit, reason: reasonCredit}

// Why somebody is not let into a paid room.
var (
	errGuestPays = fault.New(fault.Credit, "this room is paid for, which guests cannot; join with a token")
	errNoCredit  = fault.New(fault.Credit, "your credit does not suffice for this room")
	errNoAnswer  = fault.New(fault.Credit, "nobody can say now whether your credit suffices for this room; try again later")
)

// charges tells whether the room asks the credit service for consumers.
func (r *Room) charges() bool { return r.opts.Credit != nil && r.settings.Paid }

// pays tells whether a member can be here only with a ticket.
func (r *Room) pays(m *member) bool {
	return r.charges() && !m.guest && !m.user.Role.moderates()
}

// enter lets an arrival in or refuses it, as tell is told: at once, or when the credit
// service has answered.
func (r *Room) enter(a arrival, tell func(*member, error)) {
	a.tell = func(m *member, err error) {
		r.publishChange() // who has the answer finds it in the State
		tell(m, err)
	}
	now := time.Now()
	var t *ticket
	err := r.slows(&a, now)
	if err == nil && r.charges() {
		t, err = r.ticketFor(r.memberOf(a), now)
	}
	switch {
	case err != nil:
		a.tell(nil, err)
	case t != nil:
		r.wait(t, a)
	default:
		a.tell(r.join(a))
	}
}

// slows returns why an arrival comes too early.
func (r *Room) slows(a *arrival, now time.Time) error {
	if a.session == nil {
		return nil
	}
	if wait := r.addressOf(a.addr).joins.Take(now); wait > 0 {
		return tooFast(wait)
	}
	return nil
}

// ticketFor returns the ticket that somebody has to wait for, nil if there is none to wait
// for, or why there is none to be had.
func (r *Room) ticketFor(m *member, now time.Time) (wait *ticket, err error) {
	if err := r.refuses(m, now); err != nil {
		return nil, err
	}
	if m.guest {
		return nil, errGuestPays
	}
	if !r.pays(m) {
		return wait, err
	}
	t := r.ticketOf(m.user.ID, now)
	switch {
	case now.Before(t.refused):
		err = errNoCredit
	case now.Before(t.until): // nobody has to be asked
	case !t.asking && t.failed && now.Before(t.due): // it has just failed
		err = r.unanswered()
	default:
		wait = t
	}
	return wait, err
}

// unanswered returns what becomes of an arrival of whom the service has said nothing: nil
// if it is let in.
func (r *Room) unanswered() error {
	if r.opts.CreditFailOpen {
		return nil
	}
	return errNoAnswer
}

// wait keeps an arrival until the credit service has answered for its ticket.
func (r *Room) wait(t *ticket, a arrival) {
	if a.aside != nil {
		a.aside()
	}
	t.waiting = append(t.waiting, a)
	if !t.asking && !r.ask(t, r.desk.urgent) {
		r.noAnswer(t, time.Now())
	}
}

// letIn lets those in who waited for a ticket, unless there is a reason against it.
func (r *Room) letIn(t *ticket, err error) {
	waiting := t.waiting
	t.waiting = nil
	for _, a := range waiting {
		if err != nil {
			a.tell(nil, err)
		} else {
			a.tell(r.join(a))
		}
	}
}

// ask has the credit service asked for a ticket; false means that too many such calls are
// under way. The answer comes as a command.
func (r *Room) ask(t *ticket, slots slots) bool {
	key, user, session, used := t.key, t.user, t.session, t.usedBy(time.Now())
	first := func(done func(error)) error { return r.desk.keep(key, r.recordOf(t, used), done) }
	if session != "" {
		first = nil
	}
	t.asking = r.desk.ask(r, slots, first, func(ctx context.Context) command {
		a := &creditAnswer{ticket: t}
		if session == "" {
			a.grant, a.err = r.opts.Credit.Open(ctx, key, user, r.name)
		} else {
			a.grant, a.err = r.opts.Credit.Renew(ctx, session, used)
		}
		return a
	})
	return t.asking
}

// creditAnswer is what the credit service has said of a ticket, for the actor.
type creditAnswer struct {
	ticket *ticket
	grant  Grant
	err    error
}

func (c *creditAnswer) run(r *Room) {
	t, now := c.ticket, time.Now()
	t.asking = false
	t.asked = t.asked || !errors.Is(c.err, ErrNotAsked)
	if r.phase != phaseOpen {
		return // closeTickets has done what is to be done
	}
	switch {
	case errors.Is(c.err, ErrNoSession):
		r.reissue(t, now)
	case c.err != nil:
		r.noAnswer(t, now)
	case c.grant.Allowed:
		r.granted(t, c.grant, now)
	default:
		r.denied(t, c.grant, now)
	}
	r.askNext() // there is a free slot
}

// failed is called when run has panicked.
func (c *creditAnswer) failed(err error) {
	for _, a := range c.ticket.waiting {
		a.tell(nil, err)
	}
	c.ticket.waiting = nil
}

// granted lets those in who waited, and notes when to ask again.
func (r *Room) granted(t *ticket, g Grant, now time.Time) {
	if t.session == "" {
		t.session = g.Session
	}
	t.failed = false
	t.until = now.Add(g.Left)
	t.due = t.until.Add(-min(creditMargin, g.Left/4))
	_ = r.desk.keep(t.key, r.recordOf(t, t.usedBy(now)), nil) // without it a crash forgets it, no more
	r.letIn(t, nil)
	r.expireUnused(t, now)
	r.tendBy(t.due)
}

// denied parts from all whom the ticket was for.
func (r *Room) denied(t *ticket, g Grant, now time.Time) {
	if t.session == "" {
		t.session = g.Session
	}
	r.letIn(t, errNoCredit)
	r.showOut(t, now)
	t.failed = false
	if t.until.IsZero() && t.used == 0 {
		t.session, t.asked = "", false // it has taken nothing
	}
	r.redeem(t)
	r.till.tickets[t.user] = &ticket{user: t.user, refused: now.Add(refusalMemory)}
	r.expireUnused(r.till.tickets[t.user], now.Add(refusalMemory))
}

// noAnswer does what is to be done while the service fails.
func (r *Room) noAnswer(t *ticket, now time.Time) {
	t.failed, t.due = true, now.Add(creditRetry)
	if !r.opts.CreditFailOpen {
		if t.until.After(now) {
			t.due = earlier(t.due, t.until)
		} else {
			r.showOut(t, now)
		}
	}
	r.letIn(t, r.unanswered())
	r.expireUnused(t, now.Add(ticketRestart)) // whoever tries again asks under the same key
	r.tendBy(t.due)
}

// reissue begins a session anew, in the place of one that the service has lost.
func (r *Room) reissue(t *ticket, now time.Time) {
	r.desk.forget(t.key)
	t.key, t.session, t.asked, t.used, t.since, t.due = newTicketKey(), "", false, 0, now, now
	if len(t.waiting) > 0 && !r.ask(t, r.desk.urgent) {
		r.noAnswer(t, now)
	}
	r.expireUnused(t, now)
	r.tendBy(t.due)
}

// showOut parts from all whom a ticket has let in.
func (r *Room) showOut(t *ticket, now time.Time) {
	if t.conns == 0 {
		return
	}
	for _, m := range r.people[t.user].conns {
		if m.ticket == t {
			m.part(outOfCredit)
			t.leave(m, now)
		}
	}
}
