package room

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestAnIdleConnectionHasNoGoroutine(t *testing.T) {
	w := newTCPWorld(t)
	r := w.room("lobby")
	const n = 20
	clients := make([]*tcpClient, n)
	for i := range clients {
		clients[i] = w.join(r)
	}
	w.untilParked(n)
	w.until("no readers", func() bool {
		var stacks bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil {
			t.Fatal(err)
		}
		return !strings.Contains(stacks.String(), "(*conn).drive")
	})
	for _, c := range w.parked() {
		w.whenParked(c, func() {
			if c.lender != nil || c.in.Size() != 0 {
				t.Error("it keeps a buffer")
			}
		})
	}
	for _, c := range clients {
		c.write(ping(1))
		c.wantPongs(1, 1)
	}
	w.untilParked(n)
}

// TestNothingThatCameIsLeftLying sends several things at once, in such sizes that what
// is read at once ends anywhere, also where a message ends.
func TestNothingThatCameIsLeftLying(t *testing.T) {
	w := newTCPWorld(t)
	c := w.join(w.room("lobby"))
	sent := 0
	for total := readBuffer - 40; total < 2*readBuffer+40; total++ {
		w.untilParked(1)
		var all []byte
		first := sent + 1
		for rest := total; rest > 0; {
			p := ping(sent + 1)
			if n := rest - len(p) - 1; n > 0 && n < 100 {
				p = append(p, masked(frameFinal, opPong, bytes.Repeat([]byte{1}, max(0, n-6)))...)
			}
			sent++
			all = append(all, p...)
			rest -= len(p)
		}
		c.write(all)
		c.wantPongs(first, sent)
	}
}

// TestWhatCameWithTheJoin is the message that is in the buffer when a connection comes
// to rest for the first time.
func TestWhatCameWithTheJoin(t *testing.T) {
	w := newTCPWorld(t)
	c := w.dial(w.room("lobby"), false)
	w.untilParked(1)
	c.write(append(append(textOf(`{"type":"join","id":"0"}`), masked(frameFinal, opPong, nil)...), ping(1)...))
	c.want("ack")
	c.wantPongs(1, 1)
}

// TestPingsThatComeInPieces has every byte come by itself.
func TestPingsThatComeInPieces(t *testing.T) {
	w := newTCPWorld(t)
	c := w.join(w.room("lobby"))
	hello := masked(frameFinal, opPing, []byte("hello"))
	copy(hello[2:], []byte{1, 2, 3, 4})
	for i := range hello[6:] {
		hello[6+i] ^= hello[2+i%4]
	}
	for range 3 {
		for _, b := range append(bytes.Clone(hello), ping(1)...) {
			c.write([]byte{b})
		}
		if got := c.wantControl(opPong); string(got) != "hello" {
			t.Errorf("answered by %q", got)
		}
		c.wantPongs(1, 1)
		w.untilParked(1)
	}
	// A ping amidst a message, and one that gorilla refuses.
	c.write(masked(0, opText, []byte(`{"type":"ping",`)))
	c.write(hello)
	if got := c.wantControl(opPong); string(got) != "hello" {
		t.Errorf("answered by %q", got)
	}
	c.write(masked(frameFinal, 0, []byte(`"id":"2"}`)))
	c.wantPongs(2, 2)
	c.write(frame(opPing, nil)) // not masked
	c.wantClosed(codeProtocol)
}

// TestADeflateStreamThatEndsEarly has messages whose deflate stream says by itself that
// it ends (RFC 7692, section 7.2.3.4), with something after it that looks like a pong.
func TestADeflateStreamThatEndsEarly(t *testing.T) {
	w := newTCPWorld(t)
	c := w.dial(w.room("lobby"), true)
	deflated := func(s string, after []byte) []byte {
		var b bytes.Buffer
		f, err := flate.NewWriter(&b, 1)
		if err == nil {
			_, err = io.WriteString(f, s)
		}
		if err := errors.Join(err, f.Close()); err != nil { // Close writes the final block
			t.Fatal(err)
		}
		return masked(frameFinal|frameDeflated, opText, append(b.Bytes(), after...))
	}
	pongs := bytes.Repeat(masked(frameFinal, opPong, nil), 3*readBuffer/6) // more than is read with the stream
	c.write(append(deflated(`{"type":"join"}`, nil), pongs...))
	c.want("welcome")
	for i := range 24 {
		all := deflated(fmt.Sprintf(`{"type":"ping","id":"%d"}`, i), pongs[i%6:])
		if i%4 < 2 {
			all = append(all, pongs...)
		}
		c.write(all)
		c.wantPongs(i, i)
		c.write(ping(i))
		c.wantPongs(i, i)
	}
	w.untilParked(1)
}

func TestAHalfReadFrameKeepsItsGoroutine(t *testing.T) {
	w := newTCPWorld(t)
	c := w.join(w.room("lobby"))
	w.untilParked(1)
	whole := ping(1)
	for half := 1; half < len(whole); half++ {
		c.write(whole[:half])
		w.untilParked(0)
		c.write(whole[half:])
		c.wantPongs(1, 1)
		w.untilParked(1)
	}
}

// TestAHalfReadFrameKeepsItsClock reads in place of the reader.
func TestAHalfReadFrameKeepsItsClock(t *testing.T) {
	ours, theirs := tcpPair(t)
	out := newOutbox(ours, webSocket, 1<<10, new(atomic.Int64))
	defer out.close()
	now := time.Now()
	c := &conn{out: out, wire: &wire{
		Conn: ours, out: out, fd: descriptorOf(ours), between: true,
		lastHeard: now, nextPing: now.Add(pingInterval),
	}}
	c.takeBuffer()
	if _, err := c.in.Peek(2); !errors.Is(err, errNothing) {
		t.Fatalf("want errNothing, got %v", err)
	}
	c.wire.drained = false
	if _, err := theirs.Write([]byte{frameFinal | opText}); err != nil {
		t.Fatal(err)
	}
	for c.in.Buffered() == 0 { // it may be under way
		c.wire.drained = false
		_, _ = c.in.Peek(1)
	}
	c.wire.begun = c.wire.begun.Add(50*time.Millisecond - pieceTimeout)
	if _, err := c.in.Peek(2); !errors.Is(err, errPieces) {
		t.Errorf("want errPieces, got %v", err)
	}
}

func TestTheTimesOfParkedConnections(t *testing.T) {
	w := newTCPWorld(t)
	r := w.room("lobby")

	c := w.dial(r, false)
	w.age(w.untilParked(1)[0], joinTimeout)
	c.wantClosed(codeNoJoin)
	w.untilParked(0)

	c = w.join(r)
	it := w.untilParked(1)[0]
	for range 3 {
		w.age(it, pingInterval)
		c.wantControl(opPing)
		c.write(masked(frameFinal, opPong, nil))
		w.until("the pong is heard", func() (heard bool) {
			w.whenParked(it, func() { heard = time.Since(it.wire.lastHeard) < pingInterval })
			return heard
		})
	}
	w.age(it, pingInterval)
	c.wantControl(opPing)
	w.age(it, silenceLimit-pingInterval)
	w.until("the silent one is gone", func() bool { return r.State().Viewers == 0 })
	_ = c.Close()

	c = w.join(r)
	it = w.untilParked(1)[0]
	w.age(it, time.Second)
	w.until("its window is dropped", func() (dropped bool) {
		w.whenParked(it, func() { dropped = it.commands == nil })
		return dropped
	})
	c.write(ping(1))
	c.wantPongs(1, 1)
}

// TestTheEndWakesParkedConnections ends the room, with some of its connections joined.
func TestTheEndWakesParkedConnections(t *testing.T) {
	w := newTCPWorld(t)
	r := w.room("lobby")
	var clients []*tcpClient
	for range 10 {
		clients = append(clients, w.join(r), w.dial(r, false))
	}
	w.untilParked(20)
	ended := make(chan struct{})
	go func() { defer close(ended); w.stop() }()
	for _, c := range clients {
		c.want("closing")
		c.wantClosed(codeGoingAway)
	}
	<-ended
	if n := len(w.lot.conns); n != 0 || w.lot.poll != nil {
		t.Errorf("%d connections are left", n)
	}
}

// TestTheEndThatRacesTheWakeUp ends connections while their peers speak, fall silent or
// go: each ends, whoever comes first.
func TestTheEndThatRacesTheWakeUp(t *testing.T) {
	w := newTCPWorld(t)
	r := w.room("lobby")
	for range 300 {
		c := w.join(r)
		if rand.N(2) == 0 {
			w.untilParked(1)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = r.RemoveUser(t.Context(), r.newestMember())
		})
		wg.Go(func() {
			switch rand.N(3) {
			case 0:
				_, _ = c.Write(ping(1))
			case 1:
				_ = c.Close()
			}
		})
		wg.Go(func() { _, _ = io.Copy(io.Discard, c.in); _ = c.Close() })
		wg.Wait()
	}
	w.until("all are gone", func() bool {
		w.lot.mu.Lock()
		defer w.lot.mu.Unlock()
		return len(w.lot.conns) == 0 && r.State().Viewers == 0
	})
}

// TestWhatIsEndingIsNotParked is the end that comes just before.
func TestWhatIsEndingIsNotParked(t *testing.T) {
	ours, _ := tcpPair(t)
	w := newTCPWorld(t)
	c := &conn{speaker: speaker{room: w.room("lobby")}, out: newOutbox(ours, webSocket, 1<<10, new(atomic.Int64))}
	c.wire = &wire{Conn: ours, out: c.out, fd: descriptorOf(ours)}
	defer c.out.close()
	c.out.end(0)
	if w.lot.park(c) {
		t.Error("parked, and nobody will wake it")
	}
}

// newestMember returns the id of the newest member.
func (r *Room) newestMember() string {
	id, _ := call(context.Background(), r, atOnce(func(r *Room) (string, error) {
		return r.members.list[r.members.len()-1].user.ID, nil
	}))
	return id
}

// TestADescriptorThatIsUsedAgain has connections come and go beside some that stay:
// descriptors change hands all the time, and those who stay are served to the end.
func TestADescriptorThatIsUsedAgain(t *testing.T) {
	w := newTCPWorld(t)
	r := w.room("lobby")
	var stay []*tcpClient
	for range 10 {
		stay = append(stay, w.join(r))
	}
	stop := make(chan struct{})
	var churn sync.WaitGroup
	for range 4 {
		churn.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c := w.join(r)
				if rand.N(2) == 0 {
					_ = c.Conn.(*net.TCPConn).SetLinger(0)
				} else {
					_, _ = c.Write(ping(0))
				}
				_ = c.Close()
			}
		})
	}
	for i := range 100 {
		for _, c := range stay {
			c.write(ping(i))
		}
		for _, c := range stay {
			c.wantPongs(i, i)
		}
	}
	close(stop)
	churn.Wait()
	w.untilParked(len(stay))
}

// TestEventsForNobody has epoll tell of a connection that is gone, and wakes one for
// which nothing came.
func TestEventsForNobody(t *testing.T) {
	w := newTCPWorld(t)
	c := w.join(w.room("lobby"))
	it := w.untilParked(1)[0]
	w.lot.attend([]syscall.EpollEvent{{Fd: int32(it.spot.id) + 1}, {Fd: int32(it.spot.id), Pad: 1}}, nil)
	if len(w.parked()) != 1 {
		t.Error("woken by another's event")
	}
	for range 100 {
		w.lot.wake(it)
	}
	w.untilParked(1)
	c.write(ping(1))
	c.wantPongs(1, 1)
}

// TestWhereNothingCanBeParked is the way of platforms without a lot, and of a kernel
// that has no more room for it.
func TestWhereNothingCanBeParked(t *testing.T) {
	w := newTCPWorld(t)
	w.lot.shut = true
	c := w.join(w.room("lobby"))
	for i := range 10 {
		c.write(append(masked(frameFinal, opPong, nil), ping(i)...))
		c.wantPongs(i, i)
	}
	if n := len(w.parked()); n != 0 {
		t.Errorf("%d parked", n)
	}
}

// TestWheel has connections come out of the wheel in time, whatever the order.
func TestWheel(t *testing.T) {
	wheel := wheel{begun: time.Now()}
	now := wheel.begun
	due := map[*conn]time.Time{}
	for range 20_000 {
		switch c := new(conn); rand.N(4) {
		case 0, 1:
			due[c] = now.Add(rand.N(silenceLimit))
			wheel.add(c, due[c])
		case 2:
			for c := range due {
				wheel.remove(c)
				delete(due, c)
				break
			}
		case 3:
			now = now.Add(rand.N(wheelTick))
		}
		for c := wheel.first(now); c != nil; c = wheel.first(now) {
			wheel.remove(c)
			if at, ok := due[c]; !ok || now.Before(at) {
				t.Fatalf("due in %v comes already", at.Sub(now))
			}
			delete(due, c)
		}
		for _, at := range due {
			if late := now.Sub(at); late > 2*wheelTick {
				t.Fatalf("%v late", late)
			}
		}
	}
}
