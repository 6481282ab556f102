package room

import (
	"testing"
	"time"
)

// These tests hold the room to the rule that the time which a user was in a paid room
// counts once, whatever happens.

// A user has one session, however many connections.
func TestSeveralConnectionsPayOnce(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		w.bank.set(func(b *bank) { b.takes = time.Second })
		one, two := r.arrive("u1:Ann:consumer"), r.arrive("u1:Ann:consumer") // while it is asked
		w.at(time.Second)
		one.want("the first", "welcome")
		two.want("the second", "welcome")
		w.at(10 * time.Second)
		one.leave()
		s := r.visit(`{"token":"u1:Ann:consumer"}`)
		w.at(20 * time.Second)
		s.poll("&wait=0")
		two.send(obj{"type": "leave"})
		w.at(30 * time.Second)
		s.send(`{"type":"leave"}`)
		w.at(40 * time.Second)
		w.bank.wantCalls(t, "one session", "0s open u1", "30s end s1 29s")
	})
}

// Whoever comes back within a few seconds goes on with the same session, and what lies
// between does not count.
func TestComingBackGoesOn(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		r.pay("u1:Ann:consumer").leave()
		for range 10 { // 2 s there, 2 s not
			w.pass(2 * time.Second)
			ann := r.arrive("u1:Ann:consumer")
			ann.want("nobody has to be asked", "welcome")
			w.pass(2 * time.Second)
			ann.leave()
		}
		w.at(42 * time.Second)
		w.bank.wantCalls(t, "the connection broke", "0s open u1")
		w.at(44 * time.Second)
		w.bank.wantCalls(t, "it broke for longer", "43s end s1 20s")
		r.pay("u1:Ann:consumer").send(obj{"type": "leave"})
		w.at(50 * time.Second)
		w.bank.wantCalls(t, "a new session", "44s open u1", "44s end s2 0s")
		w.bank.wantBooks(t, "in the end", map[string]time.Duration{"u1": 20 * time.Second})
	})
}

// Whoever comes back when the allowed time is over is asked for before.
func TestComingBackTooLate(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		w.bank.left = time.Second
		r := w.paid("lobby")
		r.pay("u1:Ann:consumer").leave()
		w.at(2 * time.Second)
		w.bank.deny["u1"] = true
		r.arrive("u1:Ann:consumer").wantClosed("no credit", 4506)
		w.at(10 * time.Second)
		w.bank.wantCalls(t, "asked again", "0s open u1", "2s renew s1 0s", "2s end s1 0s")
	})
}

// A session of HTTP that nobody reads any more lives on for a minute; that does not count.
func TestASessionCountsWhileItIsRead(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		s := r.visit(`{"token":"u1:Ann:consumer"}`)
		for range 5 {
			w.pass(4 * time.Second)
			s.poll("&wait=0")
		}
		w.at(2 * time.Minute)
		w.bank.wantBooks(t, "it is read no more", map[string]time.Duration{"u1": 20 * time.Second})
	})
}

// An answer that is lost makes no second session, no second time and no second end.
func TestLostAnswersCountOnce(t *testing.T) {
	for name, change := range map[string]func(*Options){"fail open": func(*Options) {}, "fail closed": failClosed} {
		t.Run(name, func(t *testing.T) {
			inPaidWorld(t, func(w *paidWorld) {
				lose := func(b *bank) { b.loses = true }
				r := w.paid("lobby")
				w.bank.set(lose)
				ann := r.arrive("u1:Ann:consumer")
				w.at(3 * time.Second)
				w.bank.heal()
				if name == "fail closed" {
					ann.wantClosed("no answer", 4506)
					w.at(9 * time.Second)
					ann = r.arrive("u1:Ann:consumer")
				}
				w.at(10 * time.Second)
				ann.until("in the end", "welcome")
				came := 3 * time.Second
				if name == "fail closed" {
					came = 9 * time.Second
				}
				if n := w.bank.sessions(); n != 1 {
					w.Errorf("want one session, got %d", n)
				}
				w.at(60 * time.Second)
				w.bank.set(lose) // renewals
				w.at(65 * time.Second)
				w.bank.heal()
				w.at(90 * time.Second)
				w.bank.set(lose) // the end
				ann.send(obj{"type": "leave"})
				w.at(100 * time.Second)
				w.bank.heal()
				w.at(140 * time.Second)
				w.bank.wantBooks(t, "in the end", map[string]time.Duration{"u1": 90*time.Second - came})
				if n := w.bank.sessions(); n != 1 {
					w.Errorf("want one session, got %d", n)
				}
			}, change)
		})
	}
}

// Where the service was away all the time, it hears of it once it is back.
func TestTimeDuringAnOutageCountsOnce(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		w.bank.set(func(b *bank) { b.fails = errBank })
		ann := r.pay("u1:Ann:consumer")
		w.at(20 * time.Second)
		ann.send(obj{"type": "leave"})
		w.at(30 * time.Second)
		r.pay("u1:Ann:consumer").leave()
		w.at(100 * time.Second)
		w.bank.heal()
		w.at(200 * time.Second)
		w.bank.wantBooks(t, "in the end", map[string]time.Duration{"u1": 20 * time.Second})
	})
}

// A service that forgets a session gets a new one, which counts from then on.
func TestAForgottenSession(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		ann := r.pay("u1:Ann:consumer")
		w.at(10 * time.Second)
		w.bank.set(func(b *bank) { delete(b.accounts, "s1") })
		w.at(70 * time.Second)
		ann.wantIdle("nobody notices")
		ann.send(obj{"type": "leave"})
		w.at(80 * time.Second)
		w.bank.wantCalls(t, "a new one", "0s open u1", "56s renew s1 56s", "56.25s open u1", "1m10s end s2 14s")

		ann = r.pay("u1:Ann:consumer")
		ann.leave()
		w.bank.set(func(b *bank) { delete(b.accounts, "s3"); b.left = time.Second })
		w.at(82 * time.Second)
	})
}

// A room that closes ends all its sessions.
func TestAClosedRoomEndsItsSessions(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		r.pay("u1:Ann:consumer")
		r.pay("u2:Bob:consumer").leave()
		w.at(time.Second)
		w.wantClose("lobby")
		w.at(2 * time.Second)
		w.bank.wantBooks(t, "closed", map[string]time.Duration{"u1": time.Second, "u2": 0})
		if kept, _ := w.journal.Tickets(); len(kept) > 0 {
			w.Errorf("the journal still has %v", kept)
		}
	})
}

// After a stop or a crash a user goes on with the same session, and whoever does not come
// back has used what was known.
func TestARestartCountsOnce(t *testing.T) {
	for _, name := range []string{"stop", "hand-over", "crash"} {
		crash := name == "crash"
		t.Run(name, func(t *testing.T) {
			inPaidWorld(t, func(w *paidWorld) {
				r := w.paid("lobby")
				r.pay("u1:Ann:consumer")
				r.pay("u2:Bob:consumer")
				r.pay("u3:Cy:consumer").send(obj{"type": "leave"})
				w.at(58 * time.Second) // asked again at 56 s
				w.bank.wantCalls(t, "before", "0s open u1", "0s open u2", "0s open u3", "56s renew s1 56s", "56.25s renew s2 56s", "0s end s3 0s")
				restart, known, knownOfBob := w.restart, 58, "58s"
				switch name {
				case "hand-over":
					restart = w.handOver
				case "crash":
					restart, known, knownOfBob = w.crash, 56, "56s"
				}
				restart(func(w *paidWorld) {
					w.at(70 * time.Second)
					again, err := w.Room("lobby")
					if err != nil {
						w.Fatal(err)
					}
					r := &testRoom{Room: again, w: w.world}
					ann := r.arrive("u1:Ann:consumer")
					ann.want("allowed until 1m56s", "welcome")
					w.at(100 * time.Second)
					w.bank.wantCalls(t, "it goes on")
					w.at(180 * time.Second)
					ann.send(obj{"type": "leave"})
					w.at(200 * time.Second)
					calls := []string{"1m52s renew s1 1m40s", "2m48s renew s1 2m36s", "3m0s end s1 2m48s", "1m58s end s2 " + knownOfBob}
					if crash {
						calls = []string{"1m52s renew s1 1m38s", "2m48s renew s1 2m34s", "3m0s end s1 2m46s", "1m58s end s2 " + knownOfBob}
					}
					w.bank.wantCalls(t, "in the end", calls...)
					w.bank.wantBooks(t, "in the end", map[string]time.Duration{
						"u1": time.Duration(known+110) * time.Second, "u2": time.Duration(known) * time.Second, "u3": 0,
					})
				})
			})
		})
	}
}

// An end that the service has not heard before the server ends, it hears after the next
// start; so it does of rooms that are not there any more.
func TestEndsSurviveARestart(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r, s := w.paid("lobby"), w.paid("closed")
		ann := r.pay("u1:Ann:consumer")
		s.pay("u2:Bob:consumer")
		w.at(10 * time.Second)
		w.bank.set(func(b *bank) { b.fails = errBank })
		ann.send(obj{"type": "leave"})
		w.wantClose("closed")
		w.at(20 * time.Second)
		w.bank.heal() // before the next try
		w.restart(func(w *paidWorld) {
			w.at(30 * time.Second)
			w.bank.wantBooks(t, "after the start", map[string]time.Duration{"u1": 10 * time.Second, "u2": 10 * time.Second})
			if kept, _ := w.journal.Tickets(); len(kept) > 0 {
				w.Errorf("the journal still has %v", kept)
			}
		})
	})
}

// A crash between the question and the answer makes no second session.
func TestACrashBeforeTheAnswer(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		w.bank.set(func(b *bank) { b.loses = true })
		r.arrive("u1:Ann:consumer")
		w.at(time.Second)
		w.crash(func(w *paidWorld) {
			w.bank.heal()
			w.at(10 * time.Second)
			again, err := w.Room("lobby")
			if err != nil {
				w.Fatal(err)
			}
			r := &testRoom{Room: again, w: w.world}
			r.pay("u1:Ann:consumer").send(obj{"type": "leave"})
			w.at(20 * time.Second)
			w.bank.wantBooks(t, "in the end", map[string]time.Duration{"u1": 0})
			if n := w.bank.sessions(); n != 1 {
				w.Errorf("want one session, got %d", n)
			}
		})
	})
}

// Who was let in while the service failed, and is not there when it is back, has their time
// told all the same, however the server has ended. A crash costs what came after the room
// last asked.
func TestTimeWithoutTheServiceSurvives(t *testing.T) {
	for how, end := range map[string]func(*paidWorld, func(*paidWorld)){
		"restart": (*paidWorld).restart, "hand-over": (*paidWorld).handOver, "crash": (*paidWorld).crash,
	} {
		t.Run(how, func(t *testing.T) {
			inPaidWorld(t, func(w *paidWorld) {
				r := w.paid("lobby")
				w.bank.set(func(b *bank) { b.fails = errBank })
				r.pay("u1:Ann:consumer")
				w.at(100 * time.Second)
				end(w, func(w *paidWorld) {
					w.bank.heal()
					w.at(300 * time.Second)
					want := 100 * time.Second
					if how == "crash" {
						want -= creditRetry
					}
					w.bank.wantBooks(t, "in the end", map[string]time.Duration{"u1": want})
				})
			})
		})
	}
}

// A session of which the server has never heard is ended when its user does not come back,
// after a crash too.
func TestALostAnswerIsEnded(t *testing.T) {
	lost := func(w *paidWorld) {
		r := w.paid("lobby")
		w.bank.set(func(b *bank) { b.loses = true })
		r.arrive("u1:Ann:consumer")
		w.at(time.Second)
	}
	ended := func(w *paidWorld) {
		w.bank.heal()
		w.at(300 * time.Second)
		w.bank.wantBooks(t, "in the end", map[string]time.Duration{"u1": 0})
	}
	t.Run("crash", func(t *testing.T) {
		inPaidWorld(t, func(w *paidWorld) {
			lost(w)
			w.crash(ended)
		})
	})
	t.Run("closed", func(t *testing.T) {
		inPaidWorld(t, func(w *paidWorld) {
			lost(w)
			ended(w)
		}, failClosed)
	})
}

// Nobody is told of who came while the service was not even asked.
func TestWhoWasNotAskedForIsForgotten(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		w.bank.set(func(b *bank) { b.fails = ErrNotAsked })
		r.arrive("u1:Ann:consumer")
		w.at(100 * time.Second)
		w.bank.heal()
		w.at(300 * time.Second)
		if n := w.bank.sessions(); n != 0 {
			w.Errorf("want no session, got %d", n)
		}
		if kept, _ := w.journal.Tickets(); len(kept) > 0 {
			w.Errorf("the journal still has %v", kept)
		}
	}, failClosed)
}

// A service that never hears of an end is given up after a day.
func TestAnEndIsGivenUp(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		r.pay("u1:Ann:consumer").send(obj{"type": "leave"})
		w.bank.set(func(b *bank) { b.fails = errBank })
		w.at(25 * time.Hour)
		if kept, _ := w.journal.Tickets(); len(kept) > 0 {
			w.Errorf("the journal still has %v", kept)
		}
	}, silently)
}

// A journal that fails keeps nobody out.
func TestPaidRoomsWithoutTheJournal(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.paid("lobby")
		w.journal.set(false, errBank)
		r.pay("u1:Ann:consumer").send(obj{"type": "leave"})
		w.at(10 * time.Second)
		w.journal.set(false, nil)
		w.bank.wantBooks(t, "in the end", map[string]time.Duration{"u1": 0})
	}, silently)
}
