package room

import (
	"time"

	"chatserver/cache"
	"chatserver/internal/fault"
	"chatserver/internal/text"
	"chatserver/journal"
)

// Sanctions keep bans and timeouts for all rooms of the server, and bring them to the
// other servers; [cache.Cache] does. The methods never wait: what they do is in force,
// in the snapshot, when they return. An error says that nothing has happened; else done
// is called once, when a crash would not undo it or when that cannot be said.
type Sanctions interface {
	Sanction(b cache.Ban, done func(error)) (cache.Ban, error)
	Lift(match func(*cache.Ban) bool, done func(error)) (lifted []cache.Ban, err error)
}

// Kinds of sanction events.
const (
	kindTimeout = "timeout"
	kindBan     = "ban"
	kindUnban   = "unban"
)

// Bounds of a sanction.
const (
	maxTimeout = 1_209_600 // seconds; two weeks
	maxReason  = 500       // characters
)

// sanctionRequest is the timeout, the ban and the unban command on the wire.
type sanctionRequest struct {
	User    *string `json:"user"`
	Seconds *int    `json:"seconds"`
	Reason  string  `json:"reason"`
}

// onTimeout checks a command that keeps somebody from chatting for a while.
func (s *speaker) onTimeout(_ string, data []byte) (effect, error) {
	req, reason, err := readSanction(data)
	if err != nil {
		return nil, err
	}
	switch {
	case req.Seconds == nil:
		return nil, fault.New(fault.BadField, "seconds is missing")
	case *req.Seconds < 1 || *req.Seconds > maxTimeout:
		return nil, &fault.Error{Code: fault.BadField, Detail: "seconds must be 1 to 1209600", Limit: maxTimeout, Value: *req.Seconds}
	}
	return sanction{kindTimeout, *req.User, time.Duration(*req.Seconds) * time.Second, reason}, nil
}

// onBan checks a command that keeps somebody out.
func (s *speaker) onBan(_ string, data []byte) (effect, error) {
	req, reason, err := readSanction(data)
	if err != nil {
		return nil, err
	}
	return sanction{kind: kindBan, user: *req.User, reason: reason}, nil
}

// onUnban checks a command that takes back what keeps somebody out or from chatting.
func (s *speaker) onUnban(_ string, data []byte) (effect, error) {
	req, reason, err := readSanction(data)
	if err != nil {
		return nil, err
	}
	return pardon{*req.User, reason}, nil
}

// readSanction reads what the three commands share; user is not nil.
func readSanction(data []byte) (req sanctionRequest, reason string, err error) {
	if err := parse(data, &req); err != nil {
		return req, "", err
	}
	if req.User == nil {
		return req, "", fault.New(fault.BadField, "user is missing; it is the id of a user, as events and who tell it")
	}
	id, err := text.Line("user", *req.User, maxUserID)
	if err == nil && (id == "" || len(id) > maxUserID) {
		err = &fault.Error{Code: fault.BadField, Detail: "user must be 1 to 128 bytes", Limit: maxUserID}
	}
	if err != nil {
		return req, "", err
	}
	req.User = &id
	reason, err = text.Line("reason", req.Reason, maxReason)
	return req, reason, err
}

// sanction is a checked timeout or ban, for the actor.
type sanction struct {
	kind   string
	user   string
	period time.Duration // 0: without end
	reason string
}

// carryOut holds for a user who has left too, and for guests by their address.
func (s sanction) carryOut(r *Room, d *deed, now time.Time) (uint64, error) {
	target := r.known(s.user)
	if !d.by.user.Role.above(target.Role) {
		return 0, fault.New(fault.Forbidden, "nobody may sanction someone of the same or a higher role")
	}
	ban := cache.Ban{Kind: cache.KindBan, User: s.user, Room: r.name, Reason: s.reason, By: d.by.user.ID}
	e := &sanctionEvent{event: event{Type: typeSanction}, Kind: s.kind, User: target, Reason: s.reason, By: d.by.user}
	if s.kind == kindTimeout {
		ban.Kind = cache.KindTimeout
	}
	if s.period > 0 {
		ban.Expires = now.Add(s.period)
		e.Until = ban.Expires.UnixMilli()
	}
	if p := r.people[s.user]; p != nil && p.guest && p.addr.IsValid() {
		ban.Net = networkOf(p.addr)
	}
	if err := r.opts.Journal.Healthy(); err != nil {
		return 0, r.stored(err)
	}
	if _, err := r.opts.Sanctions.Sanction(ban, func(error) {}); err != nil { // the journal keeps it before the event
		return 0, r.stored(err)
	}
	seq, err := r.append(e, author{d.by.user.ID, d.id}, d.kept)
	r.throwOutBanned()
	return seq, err
}

// pardon is a checked unban, for the actor.
type pardon struct{ user, reason string }

// carryOut lifts what was set for this room. What holds for all rooms is not the
// room's to lift.
func (p pardon) carryOut(r *Room, d *deed, _ time.Time) (uint64, error) {
	target := r.known(p.user)
	if !d.by.user.Role.above(target.Role) {
		return 0, fault.New(fault.Forbidden, "nobody may pardon someone of the same or a higher role")
	}
	if err := r.opts.Journal.Healthy(); err != nil {
		return 0, r.stored(err)
	}
	lifted, err := r.opts.Sanctions.Lift(func(b *cache.Ban) bool { return b.User == p.user && b.Room == r.name }, func(error) {})
	switch {
	case err != nil:
		return 0, r.stored(err)
	case len(lifted) == 0:
		return 0, fault.New(fault.NotFound, "nothing keeps a user with the id %.128q from this room, unless it is for all rooms", p.user)
	}
	e := &sanctionEvent{event: event{Type: typeSanction}, Kind: kindUnban, User: target, Reason: p.reason, By: d.by.user}
	return r.append(e, author{d.by.user.ID, d.id}, d.kept)
}

// noSanctions is what a registry has that was given none.
type noSanctions struct{}

// Sanction refuses.
func (noSanctions) Sanction(cache.Ban, func(error)) (cache.Ban, error) {
	return cache.Ban{}, journal.ErrUnavailable
}

// Lift finds nothing.
func (noSanctions) Lift(func(*cache.Ban) bool, func(error)) ([]cache.Ban, error) { return nil, nil }
