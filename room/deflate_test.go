package room

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// inflate returns what a client makes of a deflated frame's payload.
func inflate(t *testing.T, payload []byte) string {
	t.Helper()
	r := flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader(syncMark+"\x01\x00\x00\xff\xff")))
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDeflatedFramesShareNoContext(t *testing.T) {
	for _, payload := range []string{strings.Repeat(`{"type":"message","text":"hello"}`+"\n", 100), strings.Repeat("a", deflateFrom)} {
		first, second := deflatedFrame([]byte(payload)), deflatedFrame([]byte(payload))
		if !bytes.Equal(first, second) {
			t.Error("the same payload is deflated differently the second time")
		}
		if first[0] != frameFinal|frameDeflated|opText {
			t.Errorf("the first byte is %x", first[0])
		}
		if got := inflate(t, first[len(first)-payloadLength(first):]); got != payload {
			t.Errorf("inflated it is %.80q", got)
		}
	}
	for why, payload := range map[string][]byte{"too small": bytes.Repeat([]byte("a"), deflateFrom-1), "random": noise(4 * deflateFrom)} {
		if deflatedFrame(payload) != nil {
			t.Errorf("%s: it is not worth it", why)
		}
	}
}

// payloadLength returns the length that a frame's header tells.
func payloadLength(f []byte) int {
	if n := int(f[1]); n < length16 {
		return n
	}
	return int(f[2])<<8 | int(f[3])
}

// noise returns bytes that do not get smaller.
func noise(n int) []byte {
	out := make([]byte, n)
	state := uint32(1)
	for i := range out {
		state = state*1664525 + 1013904223
		out[i] = byte(state >> 24)
	}
	return out
}

// Who has negotiated it gets gathered events deflated, and reads the same.
func TestGatheredEventsAreDeflatedForThoseWhoCan(t *testing.T) {
	sent := map[bool]int64{}
	for _, deflates := range []bool{false, true} {
		inWorld(t, func(w *world) {
			r := w.room("lobby")
			var c *client
			if deflates {
				c = r.connect("Sec-Websocket-Extensions", "permessage-deflate")
			} else {
				c = r.connect()
			}
			c.send(obj{"type": "join", "name": "ann"})
			c.want("joined", "welcome")
			w.pass(time.Minute)
			before := r.Counters().BytesOut
			for i := range 100 {
				if _, err := r.Say(w.Context(), nil, fmt.Sprint("message number ", i)); err != nil {
					w.Fatal(err)
				}
			}
			for i := range 100 {
				c.wantMessage("in order", fmt.Sprint("message number ", i))
			}
			sent[deflates] = r.Counters().BytesOut - before
		})
	}
	if sent[true]*3 > sent[false] {
		t.Errorf("want less than a third, got %d bytes of %d", sent[true], sent[false])
	}
}

func TestSmallerWindowsAreRefused(t *testing.T) {
	for offers, want := range map[string]string{
		"permessage-deflate":                                               "permessage-deflate",
		"permessage-deflate; client_max_window_bits":                       "permessage-deflate; client_max_window_bits",
		"permessage-deflate; server_max_window_bits=9":                     "",
		"permessage-deflate, permessage-deflate; server_max_window_bits=9": "",
	} {
		h := http.Header{"Sec-Websocket-Extensions": {offers}}
		refuseWindows(h)
		if got := h.Get("Sec-Websocket-Extensions"); got != want {
			t.Errorf("%q: want %q to be left, got %q", offers, want, got)
		}
	}
}

func BenchmarkDeflate(b *testing.B) {
	var batch []byte
	for i := range 50 { // what 1,000 messages a second make in 50 ms
		batch = fmt.Appendf(batch, `{"type":"message","seq":%d,"time":1764000000%03d,"user":{"id":"guest-nxvrj7tgr6s%d","name":"Ann %d","role":"consumer"},"text":"message number %d of many"}`+"\n", i, i, i%10, i%10, i*7919)
	}
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		size = len(deflatedFrame(batch))
	}
	b.ReportMetric(float64(size)/float64(len(batch)), "of-size")
}
