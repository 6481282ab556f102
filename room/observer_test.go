package room

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/internal/fault"
)

// witness is an Observer that remembers.
type witness struct {
	mu        sync.Mutex
	counted   map[string]int // "joined websocket", "refused busy", …
	delivered []time.Duration
	acked     []time.Duration
	skipped   uint64
	sent      int64
}

func newWitness() *witness { return &witness{counted: make(map[string]int)} }

func (w *witness) count(what, which string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counted[what+" "+which]++
}

func (w *witness) Joined(by Transport)     { w.count("joined", string(by)) }
func (w *witness) Refused(code fault.Code) { w.count("refused", string(code)) }
func (w *witness) Sequenced(kind string)   { w.count("event", kind) }
func (w *witness) Parted(reason string)    { w.count("parted", reason) }
func (w *witness) Panicked()               { w.count("panic", "") }

func (w *witness) Delivered(latency time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delivered = append(w.delivered, latency)
}

func (w *witness) Acknowledged(latency time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked = append(w.acked, latency)
}

func (w *witness) Skipped(events uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skipped += events
}

func (w *witness) Sent(bytes int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent += bytes
}

// want fails the test unless this was counted since the last time, and nothing else.
func (w *witness) want(t *testing.T, why string, want map[string]int) {
	t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !maps.Equal(w.counted, want) {
		t.Errorf("%s: counted %v, want %v", why, w.counted, want)
	}
	clear(w.counted)
}

// observed runs a test with a witness of what happens.
func observed(t *testing.T, test func(w *world, saw *witness), change ...func(*Options)) {
	t.Helper()
	saw := newWitness()
	inWorld(t, func(w *world) { test(w, saw) }, append(change, func(o *Options) { o.Observer = saw })...)
}

func TestObserverHearsWhoComesAndGoes(t *testing.T) {
	observed(t, func(w *world, saw *witness) {
		r := w.room("lobby")
		ann := r.join("ann")
		reader := r.stream("", "")
		polling := r.visit(`{"name":"pat"}`)
		saw.want(t, "by each transport", map[string]int{"joined websocket": 1, "joined sse": 1, "joined polling": 1})
		if got, want := r.State().Transports, (Transports{WebSocket: 1, Events: 1, Polling: 1}); got != want {
			w.Errorf("the transports are %v, want %v", got, want)
		}
		polling.open("?session="+polling.session, "")
		synctest.Wait()
		if got, want := r.State().Transports, (Transports{WebSocket: 1, Events: 2}); got != want {
			w.Errorf("with the session streamed the transports are %v, want %v", got, want)
		}
		ann.send(obj{"type": "leave"})
		ann.wantClosed("she leaves", codeLeft)
		reader.hangUp()
		saw.want(t, "who left", map[string]int{"parted left": 1, "parted gone": 1})

		r.connect().wantClosed("silent", codeNoJoin)
		bob := r.connect()
		bob.send(obj{"type": "join", "token": "nonsense"})
		bob.wantClosed("a bad token", codeUnauthorized)
		r.postTo("/join", `{"token":"nonsense"}`, 401)
		r.getFrom("/poll?session=nobody", 404)
		saw.want(t, "who was not let in", map[string]int{
			"parted no_join": 1, "parted unauthorized": 1, "refused unauthorized": 2, "refused session_not_found": 1,
		})
		w.SetAccepting(false)
		r.connect().wantClosed("closed to new ones", codeFull)
		saw.want(t, "closed to new ones", map[string]int{"parted full": 1, "refused not_accepting": 1})
	})
}

func TestObserverHearsOfCommands(t *testing.T) {
	observed(t, func(w *world, saw *witness) {
		r := w.room("lobby")
		ann, bob := r.joinAs("ann:Ann:moderator"), r.join("bob")
		saw.want(t, "joined", map[string]int{"joined websocket": 2})
		seq := ann.do(obj{"type": "message", "text": "hello"})
		ann.do(obj{"type": "delete", "seq": seq})
		bob.do(obj{"type": "message", "text": "hello"})
		bob.send(obj{"type": "clear", "id": "2"})
		bob.send("nonsense")
		pat := r.visit(`{"name":"pat"}`)
		pat.send(`{"type":"vote","poll":1,"option":0,"id":"1"}`)
		saw.want(t, "commands", map[string]int{
			"event message": 2, "event deleted": 1, "refused forbidden": 1, "refused bad_json": 1,
			"joined polling": 1, "refused poll_closed": 1,
		})
		if len(saw.acked) != 3 || len(saw.delivered) != 3 {
			w.Errorf("%d commands were acknowledged and %d events delivered, want 3 and 3", len(saw.acked), len(saw.delivered))
		}
		_, _ = call(w.Context(), r.Room, atOnce(func(*Room) (int, error) { panic("a fault") }))
		saw.want(t, "a fault", map[string]int{"panic ": 1})
	})
}

// The first event goes out at once; those that come right after it wait for each other,
// and each is as old as its own wait. Answers wait for the disk.
func TestObserverHearsOfLatency(t *testing.T) {
	observed(t, func(w *world, saw *witness) {
		r := w.room("lobby")
		ann := r.joinAs("ann:Ann:moderator")
		w.journal.set(true, nil)
		for i := range 3 {
			ann.say(fmt.Sprint("m", i), strconv.Itoa(i))
			w.pass(time.Millisecond)
		}
		w.pass(gatherMost)
		want := []time.Duration{0, gatherLeast - time.Millisecond, gatherLeast - 2*time.Millisecond}
		if !slices.Equal(saw.delivered, want) {
			w.Errorf("events took %v, want %v", saw.delivered, want)
		}
		w.journal.set(false, nil)
		w.journal.commit(nil)
		synctest.Wait()
		waited := gatherMost + 3*time.Millisecond
		want = []time.Duration{waited, waited - time.Millisecond, waited - 2*time.Millisecond}
		if !slices.Equal(saw.acked, want) {
			w.Errorf("acks took %v, want %v", saw.acked, want)
		}
	})
}

// All bytes of all rooms are told, those of rooms that are gone too.
func TestObserverHearsOfBytes(t *testing.T) {
	observed(t, func(w *world, saw *witness) {
		sent := int64(0)
		for _, name := range []string{"a", "b"} {
			r := w.room(name)
			ann := r.join("ann")
			ann.say("hello")
			ann.wantMessage("her own", "hello")
			if err := w.Close(name); err != nil {
				w.Fatal(err)
			}
			<-r.done
			sent += r.Counters().BytesOut
		}
		if saw.sent != sent || sent < 400 {
			w.Errorf("%d bytes were told of, want %d", saw.sent, sent)
		}
	})
}

func TestObserverHearsOfSlowClients(t *testing.T) {
	observed(t, func(w *world, saw *witness) {
		r := w.room("lobby")
		deaf := r.dial()
		deaf.send(obj{"type": "join", "name": "deaf"})
		ann := r.joinAs("ann:Ann:moderator")
		for range 20 {
			ann.say("hello, everybody in this room")
			w.pass(100 * time.Millisecond)
		}
		deaf.read()
		w.pass(time.Second)
		if got := r.Counters().SkippedEvents; got == 0 || saw.skipped != uint64(got) {
			w.Errorf("%d events were told of as skipped, want %d", saw.skipped, got)
		}
		other := r.dial() // which does not read at all
		other.send(obj{"type": "join", "name": "other"})
		ann.say("hello")
		w.pass(2 * stallTimeout)
		other.raw.Close()
		w.pass(time.Second)
		if saw.counted["parted too_slow"] != 1 {
			w.Errorf("counted %v, want a client that was too slow", saw.counted)
		}
	}, unlimited, func(o *Options) { o.Limits.Backlog = 1 << 10 })
}

// Whatever ends a connection has a word of its own.
func TestPartingsHaveWords(t *testing.T) {
	words := Partings()
	slices.Sort(words)
	if len(slices.Compact(words)) != len(partings) || slices.Contains(words, "") {
		t.Errorf("two close codes share a word, or one has none: %v", partings)
	}
}
