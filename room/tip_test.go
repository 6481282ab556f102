package room

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"chatserver/cache"
)

// euros is a tip of so many with a text.
func euros(amount any, text string) obj {
	return obj{"type": "tip", "amount": amount, "currency": "EUR", "text": text}
}

// A tip is told to all once the service has taken it, and acknowledged when it is kept.
func TestTip(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.room("lobby")
		star := r.joinAs("star:Star:producer")
		ann := r.joinAs("u1:Ann:consumer:member")
		star.clear()
		w.bank.set(func(b *bank) { b.takes = time.Second })
		begun := w.bank.begun
		ann.send(obj{"type": "tip", "id": "t1", "amount": 4.50, "currency": "EUR", "text": " for the soup \r\n"})
		ann.wantIdle("the service is asked")
		star.say("on it goes", "m1")
		star.wantMessage("the room waits for nobody", "on it goes")
		w.at(time.Second + time.Since(begun))
		o := star.until("taken", "tip")
		user := o.obj("user")
		if o.num("seq") != 2 || o["amount"] != 4.5 || o.str("currency") != "EUR" || o.str("text") != "for the soup" ||
			user.str("id") != "u1" || user.str("name") != "Ann" || !user.is("member") {
			w.Errorf("tip: %v", o)
		}
		if a := ann.until("taken", "ack"); a.str("id") != "t1" || a.num("seq") != 2 {
			w.Errorf("ack: %v", a)
		}
		w.bank.heal()
		ann.do(obj{"type": "tip", "amount": 1, "currency": "JPY"})
		if o := star.until("without a text", "tip"); o["text"] != "" {
			w.Errorf("tip: %v", o)
		}
	})
}

func TestTipsOverHTTP(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.room("lobby")
		s := r.visit(`{"token":"u1:Ann:consumer"}`)
		w.bank.set(func(b *bank) { b.takes = time.Second })
		if a := s.send(`{"type":"tip","amount":5,"currency":"EUR"}`); a.str("type") != "ack" || a.num("seq") != 1 {
			w.Errorf("answer: %v", a)
		}
		if got := s.poll("&wait=0"); len(got) != 1 || !strings.Contains(got[0], `"amount":5,"currency":"EUR","text":""`) {
			w.Errorf("the poll heard %v", got)
		}
	})
}

func TestBadTips(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		ann := w.room("lobby").joinAs("u1:Ann:consumer")
		for _, amount := range []string{
			`0`, `-1`, `0.000`, `-0`, `1.0001`, `1e2`, `1E0`, `1e400`, `1000000000`, `99999999999999999999`, `0.0000000000001`,
			`"5"`, `null`, `true`, `{}`, `[5]`, `""`,
		} {
			ann.send(`{"type":"tip","id":"x","amount":` + amount + `,"currency":"EUR"}`)
			if e := ann.wantError(amount, "bad_field"); !strings.Contains(e.str("message"), "amount") || e.str("id") != "x" {
				w.Errorf("amount %s: %v", amount, e)
			}
			w.pass(time.Second)
		}
		for _, amount := range []string{`NaN`, `Infinity`, `01`, `.5`, `5.`, `0x5`, `+5`} {
			ann.send(`{"type":"tip","amount":` + amount + `,"currency":"EUR"}`)
			ann.wantError(amount, "bad_json")
			w.pass(time.Second)
		}
		for _, currency := range []string{`"eur"`, `"EU"`, `"EURO"`, `"E R"`, `"ÉUR"`, `"EUR\n"`, `""`, `5`, `null`} {
			ann.send(`{"type":"tip","amount":5,"currency":` + currency + `}`)
			ann.wantError(currency, "bad_field")
			w.pass(time.Second)
		}
		ann.wantRefused("no fields", "bad_field", obj{"type": "tip"})
		ann.wantRefused("no currency", "bad_field", obj{"type": "tip", "amount": 5})
		ann.wantRefused("a long text", "too_long", euros(1, strings.Repeat("x", 501)))
		ann.wantRefused("an odd text", "bad_field", euros(1, "a\u202eb"))
		w.bank.wantCalls(t, "none of them")
	}, unlimited)
}

// Amounts go on as they were sent, but for needless zeros.
func TestAmounts(t *testing.T) {
	for sent, want := range map[string]string{
		"1": "1", "1.0": "1", "1.50": "1.5", "0.001": "0.001", "100": "100", "999999999.999": "999999999.999", "10.10": "10.1",
	} {
		if got, err := readAmount(json.RawMessage(sent)); err != nil || got.String() != want {
			t.Errorf("%s: got %s, %v, want %s", sent, got, err, want)
		}
	}
}

// A tip's text is under the rules of a message's.
func TestTipsUnderTheRules(t *testing.T) {
	words := func(o *Options) {
		snapshot := cache.NewSnapshot(&cache.Documents{Words: []cache.Word{{Text: "spam"}, {Text: "darn", Mask: true}}}, time.Now())
		o.Snapshot = func() *cache.Snapshot { return snapshot }
	}
	inPaidWorld(t, func(w *paidWorld) {
		r := w.room("lobby")
		star, ann := r.joinAs("star:Star:producer"), r.joinAs("u1:Ann:consumer")
		ann.wantRefused("a blocked word", "blocked_word", euros(1, "buy spam"))
		ann.do(euros(1, "darn good"))
		if o := star.until("a masked word", "tip"); o.str("text") != "**** good" {
			w.Errorf("tip: %v", o)
		}
		star.do(obj{"type": "set", "emotes_only": true, "slow_mode": 60})
		ann.wantRefused("emotes only", "emotes_only", euros(1, "well done"))
		ann.do(euros(1, "👍"))
		ann.do(euros(1, ""))
		star.do(obj{"type": "set", "emotes_only": false, "members_only": true})
		ann.wantRefused("members only", "members_only", euros(1, "well done"))
		ann.do(euros(1, ""))
		var texts []string
		for _, taken := range w.bank.tips {
			texts = append(texts, taken.Text)
		}
		slices.Sort(texts)
		if want := []string{"", "", "**** good", "👍"}; !slices.Equal(texts, want) {
			w.Errorf("the service took %q, want %q", texts, want)
		}
	}, unlimited, words)
	inPaidWorld(t, func(w *paidWorld) {
		ann := w.room("lobby").joinAs("u1:Ann:consumer")
		for range 3 {
			ann.do(euros(1, ""))
		}
		ann.wantRefused("a tip counts as a message", "rate_limited", euros(1, ""))
	})
	inPaidWorld(t, func(w *paidWorld) {
		r := w.room("lobby")
		ann := r.joinAs("u1:Ann:consumer")
		r.joinAs("star:Star:producer").do(obj{"type": "timeout", "user": "u1", "seconds": 60})
		ann.wantRefused("timed out", "timed_out", euros(1, ""))
	})
	inWorld(t, func(w *world) {
		w.room("lobby").joinAs("u1:Ann:consumer").wantRefused("there is no service", "tip_refused", euros(1, ""))
	})
}

// A refusal comes with the service's reason, if that can be shown.
func TestRefusedTips(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.room("lobby")
		ann := r.joinAs("u1:Ann:consumer")
		const ours = "the tip was not accepted"
		for reason, want := range map[string]string{
			"no money":                     "no money",
			"  no money ":                  "no money",
			"<b>no</b>":                    "<b>no</b>",
			" ":                            ours,
			"red\x1b[31m":                  ours,
			"two\nlines":                   ours,
			"turned \u202e":                ours,
			"half \xff a character":        "half  a character",
			strings.Repeat("ä", 1000):      strings.Repeat("ä", 200),
			strings.Repeat("a\u0301", 999): strings.Repeat("a\u0301", 100),
		} {
			w.bank.set(func(b *bank) { b.reason = reason })
			if e := ann.wantRefused(reason, "tip_refused", euros(1, "")); e.str("message") != want || e["retry_after"] != nil {
				w.Errorf("%q: got %v", reason, e)
			}
		}
		if r.State().Seq != 0 {
			w.Error("there is an event")
		}
	}, unlimited)
}

// While the service hangs or fails a tip is unavailable.
func TestTipsWithoutTheService(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.room("lobby")
		ann := r.joinAs("u1:Ann:consumer")
		w.bank.hang()
		ann.send(obj{"type": "tip", "id": "t1", "amount": 1, "currency": "EUR"})
		w.at(3*time.Second - 1)
		ann.wantIdle("it may still answer")
		w.at(3 * time.Second)
		if e := ann.wantError("it hangs", "unavailable"); e.str("id") != "t1" || e.num("retry_after") != 5000 {
			w.Errorf("error: %v", e)
		}
		w.bank.heal()
		w.bank.set(func(b *bank) { b.fails = errBank })
		ann.wantRefused("it fails", "unavailable", euros(1, ""))
		w.bank.heal()
		w.journal.set(false, errBank)
		ann.wantRefused("it could not be kept", "unavailable", euros(1, ""))
		w.journal.set(false, nil)
		w.bank.wantCalls(t, "what cannot be kept is not asked for", "0s tip u1 1 EUR", "3.045s tip u1 1 EUR")
		if r.State().Seq != 0 {
			w.Error("there is an event")
		}
	}, silently)
}

// The same command again is the same tip: while it is under way, afterwards, when the
// answer was lost, when it was not kept, and after a crash.
func TestATipIsTakenOnce(t *testing.T) {
	tip := obj{"type": "tip", "id": "t1", "amount": 5, "currency": "EUR", "text": "soup"}
	taken := func(w *paidWorld, n int) {
		w.Helper()
		if got := len(w.bank.tips); got != n {
			w.Errorf("want %d tips to be taken, got %d", n, got)
		}
	}
	wantAcks := func(w *paidWorld, c *client, n, seq int) {
		w.Helper()
		for range n {
			if a := c.until("taken", "ack"); a.str("id") != "t1" || a.num("seq") != seq {
				w.Errorf("ack: %v", a)
			}
		}
	}
	t.Run("under way and afterwards", func(t *testing.T) {
		inPaidWorld(t, func(w *paidWorld) {
			r := w.room("lobby")
			one, two := r.joinAs("u1:Ann:consumer"), r.joinAs("u1:Ann:consumer")
			w.bank.set(func(b *bank) { b.takes = time.Second })
			one.send(tip)
			one.send(tip)
			two.send(tip)
			w.at(2 * time.Second)
			wantAcks(w, one, 2, 1)
			wantAcks(w, two, 1, 1)
			two.send(tip)
			wantAcks(w, two, 1, 1)
			w.bank.wantCalls(t, "asked once", "0s tip u1 5 EUR soup")
			if n := r.State().Seq; n != 1 {
				w.Errorf("want one event, got %d", n)
			}
		})
	})
	t.Run("the answer was lost", func(t *testing.T) {
		inPaidWorld(t, func(w *paidWorld) {
			r := w.room("lobby")
			ann := r.joinAs("u1:Ann:consumer")
			w.bank.set(func(b *bank) { b.loses = true })
			ann.send(tip)
			w.at(3 * time.Second)
			ann.wantError("nobody knows", "unavailable")
			w.bank.heal()
			ann.send(tip)
			w.pass(time.Second)
			wantAcks(w, ann, 1, 1)
			taken(w, 1)
		})
	})
	t.Run("not kept", func(t *testing.T) {
		inPaidWorld(t, func(w *paidWorld) {
			r := w.room("lobby")
			ann := r.joinAs("u1:Ann:consumer")
			w.bank.set(func(b *bank) { b.takes = time.Second })
			ann.send(tip)
			w.pass(time.Millisecond)
			w.journal.set(false, errBank)
			w.at(2 * time.Second)
			ann.wantError("the disk fails", "unavailable")
			w.journal.set(false, nil)
			ann.send(tip)
			w.at(4 * time.Second)
			wantAcks(w, ann, 1, 1)
			taken(w, 1)
		}, silently)
	})
	t.Run("a crash", func(t *testing.T) {
		inPaidWorld(t, func(w *paidWorld) {
			ann := w.room("lobby").joinAs("u1:Ann:consumer")
			w.bank.set(func(b *bank) { b.loses = true })
			ann.send(tip)
			w.at(time.Second)
			taken(w, 1)
			w.crash(func(w *paidWorld) {
				w.bank.heal()
				again, err := w.Room("lobby")
				if err != nil {
					w.Fatal(err)
				}
				ann := (&testRoom{Room: again, w: w.world}).joinAs("u1:Ann:consumer")
				ann.send(tip)
				w.pass(time.Second)
				wantAcks(w, ann, 1, 1)
				taken(w, 1)
			})
		})
	})
	t.Run("others", func(t *testing.T) {
		inPaidWorld(t, func(w *paidWorld) {
			r := w.room("lobby")
			ann, bob := r.joinAs("u1:Ann:consumer"), r.joinAs("u2:Bob:consumer")
			ann.send(tip)
			bob.send(tip) // has ids of his own
			w.pass(time.Second)
			ann.send(obj{"type": "tip", "amount": 5, "currency": "EUR", "text": "soup"})
			ann.send(obj{"type": "tip", "amount": 5, "currency": "EUR", "text": "soup"})
			w.pass(time.Second)
			(&testRoom{Room: w.room("other").Room, w: w.world}).joinAs("u1:Ann:consumer").send(tip)
			w.pass(time.Second)
			taken(w, 5)
		})
	})
}

// Who tips and is gone or banned before the answer has tipped.
func TestATipOfWhoIsGone(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.room("lobby")
		star := r.joinAs("star:Star:producer")
		ann, bob := r.joinAs("u1:Ann:consumer"), r.joinAs("u2:Bob:consumer")
		star.clear()
		w.bank.set(func(b *bank) { b.takes = time.Second })
		ann.send(euros(1, "from ann"))
		bob.send(euros(2, "from bob"))
		w.pass(time.Millisecond)
		ann.leave()
		star.do(obj{"type": "ban", "user": "u2"})
		w.at(2 * time.Second)
		var got []string
		for range 2 {
			got = append(got, star.until("taken", "tip").str("text"))
		}
		slices.Sort(got)
		if fmt.Sprint(got) != "[from ann from bob]" {
			w.Errorf("tips: %v", got)
		}
	})
}

// A tip's text can be removed as a message's can; that there was a tip stays.
func TestATipsTextIsRemoved(t *testing.T) {
	for name, command := range map[string]obj{"delete": {"type": "delete", "seq": 1}, "clear": {"type": "clear"}} {
		t.Run(name, func(t *testing.T) {
			inPaidWorld(t, func(w *paidWorld) {
				r := w.room("lobby")
				boss, ann, bob := r.joinAs("boss:Boss:moderator"), r.joinAs("u1:Ann:consumer"), r.joinAs("u2:Bob:consumer")
				ann.do(euros(5, "a bad word"))
				bob.wantRefused("another's", "forbidden", obj{"type": "delete", "seq": 1})
				bob.wantRefused("it is no message", "not_found", obj{"type": "message", "text": "hi", "reply_to": 1})
				bob.wantRefused("it is no message", "not_found", obj{"type": "react", "seq": 1, "emoji": "👍"})
				boss.do(command)
				late := r.join("late")
				o := late.until("late", "tip")
				if o["text"] != nil || !o.is("redacted") || o["amount"] != 5.0 || o.str("currency") != "EUR" || o.obj("user").str("id") != "u1" {
					w.Errorf("tip: %v", o)
				}
				boss.wantRefused("twice", "not_found", obj{"type": "delete", "seq": 1})
				for _, show := range []bool{false, true} {
					log, err := w.Log("lobby", "")
					if err != nil {
						w.Fatal(err)
					}
					log.ShowRemoved = show
					lines, err := log.Newest(0, 10)
					if err != nil || strings.Contains(string(lines[0]), "a bad word") != show || !strings.Contains(string(lines[0]), `"redacted":true`) {
						w.Errorf("the log shows %s (%v)", lines, err)
					}
				}
				w.restart(func(w *paidWorld) {
					again, err := w.Room("lobby")
					if err != nil {
						w.Fatal(err)
					}
					late := (&testRoom{Room: again, w: w.world}).join("late")
					if o := late.until("after a restart", "tip"); o["text"] != nil || !o.is("redacted") {
						w.Errorf("tip: %v", o)
					}
				})
			})
		})
	}
}

// ended is what ends the room lobby, by why it is told to do so.
var ended = map[CloseReason]func(*paidWorld){
	reasonClosed:   func(w *paidWorld) { w.wantClose("lobby") },
	reasonShutdown: func(w *paidWorld) { w.stop() },
	reasonRestart:  func(w *paidWorld) { w.handOver(func(*paidWorld) {}) },
}

// A room that ends waits for the tips under way, and takes no more.
func TestTipsWhenARoomEnds(t *testing.T) {
	for reason, end := range ended {
		t.Run(string(reason), func(t *testing.T) {
			inPaidWorld(t, func(w *paidWorld) {
				r := w.room("lobby")
				ann, bob := r.joinAs("u1:Ann:consumer"), r.joinAs("u2:Bob:consumer")
				w.bank.set(func(b *bank) { b.takes = time.Second })
				tip := obj{"type": "tip", "id": "a", "amount": 5, "currency": "EUR"}
				ann.send(tip)
				w.at(500 * time.Millisecond)
				time.AfterFunc(0, func() { end(w) })
				w.at(600 * time.Millisecond)
				if e := bob.wantRefused("the room is about to end", "unavailable", euros(1, "")); e.num("retry_after") != 1000 {
					w.Errorf("error: %v", e)
				}
				bob.say("farewell", "m")
				ann.wantMessage("all else goes on", "farewell")
				ann.send(tip) // a repeat waits for the same answer
				w.at(2 * time.Second)
				if o := ann.want("taken", "tip"); o.num("seq") != 2 {
					w.Errorf("tip: %v", o)
				}
				for range 2 {
					if a := ann.want("kept", "ack"); a.str("id") != "a" || a.num("seq") != 2 {
						w.Errorf("ack: %v", a)
					}
				}
				if o := ann.want("then the room ends", "closing"); o.str("reason") != string(reason) {
					w.Errorf("closing: %v", o)
				}
				w.bank.wantCalls(t, "one tip", "0s tip u1 5 EUR")
			})
		})
	}
}

// A service that hangs delays the end of a room by the time that it has for a tip, or by
// half of what a stop may take.
func TestTipsWhenARoomEndsWithoutTheService(t *testing.T) {
	hanging := func(test func(w *paidWorld, ann *client)) {
		inPaidWorld(t, func(w *paidWorld) {
			ann := w.room("lobby").joinAs("u1:Ann:consumer")
			w.bank.hang()
			ann.send(euros(1, ""))
			w.at(500 * time.Millisecond)
			test(w, ann)
		}, silently)
	}
	hanging(func(w *paidWorld, ann *client) {
		w.wantClose("lobby")
		if took := time.Since(w.bank.begun); took < patience || took > patience+100*time.Millisecond {
			w.Errorf("the room is closed after %v", took)
		}
		ann.wantError("it hangs", "unavailable")
		ann.want("then the room ends", "closing")
	})
	hanging(func(w *paidWorld, ann *client) {
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		if err := w.Drain(ctx); err != nil {
			w.Error(err)
		}
		if took := time.Since(w.bank.begun); took < time.Second || took > 1100*time.Millisecond {
			w.Errorf("the server has stopped after %v", took)
		}
		ann.want("in time", "closing")
	})
}

// A room that is empty does not close under a tip.
func TestATipInAnIdleRoom(t *testing.T) {
	inPaidWorld(t, func(w *paidWorld) {
		r := w.room("lobby")
		ann := r.joinAs("u1:Ann:consumer")
		w.bank.set(func(b *bank) { b.takes = 2 * time.Second })
		ann.send(euros(1, ""))
		w.pass(time.Millisecond)
		ann.leave()
		w.at(3 * time.Second)
		if n := r.State().Seq; n != 1 {
			w.Errorf("want the tip in the log, got %d events", n)
		}
		if _, err := w.Room("lobby"); err == nil {
			w.Error("the room stays open")
		}
	}, func(o *Options) { o.IdleTimeout = 700 * time.Millisecond })
}
