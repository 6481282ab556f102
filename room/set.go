package room

import (
	"time"

	"chatserver/internal/fault"
)

// setRequest is the set command on the wire: the settings that may be changed from
// within the chat.
type setRequest struct {
	Title       *string `json:"title"`
	StreamURL   *string `json:"stream_url"`
	SlowMode    *int    `json:"slow_mode"`
	MembersOnly *bool   `json:"members_only"`
	EmotesOnly  *bool   `json:"emotes_only"`
	Unique      *bool   `json:"unique"`
	Pinned      *Pin    `json:"pinned"` // null takes the pin away
}

// onSet checks a change of settings.
func (s *speaker) onSet(_ string, data []byte) (effect, error) {
	var req setRequest
	if err := parse(data, &req); err != nil {
		return nil, err
	}
	patch, err := SettingsPatch{
		Title:       req.Title,
		StreamURL:   req.StreamURL,
		SlowMode:    req.SlowMode,
		MembersOnly: req.MembersOnly,
		EmotesOnly:  req.EmotesOnly,
		Unique:      req.Unique,
		Pinned:      req.Pinned,
	}.unpin(data).check()
	if err == nil && patch == (SettingsPatch{}) {
		return nil, fault.New(fault.BadField, "there is nothing to set; send slow_mode, members_only, emotes_only, unique, title, stream_url or pinned")
	}
	return set{patch}, err
}

// set is a checked change of settings, for the actor.
type set struct{ patch SettingsPatch }

func (s set) carryOut(r *Room, d *deed, _ time.Time) (uint64, error) {
	return r.change(s.patch, d.by.user, author{d.by.user.ID, d.id}, func(seq uint64, _ Settings, err error) { d.kept(seq, err) })
}
