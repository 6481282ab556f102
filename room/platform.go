package room

import (
	"context"

	"chatserver/internal/fault"
	"chatserver/internal/text"
)

// maxUserID bounds a user's id, in bytes.
const maxUserID = 128

// CheckUser returns the user that a platform names as the author of a message, in
// the form in which events show it.
func CheckUser(u User) (User, error) {
	id, err := text.Line("user.id", u.ID, maxUserID)
	switch {
	case err != nil:
		return u, err
	case id == "" || len(id) > maxUserID || id == platform.ID:
		return u, &fault.Error{Code: fault.BadField, Detail: `user.id must be 1 to 128 bytes and not "platform"`, Limit: maxUserID}
	}
	u.ID = id
	if u.Name, err = text.Name(u.Name); err != nil {
		return u, err
	}
	switch u.Role {
	case "":
		u.Role = Consumer
	case Consumer, Moderator, Producer:
	default:
		return u, fault.New(fault.BadField, "user.role must be consumer, moderator or producer")
	}
	return u, nil
}

// Announce puts an announcement of the platform into the room's log.
func (r *Room) Announce(ctx context.Context, said string, scope Scope) error {
	said, err := text.Message(said, r.opts.Limits.Text)
	if err != nil {
		return err
	}
	return r.announce(ctx, said, scope)
}

// announce is Announce for a text that was checked.
func (r *Room) announce(ctx context.Context, said string, scope Scope) error {
	_, err := call(ctx, r, func(r *Room) (uint64, error) {
		if r.phase != phaseOpen {
			return 0, notFound(r.name)
		}
		return r.append(&announcementEvent{event{Type: typeAnnouncement}, said, scope, platform}, platform.ID), nil
	})
	return err
}

// Set changes settings, for which there is an event if any of them is new. It
// returns all settings.
func (r *Room) Set(ctx context.Context, patch SettingsPatch) (Settings, error) {
	return call(ctx, r, func(r *Room) (Settings, error) {
		settings, changes := r.settings.apply(patch)
		if settings != r.settings {
			r.settings = settings
			r.append(&settingsEvent{event{Type: typeSettings}, changes, platform}, platform.ID)
		}
		return settings, nil
	})
}
