package room

import (
	"context"

	"chatserver/internal/fault"
)

// onLeave says goodbye, once everything that was said before is acknowledged.
func (c *conn) onLeave(id string, _ []byte) error {
	c.room.post(departure{c.member, id})
	return nil
}

// departure is the leave command, for the actor.
type departure struct {
	by *member
	id string
}

func (d departure) run(r *Room) {
	d.by.muted = true
	if err := r.opts.Journal.Sync(func(error) { d.end() }); err != nil {
		d.end()
	}
}

func (d departure) end() {
	acknowledge(d.by.out, d.id, 0)
	d.by.out.end(farewell{code: codeLeft, text: "bye"}.frames()...)
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
	r.members.remove(m)
	m.speech.address.members--
	if m.guest {
		r.repeats.forgetUser(m.user.ID) // which no other guest gets
	}
	r.countViewers()
	r.armIdle()
}

// RemoveUser closes all connections of a user, who should not come back. It returns
// how many there were.
func (r *Room) RemoveUser(ctx context.Context, id string) (int, error) {
	return call(ctx, r, atOnce(func(r *Room) (int, error) {
		found := r.members.byID(id)
		if len(found) == 0 {
			return 0, &fault.Error{Code: fault.NotFound, Detail: "nobody with this id is in the room; the chat's command who lists the ids of those who are"}
		}
		for _, m := range found {
			m.muted = true
			m.out.end(farewell{code: codeRemoved, reason: reasonRemoved}.frames()...)
		}
		return len(found), nil
	}))
}
