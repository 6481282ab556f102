package room

import (
	"context"

	"chatserver/internal/fault"
)

// whoRequest is the who command on the wire.
type whoRequest struct {
	Prefix string `json:"prefix"`
	Limit  *int   `json:"limit"`
}

// Bounds of who's limit.
const (
	whoDefault = 50
	whoMost    = 100
)

// onWho asks the room who is in it.
func (c *conn) onWho(id string, data []byte) error {
	var req whoRequest
	if err := parse(data, &req); err != nil {
		return err
	}
	limit := whoDefault
	if req.Limit != nil {
		limit = *req.Limit
	}
	if limit < 1 || limit > whoMost {
		return &fault.Error{Code: fault.BadField, Detail: "limit must be 1 to 100", Limit: whoMost, Value: limit}
	}
	return c.room.offer(who{by: c.member, id: id, prefix: req.Prefix, limit: limit})
}

// who is a checked who, for the actor.
type who struct {
	by     *member
	id     string
	prefix string
	limit  int
}

func (w who) run(r *Room) {
	found := r.members.withPrefix(w.prefix)
	answer := people{Type: "people", ID: w.id, Count: len(found), Users: make([]User, 0, min(len(found), w.limit))}
	for _, m := range found[:min(len(found), w.limit)] {
		answer.Users = append(answer.Users, m.user)
	}
	reply(w.by.out, answer)
}

func (w who) failed(err error) { refuse(w.by.out, w.id, err) }

// onPing answers at once: a client asks whether the connection works, not the room.
func (c *conn) onPing(id string, _ []byte) error {
	reply(c.out, pong{Type: "pong", ID: id})
	return nil
}

// onPingFrame answers a WebSocket ping, which counts as a command.
func (c *conn) onPingFrame(data string) error {
	if err := c.pace(""); err != nil {
		return err
	}
	c.out.reply(frame(opPong, []byte(data)))
	return nil
}

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
