package room

import "encoding/binary"

// Opcodes and bits of a WebSocket frame's first two bytes (RFC 6455, section 5.2).
const (
	frameFinal     = 0x80
	frameDeflated  = 0x40 // RSV1 (RFC 7692, section 6)
	frameOpcode    = 0x0f
	frameMasked    = 0x80
	frameLength    = 0x7f
	opContinuation = 0x0
	opText         = 0x1
	opControl      = 0x8 // set in the opcodes of control frames
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
	length16       = 126 // the length is in the next 2 bytes
	length64       = 127 // the length is in the next 8 bytes
	maskSize       = 4
	maxCloseText   = 123 // bytes, by RFC 6455, section 5.5
	maxFrameStart  = 10
)

// frame returns a whole unmasked frame, as a server sends it.
func frame(opcode byte, payload []byte) []byte {
	f := make([]byte, 0, maxFrameStart+len(payload))
	return append(appendFrameStart(f, opcode, len(payload)), payload...)
}

// frameIn returns a frame that is made in buf, whose payload stands there after
// maxFrameStart bytes of room; without a payload it is empty.
func frameIn(buf []byte, opcode byte) []byte {
	if len(buf) == maxFrameStart {
		return nil
	}
	var store [maxFrameStart]byte
	start := appendFrameStart(store[:0], opcode, len(buf)-maxFrameStart)
	at := maxFrameStart - len(start)
	copy(buf[at:], start)
	return buf[at:]
}

// appendFrameStart appends the header of a whole unmasked frame with n bytes of payload.
func appendFrameStart(f []byte, opcode byte, n int) []byte {
	f = append(f, frameFinal|opcode)
	switch {
	case n < length16:
		return append(f, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(f, length16), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(f, length64), uint64(n))
	}
}

func textFrame(payload []byte) []byte { return frame(opText, payload) }

func closeFrame(code int, text string) []byte {
	payload := binary.BigEndian.AppendUint16(nil, uint16(code))
	return frame(opClose, append(payload, text[:min(len(text), maxCloseText)]...))
}

// pingFrame is the server's ping; it carries nothing.
var pingFrame = frame(opPing, nil)

// frameWatch follows the frame headers in what a peer sends, without keeping any
// of it. It knows what gorilla's reader does not tell: whether a message is still
// incomplete, and in how many frames it came.
type frameWatch struct {
	fragments int    // frames of the message under way
	inMessage bool   // a message's final frame is not complete yet
	inFrame   bool   // a frame's header or payload is not complete yet
	final     bool   // the frame under way ends its message
	control   bool   // the frame under way is a control frame
	err       error  // what is wrong with the frame under way
	header    []byte // of the frame under way, while incomplete
	store     [2 + 8 + maskSize]byte
	payload   uint64 // bytes of the frame under way that are still to come
	done      uint64 // how often nothing was under way any more
}

// see takes the next bytes from the peer. It returns an error when a message came in
// more than maxFragments frames, or for a frame that gorilla takes and must not.
func (w *frameWatch) see(p []byte) error {
	for len(p) > 0 {
		if w.payload > 0 {
			n := min(w.payload, uint64(len(p)))
			w.payload -= n
			p = p[n:]
		} else {
			if !w.inFrame {
				w.inFrame, w.header = true, w.store[:0]
			}
			w.header = append(w.header, p[0])
			p = p[1:]
			if !w.headerDone() {
				continue
			}
			if w.err != nil {
				return w.err
			}
		}
		if w.payload == 0 {
			w.frameDone()
		}
	}
	return nil
}

// headerDone reads the header once it is complete.
func (w *frameWatch) headerDone() bool {
	if len(w.header) < 2 {
		return false
	}
	size, length := 2, uint64(w.header[1]&frameLength)
	switch length {
	case length16:
		size += 2
	case length64:
		size += 8
	}
	if w.header[1]&frameMasked != 0 {
		size += maskSize
	}
	if len(w.header) < size {
		return false
	}
	switch length {
	case length16:
		length = uint64(binary.BigEndian.Uint16(w.header[2:]))
	case length64:
		length = binary.BigEndian.Uint64(w.header[2:])
	}
	w.payload = length
	w.final = w.header[0]&frameFinal != 0
	w.control = w.header[0]&frameOpcode&opControl != 0
	if !w.control {
		w.inMessage = true
		w.fragments++
	}
	w.err = w.judge()
	return true
}

// judge returns what is wrong with the frame under way, whose header is complete.
func (w *frameWatch) judge() error {
	opcode := w.header[0] & frameOpcode
	switch {
	case w.fragments > maxFragments:
		return errPieces
	case w.header[0]&frameDeflated != 0 && (w.control || opcode == opContinuation):
		return errFrame // only a message's first frame may say that it is deflated
	case opcode == opClose && w.payload == 1:
		return errFrame // a close code has two bytes
	default:
		return nil
	}
}

func (w *frameWatch) frameDone() {
	w.inFrame = false
	if !w.control && w.final {
		w.inMessage, w.fragments = false, 0
	}
	if !w.inMessage {
		w.done++
	}
}

// partial tells whether the peer owes the rest of a frame or of a message.
func (w *frameWatch) partial() bool { return w.inFrame || w.inMessage }
