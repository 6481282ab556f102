package room

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/journal"
)

// memoryJournal is a disk of which a test decides when it works.
type memoryJournal struct {
	mu    sync.Mutex
	sick  error                                          // what Append and the like answer
	slow  bool                                           // nothing is committed
	read  func([]journal.Event) ([]journal.Event, error) // what becomes of what Newest reads; nil: nothing
	lives []*memoryLife
	wait  []func(error) // in the order of writing

	tickets map[string][]byte

	committing sync.Mutex
}

type memoryLife struct {
	journal.Life
	room   journal.Room
	events []journal.Event
	votes  map[uint64]map[string]int
}

// write notes what a write does, and has it committed soon.
func (j *memoryJournal) write(done func(error), do func() error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.sick != nil {
		return j.sick
	}
	if err := do(); err != nil {
		return err
	}
	j.wait = append(j.wait, done)
	if !j.slow { // a moment later, when the actor has done what it was about
		time.AfterFunc(time.Nanosecond, func() { j.commit(nil) })
	}
	return nil
}

// commit tells everybody what became of their writes, in order.
func (j *memoryJournal) commit(err error) {
	j.committing.Lock()
	defer j.committing.Unlock()
	j.mu.Lock()
	wait := j.wait
	j.wait = nil
	j.mu.Unlock()
	for _, done := range wait {
		if done != nil {
			done(err)
		}
	}
}

// set makes the disk slow, or sick, or well.
func (j *memoryJournal) set(slow bool, sick error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.slow, j.sick = slow, sick
}

// reads has what Newest reads pass through a function, which may also wait.
func (j *memoryJournal) reads(through func([]journal.Event) ([]journal.Event, error)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.read = through
}

func (j *memoryJournal) life(epoch string) *memoryLife {
	for _, l := range j.lives {
		if l.Epoch == epoch {
			return l
		}
	}
	return &memoryLife{}
}

// opened returns the rooms that the next start would open.
func (j *memoryJournal) opened() []journal.Room {
	j.mu.Lock()
	defer j.mu.Unlock()
	var open []journal.Room
	for _, l := range j.lives {
		if l.Closed.IsZero() {
			r := l.room
			r.Seq = l.Seq
			open = append(open, r)
		}
	}
	return open
}

func (j *memoryJournal) OpenRoom(r journal.Room, done func(error)) error {
	return j.write(done, func() error {
		l := &memoryLife{room: r, Life: journal.Life{Room: r.Name, Epoch: r.Epoch, Created: r.Created, First: 1}}
		j.lives = append(j.lives, l)
		return nil
	})
}

func (j *memoryJournal) UpdateRoom(r journal.Room, done func(error)) error {
	return j.write(done, func() error { j.life(r.Epoch).room = r; return nil })
}

func (j *memoryJournal) CloseRoom(epoch string, done func(error)) error {
	return j.write(done, func() error { j.life(epoch).Closed = time.Now(); return nil })
}

func (j *memoryJournal) Append(e journal.Event, done func(error)) error {
	return j.write(done, func() error {
		l := j.life(e.Epoch)
		switch {
		case !l.Closed.IsZero():
			return journal.ErrOver
		case e.Seq != l.Seq+1:
			return fmt.Errorf("%w: %d after %d", journal.ErrOrder, e.Seq, l.Seq)
		}
		l.Seq = e.Seq
		for i := range l.events {
			if e.Clears || slices.Contains(e.Removes, l.events[i].Seq) {
				l.events[i].Removed = true
			}
		}
		delete(l.votes, e.Ends)
		l.events = append(l.events, e)
		return nil
	})
}

func (j *memoryJournal) PutVote(v journal.Vote, done func(error)) error {
	return j.write(done, func() error {
		l := j.life(v.Epoch)
		if l.votes == nil {
			l.votes = make(map[uint64]map[string]int)
		}
		if l.votes[v.Poll] == nil {
			l.votes[v.Poll] = make(map[string]int)
		}
		l.votes[v.Poll][v.User] = v.Option
		return nil
	})
}

func (j *memoryJournal) Votes(epoch string, poll uint64) (map[string]int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.life(epoch).votes[poll]), nil
}

func (j *memoryJournal) Sync(done func(error)) error {
	return j.write(done, func() error { return nil })
}

func (j *memoryJournal) Healthy() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.sick
}

func (j *memoryJournal) Lives(room string) []journal.Life {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []journal.Life
	for _, l := range slices.Backward(j.lives) {
		if l.Room == room {
			found = append(found, l.Life)
		}
	}
	return found
}

func (j *memoryJournal) Life(epoch string) (journal.Life, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if l := j.life(epoch); l.Epoch == epoch {
		return l.Life, nil
	}
	return journal.Life{}, journal.ErrNotFound
}

func (j *memoryJournal) Newest(epoch string, before uint64, limit int) ([]journal.Event, error) {
	j.mu.Lock()
	events, read := j.life(epoch).events, j.read
	if n := uint64(len(events)); before > 0 && before <= n {
		events = events[:before-1]
	}
	events = slices.Clone(events[max(0, len(events)-limit):])
	j.mu.Unlock()
	if read != nil {
		return read(events)
	}
	return events, nil
}

func (j *memoryJournal) Commands(epoch string, since time.Time) ([]journal.Command, error) {
	events, err := j.Newest(epoch, 0, 1<<30)
	var found []journal.Command
	for _, e := range events {
		if at := time.UnixMilli(e.Time); e.Command != "" && !at.Before(since) {
			found = append(found, journal.Command{User: e.User, ID: e.Command, Seq: e.Seq, Time: at})
		}
	}
	return found, err
}

func (j *memoryJournal) All(epoch string, after, before uint64) iter.Seq2[journal.Event, error] {
	events, _ := j.Newest(epoch, 0, 1<<30)
	return func(yield func(journal.Event, error) bool) {
		for _, e := range events {
			if e.Seq > after && (before == 0 || e.Seq < before) && !yield(e, nil) {
				return
			}
		}
	}
}

func TestAnAckFollowsTheCommitAndTheEventDoesNotWait(t *testing.T) {
	inWorld(t, func(w *world) {
		ann := w.room("lobby").join("ann")
		w.journal.set(true, nil)
		ann.say("hello", "1")
		ann.wantMessage("at once", "hello")
		ann.wantIdle("it is not on the disk yet")
		ann.say("hello", "1")
		ann.wantIdle("nor when it is sent again")
		w.journal.commit(nil)
		for range 2 {
			if a := ann.want("on the disk", "ack"); a.str("id") != "1" || a.num("seq") != 1 {
				w.Errorf("ack: %v", a)
			}
		}
	})
}

func TestADiskThatFailsGivesNoAck(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		w.journal.set(true, nil)
		ann.say("under way", "1")
		ann.wantMessage("everybody has seen it", "under way")
		w.journal.set(true, journal.ErrUnavailable)
		w.journal.commit(journal.ErrUnavailable)
		if e := ann.wantError("under way", "unavailable"); e.str("id") != "1" || e.num("retry_after") <= 0 {
			w.Errorf("error: %v", e)
		}
		ann.say("later", "2")
		ann.wantError("refused", "unavailable")
		ann.wantIdle("nothing was said")
		if _, err := r.Say(w.Context(), nil, "by the platform"); err == nil {
			w.Error("the platform's message was acknowledged")
		}
		if _, err := r.Set(w.Context(), SettingsPatch{SlowMode: new(int)}); err == nil {
			w.Error("a change that is not stored was confirmed")
		}
		if _, _, err := w.Create("another", SettingsPatch{}); err == nil {
			w.Error("a room that is not stored was opened")
		}
		if got := w.Obstacles(); len(got) != 1 {
			w.Errorf("want the server not to be ready, got %q", got)
		}
		w.journal.set(false, nil)
		ann.say("under way", "1") // the client sends it again
		if a := ann.want("by now it is on the disk", "ack"); a.num("seq") != 1 {
			w.Errorf("ack: %v", a)
		}
		w.pass(time.Second)
		ann.say("later", "2")
		ann.wantMessage("well again", "later")
		ann.want("well again", "ack")
		if r := w.room("another"); r.port != 34001 {
			w.Errorf("the port that was given up is lost: %d", r.port)
		}
	}, unlimited)
}

func TestARoomThatCannotBeStoredIsNotOpened(t *testing.T) {
	inWorld(t, func(w *world) {
		w.journal.set(true, nil)
		var err error
		created := make(chan struct{})
		go func() { defer close(created); _, _, err = w.Create("lobby", SettingsPatch{}) }()
		synctest.Wait()
		w.journal.commit(errors.New("disk full"))
		<-created
		if err == nil {
			w.Error("want an error")
		}
		if _, err := w.Room("lobby"); err == nil {
			w.Error("the room is open")
		}
		w.journal.set(false, nil)
	}, silently)
}

func TestWhoLeavesIsAcknowledgedFirst(t *testing.T) {
	inWorld(t, func(w *world) {
		ann := w.room("lobby").join("ann")
		w.journal.set(true, nil)
		ann.say("last words", "1")
		ann.send(obj{"type": "leave", "id": "2"})
		ann.wantMessage("heard", "last words")
		ann.wantIdle("nothing is on the disk yet")
		w.journal.set(false, nil)
		w.journal.commit(nil)
		for _, id := range []string{"1", "2"} {
			if a := ann.want("acknowledged in order", "ack"); a.str("id") != id {
				w.Errorf("want the ack of %s, got %v", id, a)
			}
		}
		ann.wantClosed("then the end", 1000)
	})
}

// A room that cannot stand again does not block its name.
func TestARoomThatCannotBeRestored(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.room("a"), w.room("b")
		w.stop()
		w.journal.life(a.epoch).room.Settings = []byte("{")
		w.journal.life(b.epoch).room.Settings = []byte("{")
		w.restarted(func(w *world) {
			if _, err := w.Room("a"); err == nil {
				w.Error("the room stands again")
			}
			again := w.room("a")
			if again.epoch == a.epoch {
				w.Error("want a new life")
			}
			w.wantClose("b")
			if open := w.journal.opened(); len(open) != 1 || open[0].Epoch != again.epoch {
				w.Errorf("the journal has as open %v", open)
			}
		})
	}, silently)
}

// restarted is what a registry makes of the journal after the server has ended.
func (w *world) restarted(test func(w *world), change ...func(*Options)) {
	w.Helper()
	next := &world{T: w.T, net: w.net, journal: w.journal}
	o := w.opts
	for _, f := range change {
		f(&o)
	}
	next.Registry = NewRegistry(o)
	next.Start(next.Restore(w.journal.opened()))
	defer next.stop()
	test(next)
}

func TestRoomsStandAgainAsTheyWere(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		w.room("closed")
		w.wantClose("closed")
		r.set(`{"title":"Pasta"}`)
		ann := r.join("ann")
		for i := range 3 {
			ann.say(fmt.Sprint("m", i), strconv.Itoa(i))
		}
		w.pass(time.Second)
		before := r.State()
		w.stop()
		w.restarted(func(w *world) {
			again, err := w.Room("lobby")
			if err != nil {
				w.Fatal(err)
			}
			after := again.State()
			if again.port != r.port || after.Epoch != before.Epoch || after.Seq != before.Seq || after.Settings != before.Settings || !again.created.Equal(r.created) {
				w.Errorf("want %+v at %d, got %+v at %d", before, r.port, after, again.port)
			}
			if _, err := w.Room("closed"); err == nil {
				w.Error("a room that was closed is open")
			}
			back := (&testRoom{again, w}).connect()
			back.send(obj{"type": "join", "name": "ann", "epoch": before.Epoch, "since": 2})
			if o := back.want("the same log", "welcome"); o.gap() || o.num("seq") != 4 {
				w.Errorf("welcome: %v", o)
			}
			back.wantMessage("what was missed", "m1")
			back.wantMessage("what was missed", "m2")
			back.say("goes on")
			if m := back.wantMessage("goes on", "goes on"); m.num("seq") != 5 {
				w.Errorf("message: %v", m)
			}
		})
	})
}

func TestARoomWhosePortIsTakenGetsAnother(t *testing.T) {
	inWorld(t, func(w *world) {
		w.room("a")
		w.room("b")
		w.stop()
		w.net.taken["34000"] = true
		w.restarted(func(w *world) {
			for name, port := range map[string]int{"a": 34002, "b": 34001} {
				r, err := w.Room(name)
				if err != nil {
					w.Fatal(err)
				}
				if r.port != port {
					w.Errorf("%s: want port %d, got %d", name, port, r.port)
				}
			}
		})
		for _, kept := range w.journal.opened() {
			if kept.Name == "a" && kept.Port != 34002 {
				w.Errorf("the journal does not know of the new port: %d", kept.Port)
			}
		}
		w.net.taken["34000"] = false
	}, silently)
}

func TestACommandIsCarriedOutOnceAcrossARestart(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		ann.say("once", "1")
		w.pass(time.Second)
		w.stop()
		w.restarted(func(w *world) {
			again, err := w.Room("lobby")
			if err != nil {
				w.Fatal(err)
			}
			id := commandID{ann.welcome.obj("you").str("id"), "1"}
			seq, err := call(w.Context(), again, atOnce(func(r *Room) (uint64, error) {
				seq, _ := r.repeats.seq(id, time.Now())
				return seq, nil
			}))
			if err != nil || seq != 1 {
				w.Errorf("want the command to be known by its event 1, got %d, %v", seq, err)
			}
		})
	})
}

func TestTheLogOutlivesItsRoom(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		for i := range 5 {
			if _, err := r.Say(w.Context(), nil, fmt.Sprint("m", i)); err != nil {
				w.Fatal(err)
			}
		}
		w.wantClose("lobby")
		l, err := w.Log("lobby", "")
		if err != nil || l.Epoch != r.epoch || l.Seq != 5 {
			w.Fatalf("log: %+v, %v", l, err)
		}
		n := 0
		for e, err := range l.Events(1, 4) {
			n++
			if err != nil || len(e) == 0 {
				w.Errorf("%s, %v", e, err)
			}
		}
		if n != 2 {
			w.Errorf("want the events 2 and 3, got %d", n)
		}
		second := w.room("lobby")
		if l, err := w.Log("lobby", ""); err != nil || l.Epoch != second.epoch {
			w.Errorf("want the newest life, got %+v, %v", l, err)
		}
		if l, err := w.Log("lobby", r.epoch); err != nil || l.Epoch != r.epoch {
			w.Errorf("want the life that was asked for, got %+v, %v", l, err)
		}
		for _, bad := range [][2]string{{"never", ""}, {"lobby", "never"}, {"../x", ""}} {
			if _, err := w.Log(bad[0], bad[1]); err == nil {
				w.Errorf("%q: want an error", bad)
			}
		}
	})
}
