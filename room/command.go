package room

import (
	"unicode/utf8"

	"chatserver/internal/fault"
	"chatserver/internal/strictjson"
)

// command is something for a room's actor to do. run is called on the actor's
// goroutine and must not wait for anything.
type command interface{ run(r *Room) }

// request is the head that all client commands share.
type request struct {
	Type string  `json:"type"`
	ID   *string `json:"id"`
}

// maxID bounds a command's id, in characters.
const maxID = 64

// clientCommand is a kind of command that a client may send once it has joined: what
// checks one, and who may give it.
type clientCommand struct {
	read  func(s *speaker, id string, data []byte) (effect, error)
	right right
	// talk is set for what counts against the rate of messages.
	talk bool
}

// clientCommands are the kinds of commands, by their type on the wire. Each has its own
// file. Those without a right are answered outside the room's order of deeds.
var clientCommands = map[string]clientCommand{
	"message":  {read: (*speaker).onMessage, right: mayChat, talk: true},
	"whisper":  {read: (*speaker).onWhisper, right: mayWhisper, talk: true},
	"react":    {read: (*speaker).onReact, right: mayChat},
	"vote":     {read: (*speaker).onVote, right: mayChat},
	"delete":   {read: (*speaker).onDelete, right: mayAsk},
	"timeout":  {read: (*speaker).onTimeout, right: mayModerate},
	"ban":      {read: (*speaker).onBan, right: mayModerate},
	"unban":    {read: (*speaker).onUnban, right: mayModerate},
	"clear":    {read: (*speaker).onClear, right: mayModerate},
	"set":      {read: (*speaker).onSet, right: mayModerate},
	"announce": {read: (*speaker).onAnnounce, right: mayModerate, talk: true},
	"poll":     {read: (*speaker).onPoll, right: mayProduce},
	"tip":      {read: (*speaker).onTip, right: mayTip, talk: true},
	"who":      {read: (*speaker).onWho},
	"history":  {read: (*speaker).onHistory},
	"ping":     {read: (*speaker).onPing},
	"leave":    {read: (*speaker).onLeave},
}

// Bounds of the limit of who and history.
const (
	listDefault = 50
	listMost    = 100
)

// listLimit returns how many things a command asks for.
func listLimit(limit *int) (int, error) {
	switch {
	case limit == nil:
		return listDefault, nil
	case *limit < 1 || *limit > listMost:
		return 0, &fault.Error{Code: fault.BadField, Detail: "limit must be 1 to 100", Limit: listMost, Value: *limit}
	default:
		return *limit, nil
	}
}

// parse reads a command, or a part of it, into v, a pointer to a struct.
func parse(data []byte, v any) error { return strictjson.Object(data, v) }

// parseRequest reads the head of a command. The id is returned as soon as it is
// known to be good, so that the error can carry it.
func parseRequest(data []byte) (kind, id string, err error) {
	var head request
	if err := parse(data, &head); err != nil {
		var named struct {
			ID string `json:"id"`
		}
		if parse(data, &named) == nil && utf8.RuneCountInString(named.ID) <= maxID {
			id = named.ID // another field is wrong
		}
		return "", id, err
	}
	if head.ID != nil {
		if n := utf8.RuneCountInString(*head.ID); n < 1 || n > maxID {
			return "", "", &fault.Error{Code: fault.BadField, Detail: "id must be 1 to 64 characters", Limit: maxID, Value: n}
		}
		id = *head.ID
	}
	return head.Type, id, nil
}
