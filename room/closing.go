package room

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// CloseReason tells a client why its connection ends.
type CloseReason string

// Reasons on the wire.
const (
	reasonNone     CloseReason = "" // only a close code is sent
	reasonShutdown CloseReason = "shutdown"
	reasonRestart  CloseReason = "restart"
	reasonClosed   CloseReason = "room_closed"
	reasonBanned   CloseReason = "banned"
	reasonRemoved  CloseReason = "removed"
	reasonTooSlow  CloseReason = "too_slow"
	reasonReplaced CloseReason = "replaced"
	reasonCredit   CloseReason = "credit"
)

// WebSocket close codes of the protocol. Clients come back after 1001 and codes
// below 4500, and stay away after codes from 4500 on.
const (
	codeLeft         = websocket.CloseNormalClosure
	codeGoingAway    = websocket.CloseGoingAway
	codeProtocol     = websocket.CloseProtocolError
	codeBinary       = websocket.CloseUnsupportedData
	codeNotUTF8      = websocket.CloseInvalidFramePayloadData
	codePieces       = websocket.ClosePolicyViolation
	codeTooBig       = websocket.CloseMessageTooBig
	codeInternal     = websocket.CloseInternalServerErr
	codeTooSlow      = 4001
	codeFull         = 4002
	codeFlooding     = 4003
	codeNoJoin       = 4500
	codeUnauthorized = 4501
	codeBanned       = 4502
	codeRemoved      = 4503
	codeClosed       = 4504
	codeReplaced     = 4505
	codeCredit       = 4506
)

// farewell is how a connection ends. The zero value says nothing.
type farewell struct {
	code           int           // of the close frame
	reason         CloseReason   // sent as a closing event before the close frame
	text           string        // in the close frame; the reason when empty
	reconnectAfter time.Duration // 0: not said
}

// frames returns the bytes to send, in order.
func (f farewell) frames() [][]byte {
	if f.code == 0 {
		return nil
	}
	text := f.text
	var out [][]byte
	if f.reason != reasonNone {
		if text == "" {
			text = string(f.reason)
		}
		out = append(out, textFrame(f.object()))
	}
	return append(out, closeFrame(f.code, text))
}

// object returns the closing event of a farewell that has a reason.
func (f farewell) object() []byte {
	return encode(closing{Type: "closing", Reason: f.reason, ReconnectAfter: f.reconnectAfter.Milliseconds()})
}

// tooSlow parts from a client that does not read.
var tooSlow = farewell{code: codeTooSlow, reason: reasonTooSlow, reconnectAfter: comeBackFirst}

// left answers leave.
var left = farewell{code: codeLeft, text: "bye"}

// expired parts from somebody whose token has run out.
var expired = farewell{code: codeUnauthorized, text: "the token has expired"}

// banned parts from somebody who may not come back.
var banned = farewell{code: codeBanned, reason: reasonBanned}

// parting is the command to end the room, and how it ends: everybody gets the same
// farewell, but for the time to come back, if back is set.
type parting struct {
	farewell
	back *comeBack
}

func (p *parting) Error() string { return "the room ends" }

// each returns the farewell for the next client.
func (p *parting) each() farewell {
	f := p.farewell
	if p.back != nil {
		f.reconnectAfter = p.back.next()
	}
	return f
}

// returns tells whether the room will be there again after a start of the server.
func (p *parting) returns() bool { return p != nil && p.back != nil }

// run starts the end of the room; the first parting holds.
func (p *parting) run(r *Room) {
	if r.phase == phaseOpen {
		r.phase = phaseClosing
		r.stop(p)
	}
}

// parting returns how the room parts from clients, nil while it does not.
func (r *Room) parting() *parting {
	var p *parting
	errors.As(context.Cause(r.stopping), &p)
	return p
}

// restart throws out all members, whose state may be what makes commands panic. They
// come back to the same log.
func (r *Room) restart() {
	p := parting{farewell{code: codeGoingAway, reason: reasonRestart}, new(comeBack)}
	for _, m := range slices.Clone(r.members.list) {
		m.part(p.each())
		r.remove(m)
	}
	r.members = newMemberSet()
	r.countViewers()
	r.armIdle()
}

// Clients that are told to come back are spread evenly: the first one after
// comeBackFirst, each further one comeBackStep later, so that the time grows with
// their number and the server sees 500 a second.
const (
	comeBackFirst = time.Second
	comeBackStep  = 2 * time.Millisecond
)

// comeBack hands out the times at which clients should return. Rooms that close
// together share one. It is safe for use by several goroutines.
type comeBack struct{ told atomic.Int64 }

func (c *comeBack) next() time.Duration {
	return comeBackFirst + time.Duration(c.told.Add(1)-1)*comeBackStep
}
