package room

import (
	"sync/atomic"
	"time"

	"chatserver/internal/fault"
	"chatserver/internal/limit"
)

// speaker is the side of a client that sends commands, whatever its transport. It
// belongs to whoever reads them, one goroutine at a time.
type speaker struct {
	// Set before the first command and never changed.
	room   *Room
	member *member
	asker  asker // hears the answers

	lookingBack atomic.Bool // an answer to history is under way; the actor ends it

	commands *limit.Window // nil while there is nothing to remember
	refusals *limit.Window // nil until the first
}

// do carries out one command, whose head was read now. A *fault.Error is for the client.
func (s *speaker) do(kind, id string, data []byte, now time.Time) error {
	command, known := clientCommands[kind]
	if !known {
		return fault.New(fault.BadCommand, "%.50q is no command; docs/protocol.md lists them", kind)
	}
	if command.talk {
		if wait := s.member.speech.take(now); wait > 0 {
			return tooFast(wait)
		}
	}
	effect, err := command.read(s, id, data)
	if err != nil || command.right == noRight {
		return err
	}
	return s.room.offer(&deed{by: s.member, id: id, right: command.right, effect: effect, asker: s.asker, room: s.room, read: now})
}

// tooFast is the answer to who sends faster than it may.
func tooFast(wait time.Duration) *fault.Error {
	return &fault.Error{Code: fault.RateLimited, Detail: "you send faster than you may; wait", RetryAfter: wait}
}

// count counts a command against the client's limit; a wait above 0 refuses it.
func (s *speaker) count(now time.Time) time.Duration {
	if s.commands == nil {
		s.commands = limit.NewWindow(s.room.opts.Limits.Commands)
	}
	return s.commands.Take(now)
}

// floods counts a refusal by a rate limit, and tells whether there were too many.
func (s *speaker) floods(now time.Time) bool {
	s.room.counters.refuse(refusedRate)
	if s.refusals == nil {
		s.refusals = limit.NewWindow(limit.Rate{N: maxRefusals - 1, Per: refusalPeriod})
	}
	return s.refusals.Take(now) > 0
}

// thin forgets what binds the client no more.
func (s *speaker) thin(now time.Time) {
	if s.commands.Idle(now) {
		s.commands = nil
	}
}
