package room

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestThreeTransportsOneSequence reads a room by all of them while it is busy.
func TestThreeTransportsOneSequence(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		mod := r.joinAs("mod:Mod:moderator")
		web, poller, stream, session := r.join("web"), r.visit(`{"name":"poller"}`), r.stream("", ""), r.visit(`{}`)
		session.open("?session="+session.session, "")
		for i := range 300 {
			mod.send(obj{"type": "message", "text": fmt.Sprint("<b>m", i, "</b> &  ")})
			switch i % 50 {
			case 10:
				mod.send(obj{"type": "delete", "seq": i - 3})
			case 20:
				mod.send(obj{"type": "set", "slow_mode": i})
			case 30:
				poller.poll("&wait=0")
			case 40:
				w.pass(100 * time.Millisecond)
			}
		}
		w.pass(time.Second)
		for more := true; more; {
			more = len(poller.poll("&wait=0")) > 0
		}
		var heard []string
		for _, o := range web.heard() {
			if o["seq"] != nil && o.str("type") != "welcome" {
				heard = append(heard, fmt.Sprint(o.num("seq"), o.str("type")))
			}
		}
		want := stream.events()
		if len(want) < 300 || len(heard) != len(want) {
			t.Fatalf("want the %d events over WebSocket too, got %d", len(want), len(heard))
		}
		for name, l := range map[string]*listener{"a session's stream": session, "polling": poller} {
			if got := l.events(); !slices.Equal(got, want) {
				t.Errorf("%s: want the same bytes in the same order:\n%s\ngot\n%s", name, strings.Join(want, "\n"), strings.Join(got, "\n"))
			}
		}
		l, err := w.Log("lobby", "")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for e, err := range l.Events(0, 0) {
			n++
			if err != nil || n > len(want) {
				t.Fatalf("event %d: %v", n, err)
			}
			same := string(e) == want[n-1] || strings.Contains(string(e), `"redacted":true`)
			if !same {
				t.Errorf("event %d: the log has %s, the stream %s", n, e, want[n-1])
			}
		}
	}, unlimited, func(o *Options) { o.Limits.Moderators = o.Limits.Commands })
}

func TestASession(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		ann.do(obj{"type": "message", "text": "before"})
		bob := r.visit(`{"name":"bob","id":"1"}`)
		if len(bob.session) < 26 || !strings.Contains(bob.heard[0], `"type":"welcome"`) || len(bob.heard) != 2 {
			t.Fatalf("session %q, heard %v", bob.session, bob.heard)
		}
		if a := bob.send(`{"type":"message","text":"hello","id":"m1"}`); a.str("type") != "ack" || a.num("seq") != 2 || a.str("id") != "m1" {
			t.Errorf("answer: %v", a)
		}
		if a := bob.send(`{"type":"message","text":"without an id"}`); a.str("type") != "ack" || a.num("seq") != 3 {
			t.Errorf("answer: %v", a)
		}
		if a := bob.send(`{"type":"message","text":"hello","id":"m1"}`); a.num("seq") != 2 {
			t.Errorf("want it to be said once, got %v", a)
		}
		for command, want := range map[string]string{
			`{"type":"ping","id":"p"}`: "pong", `{"type":"who"}`: "people", `{"type":"clear"}`: "error", `{`: "error", `{"type":"join"}`: "error",
		} {
			if a := bob.send(command); a.str("type") != want {
				t.Errorf("%s: want %s, got %v", command, want, a)
			}
		}
		ann.until("she hears him", "message")
		if got := bob.poll("&since=1&wait=0"); len(got) < 2 || !strings.Contains(got[0], "hello") {
			t.Errorf("poll: %v", got)
		}
		if got := bob.poll("&since=2&wait=0"); len(got) != 1 || !strings.Contains(got[0], "without") {
			t.Errorf("poll again: %v", got)
		}
		bob.send(`{"type":"leave","id":"l"}`)
		r.getFrom("/poll?session="+bob.session, 404)
		if p := r.postTo("/send?session="+bob.session, `{"type":"ping"}`, 404); p.str("code") != "session_not_found" {
			t.Errorf("problem: %v", p)
		}
		synctest.Wait()
		if n := r.State().Viewers; n != 1 {
			t.Errorf("want 1 viewer, got %d", n)
		}
	})
}

func TestAPollWaits(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann, bob := r.join("ann"), r.visit(`{}`)
		w.pass(3 * time.Second)
		bob.poll("&wait=0")
		start := time.Now()
		if got := bob.poll("&wait=20s"); len(got) != 0 || time.Since(start) != 20*time.Second {
			t.Errorf("want nothing after 20 s, got %v after %v", got, time.Since(start))
		}
		start = time.Now()
		time.AfterFunc(5*time.Second, func() { ann.say("hello") })
		if got := bob.poll("&wait=20s"); len(got) != 1 || time.Since(start) > 5*time.Second+gatherMost {
			t.Errorf("want the message at once, got %v after %v", got, time.Since(start))
		}
		for _, bad := range []string{"&wait=x", "&wait=-1s", "&since=x", "&since=-1"} {
			r.getFrom("/poll?session="+bob.session+bad, 400)
		}
		time.AfterFunc(5*time.Second, func() { _ = w.Close("lobby") })
		if got := bob.poll("&wait=20s"); len(got) != 1 || got[0] != `{"type":"closing","reason":"room_closed"}` {
			t.Errorf("want to hear that the room is closed, got %v", got)
		}
		w.pass(time.Second) // for Close
	})
}

func TestASessionDiesUnread(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		idle, streamed := r.visit(`{}`), r.visit(`{}`)
		streamed.open("?session="+streamed.session, "")
		w.pass(50 * time.Second)
		idle.poll("&wait=0")
		w.pass(55 * time.Second)
		idle.poll("&wait=0")
		if n := r.State().Viewers; n != 2 {
			t.Fatalf("want 2 viewers, got %d", n)
		}
		w.pass(70 * time.Second)
		r.getFrom("/poll?wait=0&session="+idle.session, 404)
		if n := r.State().Viewers; n != 1 {
			t.Errorf("want 1 viewer, got %d", n)
		}
		streamed.hangUp()
		w.pass(30 * time.Second)
		r.getFrom("/poll?wait=0&session="+streamed.session, 200)
		w.pass(70 * time.Second)
		r.getFrom("/poll?wait=0&session="+streamed.session, 404)
	})
}

// TestAStreamComesBack resumes by the browser's own Last-Event-ID.
func TestAStreamComesBack(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		guest, session := r.stream("", ""), r.visit(`{}`)
		session.open("?session="+session.session, "")
		ann.do(obj{"type": "message", "text": "1"})
		ann.do(obj{"type": "message", "text": "2"})
		for _, l := range []*listener{guest, session} {
			l.events()
			l.hangUp()
		}
		if id := guest.lastID(); id != r.epoch+":2" {
			t.Errorf("id %q", id)
		}
		w.pass(time.Second)
		ann.do(obj{"type": "message", "text": "3"})
		guest.open("", guest.lastID())
		session.open("?session="+session.session, session.lastID())
		ann.do(obj{"type": "message", "text": "4"})
		for name, l := range map[string]*listener{"guest": guest, "session": session} {
			if got := l.events(); len(got) != 4 || !strings.Contains(got[2], `"text":"3"`) || !strings.Contains(got[3], `"text":"4"`) {
				t.Errorf("%s: want each event once, got %v", name, got)
			}
		}
		gap := r.stream("", "other:2")
		gap.events()
		if !strings.Contains(gap.heard[0], `"gap":true`) {
			t.Errorf("want a gap to be told, got %v", gap.heard)
		}
	})
}

func TestStreamsArePingedAndEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		s := r.stream("", "")
		w.pass(10 * time.Minute)
		if s.ended {
			t.Error("a stream ends by itself")
		}
		w.wantClose("lobby")
		w.pass(2 * closeGrace) // a pipe has no half to close
		s.events()
		if !s.ended || !slices.Contains(s.heard, `{"type":"closing","reason":"room_closed"}`) {
			t.Errorf("heard %v", s.heard)
		}
	})
}

func TestTheGuestsOfStreams(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		r.getFrom("/events", 401)
		r.postTo("/join", `{}`, 401)
		r.visit(`{"token":"u1:Ann:consumer"}`)
	}, func(o *Options) { o.Guests = GuestsNone })
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		if p := r.postTo("/join", `{"name":"a\u0000"}`, 400); p.str("code") != "bad_name" {
			t.Errorf("problem: %v", p)
		}
		r.postTo("/join", `{"token":"x"}`, 401)
		r.postTo("/join", `{`, 400)
		r.postTo("/join", `{"name":"`+strings.Repeat("a", 9000)+`"}`, 413)
		r.getFrom("/events?session=none", 404)
		r.visit(`{}`)
		if p := r.postTo("/join", `{}`, 503); p.str("code") != "full" {
			t.Errorf("problem: %v", p)
		}
		w.pass(70 * time.Second)
		r.visit(`{}`)
	}, func(o *Options) { o.MaxConnections = 1 })
}

func TestPagesOfOtherOriginsMayNotChat(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		for _, call := range [][2]string{{"POST", "/join"}, {"POST", "/send"}, {"GET", "/poll"}, {"GET", "/events"}} {
			if got := r.call(call[0], call[1], "{}", 403, "Origin", "https://evil.example"); !strings.Contains(got, "bad_origin") {
				t.Errorf("%v: %s", call, got)
			}
		}
		r.call("POST", "/join", "{}", 200, "Origin", "https://good.example")
		r.call("OPTIONS", "/join", "", http.StatusNoContent, "Origin", "https://good.example")
		r.call("GET", "/join", "", http.StatusMethodNotAllowed)
		r.call("POST", "/poll", "", http.StatusMethodNotAllowed)
	}, func(o *Options) { o.AllowedOrigins = Origins{"https://good.example"} })
}

func TestAFloodingSessionEnds(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		bob := r.visit(`{}`)
		for i := range 3 {
			bob.send(fmt.Sprintf(`{"type":"message","text":"%d"}`, i))
		}
		for range maxRefusals - 1 {
			if a := bob.send(`{"type":"message","text":"more"}`); a.str("code") != "rate_limited" || a.num("retry_after") == 0 {
				t.Fatalf("answer: %v", a)
			}
		}
		bob.send(`{"type":"message","text":"more"}`)
		r.postTo("/send?session="+bob.session, `{"type":"ping"}`, 404)
	})
}

// TestAPollHearsHowItsSessionEnded removes somebody between two polls.
func TestAPollHearsHowItsSessionEnded(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		pia := r.visit(`{"token":"u1:Pia:consumer"}`)
		if n, err := r.RemoveUser(w.Context(), "u1"); n != 1 || err != nil {
			t.Fatalf("removed %d, %v", n, err)
		}
		synctest.Wait()
		if n := r.State().Viewers; n != 0 {
			t.Errorf("want the room to be empty at once, got %d viewers", n)
		}
		r.postTo("/send?session="+pia.session, `{"type":"ping"}`, 404)
		if got := pia.poll("&wait=20s"); len(got) != 1 || got[0] != `{"type":"closing","reason":"removed"}` {
			t.Errorf("want to hear why, got %v", got)
		}
		r.getFrom("/poll?session="+pia.session, 404)
		w.pass(2 * sessionLife)
		if n := len(r.sessions); n != 0 {
			t.Errorf("%d sessions are remembered", n)
		}
	})
}

func TestJoinsOfAnAddressAreLimited(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		for range 30 {
			r.visit(`{}`)
		}
		if p := r.postTo("/join", `{}`, 429); p.str("code") != "rate_limited" || p.num("retry_after") == 0 {
			t.Errorf("problem: %v", p)
		}
		w.pass(time.Second)
		r.visit(`{}`)
	})
}
