package room

import (
	"encoding/json"
	"slices"
	"time"

	"chatserver/internal/fault"
	"chatserver/journal"
)

// deleteRequest is the delete command on the wire.
type deleteRequest struct {
	Seq *uint64 `json:"seq"`
}

// onDelete checks a command that removes a message. What the room does not hold any
// more is looked up in the journal here, since the actor waits for no disk.
func (s *speaker) onDelete(_ string, data []byte) (effect, error) {
	var req deleteRequest
	if err := parse(data, &req); err != nil {
		return nil, err
	}
	if req.Seq == nil {
		return nil, fault.New(fault.BadField, "seq is missing; it is that of the message to delete")
	}
	del := deletion{seq: *req.Seq}
	if newest := s.room.State().Seq; del.seq+uint64(s.room.opts.logKeep()) <= newest {
		del.old = s.room.lookUp(del.seq)
	}
	return del, nil
}

// removable are the types of events that say what somebody wrote, which can be removed.
var removable = []string{typeMessage, typeTip}

// lookUp returns such an event out of the journal, nil if there is none that stands.
func (r *Room) lookUp(seq uint64) *entry {
	if seq == 0 {
		return nil
	}
	for e, err := range r.opts.Journal.All(r.epoch, seq-1, seq+1) {
		if err != nil || e.Removed || !slices.Contains(removable, e.Type) {
			return nil
		}
		found := entryOf(&e)
		return &found
	}
	return nil
}

// deletion is a checked delete, for the actor.
type deletion struct {
	seq uint64
	old *entry // the message, if the room does not hold it any more
}

func (del deletion) carryOut(r *Room, d *deed, _ time.Time) (uint64, error) {
	target := del.old
	if target == nil {
		var err error
		if target, err = r.standing(del.seq, removable...); err != nil {
			return 0, err
		}
	}
	if target.author != d.by.user.ID && !d.by.user.Role.moderates() {
		return 0, fault.New(fault.Forbidden, "only its author, moderators and the producer may delete a message")
	}
	e := &deletedEvent{event{Type: typeDeleted}, del.seq, d.by.user}
	seq, err := r.append(e, author{d.by.user.ID, d.id}, d.kept)
	if err == nil {
		r.unpin(func(pinned uint64) bool { return pinned == del.seq })
	}
	return seq, err
}

func (e *deletedEvent) mark(kept *journal.Event) { kept.Removes = []uint64{e.Target} }

func (e *deletedEvent) settle(r *Room) {
	r.reacted.forget(e.Target)
	if held := r.events.at(e.Target); held != nil {
		held.remove()
	}
	r.retract(e.Target)
}

// onClear checks a command that removes all messages.
func (s *speaker) onClear(string, []byte) (effect, error) { return clearance{}, nil }

// clearance is the clear command, for the actor.
type clearance struct{}

func (clearance) carryOut(r *Room, d *deed, _ time.Time) (uint64, error) {
	seq, err := r.append(&clearedEvent{event{Type: typeCleared}, d.by.user}, author{d.by.user.ID, d.id}, d.kept)
	if err == nil {
		r.unpin(func(uint64) bool { return true })
	}
	return seq, err
}

func (e *clearedEvent) mark(kept *journal.Event) { kept.Clears = true }

func (e *clearedEvent) settle(r *Room) {
	r.reacted.forgetAll()
	for i := range r.events.entries {
		r.events.entries[i].remove()
	}
	r.retract(1)
}

// unpin takes the pin away from a message that was removed.
func (r *Room) unpin(removed func(seq uint64) bool) {
	if pinned := uint64(r.settings.Pinned); pinned == 0 || !removed(pinned) {
		return
	}
	none := Pin(0)
	if _, err := r.change(SettingsPatch{Pinned: &none}, platform, author{user: platform.ID}, func(uint64, Settings, error) {}); err != nil {
		r.log.Warn("a removed message stays pinned, without its text, until it is unpinned") // the journal has failed just now
	}
}

// remove takes away what somebody wrote. Other events stay as they are.
func (e *entry) remove() {
	if !e.removed && slices.Contains(removable, e.kind) {
		e.removed, e.data = true, redact(e.data)
	}
}

// redact returns an event without what somebody wrote. That somebody tipped remains.
func redact(data []byte) []byte {
	e := redactedEvent{Redacted: true}
	if err := json.Unmarshal(data, &e); err != nil {
		panic("room: redact: " + err.Error()) // it is one of ours
	}
	return encode(e)
}

// retract takes back what of the event with that seq, and of those after it, waits to
// be sent, and has it sent as it stands in the log now. What the network has is beyond
// recall.
func (r *Room) retract(seq uint64) {
	r.out.rewrite(&r.events)
	for _, m := range r.members.list {
		if m.out == nil {
			continue // it reads the log itself
		}
		from, greeted := m.out.retract(seq)
		if from == 0 {
			continue
		}
		m.feed, m.next = feedCatching, from
		if greeted {
			m.greeting = r.greet(m)
		}
		r.catchUp(m)
	}
}
