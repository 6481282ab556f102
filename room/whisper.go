package room

import (
	"time"

	"chatserver/internal/fault"
)

// whisperRequest is the whisper command on the wire.
type whisperRequest struct {
	To   *string `json:"to"`
	Text *string `json:"text"`
}

// onWhisper checks what one user says to another.
func (s *speaker) onWhisper(_ string, data []byte) (effect, error) {
	var req whisperRequest
	if err := parse(data, &req); err != nil {
		return nil, err
	}
	if req.To == nil {
		return nil, fault.New(fault.BadField, "to is missing; it is the id of the user to whisper to, as who tells it")
	}
	said, err := s.room.readText(req.Text)
	if err != nil {
		return nil, err
	}
	return whisper{to: *req.To, text: said}, nil
}

// whisper is a checked whisper, for the actor.
type whisper struct{ to, text string }

// carryOut tells all connections of both users. It is in no log.
func (w whisper) carryOut(r *Room, d *deed, now time.Time) (uint64, error) {
	to := r.people[w.to]
	if to == nil || len(to.conns) == 0 {
		return 0, fault.New(fault.NotFound, "nobody with the id %.128q is here", w.to)
	}
	note := encode(whisperNote{Type: "whisper", From: d.by.user, To: to.conns[0].user, Text: w.text, Time: now.UnixMilli()})
	for _, m := range to.conns {
		m.note(note)
	}
	for _, m := range d.by.person.conns {
		if w.to != m.user.ID {
			m.note(note)
		}
	}
	d.kept(0, nil)
	return 0, nil
}
