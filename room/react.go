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
	messages map[uint64]map[string]map[string]bool // by seq and emoji: ids of users
	changed  map[uint64]bool                       // what everybody has not been told yet
	counted  int
}

func newReactionBook() reactionBook {
	return reactionBook{messages: make(map[uint64]map[string]map[string]bool), changed: make(map[uint64]bool)}
}

// add counts a reaction, or returns why it cannot.
func (b *reactionBook) add(seq uint64, emoji, user string) error {
	kinds := b.messages[seq]
	users := kinds[emoji]
	switch {
	case users[user]:
		return nil
	case b.counted >= maxCounted:
		return &fault.Error{Code: fault.Busy, Detail: "the room has all the reactions that it can count; wait until older messages are gone", Limit: maxCounted, RetryAfter: time.Minute}
	case users == nil && len(kinds) >= maxReactions:
		return &fault.Error{Code: fault.BadField, Detail: "this message has all the kinds of emoji that it may have; use one of them", Limit: maxReactions}
	case kinds == nil:
		kinds = make(map[string]map[string]bool)
		b.messages[seq] = kinds
	}
	if users == nil {
		users = make(map[string]bool)
		kinds[emoji] = users
	}
	users[user] = true
	b.counted++
	b.changed[seq] = true
	return nil
}

// totals returns the counts for the messages with a seq from one on, nil if there are
// none; of those that have changed alone, if that is asked.
func (b *reactionBook) totals(from uint64, changed bool) map[uint64]map[string]int {
	var all map[uint64]map[string]int
	for seq, kinds := range b.messages {
		if seq < from || changed && !b.changed[seq] {
			continue
		}
		if all == nil {
			all = make(map[uint64]map[string]int)
		}
		all[seq] = make(map[string]int, len(kinds))
		for emoji, users := range kinds {
			all[seq][emoji] = len(users)
		}
	}
	return all
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
	for _, users := range b.messages[seq] {
		b.counted -= len(users)
	}
	delete(b.messages, seq)
	delete(b.changed, seq)
}

func (b *reactionBook) forgetAll() {
	clear(b.messages)
	clear(b.changed)
	b.counted = 0
}
