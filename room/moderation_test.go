package room

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatserver/cache"
)

// secret is what must be heard by nobody who comes after it was removed.
const secret = "the-secret"

// wantNothingOf fails if a text stands in what somebody heard.
func wantNothingOf(t *testing.T, why, text string, heard []string) {
	t.Helper()
	for _, e := range heard {
		if strings.Contains(e, text) {
			t.Errorf("%s: heard %s", why, e)
		}
	}
}

// texts returns what a client has heard, as JSON.
func (c *client) texts() []string {
	var all []string
	for _, o := range c.heard() {
		all = append(all, string(encode(o)))
	}
	return all
}

// TestARemovedMessageIsSentToNobody removes a message by each way, and looks for it on
// every path.
func TestARemovedMessageIsSentToNobody(t *testing.T) {
	for _, command := range []obj{{"type": "delete", "seq": 2}, {"type": "clear"}} {
		inWorld(t, func(w *world) {
			r := w.room("lobby")
			mod, ann := r.joinAs("mod:Mod:moderator"), r.joinAs("u1:Ann:consumer")
			poller := r.visit(`{"name":"poller"}`)
			mod.do(obj{"type": "announce", "text": "begin"})
			ann.do(obj{"type": "message", "text": secret})
			mod.clear()
			mod.do(command)
			if kind := command.str("type") + "d"; kind == "deleted" {
				if o := ann.until("those who had it", "deleted"); o.num("target") != 2 || o.obj("by").str("id") != "mod" {
					t.Errorf("deleted: %v", o)
				}
			}
			why := command.str("type")
			late := r.join("late")
			wantNothingOf(t, why+": history", secret, late.texts())
			if o := late.until("it keeps its place", "message"); !o.is("redacted") || o.num("seq") != 2 || o.obj("user").str("id") != "u1" || o["text"] != nil {
				t.Errorf("%s: redacted: %v", why, o)
			}
			back := r.connect()
			back.send(obj{"type": "join", "epoch": r.epoch, "since": 1})
			wantNothingOf(t, why+": resume", secret, back.texts())
			wantNothingOf(t, why+": poll", secret, poller.poll("&since=1&wait=0"))
			wantNothingOf(t, why+": stream", secret, r.stream("", r.epoch+":1").events())
			l, err := w.Log("lobby", "")
			if err != nil {
				t.Fatal(err)
			}
			for e, err := range l.Events(0, 0) {
				if err != nil || strings.Contains(string(e), secret) {
					t.Errorf("%s: log: %s, %v", why, e, err)
				}
			}
			l.ShowRemoved = true
			shown, err := l.Newest(3, 1)
			if err != nil || len(shown) != 1 || !strings.Contains(string(shown[0]), secret) || !strings.HasSuffix(string(shown[0]), `,"redacted":true}`) {
				t.Errorf("%s: the operator's log: %s, %v", why, shown, err)
			}
			w.stop()
			w.restarted(func(w *world) {
				again, err := w.Room("lobby")
				if err != nil {
					t.Fatal(err)
				}
				wantNothingOf(t, why+": after a restart", secret, (&testRoom{again, w}).join("later").texts())
			})
		})
	}
}

// TestARemovedMessageIsNotSentFromABatch removes a message that is still gathered.
func TestARemovedMessageIsNotSentFromABatch(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		mod, bob := r.joinAs("mod:Mod:moderator"), r.joinAs("u2:Bob:consumer")
		stream := r.stream("", "")
		w.pass(time.Minute)
		bob.clear()
		mod.send(obj{"type": "message", "text": "first"}) // goes out at once
		mod.send(obj{"type": "message", "text": secret})
		mod.send(obj{"type": "message", "text": "third"})
		mod.send(obj{"type": "delete", "seq": 2})
		bob.wantMessage("first", "first")
		if o := bob.want("the place of the second", "message"); !o.is("redacted") || o.num("seq") != 2 {
			t.Errorf("want a redacted message, got %v", o)
		}
		bob.wantMessage("third", "third")
		bob.want("its deletion", "deleted")
		wantNothingOf(t, "stream", secret, stream.events())
	})
}

func TestAPinGoesWithItsMessage(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		mod := r.joinAs("mod:Mod:moderator")
		seq := mod.do(obj{"type": "message", "text": "rules"})
		mod.wantRefused("no message", "not_found", obj{"type": "set", "pinned": 99})
		mod.do(obj{"type": "set", "pinned": seq})
		if got := r.State().Settings.Pinned; int(got) != seq {
			t.Errorf("pinned %d", got)
		}
		mod.wantRefused("no message either", "not_found", obj{"type": "set", "pinned": seq + 1})
		mod.clear()
		mod.do(obj{"type": "delete", "seq": seq})
		if o := mod.until("it is unpinned", "settings"); o["pinned"] != nil || fmt.Sprint(o) == "" {
			t.Errorf("settings: %v", o)
		}
		if got := r.State().Settings.Pinned; got != 0 {
			t.Errorf("pinned %d", got)
		}
		mod.wantRefused("it is gone", "not_found", obj{"type": "delete", "seq": seq})
		mod.wantRefused("it is gone", "not_found", obj{"type": "react", "seq": seq, "emoji": "👍"})
		mod.wantRefused("it is gone", "not_found", obj{"type": "message", "text": "re", "reply_to": seq})
		seq = mod.do(obj{"type": "message", "text": "new rules"})
		mod.do(obj{"type": "set", "pinned": seq})
		mod.do(obj{"type": "set", "pinned": nil})
		if got := r.State().Settings.Pinned; got != 0 {
			t.Errorf("pinned %d", got)
		}
	})
}

func TestAMessageThatTheRoomDoesNotHoldIsDeleted(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann, mod := r.joinAs("u1:Ann:consumer"), r.joinAs("mod:Mod:moderator")
		ann.do(obj{"type": "message", "text": secret})
		for i := range 2*resumeLimit + 1 {
			mod.do(obj{"type": "message", "text": strconv.Itoa(i)})
		}
		held, err := call(w.Context(), r.Room, atOnce(func(r *Room) (bool, error) { return r.events.at(1) != nil, nil }))
		if err != nil || held {
			t.Fatalf("the room holds it still (%v)", err)
		}
		r.joinAs("u2:Bob:consumer").wantRefused("another's", "forbidden", obj{"type": "delete", "seq": 1})
		ann.do(obj{"type": "delete", "seq": 1})
		ann.wantRefused("it is gone", "not_found", obj{"type": "delete", "seq": 1})
		l, err := w.Log("lobby", "")
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range l.Events(0, 2) {
			if err != nil || strings.Contains(string(e), secret) {
				t.Errorf("log: %s", e)
			}
		}
	}, unlimited, func(o *Options) { o.Limits.Moderators = o.Limits.Commands })
}

func TestATimeoutHolds(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		mod, ann, guest := r.joinAs("mod:Mod:moderator"), r.joinAs("u1:Ann:consumer"), r.join("guest")
		mod.do(obj{"type": "timeout", "user": "u1", "seconds": 60, "reason": "calm down"})
		o := guest.until("everybody sees it", "sanction")
		if o.str("kind") != "timeout" || o.obj("user").str("name") != "Ann" || o.str("reason") != "calm down" || o.obj("by").str("id") != "mod" ||
			time.Until(time.UnixMilli(int64(o.num("until")))).Round(time.Second) != time.Minute {
			t.Errorf("sanction: %v", o)
		}
		refused := ann.wantRefused("timed out", "timed_out", obj{"type": "message", "text": "but"})
		if n := refused.num("retry_after"); n < 59_000 || n > 60_000 {
			t.Errorf("retry_after %d", n)
		}
		ann.wantRefused("timed out", "timed_out", obj{"type": "whisper", "to": "mod", "text": "but"})
		ann.leave()
		r.joinAs("u1:Ann:consumer").wantRefused("it holds for who comes back", "timed_out", obj{"type": "message", "text": "but"})
		w.pass(time.Minute)
		r.joinAs("u1:Ann:consumer").do(obj{"type": "message", "text": "sorry"})

		mod.do(obj{"type": "timeout", "user": guest.id(), "seconds": 60})
		guest.wantRefused("a guest", "timed_out", obj{"type": "message", "text": "but"})
		r.join("other").wantRefused("a guest of the same address", "timed_out", obj{"type": "message", "text": "but"})
		r.joinAs("u2:Bob:consumer").do(obj{"type": "message", "text": "I am known by id"})
		mod.do(obj{"type": "unban", "user": guest.id()})
		guest.do(obj{"type": "message", "text": "thanks"})
		mod.wantRefused("once", "not_found", obj{"type": "unban", "user": guest.id()})
	})
}

func TestABanHolds(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		mod, ann := r.joinAs("mod:Mod:moderator"), r.joinAs("u1:Ann:consumer")
		session := r.visit(`{"token":"u1:Ann:consumer"}`)
		stream := r.stream("?session="+session.session, "")
		mod.do(obj{"type": "ban", "user": "u1", "reason": "spam"})
		if o := ann.until("thrown out", "closing"); o.str("reason") != "banned" || o["reconnect_after"] != nil {
			t.Errorf("closing: %v", o)
		}
		ann.wantClosed("thrown out", 4502)
		w.pass(2 * closeGrace) // a pipe has no half to close
		stream.events()
		if !stream.ended || !slices.Contains(stream.heard, `{"type":"closing","reason":"banned"}`) {
			t.Errorf("want the stream to end, heard %v", stream.heard)
		}
		r.getFrom("/poll?wait=0&session="+session.session, 200) // which tells, once
		r.getFrom("/poll?wait=0&session="+session.session, 404)
		back := r.connect()
		back.send(obj{"type": "join", "token": "u1:Ann:consumer", "epoch": r.epoch, "since": 0})
		back.wantError("a ban beats a resume", "banned")
		back.wantClosed("a ban beats a resume", 4502)
		if p := r.postTo("/join", `{"token":"u1:Ann:consumer"}`, 403); p.str("code") != "banned" {
			t.Errorf("join: %v", p)
		}
		mod.do(obj{"type": "unban", "user": "u1"})
		r.joinAs("u1:Ann:consumer")
	})
}

// TestAGuestWhoHasLeftIsBanned bans by the address that somebody had.
func TestAGuestWhoHasLeftIsBanned(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		mod, troll := r.joinAs("mod:Mod:moderator"), r.join("troll")
		troll.leave()
		mod.do(obj{"type": "ban", "user": troll.id()})
		c := r.connect()
		c.send(obj{"type": "join"})
		c.wantError("the same address", "banned")
		c.wantClosed("the same address", 4502)
		r.joinAs("u1:Ann:consumer").do(obj{"type": "message", "text": "I am known by id"})
	})
}

func TestSettingsOfAModerator(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		mod, ann := r.joinAs("mod:Mod:moderator"), r.joinAs("u1:Ann:consumer:member")
		mod.do(obj{"type": "set", "emotes_only": true, "title": "Cats"})
		o := ann.until("everybody hears", "settings")
		if !o.is("emotes_only") || o.str("title") != "Cats" || o.obj("by").str("name") != "Mod" || len(o) != 6 {
			t.Errorf("settings: %v", o)
		}
		ann.wantRefused("words", "emotes_only", obj{"type": "message", "text": "hello"})
		ann.do(obj{"type": "message", "text": "🐈 🐈‍⬛"})
		if seq := mod.do(obj{"type": "set", "title": "Cats"}); seq != 0 {
			t.Errorf("want no event for what is so already, got %d", seq)
		}
		mod.wantRefused("nothing", "bad_field", obj{"type": "set"})
		mod.wantRefused("not here", "bad_field", obj{"type": "set", "max_connections": 5})
		mod.wantRefused("out of bounds", "bad_field", obj{"type": "set", "slow_mode": -1})
	})
}

func TestASanctionedModeratorModeratesNoMore(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		star, mod, other := r.joinAs("star:Star:producer"), r.joinAs("mod:Mod:moderator"), r.joinAs("mod2:Mod2:moderator")
		star.do(obj{"type": "timeout", "user": "mod", "seconds": 60})
		for _, command := range []obj{{"type": "unban", "user": "mod"}, {"type": "announce", "text": "no"}, {"type": "clear"}} {
			mod.wantRefused("timed out", "timed_out", command)
		}
		other.wantRefused("his equal", "forbidden", obj{"type": "unban", "user": "mod"})
		star.do(obj{"type": "unban", "user": "mod"})
		mod.do(obj{"type": "announce", "text": "thanks"})
	})
}

// TestABanOfAnAddressHoldsBesideThatOfAGuest has a guest banned for ever at an address that
// the operator has banned for everybody.
func TestABanOfAnAddressHoldsBesideThatOfAGuest(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		mod, guest := r.joinAs("mod:Mod:moderator"), r.join("guest")
		mod.do(obj{"type": "ban", "user": guest.id()})
		r.joinAs("u1:Ann:consumer")
		net := netip.MustParsePrefix("192.0.2.1/32")
		if _, err := w.opts.Sanctions.Sanction(cache.Ban{Net: net, Expires: time.Now().Add(time.Hour)}, func(error) {}); err != nil {
			t.Fatal(err)
		}
		c := r.connect()
		c.send(obj{"type": "join", "token": "u2:Bob:consumer"})
		c.wantError("the address is banned", "banned")
	})
}

func TestTheHighestRoleOfAUserCounts(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		star, again, mod := r.joinAs("star:Star:producer"), r.joinAs("star:Star:consumer"), r.joinAs("mod:Mod:moderator")
		mod.wantRefused("he is the producer", "forbidden", obj{"type": "ban", "user": "star"})
		again.wantRefused("not by this token", "forbidden", obj{"type": "clear"})
		star.do(obj{"type": "clear"})
	})
}
