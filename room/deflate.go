package room

import (
	"bytes"
	"compress/flate"
	"net/http"
	"strings"
	"sync"
)

// What goes to everybody is compressed once for all who have negotiated
// permessage-deflate (RFC 7692), without context takeover, so that all can share the
// result. That saves bytes, not writes: it costs CPU time once a flush, and each
// client some to inflate.

// deflateFrom is the size from which that pays. A lone message is hardly smaller
// afterwards; gathered ones, whose fields repeat, are a quarter.
const deflateFrom = 1 << 10

// deflaters are writers, of some hundred KiB each, that no room holds between flushes.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic("room: " + err.Error()) // the level is not one of flate's
	}
	return w
}}

// syncMark ends what flate flushes, and is left out on the wire (RFC 7692, section
// 7.2.1).
const syncMark = "\x00\x00\xff\xff"

// deflatedFrame returns a text frame with the payload compressed, or nil if that is
// not worth it.
func deflatedFrame(payload []byte) []byte {
	if len(payload) < deflateFrom {
		return nil
	}
	w, _ := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	out := bytes.NewBuffer(make([]byte, 0, len(payload)/2))
	w.Reset(out)
	_, _ = w.Write(payload) // a buffer takes everything
	_ = w.Flush()
	deflated := bytes.TrimSuffix(out.Bytes(), []byte(syncMark))
	if len(deflated) > len(payload)*3/4 {
		return nil
	}
	f := frame(opText, deflated)
	f[0] |= frameDeflated
	return f
}

// refuseWindows takes offers of permessage-deflate out of a handshake that want the
// server to use a smaller window: gorilla would accept one and not keep to it.
func refuseWindows(h http.Header) {
	const name = "Sec-Websocket-Extensions"
	for _, offers := range h.Values(name) {
		if strings.Contains(offers, "server_max_window_bits") {
			h.Del(name)
			return
		}
	}
}
