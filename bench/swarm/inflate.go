package swarm

import (
	"bytes"
	"compress/flate"
	"fmt"
	"hash/maphash"
	"io"
)

// deflateOffer is what clients say of compression in the handshake: they take it, as
// browsers do, and each message is to stand alone. Whether to use it is up to the server.
const deflateOffer = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"

// inflater inflates messages. A server may send the same bytes to thousands of clients,
// each of which would inflate them on a machine of its own; here one machine plays them
// all. So what was inflated is kept for a while, and used again for messages that are
// the same byte for byte.
type inflater struct {
	kept [1024]inflated // by hash of what was deflated
	r    reader
	buf  bytes.Buffer
}

// reader is what flate.NewReader returns.
type reader interface {
	io.Reader
	flate.Resetter
}

type inflated struct{ from, to []byte }

var inflateSeed = maphash.MakeSeed()

// tail ends a message's stream: the bytes that the sender has left out (RFC 7692, section
// 7.2.2), and an empty last block.
var tail = []byte{0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff}

// inflate returns a message's payload. It is valid until the next call.
func (f *inflater) inflate(payload []byte) ([]byte, error) {
	known := &f.kept[maphash.Bytes(inflateSeed, payload)%uint64(len(f.kept))]
	if known.from != nil && bytes.Equal(known.from, payload) {
		return known.to, nil
	}
	src := io.MultiReader(bytes.NewReader(payload), bytes.NewReader(tail))
	if f.r == nil {
		f.r, _ = flate.NewReader(src).(reader) // its documentation says that it is one
	} else if err := f.r.Reset(src, nil); err != nil {
		return nil, err
	}
	f.buf.Reset()
	if _, err := f.buf.ReadFrom(io.LimitReader(f.r, maxPayload)); err != nil {
		return nil, fmt.Errorf("inflate a message: %w", err)
	}
	known.from = append(known.from[:0], payload...)
	known.to = append(known.to[:0], f.buf.Bytes()...)
	return known.to, nil
}
