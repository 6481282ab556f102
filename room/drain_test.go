package room

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const doorPatience = 250 * time.Millisecond

// handOver hands the registry over and returns when that is done. It must take no longer
// than what those at the door are given.
func (w *world) handOver() {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	begun := time.Now()
	w.ShutDoors(doorPatience)
	if err := w.HandOver(ctx); err != nil {
		w.Fatal(err)
	}
	if took := time.Since(begun); took > doorPatience+time.Millisecond {
		w.Errorf("the hand-over took %v", took)
	}
}

// Everybody is told to come back, whatever the transport, and each at another time.
func TestHandOverTellsEverybody(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		var clients []*client
		for range 3*closeBatch + 1 {
			clients = append(clients, r.join(""))
		}
		polling, streaming := r.visit(`{"name":"poller"}`), r.stream("", "")
		polled := make(chan []string, 1)
		go func() { polled <- polling.poll("&wait=25s") }()
		synctest.Wait()
		stuck := r.dial()
		stuck.send(obj{"type": "join"})
		synctest.Wait()

		w.handOver()
		if late, err := w.net.dial(w.Context(), strconv.Itoa(r.port)); err == nil {
			late.Close()
			t.Error("the room's listener accepts after the hand-over")
		}
		times := map[int]bool{}
		for _, c := range clients {
			bye := c.until("the goodbye", "closing")
			if bye.str("reason") != "restart" || times[bye.num("reconnect_after")] {
				t.Fatalf("want restart and a time of its own, got %v", bye)
			}
			times[bye.num("reconnect_after")] = true
			c.wantClosed("the goodbye", 1001)
		}
		if got := strings.Join(<-polled, ""); !strings.Contains(got, `"reason":"restart","reconnect_after":1`) {
			t.Errorf("want the poll to be answered with the goodbye, got %s", got)
		}
		streaming.mu.Lock()
		defer streaming.mu.Unlock()
		if last := streaming.heard[len(streaming.heard)-1]; !strings.Contains(last, `"reason":"restart"`) {
			t.Errorf("want the stream to end with the goodbye, got %s", last)
		}
	})
}

// What was said before is acknowledged before the goodbye; what comes after is refused,
// and nothing goes to the journal any more.
func TestHandOverAcknowledgesFirst(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		w.journal.set(true, nil)
		ann.say("before", "1")
		ann.wantMessage("before it is kept", "before")
		done := make(chan struct{})
		go func() { defer close(done); w.handOver() }()
		synctest.Wait()
		ann.say("after", "2")
		if late := ann.wantError("the room is about to end", "unavailable"); late.num("retry_after") == 0 {
			t.Errorf("want a time to try again, got %v", late)
		}
		w.journal.commit(nil)
		<-done
		if seq := ann.want("kept", "ack").num("seq"); seq != 1 {
			t.Errorf("want the ack of 1, got %d", seq)
		}
		ann.want("then the goodbye", "closing")
		ann.wantClosed("the goodbye", 1001)
		if open := w.journal.opened(); len(open) != 1 || open[0].Seq != 1 {
			t.Errorf("want the room to stay open with one event, got %v", open)
		}
		if _, err := w.Room("lobby"); err == nil || !strings.Contains(err.Error(), "restarting") {
			t.Errorf("want to be told that the server restarts, got %v", err)
		}
	})
}

// A disk that does not answer holds up the hand-over no longer than lastAcks.
func TestHandOverDespiteASlowDisk(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		w.journal.set(true, nil)
		ann.say("hello", "1")
		ann.wantMessage("before it is kept", "hello")
		begun := time.Now()
		if err := w.HandOver(w.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > lastAcks {
			t.Errorf("the hand-over took %v", took)
		}
		ann.want("without an ack", "closing")
		ann.wantClosed("the goodbye", 1001)
		w.journal.commit(nil)
	})
}

// Who has connected is let in first, and is told to come back then; who says nothing holds
// up nobody for long.
func TestHandOverLetsInWhoIsAtTheDoor(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		silent, err := w.net.dial(w.Context(), strconv.Itoa(r.port))
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		late, err := w.net.dial(w.Context(), strconv.Itoa(r.port))
		if err != nil {
			t.Fatal(err)
		}
		defer late.Close()
		synctest.Wait()
		done := make(chan struct{})
		go func() { defer close(done); w.handOver() }()
		w.pass(doorPatience / 2)
		go func() { _, _ = late.Write([]byte("GET / HTTP/1.1\r\nHost: chat.example\r\n\r\n")) }()
		answer := make([]byte, 4096)
		n, err := late.Read(answer)
		if got := string(answer[:n]); err != nil || !strings.HasPrefix(got, "HTTP/1.1 200 ") || !strings.HasSuffix(got, "lobby") {
			t.Errorf("want an answer, got %q, %v", got, err)
		}
		<-done
	})
}

// A stream that comes too late is told to come back; 204 would keep a browser away for ever.
func TestLateStreamsMayComeBack(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.dial() // whose reader holds the room's end
		ann.send(obj{"type": "join"})
		synctest.Wait()
		w.part(w.Context(), reasonRestart)
		synctest.Wait()
		for path, method := range map[string]string{"/events": "GET", "/poll?session=x": "GET", "/join": "POST"} {
			body := r.call(method, path, "{}", http.StatusServiceUnavailable)
			if !strings.Contains(body, `"unavailable"`) || !strings.Contains(body, `"retry_after":1000`) {
				t.Errorf("%s: want a time to come back, got %s", path, body)
			}
		}
	})
}

// What an operator has set, and the rest of ports, are carried on.
func TestCarry(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		if err := w.Close("lobby"); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		w.SetAccepting(false)
		carried := w.Carry()
		if until := carried.Resting[r.port]; carried.Accepting || len(carried.Resting) != 1 || time.Until(until) > portRest-time.Second {
			t.Errorf("want no accepting and a port that rests, got %v", carried)
		}
		w.handOver()
		w.stop()
		inThisBubble(t, func(w *world) {
			w.TakeOver(carried)
			if w.Accepting() {
				t.Error("want the operator's switch to stay as it was")
			}
			w.SetAccepting(true)
			if next := w.room("another"); next.port == r.port {
				t.Errorf("port %d does not rest", next.port)
			}
			w.pass(portRest)
			if next := w.room("third"); next.port != r.port {
				t.Errorf("port %d rests for ever", r.port)
			}
		})
	})
}

// An actor that hangs is named; those that only have much to do are not.
func TestCheck(t *testing.T) {
	inWorld(t, func(w *world) {
		busy, stuck := w.room("busy"), w.room("stuck")
		for range inboxSize {
			if err := busy.offer(duty(func(*Room) {})); err != nil {
				break
			}
		}
		check := func() error {
			ctx, cancel := context.WithTimeout(w.Context(), time.Second)
			defer cancel()
			return w.Check(ctx)
		}
		if err := check(); err != nil {
			t.Errorf("all is well, got %v", err)
		}
		for range 2 * controlSize { // with its control mailbox empty, and then full
			j := jam{make(chan struct{})}
			stuck.post(j)
			if err := check(); err == nil || !strings.Contains(err.Error(), "room stuck does not answer") {
				t.Fatalf("want to be told of the room that hangs, got %v", err)
			}
			close(j.until)
			synctest.Wait()
		}
		if err := check(); err != nil {
			t.Errorf("all is well again, got %v", err)
		}
	})
}
