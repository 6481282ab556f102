package room

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/cache"
	"chatserver/internal/fault"
	"chatserver/journal"
)

func TestATokenSaysWhoComes(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		guest := r.join("Ann")
		ann := r.joinAs("u1:Ann:consumer:member")
		you := ann.welcome.obj("you")
		if you.str("id") != "u1" || you.str("name") != "Ann" || you.str("role") != "consumer" || !you.is("member") {
			t.Errorf("you: %v", you)
		}
		ann.say("hello")
		if m := guest.until("a message", "message"); !m.obj("user").is("member") {
			t.Errorf("message: %v", m)
		}
		if late := r.join("Ann").welcome.obj("you").str("name"); late == "Ann" {
			t.Error("a guest bears the name of a user")
		}
	})
}

func TestAConnectionEndsWithItsToken(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		r.joinAs("u1:Ann:consumer:90s").wantClosed("the token has expired", 4501)
		s := r.postTo("/join", `{"token":"u1:Ann:consumer:90s"}`, 200)
		w.pass(100 * time.Second)
		r.getFrom("/poll?session="+s.obj("data").str("session"), 404)
	})
}

func TestAUserHasFourConnections(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		first := r.joinAs("u1:Ann:consumer")
		for range 3 {
			r.joinAs("u1:Ann:consumer")
		}
		first.wantIdle("four are allowed")
		r.joinAs("u1:Ann:consumer")
		if o := first.until("the fifth replaces the oldest", "closing"); o.str("reason") != "replaced" || o["reconnect_after"] != nil {
			t.Errorf("closing: %v", o)
		}
		first.wantClosed("the fifth replaces the oldest", 4505)
		if n := r.State().Viewers; n != 4 {
			t.Errorf("want 4 viewers, got %d", n)
		}
	})
}

func TestConnectionsOfAUserShareItsLimits(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		one, two := r.joinAs("u1:Ann:consumer"), r.joinAs("u1:Ann:consumer")
		one.do(obj{"type": "message", "text": "1"})
		two.do(obj{"type": "message", "text": "2"})
		one.do(obj{"type": "message", "text": "3"})
		two.wantRefused("four in a second", "rate_limited", obj{"type": "message", "text": "4"})
		one.leave()
		two.leave()
		r.joinAs("u1:Ann:consumer").wantRefused("who comes back has the same limit", "rate_limited", obj{"type": "message", "text": "5"})
	})
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		r.set(`{"slow_mode":60}`)
		ann := r.joinAs("u1:Ann:consumer")
		ann.do(obj{"type": "message", "text": "1"})
		ann.leave()
		r.joinAs("u1:Ann:consumer").wantRefused("who comes back is as slow", "slow_mode", obj{"type": "message", "text": "2"})
	})
}

func TestTheDatabaseRaisesRoles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database := new(source)
		database.say(cache.Documents{})
		cached := database.follow(t)
		inThisBubble(t, func(w *world) {
			r := w.room("lobby")
			ann := r.joinAs("u1:Ann:consumer")
			ann.wantRefused("a consumer", "forbidden", obj{"type": "clear"})
			database.say(cache.Documents{Rooms: []cache.Room{{Name: "lobby", Owner: "u1", Moderators: []string{"u2"}}}})
			w.pass(2 * time.Second)
			ann.do(obj{"type": "clear"})
			for id, role := range map[string]string{"u1": "producer", "u2": "moderator", "u3": "consumer"} {
				if got := r.joinAs(id + ":Ann:consumer").welcome.obj("you").str("role"); got != role {
					t.Errorf("%s: want %s, got %s", id, role, got)
				}
			}
			if p := r.State().Producer; p == nil || p.ID != "u1" {
				t.Errorf("want u1 to be the producer, got %v", p)
			}
			if got := r.joinAs("u2:Ann:producer").welcome.obj("you").str("role"); got != "producer" {
				t.Errorf("want the database not to lower a role, got %s", got)
			}
			w.journal.set(false, journal.ErrUnavailable)
			title := "which cannot be kept now"
			database.say(cache.Documents{Rooms: []cache.Room{{Name: "lobby", Title: &title}}})
			w.pass(2 * time.Second)
			ann.wantRefused("lowered, whatever the disk does", "forbidden", obj{"type": "clear"})
			w.journal.set(false, nil)
			w.pass(2 * unavailableRetry)
			if got := r.State().Title; got != title {
				t.Errorf("want the title to follow, got %q", got)
			}
		}, func(o *Options) { o.Snapshot = cached.Snapshot })
	})
}

// TestSettingsRaiseRoles sets owner and moderators over REST, over what the database says.
func TestSettingsRaiseRoles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database := new(source)
		said := cache.Documents{Rooms: []cache.Room{{Name: "lobby", Owner: "u8", Moderators: []string{"u9"}}}}
		database.say(said)
		cached := database.follow(t)
		inThisBubble(t, func(w *world) {
			w.pass(2 * time.Second)
			patch, err := ParseSettings([]byte(`{"owner":" u1 "}`))
			if err != nil {
				t.Fatal(err)
			}
			created, _, err := w.Create("lobby", patch)
			if err != nil {
				t.Fatal(err)
			}
			r := &testRoom{created, w}
			roles := func(why string, r *testRoom, want map[string]string) {
				t.Helper()
				for id, role := range want {
					c := r.joinAs(id + ":Some:consumer")
					if got := c.welcome.obj("you").str("role"); got != role {
						t.Errorf("%s: %s: want %s, got %s", why, id, role, got)
					}
					c.leave()
				}
			}
			roles("the owner is set here, the moderators are the database's", r, map[string]string{"u1": "producer", "u8": "consumer", "u9": "moderator"})

			ann, bob := r.joinAs("u1:Ann:consumer"), r.joinAs("u2:Bob:consumer")
			w.pass(3 * time.Second) // for the number of viewers
			bob.wantRefused("a consumer", "forbidden", obj{"type": "announce", "text": "no"})
			seq := r.State().Seq
			bob.clear()
			r.set(`{"moderators":["u2","u3"],"owner":null}`)
			bob.wantIdle("clients are not told")
			if s := r.State(); s.Seq != seq || s.Staff.Owner != "u1" || !slices.Equal(s.Staff.Moderators, []string{"u2", "u3"}) {
				t.Errorf("state: %+v", s)
			}
			if _, body := r.get("/", http.Header{"Accept": {"application/json"}}); strings.Contains(body, "u1") || strings.Contains(body, "owner") {
				t.Errorf("the public state tells who owns the room: %s", body)
			}
			bob.do(obj{"type": "announce", "text": "I am raised"})
			ann.do(tea)
			if p := r.State().Producer; p == nil || p.ID != "u1" {
				t.Errorf("want u1 to be the producer, got %v", p)
			}
			roles("all is set here", r, map[string]string{"u3": "moderator", "u8": "consumer", "u9": "consumer"})
			if got := r.joinAs("u2:Bob:producer").welcome.obj("you").str("role"); got != "producer" {
				t.Errorf("want no role to be lowered, got %s", got)
			}

			w.stop()
			w.restarted(func(w *world) {
				again, err := w.Room("lobby")
				if err != nil {
					t.Fatal(err)
				}
				r := &testRoom{again, w}
				roles("after a restart", r, map[string]string{"u1": "producer", "u2": "moderator", "u9": "consumer"})
				ann, bob := r.joinAs("u1:Ann:consumer"), r.joinAs("u2:Bob:consumer")
				r.set(`{"owner":"","moderators":[]}`)
				for _, c := range []*client{ann, bob} {
					c.wantRefused("lowered", "forbidden", obj{"type": "clear"})
				}
				roles("nobody", r, map[string]string{"u1": "consumer", "u2": "consumer", "u8": "consumer", "u9": "consumer"})
				if p := r.State().Producer; p != nil {
					t.Errorf("want no producer, got %v", p)
				}
			})
		}, func(o *Options) { o.Snapshot = cached.Snapshot })
	})
}

// TestStaffOfTheDatabaseSurvivesARestartWithoutIt is as with its settings.
func TestStaffOfTheDatabaseSurvivesARestartWithoutIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database := new(source)
		database.say(cache.Documents{Rooms: []cache.Room{{Name: "lobby", Owner: "u1", Moderators: []string{"u2"}}}})
		cached := database.follow(t)
		inThisBubble(t, func(w *world) {
			w.room("lobby")
			w.pass(2 * time.Second)
			w.stop()
			w.restarted(func(w *world) {
				again, err := w.Room("lobby")
				if err != nil {
					t.Fatal(err)
				}
				r := &testRoom{again, w}
				for id, role := range map[string]string{"u1": "producer", "u2": "moderator", "u3": "consumer"} {
					if got := r.joinAs(id + ":Ann:consumer").welcome.obj("you").str("role"); got != role {
						t.Errorf("%s: want %s, got %s", id, role, got)
					}
				}
			}, func(o *Options) { o.Snapshot = cache.New(cache.Options{}).Snapshot })
		}, func(o *Options) { o.Snapshot = cached.Snapshot })
	})
}

func TestStaffIsChecked(t *testing.T) {
	for _, wrong := range []string{
		`{"owner":"guest-abc"}`, `{"owner":"platform"}`, `{"owner":"a\nb"}`, `{"owner":5}`, `{"owner":["u1"]}`,
		`{"owner":"` + strings.Repeat("x", 129) + `"}`,
		`{"moderators":"u1"}`, `{"moderators":{}}`, `{"moderators":[5]}`, `{"moderators":[null]}`, `{"moderators":[""]}`, `{"moderators":["guest-abc"]}`,
		`{"moderators":[` + strings.TrimSuffix(strings.Repeat(`"u",`, maxModerators+1), ",") + `]}`,
	} {
		if _, err := ParseSettings([]byte(wrong)); fault.From(err).Code != fault.BadField {
			t.Errorf("%.50s: want bad_field, got %v", wrong, err)
		}
	}
	for _, right := range []string{`{"owner":""}`, `{"owner":null,"moderators":null}`, `{"moderators":[]}`, `{"moderators":["` + strings.Repeat("x", 128) + `"]}`} {
		if _, err := ParseSettings([]byte(right)); err != nil {
			t.Errorf("%.50s: %v", right, err)
		}
	}
}

// TestWhoMayDoWhat has every role give every command, and holds the outcomes to a table.
// go test -v -run TestWhoMayDoWhat ./room prints it.
func TestWhoMayDoWhat(t *testing.T) {
	tokens := []struct{ role, token string }{
		{"guest", ""},
		{"consumer", "c:Con:consumer"},
		{"member", "m:Mem:consumer:member"},
		{"moderator", "mod:Mod:moderator"},
		{"producer", "prod:Prod:producer"},
	}
	got := make(map[string][]string)
	for _, who := range tokens {
		for name, outcome := range outcomes(t, who.token) {
			got[name] = append(got[name], outcome)
		}
	}
	want := map[string]string{
		"message":               "ack 4 · ack 4 · ack 4 · ack 4 · ack 4",
		"message, members only": "members_only · members_only · ack 5 · ack 5 · ack 5",
		"message, emotes only":  "emotes_only · emotes_only · emotes_only · ack 5 · ack 5",
		"message, timed out":    "timed_out · timed_out · timed_out · timed_out · ack 4",
		"whisper":               "forbidden · ack · ack · ack · ack",
		"react":                 "ack · ack · ack · ack · ack",
		"vote":                  "ack · ack · ack · ack · ack",
		"delete, own":           "ack 5 · ack 5 · ack 5 · ack 5 · ack 5",
		"delete, another's":     "forbidden · forbidden · forbidden · ack 4 · ack 4",
		"timeout, consumer":     "forbidden · forbidden · forbidden · ack 4 · ack 4",
		"timeout, moderator":    "forbidden · forbidden · forbidden · forbidden · ack 4",
		"timeout, producer":     "forbidden · forbidden · forbidden · forbidden · forbidden",
		"ban, consumer":         "forbidden · forbidden · forbidden · ack 4 · ack 4",
		"unban":                 "forbidden · forbidden · forbidden · ack 5 · ack 5",
		"clear":                 "forbidden · forbidden · forbidden · ack 4 · ack 4",
		"set":                   "forbidden · forbidden · forbidden · ack 4 · ack 4",
		"announce":              "forbidden · forbidden · forbidden · ack 4 · ack 4",
		"poll":                  "forbidden · forbidden · forbidden · forbidden · ack 5",
		"poll, close":           "forbidden · forbidden · forbidden · forbidden · ack 4",
		"tip":                   "forbidden · ack 4 · ack 4 · forbidden · forbidden",
		"who":                   "people · people · people · people · people",
		"history":               "history · history · history · history · history",
		"history, timed out":    "history · history · history · history · history",
		"ping":                  "pong · pong · pong · pong · pong",
		"leave":                 "ack · ack · ack · ack · ack",
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		line := strings.Join(got[name], " · ")
		t.Logf("%-22s %s", name, line)
		if line != want[name] {
			t.Errorf("%s: want %s, got %s", name, want[name], line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("want %d outcomes, got %d", len(want), len(got))
	}
}

// outcomes has somebody give each command in a room of its own, in which another consumer
// has spoken (event 2), a moderator is and, for votes, a poll is open (event 3).
func outcomes(t *testing.T, token string) map[string]string {
	t.Helper()
	commands := map[string]obj{
		"message":               {"type": "message", "text": "hello"},
		"message, members only": {"type": "message", "text": "hello"},
		"message, emotes only":  {"type": "message", "text": "hello"},
		"message, timed out":    {"type": "message", "text": "hello"},
		"whisper":               {"type": "whisper", "to": "other", "text": "psst"},
		"react":                 {"type": "react", "seq": 2, "emoji": "👍"},
		"vote":                  {"type": "vote", "poll": 3, "option": 1},
		"delete, own":           {"type": "delete", "seq": 4},
		"delete, another's":     {"type": "delete", "seq": 2},
		"timeout, consumer":     {"type": "timeout", "user": "other", "seconds": 60},
		"timeout, moderator":    {"type": "timeout", "user": "boss", "seconds": 60},
		"timeout, producer":     {"type": "timeout", "user": "star", "seconds": 60},
		"ban, consumer":         {"type": "ban", "user": "other", "reason": "spam"},
		"unban":                 {"type": "unban", "user": "gone"},
		"clear":                 {"type": "clear"},
		"set":                   {"type": "set", "slow_mode": 5},
		"announce":              {"type": "announce", "text": "hear"},
		"poll":                  {"type": "poll", "question": "Tea?", "options": []string{"yes", "no"}, "seconds": 60},
		"poll, close":           {"type": "poll", "close": true},
		"tip":                   {"type": "tip", "amount": 5, "currency": "EUR"},
		"who":                   {"type": "who"},
		"history":               {"type": "history"},
		"history, timed out":    {"type": "history", "before": 2},
		"ping":                  {"type": "ping"},
		"leave":                 {"type": "leave"},
	}
	got := make(map[string]string)
	for name, command := range commands {
		inWorld(t, func(w *world) {
			r := w.room("lobby")
			star := r.joinAs("star:Star:producer")
			r.joinAs("boss:Boss:moderator")
			star.do(obj{"type": "announce", "text": "begin"})
			r.joinAs("other:Other:consumer").do(obj{"type": "message", "text": "mine"})
			star.do(obj{"type": "poll", "question": "Pasta?", "options": []string{"yes", "no"}, "seconds": 60})
			me := r.connect()
			me.send(obj{"type": "join", "token": token})
			me.welcome = me.want("a welcome", "welcome")
			prepare(name, star, me)
			o := me.ask(command)
			switch {
			case o.str("type") == "error":
				got[name] = o.str("code")
			case o["seq"] != nil:
				got[name] = fmt.Sprint(o.str("type"), " ", o.num("seq"))
			default:
				got[name] = o.str("type")
			}
		}, func(o *Options) { o.Credit = newBank() })
	}
	return got
}

// prepare makes the room what a command needs.
func prepare(name string, star, me *client) {
	switch name {
	case "message, members only":
		star.do(obj{"type": "set", "members_only": true})
	case "message, emotes only":
		star.do(obj{"type": "set", "emotes_only": true})
	case "message, timed out", "history, timed out":
		star.ask(obj{"type": "timeout", "user": me.id(), "seconds": 60})
	case "delete, own":
		me.do(obj{"type": "message", "text": "oops"})
	case "unban":
		star.do(obj{"type": "ban", "user": "gone"})
	case "poll":
		star.do(obj{"type": "poll", "close": true})
	}
}
