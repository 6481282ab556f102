package swarm

import (
	"bytes"
	"fmt"
)

// wire is how to speak to one kind of server, after the WebSocket handshake.
type wire struct {
	path  string // of the handshake; empty: there is none
	lines bool   // a message holds several objects, one a line
	first func(room string) string
	// join is sent when read answers joinNow.
	join func(room string) string
	// say returns what comes before and after a message's text.
	say  func(room string) (before, after string)
	read func(object []byte) note
}

// note is what a client makes of an object.
type note struct {
	kind   noteKind
	stream int
	number uint64 // of a delivery; where a skip begins; the newest one at a join
	to     uint64 // where a skip ends
	mark   mark   // of a delivery
	answer string // to send
}

type noteKind int

const (
	nothing noteKind = iota
	joined
	joinNow
	delivery
	skip
	refusal
	answer
)

// wires are the servers that the bench knows.
var wires = map[string]*wire{
	"chatserver": {
		path:  "/ws",
		lines: true,
		first: func(string) string { return `{"type":"join"}` },
		say:   func(string) (string, string) { return `{"type":"message","text":"`, `"}` },
		read:  readChatserver,
	},
	"raw": { // the frames of chatserver, written by the calibration
		lines: true,
		read:  readChatserver,
	},
	"centrifuge": {
		path:  "/connection/websocket",
		lines: true,
		first: func(room string) string {
			return fmt.Sprintf("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":%q}}", room)
		},
		say: func(room string) (string, string) {
			return fmt.Sprintf(`{"id":3,"publish":{"channel":%q,"data":{"text":"`, room), `"}}}`
		},
		read: readCentrifuge,
	},
	"socket.io": {
		path: "/socket.io/?EIO=4&transport=websocket",
		join: func(room string) string { return fmt.Sprintf(`42["join",%q]`, room) },
		say:  func(string) (string, string) { return `42["message","`, `"]` },
		read: readSocketIO,
	},
	"ws": {
		path:  "/",
		first: func(room string) string { return fmt.Sprintf(`{"type":"join","room":%q}`, room) },
		say:   func(string) (string, string) { return `{"type":"message","text":"`, `"}` },
		read:  readWS,
	},
}

var (
	chatMessage = []byte(`{"type":"message","seq":`)
	chatSkipped = []byte(`{"type":"skipped","from":`)
	chatTo      = []byte(`"to":`)
	chatWelcome = []byte(`{"type":"welcome"`)
	chatSeq     = []byte(`"seq":`)
	chatError   = []byte(`{"type":"error"`)
)

func readChatserver(object []byte) note {
	if rest, ok := bytes.CutPrefix(object, chatMessage); ok {
		if m, found := findMark(rest); found {
			return note{kind: delivery, number: number(rest), mark: m}
		}
		return note{}
	}
	if rest, ok := bytes.CutPrefix(object, chatSkipped); ok {
		_, to, _ := bytes.Cut(rest, chatTo)
		return note{kind: skip, number: number(rest), to: number(to)}
	}
	switch {
	case bytes.HasPrefix(object, chatWelcome):
		_, seq, _ := bytes.Cut(object, chatSeq)
		return note{kind: joined, number: number(seq)}
	case bytes.HasPrefix(object, chatError):
		return note{kind: refusal}
	default:
		return note{}
	}
}

// byMark is a delivery on a wire that does not number messages itself.
func byMark(object []byte) note {
	if m, found := findMark(object); found {
		return note{kind: delivery, stream: m.sender, number: m.number, mark: m}
	}
	return note{}
}

var (
	centrifugePush   = []byte(`{"push":`)
	centrifugeJoined = []byte(`{"id":2,"subscribe":`)
	centrifugeError  = []byte(`"error":`)
)

func readCentrifuge(object []byte) note {
	switch {
	case bytes.HasPrefix(object, centrifugePush):
		return byMark(object)
	case string(object) == "{}":
		return note{kind: answer, answer: "{}"} // a ping
	case bytes.HasPrefix(object, centrifugeJoined):
		return note{kind: joined}
	case bytes.Contains(object, centrifugeError):
		return note{kind: refusal}
	default:
		return note{}
	}
}

var (
	socketMessage = []byte(`42["message",`)
	socketJoined  = []byte(`42["joined"`)
)

func readSocketIO(object []byte) note {
	switch {
	case bytes.HasPrefix(object, socketMessage):
		return byMark(object)
	case len(object) == 0:
		return note{}
	case object[0] == '0': // the session is open: connect to the namespace
		return note{kind: answer, answer: "40"}
	case object[0] == '2': // a ping
		return note{kind: answer, answer: "3"}
	case bytes.HasPrefix(object, socketJoined):
		return note{kind: joined}
	case bytes.HasPrefix(object, []byte("40")):
		return note{kind: joinNow}
	default:
		return note{}
	}
}

func readWS(object []byte) note {
	if bytes.HasPrefix(object, chatWelcome) {
		return note{kind: joined}
	}
	return byMark(object)
}
