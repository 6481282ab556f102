package room

import (
	"maps"
	"time"
)

// repeatPeriod is how long a command counts as sent before.
const repeatPeriod = 10 * time.Minute

// repeatMost bounds the commands of one user that are remembered: as many messages as a
// moderator may send within repeatPeriod.
const repeatMost = 2000

// repeats remembers the commands that made an event, so that a client which is not
// sure whether one arrived can send it again under the same id. It belongs to the
// actor.
type repeats struct {
	users map[string]*made // by user id
	swept time.Time        // when everybody's old commands were forgotten
}

// commandID names a command: by its user and the id that the user gave it.
type commandID struct{ user, id string }

// made is what one user's commands have made.
type made struct {
	seqs  map[string]uint64 // by the command's id
	order []madeAt          // oldest first
}

type madeAt struct {
	id string
	at time.Time
}

func newRepeats() repeats { return repeats{users: make(map[string]*made)} }

// seq returns the event that the command made when it was sent before.
func (p *repeats) seq(c commandID, now time.Time) (seq uint64, again bool) {
	m, known := p.users[c.user]
	if !known {
		return 0, false
	}
	m.forget(now)
	seq, again = m.seqs[c.id]
	return seq, again
}

// add remembers what a command made. A command without an id is not remembered.
func (p *repeats) add(c commandID, seq uint64, now time.Time) {
	if c.id == "" {
		return
	}
	p.sweep(now)
	m, known := p.users[c.user]
	if !known {
		m = &made{seqs: make(map[string]uint64)}
		p.users[c.user] = m
	}
	m.forget(now)
	if len(m.order) >= repeatMost {
		delete(m.seqs, m.order[0].id)
		m.order = m.order[1:]
	}
	m.seqs[c.id] = seq
	m.order = append(m.order, madeAt{c.id, now})
}

// forgetUser forgets a user who will not come back.
func (p *repeats) forgetUser(id string) { delete(p.users, id) }

// sweep forgets, once in repeatPeriod, what those have made who are silent since.
func (p *repeats) sweep(now time.Time) {
	if now.Sub(p.swept) < repeatPeriod {
		return
	}
	p.swept = now
	maps.DeleteFunc(p.users, func(_ string, m *made) bool {
		m.forget(now)
		return len(m.order) == 0
	})
}

// forget drops what is older than repeatPeriod.
func (m *made) forget(now time.Time) {
	n := 0
	for n < len(m.order) && now.Sub(m.order[n].at) >= repeatPeriod {
		delete(m.seqs, m.order[n].id)
		n++
	}
	if m.order = m.order[n:]; len(m.order) == 0 {
		m.order = nil
	}
}
