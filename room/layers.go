package room

import (
	"go.uber.org/zap"

	"chatserver/cache"
)

// layers are where a room's settings come from: what the platform's database says,
// and over it what was set here. The journal keeps both.
type layers struct {
	Base SettingsPatch `json:"base"`
	Over SettingsPatch `json:"over"`
}

// settings returns what holds.
func (l layers) settings() Settings {
	s, _ := Settings{}.apply(l.Base)
	s, _ = s.apply(l.Over)
	return s
}

// baseOf returns what the database says of a room's settings.
func baseOf(s *cache.Snapshot, name string) SettingsPatch {
	said := s.Room(name)
	p := SettingsPatch{
		Title:          said.Title,
		StreamURL:      said.StreamURL,
		SlowMode:       said.SlowMode,
		MembersOnly:    said.MembersOnly,
		EmotesOnly:     said.EmotesOnly,
		Unique:         said.Unique,
		Paid:           said.Paid,
		MaxConnections: said.MaxConnections,
	}
	if said.Owner != "" {
		p.Owner = &said.Owner
	}
	if len(said.Moderators) > 0 {
		p.Moderators = &said.Moderators
	}
	return p
}

// outcome tells whoever changes settings what became of it: all of them, and the seq of
// the event if there was one. It is called on any goroutine and must not block.
type outcome func(seq uint64, s Settings, err error)

// adopt changes the room's settings for somebody. After an error, which is for them,
// nothing has happened. Else tell is called once the change is kept, or is not.
func (r *Room) adopt(next layers, by User, from author, tell outcome) (seq uint64, err error) {
	settings := next.settings()
	if settings != r.settings {
		e := &settingsEvent{event{Type: typeSettings}, r.settings.changes(settings), by}
		if seq, err = r.append(e, from, func(uint64, error) {}); err != nil {
			return 0, err
		}
	}
	turned := settings.Paid != r.settings.Paid
	r.settings, r.layers = settings, next
	r.appoint(next.staff())
	if turned {
		r.review()
	}
	r.publish() // before anybody is told
	if err := r.opts.Journal.UpdateRoom(r.record(), func(err error) { tell(seq, settings, r.stored(err)) }); err != nil {
		r.log.Warn("settings were changed, but are not stored; a restart would bring back the former ones", zap.Error(err))
		tell(seq, settings, r.stored(err))
	}
	return seq, nil
}

// change adopts a patch over what was set here before.
func (r *Room) change(patch SettingsPatch, by User, from author, tell outcome) (seq uint64, err error) {
	if pin := patch.Pinned; pin != nil && *pin != 0 {
		if _, err := r.message(uint64(*pin)); err != nil {
			return 0, err
		}
	}
	next := r.layers
	next.Over = next.Over.merge(patch)
	return r.adopt(next, by, from, tell)
}
