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

// onMessage checks a message.
func (s *speaker) onMessage(_ string, data []byte) (effect, error) {
	var req messageRequest
	if err := parse(data, &req); err != nil {
		return nil, err
	}
	said, err := s.room.readText(req.Text)
	if err != nil {
		return nil, err
	}
	return message{text: said, replyTo: req.ReplyTo}, nil
}

// readText returns what a client says in the form in which others may read it.
func (r *Room) readText(sent *string) (string, error) {
	if sent == nil {
		return "", fault.New(fault.BadField, "text is missing")
	}
	said, err := text.Message(*sent, r.opts.Limits.Text)
	if err != nil {
		return "", err
	}
	return r.censor(said)
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

// message is a checked message, for the actor.
type message struct {
	text    string
	replyTo *uint64
}

func (msg message) carryOut(r *Room, d *deed, now time.Time) (uint64, error) {
	if err := r.mayChat(d.by, msg.text, now); err != nil {
		return 0, err
	}
	seq, err := r.say(d.by.user, d.id, msg.text, msg.replyTo, d.kept)
	if err != nil {
		return 0, err
	}
	d.by.person.lastMessage = now
	if r.settings.Unique {
		d.by.person.remember(msg.text, now)
	}
	return seq, nil
}

// say puts a message into the log; id is that of the user's command, if it has one.
func (r *Room) say(user User, id, said string, replyTo *uint64, tell kept) (seq uint64, err error) {
	e := &messageEvent{event: event{Type: typeMessage}, User: user, Text: said}
	if replyTo != nil {
		if _, err := r.message(*replyTo); err != nil {
			return 0, err
		}
		e.ReplyTo = *replyTo
	}
	return r.append(e, author{user.ID, id}, tell)
}

// message returns a message that the room still holds, or an error that says that seq
// is none.
func (r *Room) message(seq uint64) (*entry, error) { return r.standing(seq, typeMessage) }

// standing returns an event of one of the types that the room still holds and that was not
// removed, or an error that says that seq is none.
func (r *Room) standing(seq uint64, kinds ...string) (*entry, error) {
	e := r.events.at(seq)
	if e == nil || e.removed || !slices.Contains(kinds, e.kind) {
		return nil, fault.New(fault.NotFound, "there is no message %d here; it may have been removed, or be too old", seq)
	}
	return e, nil
}

// mayChat returns why the room's settings keep a member from saying something now.
func (r *Room) mayChat(m *member, said string, now time.Time) error {
	if m.user.Role.moderates() {
		return nil
	}
	if err := r.mayPublish(m, said); err != nil {
		return err
	}
	s, p := r.settings, m.person
	if wait := p.lastMessage.Add(s.slowMode()).Sub(now); wait > 0 && s.SlowMode > 0 {
		return &fault.Error{Code: fault.SlowMode, Detail: "slow mode is on; wait until you may chat again", Limit: s.SlowMode, RetryAfter: wait}
	}
	if s.Unique && p.saysAgain(said, now) {
		return fault.New(fault.Duplicate, "you have just said this; say something else")
	}
	return nil
}

// mayPublish returns why the room's settings keep a consumer from showing a text to
// everybody.
func (r *Room) mayPublish(m *member, said string) error {
	if r.settings.MembersOnly && !m.user.Member {
		return fault.New(fault.MembersOnly, "only members may chat here now")
	}
	if r.settings.EmotesOnly && !text.Emotes(said, r.knowsEmote) {
		return fault.New(fault.EmotesOnly, "only emoji and emotes may be sent here now, with spaces between them")
	}
	return nil
}

// knowsEmote tells whether a code stands for a picture in this room.
func (r *Room) knowsEmote(code string) bool {
	_, known := r.opts.Snapshot().Emote(r.name, code)
	return known
}

// saysAgain tells whether the person said the same within uniquePeriod.
func (p *person) saysAgain(said string, now time.Time) bool {
	hash := maphash.String(sayingSeed, said)
	return slices.ContainsFunc(p.said, func(s saying) bool { return s.hash == hash && now.Sub(s.at) < uniquePeriod })
}

// remember keeps what the person has said, and forgets what is older than
// uniquePeriod.
func (p *person) remember(said string, now time.Time) {
	p.said = slices.DeleteFunc(p.said, func(s saying) bool { return now.Sub(s.at) >= uniquePeriod })
	p.said = append(p.said, saying{maphash.String(sayingSeed, said), now})
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
