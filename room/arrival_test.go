package room

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestAnArrivalLearnsOfAnOldPoll has people come when the event of the poll is not among
// those that they are shown.
func TestAnArrivalLearnsOfAnOldPoll(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		star := r.joinAs("star:Star:producer")
		seq := star.do(tea)
		star.do(obj{"type": "vote", "poll": seq, "option": 2})
		event := r.logged()[seq-1]
		r.fill(3*resumeLimit, strconv.Itoa)
		votes := fmt.Sprintf(`{"type":"votes","poll":%d,"votes":[0,0,1],"total":1}`, seq)
		check := func(why string, r *testRoom) {
			stream := r.stream("", "")
			stream.events()
			for name, heard := range map[string][]string{"join": r.visit(`{}`).heard, "stream": stream.heard, "websocket": append(encoded(r.join("")), votes)} {
				var welcome struct {
					Poll json.RawMessage `json:"poll"`
				}
				if err := json.Unmarshal([]byte(heard[0]), &welcome); err != nil || welcome.Poll == nil || canonical(t, string(welcome.Poll)) != event {
					t.Errorf("%s, %s: want %s, got %s", why, name, event, heard[0])
				}
				if heard[1] != votes {
					t.Errorf("%s, %s: want %s, got %s", why, name, votes, heard[1])
				}
			}
			late := r.join("")
			if v := late.want("how it stands", "votes"); v.num("poll") != seq || v.num("total") != 1 {
				t.Errorf("%s: votes %v", why, v)
			}
		}
		check("an arrival", r)
		w.pass(time.Second)
		w.stop()
		w.restarted(func(w *world) {
			again, err := w.Room("lobby")
			if err != nil {
				t.Fatal(err)
			}
			r := &testRoom{again, w}
			check("after a restart", r)
			r.joinAs("star:Star:producer").do(obj{"type": "poll", "close": true})
			if o := r.join("").welcome; o["poll"] != nil {
				t.Errorf("welcome: %v", o)
			}
		})
	}, unlimited)
}

// encoded returns a client's welcome as text.
func encoded(c *client) []string { return []string{string(encode(c.welcome))} }

// TestWhoComesBackLearnsOfReactions has reactions change while somebody is away.
func TestWhoComesBackLearnsOfReactions(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann, bob, eve := r.joinAs("u1:Ann:consumer"), r.joinAs("u2:Bob:consumer"), r.joinAs("u3:Eve:consumer")
		r.fill(2, strconv.Itoa)
		react := func(c *client, seq int) { c.do(obj{"type": "react", "seq": seq, "emoji": "👍"}) }
		react(ann, 1) // long ago: everybody knows
		w.pass(time.Second)
		r.fill(1, strconv.Itoa)
		guest, session := r.stream("", ""), r.visit(`{}`)
		session.open("?session="+session.session, "")
		for _, l := range []*listener{guest, session} {
			l.events()
			l.hangUp()
		}
		eve.leave()
		react(bob, 2)
		w.pass(time.Second) // it was told to those who were there
		r.fill(1, strconv.Itoa)
		react(ann, 4) // not told to anybody yet
		react(ann, 2)

		want := `{"type":"reactions","totals":{"2":{"👍":2},"4":{"👍":1}}}`
		back := r.connect()
		back.send(obj{"type": "join", "token": "u3:Eve:consumer", "epoch": r.epoch, "since": 3})
		back.want("the welcome", "welcome")
		if o := back.want("what has changed", "reactions"); string(encode(o)) != canonical(t, want) {
			t.Errorf("want %s, got %s", want, encode(o))
		}
		polling := r.visit(fmt.Sprintf(`{"epoch":%q,"since":3}`, r.epoch))
		if polling.heard[1] != want {
			t.Errorf("join: want %s, got %s", want, polling.heard)
		}
		for name, l := range map[string]*listener{"guest": guest, "session": session} {
			query, n := "", len(l.heard)
			if l == session {
				query = "?session=" + l.session
			}
			l.open(query, r.epoch+":3")
			l.events()
			heard := l.heard[n:]
			if welcomed := strings.Contains(heard[0], `"type":"welcome"`); welcomed != (l == guest) {
				t.Errorf("%s: heard %s first", name, heard[0])
			}
			if !slices.Contains(heard, want) {
				t.Errorf("%s: want %s, got %s", name, want, heard)
			}
		}
	}, unlimited)
}
