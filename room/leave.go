package room

import (
	"context"
	"slices"
	"time"

	"chatserver/internal/fault"
)

// onLeave says goodbye, once everything that was said before is acknowledged.
func (s *speaker) onLeave(id string, _ []byte) (effect, error) {
	s.room.post(departure{s.member, id, s.asker})
	return nil, nil
}

// departure is the leave command, for the actor.
type departure struct {
	by *member
	id string
	to asker
}

func (d departure) run(r *Room) {
	d.by.muted = true
	if err := r.opts.Journal.Sync(func(error) { d.end() }); err != nil {
		d.end()
	}
}

func (d departure) end() {
	acknowledge(d.to, d.id, 0)
	d.by.end(left)
}

func (d departure) failed(error) { d.end() }

// leave takes a member out of the room, whatever ended its connection.
type leave struct{ m *member }

func (l leave) run(r *Room) { r.remove(l.m) }

func (r *Room) remove(m *member) {
	if m.gone {
		return
	}
	m.gone = true
	r.unticket(m, time.Now())
	r.members.remove(m)
	m.person.leave(m)
	if m.user.Role == Producer {
		r.producers = slices.DeleteFunc(r.producers, func(p *member) bool { return p == m })
	}
	m.speech.release()
	if m.guest {
		r.repeats.forgetUser(m.user.ID) // which no other guest gets
	}
	if m.session != nil {
		r.closeSession(m.session)
	}
	r.countViewers()
	r.armIdle()
}

// RemoveUser closes all connections of a user, who should not come back. It returns
// how many there were.
func (r *Room) RemoveUser(ctx context.Context, id string) (int, error) {
	return call(ctx, r, atOnce(func(r *Room) (int, error) {
		p := r.people[id]
		if p == nil || len(p.conns) == 0 {
			return 0, &fault.Error{Code: fault.NotFound, Detail: "nobody with this id is in the room; the chat's command who lists the ids of those who are"}
		}
		for _, m := range p.conns {
			m.part(farewell{code: codeRemoved, reason: reasonRemoved})
		}
		return len(p.conns), nil
	}))
}
