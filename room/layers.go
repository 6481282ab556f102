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
	return SettingsPatch{
		Title:          said.Title,
		StreamURL:      said.StreamURL,
		SlowMode:       said.SlowMode,
		MembersOnly:    said.MembersOnly,
		Unique:         said.Unique,
		MaxConnections: said.MaxConnections,
	}
}

// adopt changes the room's settings. It tells all of them once the change is kept, or
// why nothing has changed.
func (r *Room) adopt(next layers, tell func(Settings, error)) {
	settings := next.settings()
	if settings != r.settings {
		e := &settingsEvent{event{Type: typeSettings}, r.settings.changes(settings), platform}
		if _, err := r.append(e, author{user: platform.ID}, func(uint64, error) {}); err != nil {
			tell(r.settings, err)
			return
		}
	}
	r.settings, r.layers = settings, next
	r.publish() // before anybody is told
	if err := r.opts.Journal.UpdateRoom(r.record(), func(err error) { tell(settings, r.stored(err)) }); err != nil {
		r.log.Warn("settings were changed, but are not stored; a restart would bring back the former ones", zap.Error(err))
		tell(settings, r.stored(err))
	}
}
