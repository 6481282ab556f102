package room

import "time"

// repeatPeriod is how long a command counts as sent before.
const repeatPeriod = 10 * time.Minute

// repeats remembers the commands that made an event, so that a client which is not
// sure whether one arrived can send it again under the same id. It belongs to the
// actor; the rates of users bound its size.
type repeats struct {
	made  map[commandID]uint64 // the event's seq
	order []madeBy             // oldest first
}

// commandID names a command: by its user and the id that the user gave it.
type commandID struct{ user, id string }

type madeBy struct {
	command commandID
	at      time.Time
}

func newRepeats() repeats { return repeats{made: make(map[commandID]uint64)} }

// seq returns the event that the command made when it was sent before.
func (p *repeats) seq(c commandID, now time.Time) (seq uint64, again bool) {
	p.forget(now)
	seq, again = p.made[c]
	return seq, again
}

// add remembers what a command made. A command without an id is not remembered.
func (p *repeats) add(c commandID, seq uint64, now time.Time) {
	if c.id == "" {
		return
	}
	p.made[c] = seq
	p.order = append(p.order, madeBy{c, now})
}

// forget drops what is older than repeatPeriod.
func (p *repeats) forget(now time.Time) {
	n := 0
	for n < len(p.order) && now.Sub(p.order[n].at) >= repeatPeriod {
		delete(p.made, p.order[n].command)
		n++
	}
	if p.order = p.order[n:]; len(p.order) == 0 {
		p.order = nil
	}
}
