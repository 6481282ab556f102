package room

import (
	"time"

	"chatserver/internal/fault"
)

// Observer hears what happens in all rooms together, for metrics. Its methods are called
// on the ways that messages take, by many goroutines at once: they must return at once.
type Observer interface {
	// Joined says that somebody came in.
	Joined(by Transport)
	// Refused says that a client was told this code in place of what it wanted.
	Refused(code fault.Code)
	// Sequenced says that an event of this type is in the log; see [EventTypes].
	Sequenced(kind string)
	// Delivered says how long an event took from there until it was written to all who
	// follow live and read fast enough.
	Delivered(latency time.Duration)
	// Acknowledged says how long a command took from when it was read until it was safe,
	// and its answer on the way.
	Acknowledged(latency time.Duration)
	// Skipped says that a client was too slow for so many events.
	Skipped(events uint64)
	// Sent says that so many more bytes went out.
	Sent(bytes int64)
	// Parted says that a connection is over, and why; see [Partings].
	Parted(reason string)
	// Panicked says that a fault of ours cost a command, or a connection.
	Panicked()
}

// Transport is a way in which somebody is in a room.
type Transport string

// The transports.
const (
	OverWebSocket Transport = "websocket"
	OverEvents    Transport = "sse"
	OverPolling   Transport = "polling" // or by a session that nobody reads at the moment
)

// Transports counts members by transport.
type Transports struct{ WebSocket, Events, Polling int }

// transports counts the members of the set.
func (s *memberSet) transports() Transports {
	return Transports{
		WebSocket: s.by[deliverPlain] + s.by[deliverDeflated],
		Events:    s.by[deliverStream],
		Polling:   s.by[deliverPolled],
	}
}

// EventTypes returns the types of events in a log.
func EventTypes() []string {
	return []string{
		typeMessage, typeDeleted, typeCleared, typeSanction, typeSettings, typeAnnouncement, typePoll, typePollClosed,
	}
}

// partings are the reasons why connections end, in words, by their close codes. 0 is
// that of a client which is gone, or silent.
var partings = map[int]string{
	0:                "gone",
	codeLeft:         "left",
	codeGoingAway:    "going_away",
	codeProtocol:     "protocol_error",
	codeBinary:       "binary",
	codeNotUTF8:      "not_utf8",
	codePieces:       "pieces",
	codeTooBig:       "too_big",
	codeInternal:     "internal",
	codeTooSlow:      "too_slow",
	codeFull:         "full",
	codeFlooding:     "flooding",
	codeNoJoin:       "no_join",
	codeUnauthorized: "unauthorized",
	codeBanned:       "banned",
	codeRemoved:      "removed",
	codeClosed:       "room_closed",
	codeReplaced:     "replaced",
	codeCredit:       "credit",
}

// Partings returns the reasons why connections end.
func Partings() []string {
	reasons := make([]string, 0, len(partings))
	for _, reason := range partings {
		reasons = append(reasons, reason)
	}
	return reasons
}

// parted tells the observer why a connection is over. It is for any goroutine.
func (r *Room) parted(code int) { r.opts.Observer.Parted(partings[code]) }

// nobody is the Observer of a server without metrics.
type nobody struct{}

// Joined implements Observer.
func (nobody) Joined(Transport) {}

// Refused implements Observer.
func (nobody) Refused(fault.Code) {}

// Sequenced implements Observer.
func (nobody) Sequenced(string) {}

// Delivered implements Observer.
func (nobody) Delivered(time.Duration) {}

// Acknowledged implements Observer.
func (nobody) Acknowledged(time.Duration) {}

// Skipped implements Observer.
func (nobody) Skipped(uint64) {}

// Sent implements Observer.
func (nobody) Sent(int64) {}

// Parted implements Observer.
func (nobody) Parted(string) {}

// Panicked implements Observer.
func (nobody) Panicked() {}
