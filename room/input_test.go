package room

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestMalformedCommandsAreAnsweredAndTheConnectionStays(t *testing.T) {
	inWorld(t, func(w *world) {
		ann := w.room("lobby").join("ann")
		for _, c := range []struct{ sent, code, id string }{
			{`{"type":`, "bad_json", ""},
			{`[]`, "bad_json", ""},
			{`"text"`, "bad_json", ""},
			{`{"type":"message","id":"1","text":"\ud800"}`, "bad_json", ""},
			{`{"type":"message","id":"1","text":"\udc00\ud800"}`, "bad_json", ""},
			{`{"type":"message","id":"1"}`, "bad_field", "1"},
			{`{"type":"message","id":"1","text":7}`, "bad_field", "1"},
			{`{"type":"message","id":"1","text":"a","reply_to":"x"}`, "bad_field", "1"},
			{`{"type":"message","id":""}`, "bad_field", ""},
			{`{"type":"message","id":7}`, "bad_field", ""},
			{`{"type":"message","id":"` + strings.Repeat("i", 65) + `"}`, "bad_field", ""},
			{`{"type":5,"id":"1"}`, "bad_field", "1"},
			{`{"type":"dance","id":"1"}`, "bad_command", "1"},
			{`{"id":"1"}`, "bad_command", "1"},
			{`{"type":"join","id":"1"}`, "bad_command", "1"},
			{`{"type":"message","id":"1","text":" "}`, "empty", "1"},
			{`{"type":"message","id":"1","text":"` + strings.Repeat("é", 501) + `"}`, "too_long", "1"},
			{`{"type":"message","id":"1","text":"a\u0007"}`, "bad_field", "1"},
			{`{"type":"message","id":"1","text":"1\n2\n3\n4\n5\n6"}`, "bad_field", "1"},
		} {
			ann.send(c.sent)
			e := ann.wantError(c.sent, c.code)
			if e.str("id") != c.id {
				w.Errorf("%s: id %q", c.sent, e.str("id"))
			}
			w.pass(10 * time.Second) // stay below the limits
		}
		ann.send(`{"type":"message","text":" \ud83d\ude00 \\ud800 ","color":"red"}`)
		ann.wantMessage("unknown fields and escapes are fine", `😀 \ud800`)
	})
}

func TestSeveralObjectsInOneMessage(t *testing.T) {
	inWorld(t, func(w *world) {
		ann := w.room("lobby").join("ann")
		ann.send("{\"type\":\"ping\",\"id\":\"1\"}\n\r\n{oops\n{\"type\":\"ping\",\"id\":\"2\"}\n")
		ann.want("the first", "pong")
		ann.wantError("the second", "bad_json")
		ann.want("the third", "pong")
	})
}

func TestConnectionsThatBreakTheProtocolAreClosed(t *testing.T) {
	text := func(c *client, s string) {
		if err := c.ws.WriteMessage(websocket.TextMessage, []byte(s)); err != nil {
			c.t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		code  int
		abuse func(w *world, c *client)
	}{
		"binary": {1003, func(_ *world, c *client) {
			if err := c.ws.WriteMessage(websocket.BinaryMessage, []byte("{}")); err != nil {
				c.t.Fatal(err)
			}
		}},
		"not UTF-8":          {1007, func(_ *world, c *client) { text(c, "{\"type\":\"ping\",\"id\":\"\xff\"}") }},
		"too big":            {1009, func(_ *world, c *client) { text(c, strings.Repeat("x", maxMessage+1)) }},
		"an unmasked frame":  {1002, func(_ *world, c *client) { c.write(textFrame([]byte("{}"))) }},
		"too many fragments": {1008, func(_ *world, c *client) { c.writeFragments(maxFragments + 1) }},
		"a message too slow": {1008, func(w *world, c *client) {
			c.write(masked(0, opText, []byte("{")))
			for range 2 { // whatever pongs come between
				w.pass(4 * time.Second)
				c.write(masked(frameFinal, opPong, nil))
			}
			w.pass(2 * time.Second)
		}},
		"a message too slow whose sender is held": {1008, func(w *world, c *client) {
			c.write(masked(0, opText, []byte("{")))
			w.pass(5 * time.Second)
			for range 31 { // more than a second's worth of commands
				c.write(masked(frameFinal, opPong, nil))
			}
			w.pass(5 * time.Second)
		}},
		"a deflated pong": {1002, func(_ *world, c *client) {
			c.write(masked(frameFinal|frameDeflated, opPong, nil))
		}},
		"half a close code": {1002, func(_ *world, c *client) { c.write(masked(frameFinal, opClose, []byte{3})) }},
		"a frame header too slow": {1008, func(w *world, c *client) {
			c.write([]byte{frameFinal | opText})
			w.pass(pieceTimeout)
		}},
		"a length with the top bit set": {1002, func(_ *world, c *client) {
			c.write(append([]byte{frameFinal | opText, frameMasked | length64, 0xff}, make([]byte, 11)...))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				ann := w.room("lobby").join("ann")
				c.abuse(w, ann)
				ann.wantClosed(name, c.code)
			})
		})
	}
}

func TestAMessageIsBoundedByItsInflatedSize(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		c := r.connect("Sec-WebSocket-Extensions", "permessage-deflate")
		c.send(obj{"type": "join", "name": "ann"})
		c.want("a compressed join", "welcome")
		c.send(`{"type":"ping","pad":"` + strings.Repeat("x", 40_000) + `"}`)
		c.wantClosed("a bomb", 1009)
	})
}

func TestACorruptDeflateStreamIsAProtocolError(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.room("lobby").connect("Sec-WebSocket-Extensions", "permessage-deflate")
		c.send(obj{"type": "join", "name": "ann"})
		c.want("a compressed join", "welcome")
		const compressed = 0x40
		c.write(masked(frameFinal|compressed, opText, bytes.Repeat([]byte{0xff}, 20)))
		c.wantClosed("a corrupt stream", 1002)
	})
}

func TestJoinComesFirstAndInTime(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		late := r.connect()
		w.pass(joinTimeout)
		late.wantClosed("no join", 4500)

		c := r.connect()
		c.say("hello")
		c.wantError("a message first", "not_joined")
		c.wantClosed("a message first", 4500)

		c = r.connect()
		c.send("{nonsense")
		c.wantError("nonsense first", "bad_json")
		c.wantClosed("nonsense first", 4500)

		c = r.join("ann")
		w.pass(joinTimeout)
		c.say("still here")
		c.wantMessage("a join in time", "still here")
	})
}

func TestTheServerPingsAndDropsTheSilent(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		awake, asleep := r.dial(), r.dial()
		var pings, sleepers atomic.Int64
		pong := awake.ws.PingHandler()
		awake.ws.SetPingHandler(func(s string) error { pings.Add(1); return pong(s) })
		asleep.ws.SetPingHandler(func(string) error { sleepers.Add(1); return nil })
		for _, c := range []*client{awake, asleep} {
			c.read()
			c.send(obj{"type": "join"})
			c.want("the welcome", "welcome")
		}
		w.pass(silenceLimit + time.Second)
		if pings.Load() != 2 || sleepers.Load() != 2 {
			w.Errorf("pings: %d to the one, %d to the other", pings.Load(), sleepers.Load())
		}
		w.pass(closeGrace)
		select {
		case <-asleep.done:
		default:
			w.Error("the silent one is still on")
		}
		awake.say("here")
		awake.wantMessage("the one that answers pings", "here")
	})
}

func TestHandshakesThatAreRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		base := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
		for name, c := range map[string]struct {
			change func(h http.Header)
			status int
			code   string
		}{
			"no upgrade":     {func(h http.Header) { h.Del("Upgrade") }, 426, "upgrade_required"},
			"an old version": {func(h http.Header) { h.Set("Sec-Websocket-Version", "8") }, 400, "bad_request"},
			"a foreign page": {func(h http.Header) { h.Set("Origin", "https://evil.example") }, 403, "bad_origin"},
			"two origins":    {func(h http.Header) { h["Origin"] = []string{"https://good.example", "https://good.example"} }, 403, "bad_origin"},
			"another scheme": {func(h http.Header) { h.Set("Origin", "https://chat.example:34000") }, 403, "bad_origin"},
			"a null origin":  {func(h http.Header) { h.Set("Origin", "null") }, 403, "bad_origin"},
		} {
			h := base.Clone()
			c.change(h)
			status, body := r.get("/ws", h)
			if status != c.status || !strings.Contains(body, `"code":"`+c.code+`"`) {
				w.Errorf("%s: %d %s", name, status, body)
			}
		}
		r.connect("Origin", "https://good.example")
		r.connect("Origin", "http://chat.example:34000")
	}, func(o *Options) { o.AllowedOrigins = Origins{"https://good.example"} })
}

// write sends bytes below the WebSocket protocol.
func (c *client) write(p []byte) {
	c.t.Helper()
	if _, err := c.raw.Write(p); err != nil {
		c.t.Fatal(err)
	}
}

// writeFragments sends a message in n frames; the room may cut it short.
func (c *client) writeFragments(n int) {
	all := masked(0, opText, []byte("{"))
	for range n - 2 {
		all = append(all, masked(0, 0, []byte(" "))...)
	}
	_, _ = c.raw.Write(append(all, masked(frameFinal, 0, []byte("}"))...))
}

// masked returns a client's frame, masked with zeros.
func masked(bits, opcode byte, payload []byte) []byte {
	f := []byte{bits | opcode, frameMasked}
	if len(payload) < length16 {
		f[1] |= byte(len(payload))
	} else {
		f[1] |= length16
		f = binary.BigEndian.AppendUint16(f, uint16(len(payload)))
	}
	return append(append(f, 0, 0, 0, 0), payload...)
}

func TestOrigins(t *testing.T) {
	var o Origins
	if err := o.UnmarshalText([]byte("https://a.example, https://*.b.example,http://*:8080")); err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]bool{
		"https://a.example":               true,
		"HTTPS://A.example":               true,
		"http://a.example":                false,
		"https://a.example:444":           false,
		"https://x.b.example":             true,
		"https://x.y.b.example":           true,
		"https://b.example":               false,
		"https://.b.example":              false,
		"https://evil.example/.b.example": false,
		"https://evil@x.b.example":        false,
		"http://localhost:8080":           true,
		"http://localhost:80801":          false,
		"null":                            false,
	} {
		if got := o.matches(origin); got != want {
			t.Errorf("%s: %v", origin, got)
		}
	}
	for _, bad := range []string{"", ",", "example.com", "https://a.example/path", "ftp://a.example", "https://u@a.example"} {
		if err := new(Origins).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzFrameWatch(f *testing.F) {
	f.Add(masked(frameFinal, opText, []byte("hello")), 1)
	f.Add(append(masked(0, opText, []byte("a")), masked(frameFinal, 0, bytes.Repeat([]byte("b"), 200))...), 3)
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		if step < 1 {
			step = 1
		}
		var whole, pieces frameWatch
		errWhole, errPieces := whole.see(data), error(nil)
		for rest := data; len(rest) > 0 && errPieces == nil; {
			n := min(step, len(rest))
			errPieces = pieces.see(rest[:n])
			rest = rest[n:]
		}
		if !errors.Is(errWhole, errPieces) {
			t.Fatalf("whole %v, in pieces %v", errWhole, errPieces)
		}
		if errWhole == nil && (whole.partial() != pieces.partial() || whole.done != pieces.done || whole.fragments != pieces.fragments) {
			t.Fatalf("whole %+v, in pieces %+v", whole, pieces)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"type":"message","id":"1","text":"a"}`, `{"a":"\ud83d\ude00"}`, `{"a":"\\ud800"}`, `{"a":"\ud800"}`, `null`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, id, err := parseRequest(data)
		if err == nil && len(id) > 4*maxID {
			t.Errorf("id of %d bytes", len(id))
		}
	})
}
