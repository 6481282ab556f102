package room

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"chatserver/internal/limit"
)

// person is one user in the room, with all connections. Who has left is remembered for
// a while, so that a sanction still finds whom it means, and limits go on for who comes
// back. It belongs to the actor.
type person struct {
	user  User // as of the newest connection, with the highest role of all
	guest bool
	addr  netip.Addr // of the newest connection
	conns []*member  // oldest first
	left  time.Time  // when the last of them went

	window      *limit.Window // of a token's user: limits the messages of all connections
	moderates   bool          // the window is that of a moderator
	lastMessage time.Time
	said        []saying // within the last uniquePeriod, while unique is set
}

// Bounds of what is remembered of people.
const (
	// maxConnsOfUser is how many connections one user may have; see codeReplaced.
	maxConnsOfUser = 4
	// peopleMin is the number of people below which none is forgotten.
	peopleMin = 1024
	// absentFor is how long who has left is remembered, at least until peopleMost.
	absentFor = time.Hour
	// absentMost bounds how many who have left are remembered at all.
	absentMost = 10_000
)

// personOf returns the person that a new member is, made if it is a new one.
func (r *Room) personOf(m *member) *person {
	p := r.people[m.user.ID]
	if p == nil {
		r.forgetAbsent()
		p = &person{guest: m.guest}
		r.people[m.user.ID] = p
	}
	p.conns = append(p.conns, m)
	p.user, p.addr = m.user, m.addr
	p.noteRole()
	if moderates := m.user.Role.moderates(); !m.guest && (p.window == nil || p.moderates != moderates) {
		p.window, p.moderates = limit.NewWindow(r.opts.Limits.Messages, r.opts.Limits.Burst), moderates
		if moderates {
			p.window = limit.NewWindow(r.opts.Limits.Moderators)
		}
	}
	return p
}

// noteRole gives the person the highest role of the connections.
func (p *person) noteRole() {
	for _, m := range p.conns {
		if m.user.Role.above(p.user.Role) {
			p.user.Role = m.user.Role
		}
	}
}

// forgetAbsent drops who left long ago, once many have.
func (r *Room) forgetAbsent() {
	if len(r.people) < r.peopleMost {
		return
	}
	now := time.Now()
	absent := 0
	maps.DeleteFunc(r.people, func(_ string, p *person) bool {
		if len(p.conns) > 0 {
			return false
		}
		absent++
		return absent > absentMost || now.Sub(p.left) >= absentFor
	})
	r.peopleMost = max(peopleMin, 2*len(r.people))
}

// leave notes that a connection went.
func (p *person) leave(m *member) {
	p.conns = slices.DeleteFunc(p.conns, func(other *member) bool { return other == m })
	p.left = time.Now()
}

// known returns a user as far as the room knows it; of others there is the id, and what
// the room's settings say of their role.
func (r *Room) known(id string) User {
	if id == platform.ID {
		return platform
	}
	if p := r.people[id]; p != nil {
		return p.user
	}
	return User{ID: id, Role: r.roleOf(id, Consumer)}
}
