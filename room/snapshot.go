package room

import (
	"context"
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
	r.appoint(next.staff()) // whether the journal can keep that or not
	again := func(_ uint64, _ Settings, err error) {
		if err != nil {
			time.AfterFunc(unavailableRetry, func() { r.urge(context.Background(), renewal{}) })
		}
	}
	if _, err := r.adopt(next, platform, author{user: platform.ID}, again); err != nil {
		again(0, r.settings, err)
	}
}

// renewal is the command to try again what the journal could not keep.
type renewal struct{}

func (renewal) run(r *Room) { r.renew() }

// bans tells whether the newest snapshot bans a member, whether the room acts upon that
// already or not.
func (r *Room) bans(m *member, now time.Time) bool {
	_, banned := r.opts.Snapshot().Sanctioned(cache.KindBan, r.name, m.user.ID, m.addr, m.guest, now)
	return banned
}

// throwOutBanned parts from all members that the snapshot bans.
func (r *Room) throwOutBanned() {
	now := time.Now()
	for _, m := range r.members.list {
		if r.bans(m, now) {
			m.part(banned)
		}
	}
}
