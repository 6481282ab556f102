package room

import (
	"bytes"
	"strconv"
)

// framing is how objects stand in the bytes of a connection.
type framing struct {
	// epoch of the room, for server-sent events, which have ids; empty: WebSocket.
	epoch string
}

// webSocket is the framing of a WebSocket: text frames.
var webSocket = framing{}

// object returns the bytes for an object that is no event.
func (f framing) object(object []byte) []byte {
	if f.epoch == "" {
		return textFrame(object)
	}
	return f.appendObject(nil, 0, object)
}

// appendObject appends a server-sent event (HTML, section 9.2) with one object. An event
// of the log has a seq, and gets an id by which a browser comes back.
func (f framing) appendObject(b []byte, seq uint64, object []byte) []byte {
	if seq > 0 {
		b = append(append(append(b, "id: "...), f.epoch...), ':')
		b = append(strconv.AppendUint(b, seq, 10), '\n')
	}
	b = append(append(b, "data: "...), object...)
	return append(b, "\n\n"...)
}

// ping returns what shows a client that the connection lives.
func (f framing) ping() []byte {
	if f.epoch == "" {
		return pingFrame
	}
	return []byte(":\n\n") // a comment
}

// farewell returns the bytes that end a connection, in order.
func (f framing) farewell(bye farewell) [][]byte {
	if f.epoch == "" {
		return bye.frames()
	}
	if bye.reason == reasonNone {
		return nil
	}
	return [][]byte{f.object(bye.object())}
}

// begin starts a portion in buf, which add fills and end makes whole.
func (f framing) begin(buf *bytes.Buffer) {
	buf.Reset()
	if f.epoch == "" {
		var start [maxFrameStart]byte
		buf.Write(start[:])
	}
}

// add adds an object to a portion.
func (f framing) add(buf *bytes.Buffer, seq uint64, object []byte) {
	if f.epoch != "" {
		buf.Write(f.appendObject(buf.AvailableBuffer(), seq, object))
		return
	}
	if buf.Len() > maxFrameStart {
		buf.WriteByte('\n')
	}
	buf.Write(object)
}

// end returns a portion's bytes; none if nothing was added.
func (f framing) end(buf *bytes.Buffer) []byte {
	if f.epoch != "" {
		return buf.Bytes()
	}
	return frameIn(buf.Bytes(), opText)
}
