package room

import "time"

// announceRequest is the announce command on the wire.
type announceRequest struct {
	Text *string `json:"text"`
}

// onAnnounce checks an announcement to the room.
func (s *speaker) onAnnounce(_ string, data []byte) (effect, error) {
	var req announceRequest
	if err := parse(data, &req); err != nil {
		return nil, err
	}
	said, err := s.room.readText(req.Text)
	return announce{said}, err
}

// announce is a checked announcement, for the actor.
type announce struct{ text string }

func (a announce) carryOut(r *Room, d *deed, _ time.Time) (uint64, error) {
	return r.proclaim(a.text, ScopeRoom, d.by.user, d.id, d.kept)
}

// proclaim puts an announcement into the log; id is that of the user's command, if it
// has one.
func (r *Room) proclaim(said string, scope Scope, by User, id string, tell kept) (seq uint64, err error) {
	return r.append(&announcementEvent{event{Type: typeAnnouncement}, said, scope, by}, author{by.ID, id}, tell)
}
