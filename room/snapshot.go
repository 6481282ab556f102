package room

import (
	"context"
	"net/netip"
	"time"

	"chatserver/cache"
)

// follow notes which snapshot the room acts upon, and which channel tells of the
// next one.
func (r *Room) follow(s *cache.Snapshot) {
	r.snapshot, r.replaced = s, s.Replaced()
}

// renew brings the room to the newest snapshot: its settings apply, and whom it bans
// has to go.
func (r *Room) renew() {
	r.follow(r.opts.Snapshot())
	if r.phase != phaseOpen {
		return
	}
	r.throwOutBanned()
	if r.snapshot.Version() == "" {
		return // nothing was read yet: what the journal has of the database holds
	}
	next := r.layers
	next.Base = baseOf(r.snapshot, r.name)
	if next.Base.same(r.layers.Base) {
		return
	}
	r.adopt(next, func(_ Settings, err error) {
		if err != nil {
			time.AfterFunc(unavailableRetry, func() { r.urge(context.Background(), renewal{}) })
		}
	})
}

// renewal is the command to try again what the journal could not keep.
type renewal struct{}

func (renewal) run(r *Room) { r.renew() }

// bans tells whether a user, or an address, is banned from the room by the newest
// snapshot, whether the room acts upon that already or not.
func (r *Room) bans(user string, addr netip.Addr, now time.Time) bool {
	_, banned := r.opts.Snapshot().Banned(r.name, user, addr, now)
	return banned
}

// throwOutBanned parts from all members that the snapshot bans.
func (r *Room) throwOutBanned() {
	now := time.Now()
	for _, m := range r.members.list {
		if r.bans(m.user.ID, m.addr, now) {
			m.muted = true
			m.out.end(banned.frames()...)
		}
	}
}
