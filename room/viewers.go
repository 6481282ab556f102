package room

import "time"

// viewerCount gathers changes of the number of viewers. It belongs to the actor.
type viewerCount struct {
	told  int
	at    time.Time
	timer *time.Timer // runs while a change waits
	armed bool
}

func newViewerCount() viewerCount { return viewerCount{timer: newStoppedTimer()} }

// countViewers has everybody told the number of viewers, at most every
// viewersPeriod and only when it is another one than they know.
func (r *Room) countViewers() {
	r.changed = true
	c := &r.count
	if c.armed || r.phase != phaseOpen {
		return
	}
	if wait := viewersPeriod - time.Since(c.at); wait > 0 {
		c.armed = true
		c.timer.Reset(wait)
		return
	}
	r.tellViewers()
}

func (r *Room) tellViewers() {
	c, now := &r.count, time.Now()
	c.armed = false
	n := r.members.len()
	if n == c.told {
		return
	}
	c.told, c.at = n, now
	if n > 0 {
		r.broadcast(0, encode(viewers{Type: "viewers", Count: n}), now)
	}
}
