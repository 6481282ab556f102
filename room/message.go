package room

import (
	"context"
	"hash/maphash"
	"slices"
	"time"

	"chatserver/internal/fault"
	"chatserver/internal/text"
)

// messageRequest is the message command on the wire.
type messageRequest struct {
	Text    *string `json:"text"`
	ReplyTo *uint64 `json:"reply_to"`
}

// uniquePeriod is the time within which a text counts as said again.
const uniquePeriod = 30 * time.Second

// saying is a text that somebody has said, by its hash.
type saying struct {
	hash uint64
	at   time.Time
}

var sayingSeed = maphash.MakeSeed()

// onMessage checks a message and hands it to the room.
func (c *conn) onMessage(id string, data []byte) error {
	if wait := c.member.speech.take(time.Now()); wait > 0 {
		return c.hold(id, wait)
	}
	var req messageRequest
	if err := parse(data, &req); err != nil {
		return err
	}
	if req.Text == nil {
		return fault.New(fault.BadField, "text is missing")
	}
	said, err := text.Message(*req.Text, c.room.opts.Limits.Text)
	if err != nil {
		return err
	}
	if said, err = c.room.censor(said); err != nil {
		return err
	}
	return c.room.offer(message{by: c.member, id: id, text: said, replyTo: req.ReplyTo})
}

// censor returns the text as others may read it: with masked words hidden. A blocked
// word is an error.
func (r *Room) censor(said string) (string, error) {
	masked, blocked := r.opts.Snapshot().CheckWords(r.name, said)
	if blocked != "" {
		return "", fault.New(fault.BlockedWord, "this holds a word that may not be said here; say it without")
	}
	return masked, nil
}

// message is a checked message of a member, for the actor.
type message struct {
	by      *member
	id      string
	text    string
	replyTo *uint64
}

func (msg message) run(r *Room) {
	if msg.by.muted {
		return // it hears nothing any more
	}
	if err := msg.carryOut(r, time.Now()); err != nil {
		msg.failed(err)
	}
}

// carryOut says the message, unless it was said under the same id before. Both are
// acknowledged once the event is kept.
func (msg message) carryOut(r *Room, now time.Time) error {
	id := commandID{msg.by.user.ID, msg.id}
	if seq, again := r.repeats.seq(id, now); again {
		return r.stored(r.opts.Journal.Sync(func(err error) { msg.kept(seq, r.stored(err)) }))
	}
	if err := r.mayChat(msg.by, msg.text, now); err != nil {
		return err
	}
	seq, err := r.say(msg.by.user, msg.id, msg.text, msg.replyTo, msg.kept)
	if err != nil {
		return err
	}
	msg.by.lastMessage = now
	if r.settings.Unique {
		msg.by.remember(msg.text, now)
	}
	r.repeats.add(id, seq, now)
	return nil
}

// kept answers the author.
func (msg message) kept(seq uint64, err error) {
	if err != nil {
		msg.failed(err)
		return
	}
	acknowledge(msg.by.out, msg.id, seq)
}

func (msg message) failed(err error) {
	refuse(msg.by.out, msg.id, err)
}

// say puts a message into the log; id is that of the user's command, if it has one.
func (r *Room) say(user User, id, said string, replyTo *uint64, tell kept) (seq uint64, err error) {
	e := &messageEvent{event: event{Type: typeMessage}, User: user, Text: said}
	if replyTo != nil {
		if err := r.checkTarget(*replyTo); err != nil {
			return 0, err
		}
		e.ReplyTo = *replyTo
	}
	return r.append(e, author{user.ID, id}, tell)
}

// checkTarget returns an error unless seq is a message that the room still holds.
func (r *Room) checkTarget(seq uint64) error {
	if e, ok := r.events.get(seq); !ok || e.kind != typeMessage {
		return fault.New(fault.NotFound, "there is no message %d to reply to; it may be too old", seq)
	}
	return nil
}

// mayChat returns why the room's rules keep a member from saying something now.
func (r *Room) mayChat(m *member, said string, now time.Time) error {
	if m.guest && r.opts.Guests != GuestsChat {
		return fault.New(fault.GuestsReadOnly, "guests may only read here; log in to chat")
	}
	if m.user.Role.moderates() {
		return nil
	}
	s := r.settings
	if s.MembersOnly && !m.user.Member {
		return fault.New(fault.MembersOnly, "only members may chat here now")
	}
	if wait := m.lastMessage.Add(s.slowMode()).Sub(now); wait > 0 && s.SlowMode > 0 {
		return &fault.Error{Code: fault.SlowMode, Detail: "slow mode is on; wait until you may chat again", Limit: s.SlowMode, RetryAfter: wait}
	}
	if s.Unique && m.saysAgain(said, now) {
		return fault.New(fault.Duplicate, "you have just said this; say something else")
	}
	return nil
}

// saysAgain tells whether the member said the same within uniquePeriod.
func (m *member) saysAgain(said string, now time.Time) bool {
	hash := maphash.String(sayingSeed, said)
	return slices.ContainsFunc(m.said, func(s saying) bool { return s.hash == hash && now.Sub(s.at) < uniquePeriod })
}

// remember keeps what the member has said, and forgets what is older than
// uniquePeriod.
func (m *member) remember(said string, now time.Time) {
	m.said = slices.DeleteFunc(m.said, func(s saying) bool { return now.Sub(s.at) >= uniquePeriod })
	m.said = append(m.said, saying{maphash.String(sayingSeed, said), now})
}

// Say puts a message of the platform, or of the user that it names, into the room's
// log. It returns the message's seq once it is kept.
func (r *Room) Say(ctx context.Context, user *User, said string) (seq uint64, err error) {
	said, err = text.Message(said, r.opts.Limits.Text)
	if err != nil {
		return 0, err
	}
	by := platform
	if user != nil {
		by = *user
		if said, err = r.censor(said); err != nil {
			return 0, err
		}
	}
	q := newQuestion(func(r *Room, tell func(uint64, error)) {
		if _, err := r.say(by, "", said, nil, tell); err != nil {
			tell(0, err)
		}
	})
	if err := r.offer(q); err != nil {
		return 0, err
	}
	return q.wait(ctx, r)
}
