package room

// whoRequest is the who command on the wire.
type whoRequest struct {
	Prefix string `json:"prefix"`
	Limit  *int   `json:"limit"`
}

// onWho asks the room who is in it.
func (s *speaker) onWho(id string, data []byte) (effect, error) {
	var req whoRequest
	if err := parse(data, &req); err != nil {
		return nil, err
	}
	limit, err := listLimit(req.Limit)
	if err != nil {
		return nil, err
	}
	return nil, s.room.offer(who{room: s.room, to: s.asker, id: id, prefix: req.Prefix, limit: limit})
}

// who is a checked who, for the actor.
type who struct {
	room   *Room
	to     asker
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
	w.to.answer(answer)
}

func (w who) failed(err error) { w.room.refuse(w.to, w.id, err) }
