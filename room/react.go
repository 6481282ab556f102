package room

import (
	"time"

	"chatserver/internal/fault"
	"chatserver/internal/text"
)

// reactRequest is the react command on the wire.
type reactRequest struct {
	Seq   *uint64 `json:"seq"`
	Emoji *string `json:"emoji"`
}

// Bounds of reactions.
const (
	maxReactions = 24      // kinds to one message
	maxCounted   = 100_000 // reactions to all messages that the room holds
)

// onReact checks a reaction to a message.
func (s *speaker) onReact(_ string, data []byte) (effect, error) {
	var req reactRequest
	if err := parse(data, &req); err != nil {
		return nil, err
	}
	switch {
	case req.Seq == nil:
		return nil, fault.New(fault.BadField, "seq is missing; it is that of the message to react to")
	case req.Emoji == nil:
		return nil, fault.New(fault.BadField, "emoji is missing")
	case !text.Emoji(*req.Emoji) && !s.room.knowsEmote(*req.Emoji):
		return nil, fault.New(fault.BadField, "emoji must be one emoji, or the code of an emote of this room")
	}
	return reaction{*req.Seq, *req.Emoji}, nil
}

// reaction is a checked reaction, for the actor.
type reaction struct {
	seq   uint64
	emoji string
}

// carryOut counts each emoji of a user once. It is in no log: everybody hears totals.
func (re reaction) carryOut(r *Room, d *deed, _ time.Time) (uint64, error) {
	if _, err := r.message(re.seq); err != nil {
		return 0, err
	}
	if r.reacted.counted >= maxCounted {
		r.reacted.prune(r.events.first())
	}
	if err := r.reacted.add(re.seq, re.emoji, d.by.user.ID); err != nil {
		return 0, err
	}
	r.tellTallies()
	d.kept(0, nil)
	return 0, nil
}

// reactionBook counts the reactions to the messages that the room holds. It belongs to
// the actor.
type reactionBook struct {
	messages map[uint64]*reacted // by seq
	changed  map[uint64]*reacted // those of them that everybody has not been told of yet
	counted  int
}

// reacted are the reactions to one message.
type reacted struct {
	kinds map[string]map[string]bool // by emoji: ids of users
	told  uint64                     // the room's newest event when everybody was told of them last
}

// counts returns the totals by emoji.
func (m *reacted) counts() map[string]int {
	counts := make(map[string]int, len(m.kinds))
	for emoji, users := range m.kinds {
		counts[emoji] = len(users)
	}
	return counts
}

func newReactionBook() reactionBook {
	return reactionBook{messages: make(map[uint64]*reacted), changed: make(map[uint64]*reacted)}
}

// add counts a reaction, or returns why it cannot.
func (b *reactionBook) add(seq uint64, emoji, user string) error {
	m := b.messages[seq]
	if m == nil {
		m = &reacted{kinds: make(map[string]map[string]bool)}
	}
	users := m.kinds[emoji]
	switch {
	case users[user]:
		return nil
	case b.counted >= maxCounted:
		return &fault.Error{Code: fault.Busy, Detail: "the room has all the reactions that it can count; wait until older messages are gone", Limit: maxCounted, RetryAfter: time.Minute}
	case users == nil && len(m.kinds) >= maxReactions:
		return &fault.Error{Code: fault.BadField, Detail: "this message has all the kinds of emoji that it may have; use one of them", Limit: maxReactions}
	}
	if users == nil {
		users = make(map[string]bool)
		m.kinds[emoji] = users
	}
	users[user] = true
	b.counted++
	b.messages[seq], b.changed[seq] = m, m
	return nil
}

// emojiTotals are counts of reactions by a message's seq and by emoji; nil: there are none.
type emojiTotals map[uint64]map[string]int

func (t *emojiTotals) add(seq uint64, m *reacted) {
	if *t == nil {
		*t = make(emojiTotals)
	}
	(*t)[seq] = m.counts()
}

// takeChanged returns the totals of what everybody has not been told of, who is told of them
// now, after the event newest.
func (b *reactionBook) takeChanged(newest uint64) (changed emojiTotals) {
	for seq, m := range b.changed {
		m.told = newest
		changed.add(seq, m)
	}
	clear(b.changed)
	return changed
}

// unknownTo returns the totals of the messages from one on, and of others that have changed
// for a client which comes back with all up to before that one.
func (b *reactionBook) unknownTo(from uint64, comesBack bool) (unknown emojiTotals) {
	for seq, m := range b.messages {
		if seq >= from || comesBack && (m.told+1 >= from || b.changed[seq] != nil) {
			unknown.add(seq, m)
		}
	}
	return unknown
}

// of returns the totals of some events.
func (b *reactionBook) of(events []entry) (found emojiTotals) {
	for i := range events {
		if m := b.messages[events[i].seq]; m != nil {
			found.add(events[i].seq, m)
		}
	}
	return found
}

// prune forgets what is before oldest, which the room holds no more.
func (b *reactionBook) prune(oldest uint64) {
	for seq := range b.messages {
		if seq < oldest {
			b.forget(seq)
		}
	}
}

func (b *reactionBook) forget(seq uint64) {
	if m := b.messages[seq]; m != nil {
		for _, users := range m.kinds {
			b.counted -= len(users)
		}
	}
	delete(b.messages, seq)
	delete(b.changed, seq)
}

func (b *reactionBook) forgetAll() {
	clear(b.messages)
	clear(b.changed)
	b.counted = 0
}
