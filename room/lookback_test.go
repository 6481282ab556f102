package room

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/internal/schematest"
	"chatserver/journal"
)

// asking are the ways in which somebody may ask for history, by transport.
func asking(r *testRoom) map[string]func(command obj) obj {
	streamed, polling := r.visit(`{}`), r.visit(`{}`)
	streamed.open("?session="+streamed.session, "")
	described := schematest.LoadChat(r.w.T)
	send := func(l *listener) func(obj) obj {
		return func(command obj) obj {
			o := l.send(string(encode(command)))
			if err := described.Message(encode(o)); err != nil {
				l.Error(err)
			}
			return o
		}
	}
	return map[string]func(obj) obj{"websocket": r.join("").ask, "stream": send(streamed), "poll": send(polling)}
}

// fill has the platform say so many things at once.
func (r *testRoom) fill(n int, text func(i int) string) {
	r.w.Helper()
	_, err := call(r.w.Context(), r.Room, atOnce(func(r *Room) (seq uint64, err error) {
		for i := range n {
			e := &messageEvent{event: event{Type: typeMessage}, User: platform, Text: text(i)}
			if seq, err = r.append(e, author{user: platform.ID}, func(uint64, error) {}); err != nil {
				return seq, err
			}
		}
		return seq, nil
	}))
	if err != nil {
		r.w.Fatal(err)
	}
}

// logged returns the room's log as the API gives it out, event by event.
func (r *testRoom) logged() []string {
	r.w.Helper()
	l, err := r.w.Log(r.name, r.epoch)
	if err != nil {
		r.w.Fatal(err)
	}
	var all []string
	for e, err := range l.Events(0, 0) {
		if err != nil {
			r.w.Fatal(err)
		}
		all = append(all, canonical(r.w.T, string(e)))
	}
	return all
}

// eventsOf returns the events in an answer to history.
func eventsOf(t *testing.T, answer obj) []obj {
	t.Helper()
	list, ok := answer["events"].([]any)
	if answer.str("type") != "history" || !ok {
		t.Fatalf("want history, got %v", answer)
	}
	events := make([]obj, len(list))
	for i, e := range list {
		events[i], _ = e.(map[string]any)
	}
	return events
}

// pageBack asks for history from the newest event to the oldest, and returns all events.
func pageBack(t *testing.T, ask func(obj) obj, limit int) []string {
	t.Helper()
	var all []string
	command := obj{"type": "history", "limit": limit}
	for {
		answer := ask(command)
		page := eventsOf(t, answer)
		if len(page) == 0 || len(page) > limit || answer["reactions"] != nil {
			t.Fatalf("%v: %d events, reactions %v", command, len(page), answer["reactions"])
		}
		var texts []string
		for _, e := range page {
			texts = append(texts, string(encode(e)))
		}
		all = append(texts, all...)
		oldest := page[0].num("seq")
		if oldest == answer.num("first") {
			return all
		}
		command = obj{"type": "history", "limit": limit, "before": oldest}
	}
}

// TestHistoryIsTheWholeLog pages back through a log of which the room holds but the newest
// part, and of which much was removed.
func TestHistoryIsTheWholeLog(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		mod := r.joinAs("mod:Mod:moderator")
		r.fill(2*resumeLimit+300, func(i int) string { return fmt.Sprintf("<%s-%d>", secret, i) })
		course := rand.New(rand.NewPCG(1, 2))
		for range 50 {
			mod.ask(obj{"type": "delete", "seq": 1 + course.IntN(2*resumeLimit+300)})
		}
		for name, ask := range asking(r) {
			limit := map[string]int{"websocket": 67, "stream": 99, "poll": 100}[name]
			if got, want := pageBack(t, ask, limit), r.logged(); !slices.Equal(got, want) {
				t.Errorf("%s, %d at a time: want the %d events of the log, got %d, or others", name, limit, len(want), len(got))
			}
		}
		mod.do(obj{"type": "clear"})
		r.fill(100, func(int) string { return "after" })
		got := pageBack(t, r.join("").ask, 100)
		wantNothingOf(t, "cleared", secret, got)
		if !slices.Equal(got, r.logged()) {
			t.Error("cleared: want the log")
		}
		w.stop()
		w.restarted(func(w *world) {
			again, err := w.Room("lobby")
			if err != nil {
				t.Fatal(err)
			}
			r := &testRoom{again, w}
			if got := pageBack(t, r.join("").ask, 100); !slices.Equal(got, r.logged()) {
				t.Error("after a restart: want the log")
			}
		})
	}, unlimited, func(o *Options) { o.Limits.Moderators = o.Limits.Commands })
}

func TestHistoryOfAPlace(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		for name, ask := range asking(r) {
			if o := ask(obj{"type": "history"}); len(eventsOf(t, o)) != 0 || o.num("first") != 1 {
				t.Errorf("%s: nothing was said yet: %v", name, o)
			}
		}
		r.fill(120, strconv.Itoa)
		for name, ask := range asking(r) {
			for _, tt := range []struct {
				command     string
				first, last int
			}{
				{`{}`, 71, 120},
				{`{"limit":1}`, 120, 120},
				{`{"limit":100}`, 21, 120},
				{`{"before":1000}`, 71, 120},
				{`{"before":120}`, 70, 119},
				{`{"before":10}`, 1, 9},
				{`{"before":2,"limit":1}`, 1, 1},
				{`{"before":null,"limit":2}`, 119, 120},
			} {
				command := r.object(tt.command)
				command["type"] = "history"
				page := eventsOf(t, ask(command))
				if n := tt.last - tt.first + 1; len(page) != n || page[0].num("seq") != tt.first || page[n-1].num("seq") != tt.last {
					t.Errorf("%s: %s: want %d to %d, got %v", name, tt.command, tt.first, tt.last, page)
				}
			}
			if o := ask(obj{"type": "history", "before": 1}); len(eventsOf(t, o)) != 0 || o.num("first") != 1 {
				t.Errorf("%s: before the first: %v", name, o)
			}
			for _, wrong := range []obj{{"limit": 0}, {"limit": 101}, {"limit": -1}, {"limit": "1"}, {"before": 0}, {"before": -1}, {"before": "x"}} {
				wrong["type"] = "history"
				if o := ask(wrong); o.str("code") != "bad_field" {
					t.Errorf("%s: %v: want bad_field, got %v", name, wrong, o)
				}
			}
		}
		ann := r.join("ann")
		ann.clear()
		ann.send(obj{"type": "history", "limit": 1})
		if o := ann.want("without an id, like who", "history"); o["id"] != nil || len(eventsOf(t, o)) != 1 {
			t.Errorf("history: %v", o)
		}
		ann.wantIdle("it is answered once")
	}, unlimited)
}

// TestHistoryHasTheTotals asks for messages with reactions.
func TestHistoryHasTheTotals(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.joinAs("u1:Ann:consumer")
		r.fill(3, strconv.Itoa)
		for _, seq := range []int{1, 3} {
			ann.do(obj{"type": "react", "seq": seq, "emoji": "👍"})
		}
		ann.do(obj{"type": "react", "seq": 3, "emoji": "🎉"})
		for name, ask := range asking(r) {
			if o := ask(obj{"type": "history"}); fmt.Sprint(o["reactions"]) != "map[1:map[👍:1] 3:map[🎉:1 👍:1]]" {
				t.Errorf("%s: %v", name, o)
			}
			if o := ask(obj{"type": "history", "before": 2}); fmt.Sprint(o["reactions"]) != "map[1:map[👍:1]]" {
				t.Errorf("%s: %v", name, o)
			}
			if o := ask(obj{"type": "history", "before": 3, "limit": 1}); o["reactions"] != nil {
				t.Errorf("%s: %v", name, o)
			}
		}
	}, unlimited)
}

// TestHistoryIsBounded asks for more than fits an answer.
func TestHistoryIsBounded(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		r.fill(3*resumeLimit, func(int) string { return strings.Repeat("💬", 500) })
		ann := r.join("ann")
		for _, before := range []int{100, 1500, 3001} {
			page := eventsOf(t, ann.ask(obj{"type": "history", "before": before, "limit": 100}))
			if size := len(encode(page)); size < maxHistoryBytes/2 || size > maxHistoryBytes+1000 {
				t.Errorf("before %d: %d bytes in %d events", before, size, len(page))
			}
			for i, e := range page {
				if want := before - len(page) + i; e.num("seq") != want {
					t.Errorf("before %d: want event %d in its place, got %v", before, want, e["seq"])
				}
			}
		}
	}, unlimited)
}

// jammed has a room do nothing until the function is called that it returns.
func (r *testRoom) jammed() (release func()) {
	j := jam{make(chan struct{})}
	r.post(j)
	synctest.Wait()
	return func() { close(j.until); synctest.Wait() }
}

// TestARemovalOvertakesHistory removes messages between their reading from the journal and
// the delivery.
func TestARemovalOvertakesHistory(t *testing.T) {
	for _, command := range []obj{{"type": "delete", "seq": 2}, {"type": "clear"}} {
		inWorld(t, func(w *world) {
			r := w.room("lobby")
			mod, ann := r.joinAs("mod:Mod:moderator"), r.join("ann")
			r.fill(3*resumeLimit, func(i int) string { return []string{"first", secret, "third"}[i%3] })
			ann.clear()
			release := r.jammed()
			mod.send(command)
			synctest.Wait()
			ann.send(obj{"type": "history", "before": 4, "limit": 3})
			synctest.Wait()
			release()
			page := eventsOf(t, ann.until("the answer", "history"))
			if len(page) != 3 || !page[1].is("redacted") || page[1].num("seq") != 2 || page[1]["text"] != nil {
				t.Errorf("%v: %v", command, page)
			}
			wantNothingOf(t, command.str("type"), secret, []string{string(encode(page))})
			if all := command.str("type") == "clear"; page[0].is("redacted") != all || page[2].is("redacted") != all {
				t.Errorf("%v: %v", command, page)
			}
		}, unlimited, func(o *Options) { o.Limits.Moderators = o.Limits.Commands })
	}
}

// TestWhoIsGoneGetsNoHistory throws somebody out who has asked for it.
func TestWhoIsGoneGetsNoHistory(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		mod, ann, bob := r.joinAs("mod:Mod:moderator"), r.joinAs("u1:Ann:consumer"), r.visit(`{"token":"u1:Ann:consumer"}`)
		r.fill(3*resumeLimit, func(int) string { return secret })
		ann.clear()
		release := r.jammed()
		mod.send(obj{"type": "ban", "user": "u1"})
		synctest.Wait()
		ann.send(obj{"type": "history", "before": 10})
		answered := make(chan error, 1)
		go func() {
			_, err := r.sessions[bob.session].say(w.Context(), []byte(`{"type":"history","before":10}`))
			answered <- err
		}()
		synctest.Wait()
		release()
		if err := <-answered; err == nil {
			t.Error("a session was answered after its user was banned")
		}
		ann.wantClosed("banned", 4502)
		wantNothingOf(t, "banned", `"type":"history"`, ann.texts())

		eve := r.join("eve")
		eve.clear()
		eve.send(`{"type":"leave"}` + "\n" + `{"type":"history","before":10}`)
		eve.wantClosed("left", 1000)
		wantNothingOf(t, "left", `"type":"history"`, eve.texts())
	}, unlimited)
}

// TestOneHistoryAtATime asks again before the answer is there.
func TestOneHistoryAtATime(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		r.fill(3, strconv.Itoa)
		ann := r.join("ann")
		ann.clear()
		release := r.jammed()
		ann.send(obj{"type": "history", "id": "1"})
		ann.send(obj{"type": "history", "id": "2"})
		if o := ann.wantError("the first is under way", "busy"); o.str("id") != "2" || o.num("retry_after") == 0 {
			t.Errorf("error: %v", o)
		}
		release()
		if o := ann.want("the first", "history"); o.str("id") != "1" {
			t.Errorf("history: %v", o)
		}
		for range 2 { // what is refused is over too
			ann.wantRefused("out of bounds", "bad_field", obj{"type": "history", "limit": 0})
			eventsOf(t, ann.ask(obj{"type": "history"}))
		}
	}, unlimited)
}

// TestASlowDiskHoldsUpNoRoom has people look back whose reading takes its time.
func TestASlowDiskHoldsUpNoRoom(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		r.fill(3*resumeLimit, strconv.Itoa)
		var readers []*client
		for range maxHistoryReaders {
			readers = append(readers, r.join(""))
		}
		ann := r.join("ann")
		turning := make(chan struct{})
		w.journal.reads(func(events []journal.Event) ([]journal.Event, error) { <-turning; return events, nil })
		for _, c := range readers {
			c.clear()
			c.send(obj{"type": "history", "before": 100})
		}
		synctest.Wait()
		ann.clear()
		before := time.Now()
		ann.wantRefused("enough are reading", "busy", obj{"type": "history", "before": 100})
		eventsOf(t, ann.ask(obj{"type": "history"})) // which the room holds
		ann.do(obj{"type": "message", "text": "hello"})
		if took := time.Since(before); took > time.Second {
			t.Errorf("it took %v", took)
		}
		close(turning)
		for _, c := range readers {
			if page := eventsOf(t, c.until("the disk has turned", "history")); len(page) != listDefault {
				t.Errorf("%d events", len(page))
			}
		}
		eventsOf(t, ann.ask(obj{"type": "history", "before": 100}))
	}, unlimited)
}

// TestHistoryHasNoHole looks back where the journal does not have all.
func TestHistoryHasNoHole(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		r.fill(3*resumeLimit, strconv.Itoa)
		ann := r.join("ann")
		w.journal.reads(func(events []journal.Event) ([]journal.Event, error) { return events[:len(events)-1], nil })
		ann.wantRefused("the disk is behind", "busy", obj{"type": "history", "before": 500})
		w.journal.reads(func([]journal.Event) ([]journal.Event, error) { return nil, errors.New("a bad sector") })
		ann.wantRefused("it is damaged", "internal", obj{"type": "history", "before": 500})
		w.journal.reads(nil)
		eventsOf(t, ann.ask(obj{"type": "history", "before": 500}))

		w.journal.reads(func(events []journal.Event) ([]journal.Event, error) {
			r.fill(3*resumeLimit, strconv.Itoa) // the room goes on meanwhile, and lets go of what it held
			return events, nil
		})
		ann.wantRefused("what was removed meanwhile is not known", "busy", obj{"type": "history", "before": 500})
	}, unlimited)
}

// TestHistoryBeginsWithWhatIsKept looks back to where retention has taken events away.
func TestHistoryBeginsWithWhatIsKept(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		r.fill(3*resumeLimit, strconv.Itoa)
		w.journal.mu.Lock()
		w.journal.life(r.epoch).First = 401
		w.journal.mu.Unlock()
		ann := r.join("ann")
		o := ann.ask(obj{"type": "history", "before": 411})
		if page := eventsOf(t, o); len(page) != 10 || page[0].num("seq") != 401 || o.num("first") != 401 {
			t.Errorf("history: %v", o)
		}
		if o := ann.ask(obj{"type": "history", "before": 300}); len(eventsOf(t, o)) != 0 || o.num("first") != 401 {
			t.Errorf("history: %v", o)
		}
	}, unlimited)
	inWorld(t, func(w *world) { // the room has more than the journal
		r := w.room("lobby")
		r.fill(3*resumeLimit, strconv.Itoa)
		w.journal.mu.Lock()
		w.journal.life(r.epoch).First = 3*resumeLimit - 10
		w.journal.mu.Unlock()
		if n := len(pageBack(t, r.join("").ask, 100)); n < resumeLimit {
			t.Errorf("want all that the room has, got %d events", n)
		}
	}, unlimited)
	inWorld(t, func(w *world) { // no journal at all
		r := w.room("lobby")
		r.fill(3*resumeLimit, strconv.Itoa)
		ann := r.join("ann")
		first := ann.ask(obj{"type": "history"}).num("first")
		if first < resumeLimit/2 || first > 2*resumeLimit+1 {
			t.Errorf("first: %d", first)
		}
		o := ann.ask(obj{"type": "history", "before": first + 10})
		if page := eventsOf(t, o); len(page) != 10 || page[0].num("seq") != first {
			t.Errorf("history: %v", o)
		}
	}, unlimited, func(o *Options) { o.Journal = nil })
}

// TestHistoryDoesNotWaitInAnOutbox asks without reading: what waits there could not be taken
// back when it is removed.
func TestHistoryDoesNotWaitInAnOutbox(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		r.fill(10, strconv.Itoa)
		ann := r.dial()
		ann.send(obj{"type": "join"})
		synctest.Wait() // the pipe takes nothing while nobody reads
		ann.send(obj{"type": "history", "id": "1"})
		synctest.Wait()
		ann.read()
		if o := ann.until("it is answered", "error"); o.str("code") != "busy" || o.str("id") != "1" || o.num("retry_after") == 0 {
			t.Errorf("error: %v", o)
		}
		if page := eventsOf(t, ann.ask(obj{"type": "history"})); len(page) != 10 {
			t.Errorf("history: %v", page)
		}
	})
}

// TestAPinnedMessageIsFound shows how a client gets what is pinned, however old.
func TestAPinnedMessageIsFound(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		mod := r.joinAs("mod:Mod:moderator")
		seq := mod.do(obj{"type": "message", "text": "the rules"})
		mod.do(obj{"type": "set", "pinned": seq})
		r.fill(3*resumeLimit, strconv.Itoa)
		late := r.join("late")
		pinned := late.welcome.obj("settings").num("pinned")
		page := eventsOf(t, late.ask(obj{"type": "history", "before": pinned + 1, "limit": 1}))
		if len(page) != 1 || page[0].str("text") != "the rules" || page[0].num("seq") != seq {
			t.Errorf("history: %v", page)
		}
	}, unlimited)
}
