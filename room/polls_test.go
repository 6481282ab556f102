package room

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

var tea = obj{"type": "poll", "question": "Tea?", "options": []string{"yes", "no", "later"}, "seconds": 60}

func TestAPoll(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		star, ann, bob := r.joinAs("star:Star:producer"), r.joinAs("u1:Ann:consumer"), r.join("bob")
		seq := star.do(tea)
		o := ann.until("it opens", "poll")
		if o.num("poll") != seq || o.num("seq") != seq || o.str("question") != "Tea?" || len(o["options"].([]any)) != 3 || o["votes"] != nil {
			t.Errorf("poll: %v", o)
		}
		star.wantRefused("one at a time", "poll_open", tea)
		ann.wantRefused("no such option", "bad_field", obj{"type": "vote", "poll": seq, "option": 3})
		ann.wantRefused("no such poll", "poll_closed", obj{"type": "vote", "poll": seq + 1, "option": 0})
		ann.do(obj{"type": "vote", "poll": seq, "option": 0})
		ann.do(obj{"type": "vote", "poll": seq, "option": 2}) // changes it
		bob.do(obj{"type": "vote", "poll": seq, "option": 0})
		w.pass(tallyPeriod)
		if v := bob.until("how it stands", "votes"); fmt.Sprint(v["votes"]) != "[1 0 1]" || v.num("total") != 2 || v.num("poll") != seq {
			t.Errorf("votes: %v", v)
		}
		late := r.join("late")
		late.until("the poll", "poll")
		if v := r.visit(`{}`).heard[1]; v != fmt.Sprintf(`{"type":"votes","poll":%d,"votes":[1,0,1],"total":2}`, seq) {
			t.Errorf("an arrival hears how it stands first, got %s", v)
		}
		for i := range 2*resumeLimit + 1 { // the room holds its event no more
			if _, err := r.Say(w.Context(), nil, strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
		}
		w.stop()
		w.restarted(func(w *world) {
			again, err := w.Room("lobby")
			if err != nil {
				t.Fatal(err)
			}
			r := &testRoom{again, w}
			ann := r.joinAs("u1:Ann:consumer")
			ann.do(obj{"type": "vote", "poll": seq, "option": 1})
			w.pass(time.Minute)
			end := ann.until("its time is over", "poll_closed")
			if fmt.Sprint(end["votes"]) != "[1 1 0]" || end.num("poll") != seq || end.str("question") != "Tea?" {
				t.Errorf("poll_closed: %v", end)
			}
			ann.wantRefused("it is over", "poll_closed", obj{"type": "vote", "poll": seq, "option": 1})
			r.joinAs("star:Star:producer").wantRefused("none is open", "poll_closed", obj{"type": "poll", "close": true})
		})
	})
}

func TestReactionsAreGathered(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann, bob := r.joinAs("u1:Ann:consumer"), r.join("bob")
		seq := ann.do(obj{"type": "message", "text": "hello"})
		w.pass(time.Minute)
		ann.clear()
		for _, c := range []*client{ann, bob, bob} { // bob's second one counts no more
			c.do(obj{"type": "react", "seq": seq, "emoji": "👍"})
		}
		bob.do(obj{"type": "react", "seq": seq, "emoji": "🎉"})
		w.pass(tallyPeriod)
		want := fmt.Sprintf("map[%d:map[🎉:1 👍:2]]", seq)
		if o := ann.until("the totals", "reactions"); fmt.Sprint(o.obj("totals")) != want {
			t.Errorf("want %s, got %v", want, o)
		}
		if late := r.join("late").until("who comes later", "reactions"); fmt.Sprint(late.obj("totals")) != want {
			t.Errorf("want %s, got %v", want, late)
		}
		for _, emoji := range []string{"", "a", "👍👍", "Kappa"} {
			bob.wantRefused("no emoji", "bad_field", obj{"type": "react", "seq": seq, "emoji": emoji})
		}
		bob.wantRefused("no message", "not_found", obj{"type": "react", "seq": 99, "emoji": "👍"})
	})
}

// TestTenThousandVotesMakeFewObjects is what gathering is for.
func TestTenThousandVotesMakeFewObjects(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		seq := r.joinAs("star:Star:producer").do(tea)
		voters := make([]*client, 10)
		for i := range voters {
			voters[i] = r.joinAs(fmt.Sprintf("u%d:U:consumer", i))
		}
		w.pass(3 * time.Second)
		watcher := r.join("watcher")
		w.pass(3 * time.Second)
		watcher.clear()
		for i := range 1000 {
			for _, v := range voters {
				v.send(obj{"type": "vote", "poll": seq, "option": i % 3})
			}
		}
		w.pass(time.Second)
		n, last := 0, obj{}
		for _, o := range watcher.heard() {
			if o.str("type") == "votes" {
				n, last = n+1, o
			}
		}
		if n == 0 || n > 2 || last.num("total") != len(voters) {
			t.Errorf("want one or two objects, got %d, the last %v", n, last)
		}
	}, unlimited)
}

func TestWhispers(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann, bob, eve := r.joinAs("u1:Ann:consumer"), r.joinAs("u2:Bob:consumer"), r.join("eve")
		again := r.visit(`{"token":"u2:Bob:consumer"}`)
		ann.do(obj{"type": "whisper", "to": "u2", "text": "psst"})
		o := bob.until("it arrives", "whisper")
		if o.obj("from").str("id") != "u1" || o.obj("to").str("id") != "u2" || o.str("text") != "psst" || o["seq"] != nil || o.num("time") == 0 {
			t.Errorf("whisper: %v", o)
		}
		if got := again.poll("&wait=0"); len(got) == 0 {
			t.Errorf("want all connections to hear it, got %v", got)
		}
		eve.wantIdle("nobody else")
		w.pass(time.Minute)
		ann.wantRefused("nobody", "not_found", obj{"type": "whisper", "to": "u9", "text": "psst"})
		ann.wantRefused("nothing", "empty", obj{"type": "whisper", "to": "u2", "text": " "})
		ann.wantRefused("whom", "bad_field", obj{"type": "whisper", "text": "psst"})
		if seq := r.State().Seq; seq != 0 {
			t.Errorf("a whisper is in the log: seq %d", seq)
		}
	})
}

func TestReactionsAreBounded(t *testing.T) {
	b := newReactionBook()
	for i := range maxReactions {
		if err := b.add(1, fmt.Sprint("emoji", i), "u"); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.add(1, "one more", "u"); err == nil {
		t.Error("a message takes any number of kinds")
	}
	for i := range maxCounted - maxReactions {
		if err := b.add(2, "emoji", fmt.Sprint("u", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.add(2, "emoji", "u0"); err != nil {
		t.Errorf("one that is counted already: %v", err)
	}
	if err := b.add(2, "emoji", "one more"); err == nil {
		t.Error("a room counts any number")
	}
	b.prune(3) // the room holds the messages no more
	if err := b.add(3, "emoji", "u"); err != nil || b.counted != 1 {
		t.Errorf("want room for 1, got %d, %v", b.counted, err)
	}
}

func TestGuestsOfOneAddressHaveTenVotes(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		seq := r.joinAs("star:Star:producer").do(tea)
		for range addressFactor {
			c := r.join("")
			c.do(obj{"type": "vote", "poll": seq, "option": 0})
			c.do(obj{"type": "vote", "poll": seq, "option": 1})
			c.leave()
		}
		r.join("").wantRefused("one more", "forbidden", obj{"type": "vote", "poll": seq, "option": 0})
		r.joinAs("u1:Ann:consumer").do(obj{"type": "vote", "poll": seq, "option": 0})
	})
}
