package room

import (
	"time"

	"chatserver/cache"
	"chatserver/internal/fault"
)

// deed is a command of a client's that the room carries out in its order, checked as
// far as that goes without the room's state.
type deed struct {
	by     *member
	id     string // the client's own; may be empty
	right  right
	effect effect
	asker  asker
	room   *Room
	read   time.Time // when the command was
}

// effect is what one kind of deed does.
type effect interface {
	// carryOut does it, or returns why not: then nothing has happened. It returns the
	// seq of the event that it made, 0 if there is none. d.kept has to be called once
	// it survives a crash.
	carryOut(r *Room, d *deed, now time.Time) (seq uint64, err error)
}

// asker is who sent a command and is owed the answer. It never waits, and is safe for
// use by several goroutines.
type asker interface {
	answer(v any)
	// hand answers with an object that must not wait for what is sent before it. It is
	// false if it would have to; then nothing was answered.
	hand(object []byte) bool
}

// acknowledge confirms a command, and the event that it made, if any.
func acknowledge(to asker, id string, seq uint64) { to.answer(ack{Type: "ack", ID: id, Seq: seq}) }

// refuse answers a command with what is wrong with it. It is for any goroutine.
func (r *Room) refuse(to asker, id string, err error) {
	e := fault.From(err)
	r.opts.Observer.Refused(e.Code)
	to.answer(failure{Type: "error", ID: id, Code: e.Code, Message: e.Detail, RetryAfter: e.RetryMillis()})
}

func (d *deed) run(r *Room) {
	if d.by.muted || d.by.gone {
		return // it hears nothing any more
	}
	if err := d.carryOut(r, time.Now()); err != nil {
		d.failed(err)
	}
}

// carryOut has the effect, unless the deed was done under the same id before. Both are
// acknowledged once they are kept.
func (d *deed) carryOut(r *Room, now time.Time) error {
	id := commandID{d.by.user.ID, d.id}
	if seq, again := r.repeats.seq(id, now); again {
		return r.stored(r.opts.Journal.Sync(func(err error) { d.kept(seq, r.stored(err)) }))
	}
	if err := r.allows(d.right, d.by, now); err != nil {
		return err
	}
	seq, err := d.effect.carryOut(r, d, now)
	if err != nil {
		return err
	}
	switch d.effect.(type) {
	case reaction: // which changes nothing when it comes again
	case tip: // which is not done yet
	default:
		r.repeats.add(id, seq, now)
	}
	return nil
}

// kept answers whoever gave the command.
func (d *deed) kept(seq uint64, err error) {
	if err != nil {
		d.failed(err)
		return
	}
	acknowledge(d.asker, d.id, seq)
	d.room.opts.Observer.Acknowledged(time.Since(d.read))
}

func (d *deed) failed(err error) { d.room.refuse(d.asker, d.id, err) }

// right is what somebody must have to give a command.
type right int

const (
	noRight     right = iota // it is no deed
	mayAsk                   // everybody; the effect looks closer
	mayChat                  // guests if they may, and nobody who is timed out
	mayWhisper               // who may chat and has a token
	mayTip                   // consumers of them
	mayModerate              // moderators and the producer, if they may chat
	mayProduce               // the producer
)

// allows returns why a member may not use a right now.
func (r *Room) allows(what right, m *member, now time.Time) error {
	switch what {
	case mayChat:
		return r.allowsChat(m, now)
	case mayWhisper:
		if m.guest {
			return fault.New(fault.Forbidden, "guests may not whisper; log in")
		}
		return r.allowsChat(m, now)
	case mayTip:
		switch {
		case m.guest:
			return fault.New(fault.Forbidden, "guests may not tip; log in")
		case m.user.Role.moderates():
			return fault.New(fault.Forbidden, "only consumers may tip")
		}
		return r.allowsChat(m, now)
	case mayModerate:
		if !m.user.Role.moderates() {
			return fault.New(fault.Forbidden, "only moderators and the producer may do this")
		}
		return r.allowsChat(m, now)
	case mayProduce:
		if m.user.Role != Producer {
			return fault.New(fault.Forbidden, "only the producer may do this")
		}
	}
	return nil
}

// allowsChat returns why a member may not speak at all now.
func (r *Room) allowsChat(m *member, now time.Time) error {
	if m.guest && r.opts.Guests != GuestsChat {
		return fault.New(fault.GuestsReadOnly, "guests may only read here; log in to chat")
	}
	ban, found := r.opts.Snapshot().Sanctioned(cache.KindTimeout, r.name, m.user.ID, m.addr, m.guest, now)
	if !found {
		return nil
	}
	e := fault.New(fault.TimedOut, "you may not chat for a while; wait until it is over")
	if !ban.Expires.IsZero() {
		e.RetryAfter = ban.Expires.Sub(now)
	}
	return e
}
