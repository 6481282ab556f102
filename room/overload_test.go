package room

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/internal/limit"
)

// jam is a command that keeps the actor busy until released.
type jam struct{ until chan struct{} }

func (j jam) run(*Room) { <-j.until }

// TestAJammedRoomHurtsNoOther is the promise of this server: room A does nothing
// any more, its mailbox is full and its readers are stuck, and in room B a message
// arrives with no time passed.
func TestAJammedRoomHurtsNoOther(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.room("a"), w.room("b")
		stuck := make([]*client, 5)
		for i := range stuck {
			stuck[i] = a.dial()
			stuck[i].send(obj{"type": "join"})
		}
		flooder := a.join("flooder")
		ann, bob := b.join("ann"), b.join("bob")

		j := jam{make(chan struct{})}
		a.post(j)
		synctest.Wait()
		refused := 0
		for i := range inboxSize + 10 {
			flooder.say("flood", strconv.Itoa(i))
		}
		synctest.Wait()
		for _, o := range flooder.heard() {
			if o.str("code") == "busy" && o.num("retry_after") > 0 {
				refused++
			}
		}
		if refused != 10 || len(a.inbox) != inboxSize {
			w.Errorf("%d refused, %d waiting; want 10 and %d", refused, len(a.inbox), inboxSize)
		}

		before := time.Now()
		ann.say("hello")
		bob.wantMessage("in the room beside", "hello")
		if took := time.Since(before); took != 0 {
			w.Errorf("it took %v", took)
		}
		close(j.until)
	}, unlimited)
}

func TestAFullMailboxAnswersTheAPI(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("a")
		j := jam{make(chan struct{})}
		r.post(j)
		synctest.Wait()
		for range inboxSize {
			if err := r.offer(leave{&member{gone: true}}); err != nil {
				w.Fatal(err)
			}
		}
		if _, err := r.Say(w.Context(), nil, "hello"); err == nil || !strings.HasPrefix(err.Error(), "busy") {
			w.Errorf("want busy, got %v", err)
		}
		close(j.until)
		synctest.Wait()
		if c := r.Counters(); c.RefusedBusy != 1 || c.InboxHigh != inboxSize {
			w.Errorf("counters: %+v", c)
		}
	})
}

func TestAFloodIsToldOnceAndNotRead(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann, bob := r.join("ann"), r.join("bob")
		flooded := make(chan struct{})
		go func() { // blocks in the pipe while the room does not read
			defer close(flooded)
			for i := range 6 {
				ann.say(fmt.Sprint("m", i), strconv.Itoa(i))
			}
		}()
		for i := range 3 {
			bob.wantMessage("within the burst", fmt.Sprint("m", i))
		}
		synctest.Wait()
		select {
		case <-flooded:
			w.Error("the flooder was read on")
		default:
		}
		ann.wantErrorAmongAcks("the fourth", "rate_limited")
		w.pass(time.Second)
		<-flooded
		bob.wantMessage("after the wait", "m4")
		bob.wantMessage("after the wait", "m5")
		bob.wantIdle("m3 was refused")
		if got := r.Counters().RefusedRate; got != 1 {
			w.Errorf("refused %d", got)
		}
	})
}

// wantErrorAmongAcks skips acks and messages up to an error.
func (c *client) wantErrorAmongAcks(why, code string) {
	c.t.Helper()
	for {
		switch o, ok := c.next(); {
		case !ok:
			c.t.Fatalf("%s: no error %s", why, code)
		case o.str("code") == code:
			if o.num("retry_after") <= 0 {
				c.t.Errorf("%s: no retry_after in %v", why, o)
			}
			return
		}
	}
}

func TestTenRefusalsCloseTheConnection(t *testing.T) {
	inWorld(t, func(w *world) {
		ann := w.room("lobby").join("ann")
		go func() {
			for {
				if ann.ws.WriteMessage(1, []byte(`{"type":"message","text":"m"}`)) != nil {
					return
				}
			}
		}()
		ann.wantClosed("a flood", 4003)
	}, func(o *Options) { o.Limits.Messages = limit.Rate{} })
}

func TestEveryCommandCounts(t *testing.T) {
	inWorld(t, func(w *world) {
		ann := w.room("lobby").join("ann") // the join is the first
		for range 29 {
			ann.send(`{"type":"ping","id":"p"}`)
			ann.want("a ping within the limit", "pong")
		}
		ann.send(`{"type":"ping","id":"late"}`)
		if e := ann.wantError("the 31st", "rate_limited"); e.str("id") != "late" {
			w.Errorf("error: %v", e)
		}
	})
}

func TestGuestsOfOneAddressShareALimit(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		for i := range addressFactor {
			c := r.join("")
			for j := range 3 {
				c.say(fmt.Sprint(i, "-", j))
			}
			c.leave()
		}
		c := r.join("one too many")
		c.clear()
		c.say("m")
		c.wantError("the address has had its share", "rate_limited")
	})
}

func TestEventsAreGatheredUnderLoadOnly(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		w.pass(time.Minute)
		ann.clear()
		for i := range 100 {
			if _, err := r.Say(w.Context(), nil, fmt.Sprint("m", i)); err != nil {
				w.Fatal(err)
			}
		}
		ann.wantMessage("the first is not held back", "m0")
		ann.wantIdle("the others are gathered")
		w.pass(gatherLeast)
		for i := 1; i < 100; i++ {
			ann.wantMessage("gathered", fmt.Sprint("m", i))
		}
		if ann.frames != 2 {
			w.Errorf("%d WebSocket messages, want 2", ann.frames)
		}
	})
}

func TestASlowReaderIsToldWhatItMissed(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		slow, quick := r.dial(), r.join("quick")
		slow.send(obj{"type": "join", "name": "slow"})
		synctest.Wait()
		text := strings.Repeat("x", 400)
		const n = 100
		for i := range n {
			if _, err := r.Say(w.Context(), nil, text); err != nil {
				w.Fatal(err)
			}
			w.pass(gatherLeast)
			if got := quick.wantMessage("the quick one", text).num("seq"); got != i+1 {
				w.Fatalf("seq %d, want %d", got, i+1)
			}
		}
		slow.read()
		slow.want("before all", "welcome")
		seq := 0
		var gap obj
		for gap == nil {
			o, ok := slow.next()
			switch {
			case !ok:
				w.Fatal("never told what it missed")
			case o.str("type") == "message":
				seq++
				if o.num("seq") != seq {
					w.Fatalf("seq %d, want %d", o.num("seq"), seq)
				}
			case o.str("type") == "skipped":
				gap = o
			}
		}
		if gap.num("from") != seq+1 || gap.num("to") != n {
			w.Errorf("had up to %d, then %v", seq, gap)
		}
		if seq == 0 || seq > 20 {
			w.Errorf("%d messages were kept in a backlog of 4 KiB", seq)
		}
		if got := r.Counters().SkippedEvents; got != int64(n-seq) {
			w.Errorf("%d counted as skipped", got)
		}
		if _, err := r.Say(w.Context(), nil, "live"); err != nil {
			w.Fatal(err)
		}
		if m := slow.wantMessage("goes on from the newest", "live"); m.num("seq") != n+1 {
			w.Errorf("live: %v", m)
		}
	}, func(o *Options) { o.Limits.Backlog = 4 << 10 })
}

func TestAReaderThatStallsIsClosed(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		stuck := r.dial()
		stuck.send(obj{"type": "join"})
		synctest.Wait()
		if got := r.State().Viewers; got != 1 {
			w.Fatalf("%d viewers", got)
		}
		w.pass(stallTimeout + closeGrace + time.Second)
		if got := r.State().Viewers; got != 0 {
			w.Errorf("the stuck one is still in: %d viewers", got)
		}
	})
}

// TestWhoJoinsAmidstAFloodMissesNothing has clients join while events are being
// gathered: each sees consecutive events up to the newest one.
func TestWhoJoinsAmidstAFloodMissesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		w.pass(time.Minute)
		var joined []*client
		const n = 200
		for i := range n {
			if _, err := r.Say(w.Context(), nil, fmt.Sprint("m", i)); err != nil {
				w.Fatal(err)
			}
			if i%7 == 3 {
				joined = append(joined, r.join(""))
			}
			if i%5 == 0 {
				w.pass(time.Millisecond)
			}
		}
		w.pass(time.Second)
		for _, c := range joined {
			seq := 0
			for _, o := range c.heard() {
				if o.str("type") != "message" {
					continue
				}
				if seq != 0 && o.num("seq") != seq+1 {
					w.Fatalf("after %d comes %d", seq, o.num("seq"))
				}
				seq = o.num("seq")
			}
			if seq != n {
				w.Errorf("want events up to %d, got up to %d", n, seq)
			}
		}
	}, unlimited)
}

func TestASlowReaderLearnsTheNumberOfViewers(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		slow := r.dial()
		slow.send(obj{"type": "join", "name": "slow"})
		synctest.Wait()
		for range 50 {
			if _, err := r.Say(w.Context(), nil, strings.Repeat("x", 400)); err != nil {
				w.Fatal(err)
			}
			w.pass(gatherLeast)
		}
		for range 4 {
			r.join("")
		}
		w.pass(viewersPeriod + time.Second)
		slow.read()
		w.pass(time.Second)
		told := 0
		for _, o := range slow.heard() {
			if o.str("type") == "viewers" {
				told = o.num("count")
			}
		}
		if told != 5 {
			w.Errorf("want the reader to know of 5 viewers, it was told %d", told)
		}
	}, func(o *Options) { o.Limits.Backlog = 4 << 10 })
}

func TestBlankMessagesCount(t *testing.T) {
	inWorld(t, func(w *world) {
		ann := w.room("lobby").join("ann") // the first command
		for range 29 {
			ann.send(strings.Repeat("\n", 8000))
		}
		ann.send(" ")
		ann.wantError("the 31st", "rate_limited")
	})
}

func TestAPanicOfAReaderCostsItsConnection(t *testing.T) {
	clientCommands["boom"] = clientCommand{read: func(*speaker, string, []byte) (effect, error) { panic("boom") }}
	defer delete(clientCommands, "boom")
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann, bob := r.join("ann"), r.join("bob")
		ann.send(obj{"type": "boom"})
		ann.wantClosed("its own command", 1011)
		bob.say("still here")
		bob.wantMessage("the others go on", "still here")
		if got := r.State().Viewers; got != 1 {
			w.Errorf("%d viewers", got)
		}
	}, silently)
}

func TestAPanicOfADutyCostsNothingElse(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		r.post(duty(func(r *Room) {
			for range 2 {
				e := &announcementEvent{event{Type: typeAnnouncement}, "hello", ScopeRoom, platform}
				if _, err := r.append(e, author{}, func(uint64, error) {}); err != nil {
					w.Error(err)
				}
			}
			r.members.list = append(r.members.list, nil) // over which the flush by timer panics
		}))
		ann.want("before", "announcement")
		w.pass(gatherLeast)
		if got := r.Counters().Panics; got != 1 {
			w.Errorf("%d panics", got)
		}
		r.post(duty(func(r *Room) { r.members.list = r.members.list[:1] }))
		w.pass(time.Second)
		ann.clear()
		ann.say("still here")
		ann.wantMessage("the room goes on", "still here")
	}, silently)
}

func TestWhoWasThrownOutSpeaksNoMore(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann, bob := r.join("ann"), r.join("bob")
		j := jam{make(chan struct{})}
		r.post(j)
		synctest.Wait()
		ann.say("waits in the inbox")
		synctest.Wait()
		removed := make(chan error)
		go func() {
			_, err := r.RemoveUser(w.Context(), ann.welcome.obj("you").str("id"))
			removed <- err
		}()
		synctest.Wait()
		close(j.until)
		if err := <-removed; err != nil {
			w.Fatal(err)
		}
		ann.wantClosed("removed", 4503)
		w.pass(time.Second)
		bob.wantIdle("nothing more was said")
	})
}

// boom is a command that panics.
type boom struct{}

func (boom) run(*Room) { panic("boom") }

func TestAPanicCostsOneCommand(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		r.post(boom{})
		_, err := call(w.Context(), r.Room, atOnce(func(*Room) (int, error) { panic("boom") }))
		if err == nil || !strings.HasPrefix(err.Error(), "internal") {
			w.Errorf("the caller got %v", err)
		}
		ann.say("still here")
		ann.wantMessage("after the panics", "still here")
		if got := r.Counters().Panics; got != 2 {
			w.Errorf("%d panics counted", got)
		}
	}, silently)
}

func TestRepeatedPanicsRestartTheRoomFromItsLog(t *testing.T) {
	inWorld(t, func(w *world) {
		r, other := w.room("lobby"), w.room("other")
		ann, bob := r.join("ann"), other.join("bob")
		ann.say("kept")
		ann.wantMessage("before", "kept")
		for range maxPanics + 1 {
			r.post(boom{})
		}
		bye := ann.want("told to come back", "closing")
		if bye.str("reason") != "restart" || bye.num("reconnect_after") <= 0 {
			w.Errorf("closing: %v", bye)
		}
		ann.wantClosed("told to come back", 1001)
		back := r.connect()
		back.send(obj{"type": "join", "name": "ann", "epoch": r.epoch, "since": 0})
		if got := back.want("the same log", "welcome"); got.gap() || got.obj("you").str("name") != "ann" {
			w.Errorf("welcome: %v", got)
		}
		back.wantMessage("the same log", "kept")
		bob.wantIdle("no other room notices")
	}, silently)
}
