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
	_, err := call(ctx, r, announcement(said, scope))
	return err
}

// announcement returns the question that puts a text into the log; it is answered
// with its seq once it is kept.
func announcement(said string, scope Scope) question[uint64] {
	return newQuestion(func(r *Room, tell func(uint64, error)) {
		if _, err := r.proclaim(said, scope, platform, "", tell); err != nil {
			tell(0, err)
		}
	})
}

// Set changes settings, for which there is an event if any of them is new. It
// returns all settings, once the change is kept.
func (r *Room) Set(ctx context.Context, patch SettingsPatch) (Settings, error) {
	return call(ctx, r, newQuestion(func(r *Room, tell func(Settings, error)) {
		_, err := r.change(patch, platform, author{user: platform.ID}, func(_ uint64, s Settings, err error) { tell(s, err) })
		if err != nil {
			tell(r.settings, err)
		}
	}))
}
