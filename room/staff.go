package room

import "slices"

// Staff are those whom a room's settings raise above what their tokens say. A published one
// is never changed.
type Staff struct {
	Owner      string   // user id of the producer; empty: nobody
	Moderators []string // user ids
}

// staff returns whom the settings raise.
func (l layers) staff() (s Staff) {
	p := l.Base.merge(l.Over)
	if p.Owner != nil {
		s.Owner = *p.Owner
	}
	if p.Moderators != nil {
		s.Moderators = *p.Moderators
	}
	return s
}

// role returns what a user is raised to.
func (s Staff) role(id string) Role {
	switch {
	case id == "":
		return Consumer
	case id == s.Owner:
		return Producer
	case slices.Contains(s.Moderators, id):
		return Moderator
	default:
		return Consumer
	}
}

// appoint has everybody get the role that a staff gives them, those too who are in the room.
func (r *Room) appoint(s Staff) {
	if s.Owner == r.staff.Owner && slices.Equal(s.Moderators, r.staff.Moderators) {
		return
	}
	r.staff = s
	for id, p := range r.people {
		if p.guest {
			continue
		}
		p.user.Role = r.roleOf(id, Consumer)
		for _, m := range p.conns {
			m.user.Role = r.roleOf(id, m.claimed)
		}
		p.noteRole()
	}
	r.noteProducers()
	r.review()
}

// roleOf returns the role of a user in this room: that of the token, or the one to which
// the settings raise it.
func (r *Room) roleOf(id string, claimed Role) Role {
	if raised := r.staff.role(id); raised.above(claimed) {
		return raised
	}
	return claimed
}

// noteProducers finds those who have the producer's role now.
func (r *Room) noteProducers() {
	r.producers = nil
	for _, m := range r.members.list {
		if m.user.Role == Producer {
			r.producers = append(r.producers, m)
		}
	}
	r.changed = true
}
