package swarm

import (
	"encoding/binary"
	"errors"
)

// Opcodes of RFC 6455, section 5.2.
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xa
)

const (
	finalBit = 0x80
	maskBit  = 0x80
	// deflatedBit is RSV1 (RFC 7692, section 6).
	deflatedBit = 0x40
	length16    = 126 // the length is in the next 2 bytes
	length64    = 127 // the length is in the next 8 bytes

	// maxPayload is the largest payload that a server may send here.
	maxPayload = 16 << 20
)

// errFrame is a frame that no server in the bench sends: in pieces, masked, with unknown
// bits, or larger than anything that it could mean.
var errFrame = errors.New("a frame in pieces, masked, with unknown bits or too large")

// parseFrame reads the frame at the start of data, whose payload it does not copy. size
// is what the frame takes of data, 0 while it has not come whole. A deflated frame has
// deflatedBit set in its opcode.
func parseFrame(data []byte) (opcode byte, payload []byte, size int, err error) {
	if len(data) < 2 {
		return 0, nil, 0, nil
	}
	opcode = data[0] &^ finalBit
	if data[0]&finalBit == 0 || data[1]&maskBit != 0 || !known(opcode) {
		return 0, nil, 0, errFrame
	}
	start, length := 2, uint64(data[1])
	switch length {
	case length16:
		if start = 4; len(data) < start {
			return 0, nil, 0, nil
		}
		length = uint64(binary.BigEndian.Uint16(data[2:]))
	case length64:
		if start = 10; len(data) < start {
			return 0, nil, 0, nil
		}
		length = binary.BigEndian.Uint64(data[2:])
	}
	if length > maxPayload {
		return 0, nil, 0, errFrame
	}
	if size = start + int(length); len(data) < size {
		return 0, nil, 0, nil
	}
	return opcode, data[start:size], size, nil
}

// known tells whether a whole message can begin so.
func known(opcode byte) bool {
	switch opcode {
	case opText, opBinary, opClose, opPing, opPong, opText | deflatedBit, opBinary | deflatedBit:
		return true
	default:
		return false
	}
}

// mask is what all clients mask with: RFC 6455 wants a key, and for a server one is as
// much work as another.
var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// appendFrame appends a client's frame to dst.
func appendFrame(dst []byte, opcode byte, payload []byte) []byte {
	dst = append(dst, finalBit|opcode)
	switch n := len(payload); {
	case n < length16:
		dst = append(dst, maskBit|byte(n))
	case n <= 0xffff:
		dst = binary.BigEndian.AppendUint16(append(dst, maskBit|length16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, maskBit|length64), uint64(n))
	}
	dst = append(dst, mask[:]...)
	start := len(dst)
	dst = append(dst, payload...)
	for i := range payload {
		dst[start+i] ^= mask[i%4]
	}
	return dst
}

// AppendServerFrame appends an unmasked text frame to dst, as a server sends it.
func AppendServerFrame(dst, payload []byte) []byte {
	dst = append(dst, finalBit|opText)
	if n := len(payload); n < length16 {
		dst = append(dst, byte(n))
	} else {
		dst = binary.BigEndian.AppendUint16(append(dst, length16), uint16(n))
	}
	return append(dst, payload...)
}
