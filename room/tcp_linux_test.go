package room

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"go.uber.org/zap"

	"chatserver/internal/limit"
	"chatserver/internal/schematest"
)

// tcpWorld is a registry whose rooms listen on TCP, outside of a bubble: there
// connections are parked.
type tcpWorld struct {
	*testing.T
	*Registry
}

func newTCPWorld(t *testing.T, change ...func(*Options)) *tcpWorld {
	t.Helper()
	o := Options{
		Ports:    PortRange{34000, 34009},
		MaxRooms: 10,
		History:  100,
		Guests:   GuestsChat,
		Limits: Limits{
			Text:     500,
			Commands: limit.Rate{N: 100_000, Per: time.Second},
			Backlog:  256 << 10,
		},
		AllowedOrigins: Origins{"*"},
		Listen: func(network, _ string) (net.Listener, error) {
			return net.Listen(network, "127.0.0.1:0")
		},
		Logger: zap.NewNop(),
	}
	for _, f := range change {
		f(&o)
	}
	w := &tcpWorld{t, NewRegistry(o)}
	t.Cleanup(w.stop)
	return w
}

// stop drains the registry; a second time does nothing.
func (w *tcpWorld) stop() {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := w.Drain(ctx); err != nil {
		w.Errorf("the world does not stop: %v", err)
	}
}

func (w *tcpWorld) room(name string) *Room {
	w.Helper()
	r, _, err := w.Create(name, SettingsPatch{})
	if err != nil {
		w.Fatal(err)
	}
	return r
}

// until waits for something that comes about soon.
func (w *tcpWorld) until(why string, is func() bool) {
	w.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("never happened: %s", why)
		}
	}
}

// parked returns the connections that are parked now.
func (w *tcpWorld) parked() []*conn {
	w.lot.mu.Lock()
	defer w.lot.mu.Unlock()
	var all []*conn
	for _, c := range w.lot.conns {
		if c.spot.parked {
			all = append(all, c)
		}
	}
	return all
}

// untilParked waits until so many connections are parked.
func (w *tcpWorld) untilParked(n int) []*conn {
	w.Helper()
	w.until(fmt.Sprint(n, " connections parked"), func() bool { return len(w.parked()) == n })
	return w.parked()
}

// whenParked calls f, which owns the connection meanwhile, once it is parked.
func (w *tcpWorld) whenParked(c *conn, f func()) {
	w.Helper()
	w.until("it is parked", func() bool {
		w.lot.mu.Lock()
		defer w.lot.mu.Unlock()
		if c.spot.parked {
			f()
		}
		return c.spot.parked
	})
}

// age makes a parked connection older.
func (w *tcpWorld) age(c *conn, by time.Duration) {
	w.Helper()
	w.whenParked(c, func() { w.ageLocked(c, by) })
}

func (w *tcpWorld) ageLocked(c *conn, by time.Duration) {
	for _, t := range []*time.Time{&c.wire.lastHeard, &c.wire.nextPing, &c.wire.joinBy} {
		if !t.IsZero() {
			*t = t.Add(-by)
		}
	}
	w.lot.wheel.remove(c)
	w.lot.wheel.add(c, c.due())
}

// tcpClient speaks WebSocket byte by byte.
type tcpClient struct {
	net.Conn
	w  *tcpWorld
	in *bufio.Reader
}

// dial opens a WebSocket; with deflate it may send compressed messages.
func (w *tcpWorld) dial(r *Room, deflate bool) *tcpClient {
	w.Helper()
	raw, err := net.Dial("tcp", r.listener.Addr().String())
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = raw.Close() })
	c := &tcpClient{raw, w, bufio.NewReader(raw)}
	offer := ""
	if deflate {
		offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	}
	c.write([]byte("GET /ws HTTP/1.1\r\nHost: chat.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		offer + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		w.Fatalf("the handshake: %v, %v", answer, err)
	}
	_ = answer.Body.Close()
	return c
}

// join opens a WebSocket and joins.
func (w *tcpWorld) join(r *Room) *tcpClient {
	w.Helper()
	c := w.dial(r, false)
	c.write(textOf(`{"type":"join"}`))
	c.want("welcome")
	return c
}

// textOf returns a client's text message.
func textOf(s string) []byte { return masked(frameFinal, opText, []byte(s)) }

func ping(id int) []byte { return textOf(fmt.Sprintf(`{"type":"ping","id":"%d"}`, id)) }

// write writes all at once.
func (c *tcpClient) write(p []byte) {
	c.w.Helper()
	if _, err := c.Write(p); err != nil {
		c.w.Fatal(err)
	}
}

// frame returns the next frame.
func (c *tcpClient) frame() (opcode byte, payload []byte) {
	c.w.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		c.w.Fatal(err)
	}
	opcode, payload, err := readFrame(c.in)
	if err != nil {
		c.w.Fatal(err)
	}
	return opcode, payload
}

// want passes over other objects until one of that type.
func (c *tcpClient) want(kind string) obj {
	c.w.Helper()
	for {
		opcode, payload := c.frame()
		if opcode != opText {
			c.w.Fatalf("want %s, got a frame %x %q", kind, opcode, payload)
		}
		for line := range bytes.SplitSeq(payload, []byte("\n")) {
			var o obj
			if err := json.Unmarshal(line, &o); err != nil {
				c.w.Fatal(err)
			}
			if err := schematest.LoadChat(c.w.T).Message(line); err != nil {
				c.w.Error(err)
			}
			if o.str("type") == kind {
				return o
			}
		}
	}
}

// wantPongs wants the answers to pings of these numbers, in order.
func (c *tcpClient) wantPongs(from, to int) {
	c.w.Helper()
	for i := from; i <= to; i++ {
		if got := c.want("pong").str("id"); got != strconv.Itoa(i) {
			c.w.Fatalf("want the answer to %d, got %s", i, got)
		}
	}
}

// wantControl wants a control frame, after text at most.
func (c *tcpClient) wantControl(opcode byte) []byte {
	c.w.Helper()
	for {
		switch got, payload := c.frame(); got {
		case opcode:
			return payload
		case opText:
		default:
			c.w.Fatalf("want a frame %x, got %x %q", opcode, got, payload)
		}
	}
}

// wantClosed wants the connection to be closed with that code.
func (c *tcpClient) wantClosed(code int) {
	c.w.Helper()
	if got := binary.BigEndian.Uint16(c.wantControl(opClose)); int(got) != code {
		c.w.Errorf("closed with %d, want %d", got, code)
	}
	_ = c.Close()
}
