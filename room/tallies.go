package room

import "time"

// tallyPeriod is the least time between two tellings of totals.
const tallyPeriod = 500 * time.Millisecond

// tallies gather the totals of reactions and votes, so that ten thousand a second make
// two objects a second. They belong to the actor.
type tallies struct {
	timer *time.Timer // runs while armed
	armed bool
}

func newTallies() tallies { return tallies{timer: newStoppedTimer()} }

// tellTallies has everybody told the totals that changed, tallyPeriod from now.
func (r *Room) tellTallies() {
	if t := &r.tallies; !t.armed && r.phase == phaseOpen {
		t.armed = true
		t.timer.Reset(tallyPeriod)
	}
}

// tally tells everybody the totals that changed.
func (r *Room) tally() {
	now := time.Now()
	r.tallies.armed = false
	if changed := r.reacted.takeChanged(r.events.seq); changed != nil {
		r.broadcast(0, encode(reactions{Type: "reactions", Totals: changed}), now)
	}
	r.reacted.prune(r.events.first())
	if p := r.poll; p != nil && p.changed {
		p.changed = false
		r.broadcast(0, encode(p.standing()), now)
	}
}
