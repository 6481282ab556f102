package room

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/cache"
)

func TestWhoPays(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		guest := r.connect()
		guest.send(obj{"type": "join", "name": "ann"})
		guest.wantError("a guest", "credit")
		guest.wantClosed("a guest", 4506)
		r.postTo("/join", `{"name":"ann"}`, 402)
		if problem := r.getFrom("/events", 402); problem.str("code") != "credit" {
			w.Errorf("problem: %v", problem)
		}
		r.joinAs("boss:Boss:moderator")
		r.joinAs("star:Star:producer")
		w.bank.wantCalls(t, "these are free")
		r.pay("u1:Ann:consumer")
		r.pay("u2:Bob:consumer:member")
		w.bank.wantCalls(t, "these pay", "0s open u1", "0s open u2")
		free := w.room("free")
		free.join("guest")
		free.pay("u1:Ann:consumer")
		w.bank.wantCalls(t, "another room is free")
	})
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		r.set(`{"paid":true}`)
		r.join("ann") // without a service nobody pays
	})
}

// Somebody waits for the answer; nobody else does.
func TestNobodyIsInBeforeTheAnswer(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		star := r.joinAs("star:Star:producer")
		w.bank.set(func(b *bank) { b.takes = 2 * time.Second })
		ann := r.arrive("u1:Ann:consumer")
		s := make(chan obj)
		go func() { s <- r.postTo("/join", `{"token":"u2:Bob:consumer"}`, 200) }()
		begun := time.Now()
		star.say("hello")
		star.wantMessage("at once", "hello")
		if n := r.State().Viewers; n != 1 || time.Since(begun) > 0 {
			w.Errorf("there are %d viewers, and the room took %v", n, time.Since(begun))
		}
		ann.wantIdle("nothing is known yet")
		w.at(2 * time.Second)
		if ann.want("the answer", "welcome").num("viewers") == 1 {
			w.Error("want the welcome of somebody who is in")
		}
		<-s
		if time.Since(begun) > 2*time.Second+gatherMost || r.State().Viewers != 3 {
			w.Errorf("%d viewers after %v", r.State().Viewers, time.Since(begun))
		}
	})
}

func TestRefusedAtTheDoor(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		w.bank.set(func(b *bank) { b.deny["u1"] = true })
		ann := r.arrive("u1:Ann:consumer")
		ann.wantError("no credit", "credit")
		ann.wantClosed("no credit", 4506)
		for range 50 {
			r.arrive("u1:Ann:consumer").wantClosed("again", 4506)
		}
		r.postTo("/join", `{"token":"u1:Ann:consumer"}`, 402)
		w.bank.wantCalls(t, "a flood of them", "0s open u1")
		w.bank.set(func(b *bank) { b.deny["u1"] = false })
		w.at(2100 * time.Millisecond)
		r.pay("u1:Ann:consumer").send(obj{"type": "leave"})
		w.at(3 * time.Second)
		w.bank.wantCalls(t, "with new credit", "2.1s open u1", "2.25s end s2 0s")
		if kept, _ := w.journal.Tickets(); len(kept) > 0 {
			w.Errorf("the journal still has %v", kept)
		}
	})
}

// A consumer whose credit is over has to go, on every transport.
func TestOutOfCredit(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		ann := r.pay("u1:Ann:consumer")
		streamed := r.visit(`{"token":"u2:Bob:consumer"}`)
		streamed.open("?session="+streamed.session, "")
		polled := r.visit(`{"token":"u3:Cy:consumer"}`)
		dan := r.pay("u4:Dan:consumer")
		w.bank.set(func(b *bank) { b.deny = map[string]bool{"u1": true, "u2": true, "u3": true} })
		w.at(40 * time.Second)
		polled.poll("&wait=0")
		w.at(56 * time.Second)
		if o := ann.until("no credit", "closing"); o.str("reason") != "credit" || o["reconnect_after"] != nil {
			w.Errorf("closing: %v", o)
		}
		ann.wantClosed("no credit", 4506)
		w.pass(3 * time.Second)
		if heard := strings.Join(streamed.heard, " "); !streamed.ended || !strings.Contains(heard, `{"type":"closing","reason":"credit"}`) {
			w.Errorf("the stream heard %s", heard)
		}
		if got := polled.poll("&wait=0"); len(got) != 1 || got[0] != `{"type":"closing","reason":"credit"}` {
			w.Errorf("the poll heard %v", got)
		}
		dan.wantIdle("others stay")
		w.bank.wantCalls(t, "all of it", "0s open u1", "0s open u2", "0s open u3", "0s open u4",
			"56s renew s1 56s", "56.25s renew s2 56s", "56.25s renew s3 56s", "56.25s renew s4 56s",
			"56s end s1 56s", "56.25s end s2 56s", "56.25s end s3 56s")
		w.at(116 * time.Second)
		w.bank.wantCalls(t, "who has credit", "1m52.25s renew s4 1m52s")
	})
}

// The service is asked before the time is over, also if that is short.
func TestWhenToAskAgain(t *testing.T) {
	for left, want := range map[time.Duration]string{
		time.Second: "750ms", 2 * time.Second: "1.5s", 8 * time.Second: "6s", 16 * time.Second: "12s",
		time.Minute: "56s", 24 * time.Hour: "23h59m56s",
	} {
		inPaidWorld(t, func(w *paidWorld) {
			w.bank.left = left
			w.paid("lobby").pay("u1:Ann:consumer:48h")
			w.at(left - 1)
			if got := w.bank.calls[1]; !strings.HasPrefix(got, want+" renew s1") {
				w.Errorf("%v: want it asked after %s, got %s", left, want, got)
			}
		})
	}
}

// While the service hangs or fails consumers come in, if that is so configured, and are
// asked for later.
func TestFailOpen(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		in := r.pay("u1:Ann:consumer")
		w.bank.hang()
		w.at(time.Second)
		bob := r.arrive("u2:Bob:consumer")
		bob.wantIdle("nothing is known yet")
		w.at(4 * time.Second)
		bob.want("3 s later", "welcome")
		again := r.arrive("u2:Bob:consumer")
		again.want("it has just failed", "welcome")
		w.at(2 * time.Minute)
		for _, c := range []*client{in, bob, again} {
			c.wantIdle("nobody has to go")
		}
		w.bank.heal()
		w.at(130 * time.Second)
		for _, c := range []*client{in, bob, again} {
			c.send(obj{"type": "leave"})
		}
		w.at(140 * time.Second)
		w.bank.wantBooks(t, "in the end", map[string]time.Duration{"u1": 130 * time.Second, "u2": 126 * time.Second})
		if n := w.bank.sessions(); n != 2 {
			w.Errorf("want 2 sessions, got %d", n)
		}
	})
	inPaidWorld(t, func(w *paidWorld) {
		w.bank.fails = errBank
		w.paid("lobby").pay("u1:Ann:consumer")
		if time.Since(w.bank.begun) > time.Millisecond {
			w.Error("a service that is left alone costs time")
		}
	})
}

func TestFailClosed(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		in := r.pay("u1:Ann:consumer")
		w.bank.hang()
		w.at(time.Second)
		bob := r.arrive("u2:Bob:consumer")
		w.at(4 * time.Second)
		bob.wantError("3 s later", "credit")
		bob.wantClosed("3 s later", 4506)
		in.wantIdle("the time is not over")
		w.at(59900 * time.Millisecond)
		in.wantIdle("the time is not over")
		w.at(64 * time.Second) // asked at 56 s and at 60 s
		if o := in.until("the time is over", "closing"); o.str("reason") != "credit" {
			w.Errorf("closing: %v", o)
		}
		in.wantClosed("the time is over", 4506)
		w.bank.heal()
		w.at(70 * time.Second)
		r.pay("u1:Ann:consumer").send(obj{"type": "leave"})
		r.pay("u2:Bob:consumer").send(obj{"type": "leave"})
		w.at(80 * time.Second)
		w.bank.wantBooks(t, "in the end", map[string]time.Duration{"u1": 63 * time.Second, "u2": 0})
		if n := w.bank.sessions(); n != 3 { // Bob's first only to be ended: it might have begun
			w.Errorf("want 3 sessions, got %d", n)
		}
	}, failClosed)
}

// Nobody is thrown out because the room has more to ask than it may at a time.
func TestManyPayAtOnce(t *testing.T) {
	const users = 500
	inPaidWorld(t, func(w *paidWorld) {
		r := w.room("lobby")
		all := make([]*client, users)
		for i := range all {
			all[i] = r.joinAs(fmt.Sprintf("u%d:Ann:consumer", i))
		}
		guest := r.join("guest")
		w.bank.set(func(b *bank) { b.takes = 2 * time.Second })
		w.bank.begun = time.Now()
		r.set(`{"paid":true}`)
		guest.wantClosed("a guest cannot pay", 4506)
		w.at(30 * time.Second)
		if n := w.bank.sessions(); n != users || w.bank.most != patientMost {
			w.Errorf("%d sessions, %d calls at a time; want %d and %d", n, w.bank.most, users, patientMost)
		}
		for _, c := range all {
			if c.ended != nil {
				w.Fatalf("somebody had to go: %v", c.ended)
			}
		}
		w.bank.set(func(b *bank) { b.takes = 0 })
		r.set(`{"paid":false}`)
		w.at(31 * time.Second)
		for _, a := range w.bank.accounts {
			if !a.ended || a.used < 29*time.Second || a.used > 31*time.Second {
				w.Fatalf("want all to end with 30 s, got %+v", a)
			}
		}
		if len(r.till.tickets) > 0 {
			w.Errorf("%d tickets are left", len(r.till.tickets))
		}
	}, failClosed, unlimited)
}

// What happens while the service is being asked counts.
func TestMeanwhile(t *testing.T) {
	slow := func(b *bank) { b.takes = 2 * time.Second }
	t.Run("banned", func(t *testing.T) {
		inPaidWorld(t, func(w *paidWorld) {
			r := w.paid("lobby")
			boss := r.joinAs("boss:Boss:moderator")
			w.bank.set(slow)
			ann := r.arrive("u1:Ann:consumer")
			boss.do(obj{"type": "ban", "user": "u1"})
			w.at(2 * time.Second)
			ann.wantError("banned", "banned")
			ann.wantClosed("banned", 4502)
			r.arrive("u1:Ann:consumer").wantClosed("banned before it is asked", 4502)
			w.at(10 * time.Second)
			w.bank.wantCalls(t, "the session ends unused", "0s open u1", "2s end s1 0s")
		})
	})
	t.Run("thrown out", func(t *testing.T) {
		inPaidWorld(t, func(w *paidWorld) {
			r := w.paid("lobby")
			boss := r.joinAs("boss:Boss:moderator")
			ann := r.pay("u1:Ann:consumer")
			w.at(10 * time.Second)
			boss.do(obj{"type": "ban", "user": "u1"})
			ann.wantClosed("banned", 4502)
			w.at(20 * time.Second)
			w.bank.wantBooks(t, "banned", map[string]time.Duration{"u1": 10 * time.Second})
		})
	})
	t.Run("closed", func(t *testing.T) {
		inPaidWorld(t, func(w *paidWorld) {
			r := w.paid("lobby")
			in := r.pay("u1:Ann:consumer")
			w.bank.set(slow)
			ann := r.arrive("u2:Bob:consumer")
			begun := time.Now()
			var visitor sync.WaitGroup
			visitor.Go(func() { r.postTo("/join", `{"token":"u3:Cy:consumer"}`, 404) })
			synctest.Wait()
			w.wantClose("lobby")
			visitor.Wait()
			ann.wantClosed("the room closes", 4504)
			in.wantClosed("the room closes", 4504)
			<-r.done
			if time.Since(begun) > 100*time.Millisecond {
				w.Errorf("the room took %v to close", time.Since(begun))
			}
			w.at(20 * time.Second)
			w.bank.wantBooks(t, "closed", map[string]time.Duration{"u1": 0, "u2": 0, "u3": 0})
		})
	})
	t.Run("stopped", func(t *testing.T) {
		inPaidWorld(t, func(w *paidWorld) {
			r := w.paid("lobby")
			w.bank.hang()
			ann := r.arrive("u1:Ann:consumer")
			begun := time.Now()
			var visitor sync.WaitGroup
			visitor.Go(func() { r.postTo("/join", `{"token":"u3:Cy:consumer"}`, 503) })
			synctest.Wait()
			w.stop()
			visitor.Wait()
			ann.wantClosed("the server stops", 1001)
			if time.Since(begun) > 100*time.Millisecond {
				w.Errorf("the server took %v to stop", time.Since(begun))
			}
		})
	})
	t.Run("no longer paid", func(t *testing.T) {
		inPaidWorld(t, func(w *paidWorld) {
			r := w.paid("lobby")
			w.bank.set(slow)
			ann := r.arrive("u1:Ann:consumer")
			r.set(`{"paid":false}`)
			w.at(2 * time.Second)
			ann.want("it is free now", "welcome")
			w.at(10 * time.Second)
			w.bank.wantCalls(t, "the session ends unused", "0s open u1", "2s end s1 0s")
		})
	})
	t.Run("gone", func(t *testing.T) {
		inPaidWorld(t, func(w *paidWorld) {
			r := w.paid("lobby")
			w.bank.set(slow)
			r.arrive("u1:Ann:consumer").leave()
			w.at(10 * time.Second)
			w.bank.wantCalls(t, "the session ends unused", "0s open u1", "5s end s1 0s")
		})
	})
	t.Run("raised", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			database := new(source)
			database.say(cache.Documents{Rooms: []cache.Room{{Name: "lobby", Paid: new(true)}}})
			cached := database.follow(t)
			b := newBank()
			inThisBubble(t, func(world *world) {
				w := settling(world, b)
				r := w.room("lobby")
				ann := r.pay("u1:Ann:consumer")
				w.at(10 * time.Second)
				ann.clear()
				database.say(cache.Documents{Rooms: []cache.Room{{Name: "lobby", Paid: new(true), Moderators: []string{"u1"}}}})
				w.at(20 * time.Second)
				if len(b.accounts) != 1 || !b.accounts["s1"].ended || len(r.till.tickets) > 0 {
					w.Errorf("want a moderator to be free, got %v", b.accounts)
				}
				database.say(cache.Documents{Rooms: []cache.Room{{Name: "lobby", Paid: new(true)}}})
				w.at(30 * time.Second)
				if len(b.accounts) != 2 || b.accounts["s2"].ended {
					w.Errorf("want a consumer to pay, got %v", b.accounts)
				}
				ann.wantIdle("and to stay")
			}, func(o *Options) { o.Credit, o.Snapshot = b, cached.Snapshot })
		})
	})
}

// A service that hangs costs a room, and those beside it, no time at all.
func TestAHangingServiceHoldsUpNobody(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r, beside := w.paid("lobby"), w.room("beside")
		star, boss := r.joinAs("star:Star:producer"), r.joinAs("boss:Boss:moderator")
		ann := r.pay("u0:Ann:consumer")
		w.bank.hang()
		for i := range 20 {
			r.arrive(fmt.Sprintf("u%d:Bob:consumer", i+1))
		}
		var visitors sync.WaitGroup
		defer visitors.Wait()
		for i := range 2 * turnstilePlaces { // they hold no place at the turnstile
			visitors.Go(func() { r.call("POST", "/join", fmt.Sprintf(`{"token":"w%d:Cy:consumer"}`, i), 200) })
		}
		ann.send(obj{"type": "tip", "amount": 1, "currency": "EUR"})
		w.at(time.Second)
		begun := time.Now()
		star.say("hello")
		for _, c := range []*client{star, boss, ann} {
			c.wantMessage("in the room", "hello")
		}
		guest := beside.join("guest")
		guest.say("beside")
		guest.wantMessage("beside it", "beside")
		beside.visit(`{"name":"another"}`)
		if took := time.Since(begun); took > 0 {
			w.Errorf("it took %v", took)
		}
		w.bank.set(func(b *bank) {
			if b.now < 20+2*turnstilePlaces {
				w.Errorf("want the service to be asked for all of them, got %d calls", b.now)
			}
		})
		w.at(10 * time.Second)
	}, unlimited)
}

// More questions than may be under way are as if the service had failed.
func TestTooManyQuestions(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		w.bank.hang()
		for range urgentMost {
			w.desk.urgent <- struct{}{}
		}
		ann := r.pay("u1:Ann:consumer")
		begun := time.Now()
		ann.wantRefused("so many", "unavailable", obj{"type": "tip", "amount": 1, "currency": "EUR"})
		if took := time.Since(begun); took > 0 {
			w.Errorf("it took %v", took)
		}
		for range urgentMost {
			<-w.desk.urgent
		}
	})
}

// A panic while an answer is carried out costs those who wait for it, and nobody else.
func TestAnAnswerThatPanics(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		told := make(chan error, 1)
		wait := arrival{tell: func(_ *member, err error) { told <- err }}
		r.Room.arrive(&creditAnswer{ticket: &ticket{user: "nobody", conns: 1, waiting: []arrival{wait}}, err: errBank})
		if err := <-told; err == nil {
			w.Error("want an error")
		}
		r.joinAs("boss:Boss:moderator").do(obj{"type": "message", "text": "on it goes"})
	}, silently, failClosed)
}
