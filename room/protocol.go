package room

import (
	"encoding/json"
	"time"

	"chatserver/internal/fault"
	"chatserver/journal"
)

// Role is what a user is in a room.
type Role string

// Roles, from the least to the greatest.
const (
	Consumer  Role = "consumer"
	Moderator Role = "moderator"
	Producer  Role = "producer"
	// Platform is the web application that holds KEY; it is not in the room.
	Platform Role = "platform"
)

// ranks orders the roles: nobody sanctions someone of the same or a higher one.
var ranks = map[Role]int{Consumer: 0, Moderator: 1, Producer: 2, Platform: 3}

// above tells whether the role may sanction the other one.
func (r Role) above(other Role) bool { return ranks[r] > ranks[other] }

// moderates tells whether the role is free of the rules for consumers.
func (r Role) moderates() bool { return r.above(Consumer) }

// User is who did something, as events show them.
type User struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"`
	Role   Role   `json:"role"`
	Member bool   `json:"member,omitempty"`
}

// platform is the author of what comes over the REST APIs.
var platform = User{ID: "platform", Role: Platform}

// Event types in the log. The same words stand on the wire.
const (
	typeMessage      = "message"
	typeDeleted      = "deleted"
	typeCleared      = "cleared"
	typeSanction     = "sanction"
	typeSettings     = "settings"
	typeAnnouncement = "announcement"
	typePoll         = "poll"
	typePollClosed   = "poll_closed"
	typeTip          = "tip"
)

// event is the head that all events in the log share.
type event struct {
	Type string `json:"type"`
	Seq  uint64 `json:"seq"`
	Time int64  `json:"time"` // Unix milliseconds
}

func (e *event) stamp(seq uint64, now time.Time) {
	e.Seq, e.Time = seq, now.UnixMilli()
}

// logged is an event that the log takes: it gets its seq and time there.
type logged interface {
	stamp(seq uint64, now time.Time)
	kind() string
	// mark adds what the event does to others of the log to what the journal keeps.
	mark(kept *journal.Event)
	// settle does the same to what the room holds, before anybody sees the event.
	settle(r *Room)
}

func (e *event) kind() string { return e.Type }

func (e *event) mark(*journal.Event) {}

func (e *event) settle(*Room) {}

// messageEvent is something that a user, or the platform, said.
type messageEvent struct {
	event
	User    User   `json:"user"`
	Text    string `json:"text"`
	ReplyTo uint64 `json:"reply_to,omitempty"`
}

// redactedEvent stands in the place of a message that was removed, or of a tip whose text
// was.
type redactedEvent struct {
	event
	User     User        `json:"user"`
	Amount   json.Number `json:"amount,omitempty"`
	Currency string      `json:"currency,omitempty"`
	Redacted bool        `json:"redacted"`
}

// deletedEvent says that a message was removed.
type deletedEvent struct {
	event
	Target uint64 `json:"target"` // its seq
	By     User   `json:"by"`
}

// clearedEvent says that all messages before it were removed.
type clearedEvent struct {
	event
	By User `json:"by"`
}

// sanctionEvent says that somebody was kept from chatting, kept out, or let in again.
type sanctionEvent struct {
	event
	Kind   string `json:"kind"` // timeout, ban or unban
	User   User   `json:"user"`
	Until  int64  `json:"until,omitempty"` // Unix milliseconds; absent in a ban without end
	Reason string `json:"reason,omitempty"`
	By     User   `json:"by"`
}

// pollEvent opens a poll, or closes it with the votes.
type pollEvent struct {
	event
	Poll     uint64   `json:"poll"` // seq of the event that opened it
	Question string   `json:"question"`
	Options  []string `json:"options"`
	Ends     int64    `json:"ends"`            // Unix milliseconds
	Votes    []int    `json:"votes,omitempty"` // for each option, once the poll is closed
	By       User     `json:"by"`
}

// tipEvent says that somebody has given a tip.
type tipEvent struct {
	event
	User     User        `json:"user"`
	Amount   json.Number `json:"amount"`
	Currency string      `json:"currency"`
	Text     string      `json:"text"`
}

// announcementEvent is something that an operator says to a room or to all.
type announcementEvent struct {
	event
	Text  string `json:"text"`
	Scope Scope  `json:"scope"`
	By    User   `json:"by"`
}

// settingsEvent carries the settings that changed.
type settingsEvent struct {
	event
	SettingsPatch
	By User `json:"by"`
}

// Scope says whom an announcement is for.
type Scope string

// Scopes of announcements.
const (
	ScopeRoom   Scope = "room"
	ScopeGlobal Scope = "global"
)

// welcome is the first thing that a client hears once it has joined.
type welcome struct {
	Type     string   `json:"type"`
	Room     string   `json:"room"`
	Epoch    string   `json:"epoch"`
	Seq      uint64   `json:"seq"`
	You      User     `json:"you"`
	Settings Settings `json:"settings"`
	Viewers  int      `json:"viewers"`
	Limits   limits   `json:"limits"`
	Gap      bool     `json:"gap"`
	// Poll is the event of the poll that is open, however old; absent: none is.
	Poll *pollEvent `json:"poll,omitempty"`
}

// limits tells a client what it may do; a zero stands for no limit.
type limits struct {
	Text     int   `json:"text"`     // characters
	Bytes    int   `json:"bytes"`    // of one WebSocket message
	Messages int   `json:"messages"` // in one window
	Window   int64 `json:"window"`   // milliseconds
}

// ack confirms a command. Seq is the event that it made, 0 when it made none. Only over
// HTTP there is one for a command without an id.
type ack struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
	Seq  uint64 `json:"seq,omitempty"`
}

// failure refuses a command.
type failure struct {
	Type       string     `json:"type"`
	ID         string     `json:"id,omitempty"`
	Code       fault.Code `json:"code"`
	Message    string     `json:"message"`
	RetryAfter int64      `json:"retry_after,omitempty"` // milliseconds
}

// pong answers ping.
type pong struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
}

// people answers who. Count is how many match; Users are the first of them.
type people struct {
	Type  string `json:"type"`
	ID    string `json:"id,omitempty"`
	Count int    `json:"count"`
	Users []User `json:"users"`
}

// viewers tells how many are in the room.
type viewers struct {
	Type  string `json:"type"`
	Count int    `json:"count"`
}

// reactions carries the totals that changed: of each message, by emoji.
type reactions struct {
	Type   string      `json:"type"`
	Totals emojiTotals `json:"totals"`
}

// votes carries how a poll stands.
type votes struct {
	Type  string `json:"type"`
	Poll  uint64 `json:"poll"`
	Votes []int  `json:"votes"` // for each option
	Total int    `json:"total"`
}

// whisperNote is what one user says to another alone.
type whisperNote struct {
	Type string `json:"type"`
	From User   `json:"from"`
	To   User   `json:"to"`
	Text string `json:"text"`
	Time int64  `json:"time"` // Unix milliseconds
}

// skipped names the events that a client was too slow to take.
type skipped struct {
	Type string `json:"type"`
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// closing is the last thing that a client hears. Without ReconnectAfter it should
// not come back.
type closing struct {
	Type           string      `json:"type"`
	Reason         CloseReason `json:"reason"`
	ReconnectAfter int64       `json:"reconnect_after,omitempty"` // milliseconds
}

// encode returns the JSON of one of the types above. They hold nothing that
// cannot be encoded, so a failure is a fault in this file.
func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("room: encode: " + err.Error())
	}
	return data
}
