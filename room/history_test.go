package room

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var histories = flag.Int("histories", 60, "random histories that TestRandomHistories checks")

// TestRandomHistories has people join by three transports, talk, remove, ban, lose their
// connections and come back, at random, and then demands of what each of them heard:
//
//   - one order: every event is that of the log, byte for byte, or its redacted form;
//   - no gap and no repeat, across all connections of one viewer;
//   - no hidden text: nobody hears what a message says on a connection, or in a poll,
//     that began when its removal had its seq already;
//   - the same of what is asked for by history, which is answered once and has no hole;
//   - what was acknowledged is in the log, once.
//
// go test -run TestRandomHistories ./room -histories 5000 checks more of them.
func TestRandomHistories(t *testing.T) {
	var all totals
	for seed := range uint64(*histories) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			inWorld(t, func(w *world) {
				h := newHistory(w, rand.NewPCG(seed, 1))
				h.run(60)
				all.add(h)
			}, unlimited, func(o *Options) { o.Limits.Moderators = o.Limits.Commands })
		})
	}
	t.Logf("%d histories: %+v", *histories, all)
}

// FuzzHistory is TestRandomHistories with a course of events that a fuzzer thinks of.
func FuzzHistory(f *testing.F) {
	for seed := range byte(8) {
		f.Add([]byte{seed, 12 * seed, 99, 7 * seed, 140, seed, 201, 11, 13 * seed, 250})
	}
	f.Fuzz(func(t *testing.T, course []byte) {
		inWorld(t, func(w *world) {
			newHistory(w, &given{course, rand.NewPCG(1, 1)}).run(min(len(course), 30))
		}, unlimited, func(o *Options) { o.Limits.Moderators = o.Limits.Commands })
	})
}

// given is a source of numbers that somebody has thought of; then come others, always the
// same.
type given struct {
	numbers []byte
	then    *rand.PCG
}

// Uint64 returns the next number.
func (g *given) Uint64() uint64 {
	if len(g.numbers) == 0 {
		return g.then.Uint64()
	}
	n := g.numbers[0]
	g.numbers = g.numbers[1:]
	return uint64(n) * 0x0101010101010101
}

// totals say how much was checked.
type totals struct{ events, heard, looked, cuts, removals, bans, acks int }

func (a *totals) add(h *history) {
	a.events += len(h.log)
	a.cuts += h.cuts
	a.removals += len(h.removed)
	a.bans += h.bans
	a.acks += len(h.acked)
	for _, v := range h.viewers {
		a.heard += len(v.events)
		a.looked += len(v.looked)
	}
}

// history is one random course of events.
type history struct {
	*world
	*rand.Rand
	r       *testRoom
	mod     *client
	speaker *client
	viewers []*viewer
	said    int
	texts   map[string]string // of the commands that were sent, by id
	acked   map[int]string    // those that were acknowledged, by seq
	removed map[int]int       // seq of the event that removed a message, by its seq
	cuts    int
	bans    int
	log     []string
}

func newHistory(w *world, course rand.Source) *history {
	h := &history{
		world: w, Rand: rand.New(course), r: w.room("lobby"),
		texts: make(map[string]string), acked: make(map[int]string), removed: make(map[int]int),
	}
	h.mod, h.speaker = h.r.joinAs("mod:Mod:moderator"), h.r.joinAs("s:Speaker:consumer")
	for i := range 6 {
		v := &viewer{h: h, name: fmt.Sprint("v", i), transport: []string{"websocket", "stream", "poll"}[i%3]}
		v.connect()
		h.viewers = append(h.viewers, v)
	}
	return h
}

// run does so many things and checks what everybody heard.
func (h *history) run(steps int) {
	for range steps {
		h.step()
	}
	h.check()
}

// step does one thing at random.
func (h *history) step() {
	v := h.viewers[h.IntN(len(h.viewers))]
	switch n := h.IntN(22); {
	case n < 9:
		h.say()
	case n < 11:
		h.remove()
	case n == 11 && h.IntN(4) == 0:
		h.clearAll()
	case n < 14:
		v.cut()
	case n < 16:
		v.connect()
	case n == 16:
		h.ban(v)
	case n == 17:
		<-time.After(time.Duration(h.IntN(100)) * time.Millisecond)
	case n < 20:
		v.poll()
	default:
		v.lookBack()
	}
}

// say says one or some messages without waiting in between, so that they are gathered.
func (h *history) say() {
	for range 1 + h.IntN(4) {
		h.said++
		id, text := fmt.Sprint("id", h.said), fmt.Sprintf("text-%d.", h.said)
		h.texts[id] = text
		h.speaker.send(obj{"type": "message", "id": id, "text": text})
		if h.IntN(10) == 0 {
			h.speaker.send(obj{"type": "message", "id": id, "text": text}) // again
		}
	}
	h.noteAcks()
}

// noteAcks takes note of what was acknowledged by now.
func (h *history) noteAcks() {
	for _, o := range h.take(h.speaker) {
		if o.str("type") == "ack" {
			h.acked[o.num("seq")] = h.texts[o.str("id")]
		}
	}
}

// take returns what a client has heard, and forgets it.
func (h *history) take(c *client) []obj {
	got := c.heard()
	c.clear()
	return got
}

// remove deletes one of the newest messages, maybe while it is gathered.
func (h *history) remove() {
	seq := h.r.State().Seq
	if seq == 0 {
		return
	}
	target := max(1, int(seq)-h.IntN(5))
	if o := h.mod.ask(obj{"type": "delete", "seq": target}); o.str("type") == "ack" {
		h.removed[target] = o.num("seq")
	}
}

func (h *history) clearAll() {
	seq := h.mod.do(obj{"type": "clear"})
	for target := 1; target < seq; target++ {
		if h.removed[target] == 0 {
			h.removed[target] = seq
		}
	}
}

// ban throws a viewer out and lets it come back.
func (h *history) ban(v *viewer) {
	h.bans++
	h.mod.do(obj{"type": "ban", "user": v.name})
	synctest.Wait()
	v.lose()
	h.mod.do(obj{"type": "unban", "user": v.name})
}

// viewer is somebody who reads, over connections that come and go.
type viewer struct {
	h         *history
	name      string
	transport string
	events    []heardEvent
	looked    []heardEvent // that it has asked for by history

	connected bool
	ws        *client
	http      *listener
	from      int   // seq of the room when the connection began
	taken     int   // of http.heard
	asked     []int // seqs of the room when this connection asked for history, without an answer yet
}

// heardEvent is an event of the log, and what its connection had to know when it began.
type heardEvent struct {
	seq  int
	text string
	from int
}

func (v *viewer) token() string { return v.name + ":V:consumer" }

// connect comes back to where the viewer was.
func (v *viewer) connect() {
	if v.connected {
		return
	}
	join := obj{"type": "join", "token": v.token()}
	if n := len(v.events); n > 0 {
		join["epoch"], join["since"] = v.h.r.epoch, v.events[n-1].seq
	}
	v.connected, v.taken, v.from, v.asked = true, 0, int(v.h.r.State().Seq), nil
	if v.transport == "websocket" {
		v.ws = v.h.r.connect()
		v.ws.send(join)
		synctest.Wait()
		return
	}
	v.http = v.h.r.visit(string(encode(join)))
	if v.transport == "stream" {
		v.http.open("?session="+v.http.session, "")
	}
}

// poll asks for what is new, if the viewer is one who does that.
func (v *viewer) poll() {
	if v.connected && v.transport == "poll" {
		v.collect()
		v.from = int(v.h.r.State().Seq)
		v.http.poll("&wait=0")
		v.collect()
	}
}

// lookBack asks for some events of the past.
func (v *viewer) lookBack() {
	if !v.connected {
		return
	}
	newest := int(v.h.r.State().Seq)
	command := obj{"type": "history", "limit": 1 + v.h.IntN(10), "before": 1 + v.h.IntN(newest+2)}
	v.asked = append(v.asked, newest)
	if v.transport == "websocket" {
		v.ws.send(command)
		return
	}
	v.note(string(encode(v.http.send(string(encode(command))))))
}

// noteAnswer takes note of the answer to the oldest question of this connection.
func (v *viewer) noteAnswer(o obj) {
	if len(v.asked) == 0 {
		v.h.Fatalf("%s (%s): an answer too many: %v", v.name, v.transport, o)
	}
	from := v.asked[0]
	v.asked = v.asked[1:]
	if o.str("code") == "busy" {
		return
	}
	events := eventsOf(v.h.T, o)
	for i, e := range events {
		if seq := events[0].num("seq") + i; e.num("seq") != seq {
			v.h.Fatalf("%s (%s): want event %d in its place, got %v", v.name, v.transport, seq, o)
		}
		v.looked = append(v.looked, heardEvent{e.num("seq"), string(encode(e)), from})
	}
}

// cut loses the connection without a word. What is on its way is lost.
func (v *viewer) cut() {
	if v.connected {
		v.h.cuts++
		v.lose()
	}
}

func (v *viewer) lose() {
	if !v.connected {
		return
	}
	v.collect()
	v.connected = false
	switch v.transport {
	case "websocket":
		v.ws.leave()
	case "stream":
		v.http.hangUp()
	}
}

// collect takes note of what was heard.
func (v *viewer) collect() {
	if v.transport == "websocket" {
		for _, o := range v.h.take(v.ws) {
			v.note(string(encode(o)))
		}
		return
	}
	synctest.Wait()
	v.http.mu.Lock()
	heard := v.http.heard[v.taken:]
	v.taken = len(v.http.heard)
	v.http.mu.Unlock()
	for _, e := range heard {
		v.note(e)
	}
}

func (v *viewer) note(object string) {
	var o obj
	if err := json.Unmarshal([]byte(object), &o); err != nil {
		v.h.Fatal(err)
	}
	switch o.str("type") {
	case "welcome":
		if o.gap() {
			v.h.Errorf("%s: a gap", v.name)
		}
	case "skipped":
		v.h.Errorf("%s: %s", v.name, object)
	case "ack":
	case "history", "error":
		v.noteAnswer(o)
	default:
		if o["seq"] != nil {
			v.events = append(v.events, heardEvent{o.num("seq"), string(encode(o)), v.from})
		}
	}
}

// check has everybody hear all there is, and then judges.
func (h *history) check() {
	for _, v := range h.viewers {
		v.connect()
		h.pass(time.Second)
		v.poll()
		v.collect()
	}
	h.noteAcks()
	l, err := h.Log("lobby", "")
	if err != nil {
		h.Fatal(err)
	}
	l.ShowRemoved = true
	for e, err := range l.Events(0, 0) {
		if err != nil {
			h.Fatal(err)
		}
		h.log = append(h.log, strings.Replace(string(e), `,"redacted":true}`, "}", 1))
	}
	for seq, text := range h.acked {
		if seq > len(h.log) || !strings.Contains(h.log[seq-1], text) || strings.Count(strings.Join(h.log, ""), text) != 1 {
			h.Errorf("%q was acknowledged as event %d and is not there, or not once", text, seq)
		}
	}
	for _, v := range h.viewers {
		v.check()
	}
}

func (v *viewer) check() {
	for i, e := range v.events {
		if want := v.events[0].seq + i; e.seq != want {
			v.h.Fatalf("%s (%s): want event %d, heard %d", v.name, v.transport, want, e.seq)
		}
		v.judge(e)
	}
	for _, e := range v.looked {
		v.judge(e)
	}
	if len(v.asked) > 0 {
		v.h.Errorf("%s (%s): %d questions without an answer", v.name, v.transport, len(v.asked))
	}
	if n := len(v.events); len(v.h.log) > 0 && (n == 0 || v.events[n-1].seq != len(v.h.log)) {
		v.h.Errorf("%s (%s): did not hear the last event", v.name, v.transport)
	}
}

// judge demands that an event is that of the log, or its redacted form, and that if it was
// removed in time.
func (v *viewer) judge(e heardEvent) {
	whole := canonical(v.h.T, v.h.log[e.seq-1])
	by, wasRemoved := v.h.removed[e.seq]
	switch {
	case e.text == whole && wasRemoved && by <= e.from && strings.Contains(whole, `"text"`) && strings.Contains(whole, `"type":"message"`):
		v.h.Errorf("%s (%s): heard the removed %s on a connection, or for a question, that began at %d, after %d", v.name, v.transport, e.text, e.from, by)
	case e.text == whole:
	case !wasRemoved || !strings.Contains(e.text, `"redacted":true`) || strings.Contains(e.text, `"text"`):
		v.h.Errorf("%s (%s): heard %s, the log has %s", v.name, v.transport, e.text, whole)
	}
}

// canonical brings an object into the form in which clients of tests keep it.
func canonical(t *testing.T, object string) string {
	t.Helper()
	var o obj
	if err := json.Unmarshal([]byte(object), &o); err != nil {
		t.Fatal(err)
	}
	return string(encode(o))
}
