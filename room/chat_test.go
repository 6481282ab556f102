package room

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatserver/internal/text"
)

func TestEverybodySeesTheSameMessagesInOneOrder(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann, bob := r.join("ann"), r.join("bob")
		ann.say("hello", "a1")
		for _, c := range []*client{ann, bob} {
			if m := c.wantMessage("the first message", "hello"); m.num("seq") != 1 || m.obj("user").str("name") != "ann" || m.num("time") == 0 {
				w.Errorf("first message: %v", m)
			}
		}
		if a := ann.want("ann's ack", "ack"); a.str("id") != "a1" || a.num("seq") != 1 {
			w.Errorf("ack: %v", a)
		}
		w.pass(time.Second)
		bob.say("hi ann")
		for _, c := range []*client{ann, bob} {
			if m := c.wantMessage("the second message", "hi ann"); m.num("seq") != 2 {
				w.Errorf("second message: %v", m)
			}
			c.wantIdle("a command without an id gets no ack")
		}
	})
}

func TestWelcomeTellsAllThatAClientNeeds(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		r.set(`{"title":"Cooking live","slow_mode":5}`)
		ann := r.join("Ann")
		got := ann.welcome
		if got.str("room") != "lobby" || got.str("epoch") != r.epoch || got.num("seq") != 1 || got.num("viewers") != 1 {
			w.Errorf("welcome: %v", got)
		}
		if you := got.obj("you"); you.str("name") != "Ann" || you.str("role") != "consumer" || you.str("id") == "" {
			w.Errorf("you: %v", you)
		}
		if s := got.obj("settings"); s.str("title") != "Cooking live" || s.num("slow_mode") != 5 {
			w.Errorf("settings: %v", s)
		}
		if l := got.obj("limits"); l.num("text") != 500 || l.num("bytes") != 8192 || l.num("messages") != 20 || l.num("window") != 30000 {
			w.Errorf("limits: %v", l)
		}
		if gap, isBool := got["gap"].(bool); gap || !isBool {
			w.Errorf("gap: %v", got["gap"])
		}
		ann.want("the settings event in the history", "settings")
	})
}

func TestNamesAreUniqueEvenToTheEye(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		long := strings.Repeat("x", 25)
		for _, c := range []struct{ name, want string }{
			{"", "guest-1"},
			{"  ", "guest-2"},
			{"Ann", "Ann"},
			{"ann", "ann-2"},
			{"аnn", "аnn-3"}, // Cyrillic а
			{"guest-4", "guest-4"},
			{"", "guest-3"},
			{"", "guest-5"},
			{long, long},
			{long, long[:23] + "-2"},
		} {
			if got := r.join(c.name).welcome.obj("you").str("name"); got != c.want {
				w.Errorf("join as %q: named %q, want %q", c.name, got, c.want)
			}
		}
	})
}

func TestAThousandPeopleOfOneName(t *testing.T) {
	r := &Room{members: newMemberSet()}
	for i := range 1000 {
		name := r.uniqueName("anonymous")
		if len(name) > 25 || !strings.HasPrefix(name, "anonymous") {
			t.Fatalf("name %q", name)
		}
		r.members.add(&member{skeleton: text.Skeleton(name), sortKey: name, user: User{ID: strconv.Itoa(i), Name: name}})
	}
	if len(r.members.named) != 1000 {
		t.Errorf("%d different names", len(r.members.named))
	}
}

func TestANameIsFreeOnceItsBearerHasLeft(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		r.join("ann").leave()
		w.pass(closeGrace)
		if got := r.join("ann").welcome.obj("you").str("name"); got != "ann" {
			w.Errorf("named %q", got)
		}
	})
}

func TestABadNameMayBeMended(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		c := r.connect()
		c.send(obj{"type": "join", "id": "j", "name": "a\u202Eb"})
		if e := c.wantError("an override in the name", "bad_name"); e.str("id") != "j" {
			w.Errorf("error: %v", e)
		}
		c.send(obj{"type": "join", "id": "k", "name": "ab"})
		c.want("the second join", "welcome")
		if a := c.want("its answer", "ack"); a.str("id") != "k" || a["seq"] != nil {
			w.Errorf("ack: %v", a)
		}
	})
}

func TestAnArrivalSeesTheHistoryFirst(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		for i := range 5 {
			ann.say(fmt.Sprint("m", i+1))
			w.pass(time.Second)
		}
		bob := r.join("bob")
		for i := 3; i <= 5; i++ {
			bob.wantMessage("history", fmt.Sprint("m", i))
		}
		ann.say("live")
		bob.wantMessage("after the history", "live")
	}, func(o *Options) { o.History = 3 })
}

func TestAClientThatComesBackGetsWhatItMissed(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann, bob := r.join("ann"), r.join("bob")
		ann.say("before")
		bob.wantMessage("while there", "before")
		bob.leave()
		ann.say("missed 1")
		w.pass(time.Second)
		ann.say("missed 2")
		w.pass(time.Second)

		back := r.connect()
		back.send(obj{"type": "join", "epoch": r.epoch, "since": 1})
		if back.want("the welcome", "welcome").gap() {
			w.Error("there is no gap")
		}
		back.wantMessage("missed", "missed 1")
		back.wantMessage("missed", "missed 2")
		back.wantIdle("all is told")
		ann.say("live")
		back.wantMessage("live", "live")
	})
}

func TestAGapIsTold(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		ann.say("one")
		for _, join := range []obj{
			{"type": "join", "epoch": "another", "since": 0},
			{"type": "join", "epoch": r.epoch, "since": 7},
			{"type": "join", "since": 0},
		} {
			c := r.connect()
			c.send(join)
			if !c.want("the welcome", "welcome").gap() {
				w.Errorf("%v: no gap told", join)
			}
			c.wantMessage("an arrival as new", "one")
		}
	})
}

func TestMoreThanResumeLimitIsAGap(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		for i := range resumeLimit + 1 {
			if _, err := r.Say(w.Context(), nil, fmt.Sprint("m", i+1)); err != nil {
				w.Fatal(err)
			}
		}
		c := r.connect()
		c.send(obj{"type": "join", "epoch": r.epoch, "since": 1})
		if c.want("the welcome", "welcome").gap() {
			w.Error("1,000 events are no gap")
		}
		for seq := 2; seq <= resumeLimit+1; seq++ {
			if got := c.want("an event", "message").num("seq"); got != seq {
				w.Fatalf("seq %d, want %d", got, seq)
			}
		}
		c = r.connect()
		c.send(obj{"type": "join", "epoch": r.epoch, "since": 0})
		if !c.want("the welcome", "welcome").gap() {
			w.Error("1,001 events are a gap")
		}
		if got := c.want("an arrival as new", "message").num("seq"); got != 902 {
			w.Errorf("history begins with seq %d", got)
		}
	})
}

func TestACommandIsCarriedOutOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann, bob := r.join("ann"), r.join("bob")
		ann.say("once", "1")
		ann.wantMessage("the message", "once")
		for range 2 {
			if a := ann.want("the same ack", "ack"); a.str("id") != "1" || a.num("seq") != 1 {
				w.Errorf("ack: %v", a)
			}
			w.pass(time.Second)
			ann.say("once", "1")
		}
		ann.want("the same ack", "ack")
		bob.wantMessage("the message", "once")
		bob.wantIdle("it was said once")

		bob.say("mine", "1")
		bob.wantMessage("another user's id is another one", "mine")
		w.pass(repeatPeriod)
		ann.clear()
		ann.say("again", "1")
		ann.wantMessage("after ten minutes it is a new command", "again")
	})
}

func TestReplies(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		ann.say("one")
		ann.wantMessage("the first", "one")
		ann.send(obj{"type": "message", "text": "two", "reply_to": 1})
		if m := ann.wantMessage("the reply", "two"); m.num("reply_to") != 1 {
			w.Errorf("reply: %v", m)
		}
		ann.send(obj{"type": "message", "text": "three", "reply_to": 9, "id": "x"})
		ann.wantError("a reply to nothing", "not_found")
	})
}

func TestWhoAndPing(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		r.join("Anton")
		r.join("bob")
		ann.send(obj{"type": "who", "id": "w1", "prefix": "AN"})
		got := ann.want("who", "people")
		users, _ := got["users"].([]any)
		if got.num("count") != 2 || len(users) != 2 || got.str("id") != "w1" {
			w.Errorf("people: %v", got)
		}
		ann.send(obj{"type": "who", "limit": 1})
		got = ann.want("who", "people")
		if users, _ = got["users"].([]any); got.num("count") != 3 || len(users) != 1 {
			w.Errorf("people: %v", got)
		}
		ann.send(obj{"type": "who", "limit": 0})
		ann.wantError("a bad limit", "bad_field")
		ann.send(obj{"type": "who", "prefix": "zz"})
		if got = ann.want("who", "people"); got.num("count") != 0 {
			w.Errorf("people: %v", got)
		}
		ann.send(obj{"type": "ping", "id": "p"})
		if p := ann.want("ping", "pong"); p.str("id") != "p" {
			w.Errorf("pong: %v", p)
		}
	})
}

func TestLeave(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann, bob := r.join("ann"), r.join("bob")
		ann.send(obj{"type": "leave", "id": "l"})
		ann.want("the answer", "ack")
		ann.wantClosed("after leave", 1000)
		w.pass(viewersPeriod)
		bob.clear()
		if got := r.State().Viewers; got != 1 {
			w.Errorf("%d viewers", got)
		}
	})
}

func TestViewersAreToldAtMostEveryTwoSeconds(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		ann.clear()
		for range 10 {
			r.join("")
		}
		if got := ann.heard(); len(got) > 0 {
			w.Fatalf("too soon for a count, yet heard %v", got)
		}
		w.pass(viewersPeriod)
		if got := ann.heard(); len(got) != 1 || got[0].str("type") != "viewers" || got[0].num("count") != 11 {
			w.Errorf("heard %v, want a count of 11", got)
		}
		ann.clear()
		w.pass(time.Minute)
		if got := ann.heard(); len(got) > 0 {
			w.Errorf("nothing changed, yet heard %v", got)
		}
	})
}

// Who arrives hears a number that the others never heard; when it is over they all
// hear the same again.
func TestViewersAfterAnArrivalAndALeave(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		w.pass(500 * time.Millisecond)
		bob := r.join("bob")
		ann.leave()
		w.pass(viewersPeriod)
		if o := bob.want("the number that is true", "viewers"); bob.welcome.num("viewers") != 2 || o.num("count") != 1 {
			w.Errorf("welcome %v, then %v", bob.welcome, o)
		}
	})
}

func TestSettingsHold(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		r.set(`{"slow_mode":10}`)
		if s := ann.want("the change", "settings"); s.num("slow_mode") != 10 || s.obj("by").str("id") != "platform" {
			w.Errorf("settings: %v", s)
		}
		w.pass(time.Second)
		ann.say("one")
		ann.wantMessage("the first", "one")
		w.pass(4 * time.Second)
		ann.say("two", "2")
		if e := ann.wantError("slow mode", "slow_mode"); e.num("retry_after") != 6000 {
			w.Errorf("error: %v", e)
		}
		w.pass(6 * time.Second)
		ann.say("two")
		ann.wantMessage("after the wait", "two")

		r.set(`{"slow_mode":0,"unique":true}`)
		ann.want("the change", "settings")
		ann.send(obj{"type": "message", "text": "same", "reply_to": 999})
		ann.wantError("nothing was said", "not_found")
		w.pass(time.Second)
		ann.say("same")
		ann.wantMessage("once", "same")
		ann.say("same")
		ann.wantError("again", "duplicate")
		w.pass(uniquePeriod)
		ann.say("same")
		ann.wantMessage("much later", "same")

		r.set(`{"unique":false,"members_only":true}`)
		ann.want("the change", "settings")
		ann.say("hello")
		ann.wantError("a guest is no member", "members_only")

		r.set(`{"members_only":true}`)
		ann.wantIdle("nothing changed")
	})
}

func TestGuestsMayBeKeptOut(t *testing.T) {
	inWorld(t, func(w *world) {
		ann := w.room("lobby").join("ann")
		ann.say("hello")
		ann.wantError("guests only read", "guests_read_only")
	}, func(o *Options) { o.Guests = GuestsRead })
	inWorld(t, func(w *world) {
		c := w.room("lobby").connect()
		c.send(obj{"type": "join"})
		c.wantError("guests are kept out", "unauthorized")
		c.wantClosed("guests are kept out", 4501)
	}, func(o *Options) { o.Guests = GuestsNone })
}

func TestATokenIsRefused(t *testing.T) {
	wantTurnedAway := func(w *world) {
		c := w.room("lobby").connect()
		c.send(obj{"type": "join", "token": "abc"})
		c.wantError("no token of ours", "unauthorized")
		c.wantClosed("no token of ours", 4501)
	}
	inWorld(t, wantTurnedAway)
	inWorld(t, wantTurnedAway, func(o *Options) { o.Tokens = nil })
}
