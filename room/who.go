package room

import "chatserver/internal/fault"

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
