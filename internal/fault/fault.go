// Package fault is the one vocabulary of failures: a stable code for programs,
// a sentence for people, and the one place where codes become HTTP statuses.
//
// Every package of the server reports what a caller did wrong, or what cannot be
// done now, as an [*Error]. The chat protocol puts its code and detail into an
// "error" event; over HTTP [Write] makes a problem document (RFC 9457) of it.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Code is a stable snake_case word that programs may rely on.
type Code string

// Codes of both REST APIs and of the rooms' listeners.
const (
	BadRequest       Code = "bad_request"        // the request cannot be read
	BadRoomName      Code = "bad_room_name"      // the room's name breaks the rule of names
	BadOrigin        Code = "bad_origin"         // pages of this origin may not connect
	RoomNotFound     Code = "room_not_found"     // no room of that name is open
	SessionNotFound  Code = "session_not_found"  // no session of that name is there any more
	RouteNotFound    Code = "not_found"          // nothing stands at this path; in chat, no such message
	MethodNotAllowed Code = "method_not_allowed" // the path takes other methods
	TooLarge         Code = "too_large"          // the body is beyond its limit
	RequestTimeout   Code = "request_timeout"    // the body did not arrive in time
	UpgradeRequired  Code = "upgrade_required"   // the path speaks WebSocket alone
	Full             Code = "full"               // the room or the server takes no more connections
	NotAccepting     Code = "not_accepting"      // the operator has closed the server to new arrivals
	NotReady         Code = "not_ready"          // rooms cannot be created now
	Restarting       Code = "restarting"         // a restart, a start or a stop is under way
	RestartFailed    Code = "restart_failed"     // the fresh process could not take over; the old one goes on
	NotSupported     Code = "not_supported"      // it cannot be done on this system
	Internal         Code = "internal"           // a fault of ours; the log has it under the request's id
)

// Codes of the chat protocol; some of them answer HTTP calls too.
const (
	BadJSON        Code = "bad_json"
	BadCommand     Code = "bad_command"
	BadField       Code = "bad_field"
	BadName        Code = "bad_name"
	NotJoined      Code = "not_joined"
	Unauthorized   Code = "unauthorized"
	Forbidden      Code = "forbidden"
	GuestsReadOnly Code = "guests_read_only"
	TimedOut       Code = "timed_out"
	MembersOnly    Code = "members_only"
	EmotesOnly     Code = "emotes_only"
	SlowMode       Code = "slow_mode"
	Duplicate      Code = "duplicate"
	Empty          Code = "empty"
	TooLong        Code = "too_long"
	RateLimited    Code = "rate_limited"
	Busy           Code = "busy"
	Unavailable    Code = "unavailable"
	Banned         Code = "banned"
	Credit         Code = "credit"
	BlockedWord    Code = "blocked_word"
	PollOpen       Code = "poll_open"
	PollClosed     Code = "poll_closed"
	TipRefused     Code = "tip_refused"
	NotFound       Code = RouteNotFound
)

// statuses maps every code to its HTTP status.
var statuses = map[Code]int{
	BadRequest:       http.StatusBadRequest,
	BadRoomName:      http.StatusBadRequest,
	BadOrigin:        http.StatusForbidden,
	RoomNotFound:     http.StatusNotFound,
	SessionNotFound:  http.StatusNotFound,
	RouteNotFound:    http.StatusNotFound,
	MethodNotAllowed: http.StatusMethodNotAllowed,
	TooLarge:         http.StatusRequestEntityTooLarge,
	RequestTimeout:   http.StatusRequestTimeout,
	UpgradeRequired:  http.StatusUpgradeRequired,
	Full:             http.StatusServiceUnavailable,
	NotAccepting:     http.StatusServiceUnavailable,
	NotReady:         http.StatusServiceUnavailable,
	Restarting:       http.StatusConflict,
	RestartFailed:    http.StatusBadGateway,
	NotSupported:     http.StatusNotImplemented,
	Internal:         http.StatusInternalServerError,
	BadJSON:          http.StatusBadRequest,
	BadCommand:       http.StatusBadRequest,
	BadField:         http.StatusBadRequest,
	BadName:          http.StatusBadRequest,
	NotJoined:        http.StatusBadRequest,
	Unauthorized:     http.StatusUnauthorized,
	Forbidden:        http.StatusForbidden,
	GuestsReadOnly:   http.StatusForbidden,
	TimedOut:         http.StatusForbidden,
	MembersOnly:      http.StatusForbidden,
	EmotesOnly:       http.StatusForbidden,
	PollOpen:         http.StatusConflict,
	PollClosed:       http.StatusConflict,
	TipRefused:       http.StatusConflict,
	SlowMode:         http.StatusTooManyRequests,
	Duplicate:        http.StatusConflict,
	Empty:            http.StatusBadRequest,
	TooLong:          http.StatusBadRequest,
	RateLimited:      http.StatusTooManyRequests,
	Busy:             http.StatusServiceUnavailable,
	Unavailable:      http.StatusServiceUnavailable,
	Banned:           http.StatusForbidden,
	Credit:           http.StatusPaymentRequired,
	BlockedWord:      http.StatusBadRequest,
}

// Codes returns all codes, in order.
func Codes() []Code { return slices.Sorted(maps.Keys(statuses)) }

// Status returns the HTTP status of a code; an unknown code is a fault of ours.
func (c Code) Status() int {
	if status, ok := statuses[c]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// Error is a failure with a code.
type Error struct {
	Code   Code
	Detail string // what was wrong and what to do, for a person
	Limit  any    // the limit that was passed, where there is one
	Value  any    // what came instead
	// RetryAfter says when the same request may succeed; 0 says nothing.
	RetryAfter time.Duration
	// Reasons lists causes where there can be several, as when not ready.
	Reasons []string
}

// RetryMillis returns RetryAfter as it goes over the wire, in milliseconds: rounded
// up, since who comes too early comes in vain.
func (e *Error) RetryMillis() int64 {
	return int64((e.RetryAfter + time.Millisecond - 1) / time.Millisecond)
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Detail }

// New makes an [*Error]; the detail is formatted as by [fmt.Sprintf].
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// From finds the [*Error] in err's chain. Any other error becomes an [Internal]
// one, whose detail keeps the cause to the log.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &Error{Code: TooLarge, Detail: fmt.Sprintf("the body is larger than %d bytes; send less", tooLarge.Limit), Limit: tooLarge.Limit}
	}
	return New(Internal, "the server failed to do this; try again, and tell the operator the request's id if it stays so")
}
