package journal_test

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/journal"
)

// removes returns a change that makes an event remove others.
func removes(seqs ...uint64) func(*journal.Event) {
	return func(e *journal.Event) { e.Removes = seqs }
}

func clears(e *journal.Event) { e.Clears = true }

func TestRemovedEventsAreMarked(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a, b := s.room("a"), s.room("b")
	s.say(b, 1, 20)
	s.say(a, 1, 10)
	s.wantRemoved("nothing was removed", a)
	s.sayThat(a, 11, removes(3, 1, 3))
	s.sayThat(a, 12, removes(11))
	s.say(a, 13, 15)
	for range 2 {
		s.wantRemoved("some were removed", a, 1, 3, 11)
		s.wantRemoved("another room", b)
		s.wantLog(a, 1, 15) // Data is as it was
		newest, err := s.Newest(a, 12, 3)
		if err != nil || len(newest) != 3 || newest[0].Removed || newest[1].Removed || !newest[2].Removed {
			t.Errorf("Newest has %+v, error %v", newest, err)
		}
		read, err := s.Read(a, 2, 0, 2)
		if err != nil || len(read) != 2 || !read[0].Removed || read[1].Removed || read[0].Removes != nil {
			t.Errorf("Read has %+v, error %v", read, err)
		}
		commands, err := s.Commands(a, time.Now().Add(-time.Hour))
		if err != nil || len(commands) != 15 || !commands[0].Removed || commands[1].Removed {
			t.Errorf("Commands has %+v, error %v", commands, err)
		}
		s.close()
		s = open(t, dir)
	}
}

func TestClearRemovesAllBefore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	epoch := s.room("a")
	s.sayThat(epoch, 1, clears)
	s.say(epoch, 2, 5)
	s.wantRemoved("there was nothing to clear", epoch)
	s.sayThat(epoch, 6, clears)
	s.sayThat(epoch, 7, removes(2, 6))
	s.wantRemoved("cleared", epoch, 1, 2, 3, 4, 5, 6)
	s.say(epoch, 8, 8)
	s.must(func(done func(error)) error { return s.UpdateRoom(journal.Room{Epoch: epoch, Port: 5}, done) })
	s.must(func(done func(error)) error { return s.CloseRoom(epoch, done) })
	s.close()
	s = open(t, dir)
	s.wantRemoved("after a restart", epoch, 1, 2, 3, 4, 5, 6)
	s.wantLog(epoch, 1, 8)
}

func TestWhatCannotBeRemovedIsRefused(t *testing.T) {
	s := openNew(t)
	epoch := s.room("a")
	s.say(epoch, 1, 5)
	for _, change := range []func(*journal.Event){
		removes(6), removes(1, 7), removes(0),
		func(e *journal.Event) { e.Ends = 6 },
		func(e *journal.Event) { e.Clears, e.Removes = true, []uint64{9} },
	} {
		e := event(epoch, 6)
		change(&e)
		wantErr(t, s.Append(e, nil), journal.ErrOrder)
	}
	s.say(epoch, 6, 6) // it is still the next
	s.wantRemoved("nothing happened", epoch)
}

// TestMarksBesideEvents holds logs that go over several portions to a model.
func TestMarksBesideEvents(t *testing.T) {
	const last = 3*journal.PortionEvents + 50
	random := rand.New(rand.NewPCG(5, 6))
	s := openNew(t)
	for _, name := range []string{"a", "b", "c"} { // lives beside each other in the file
		epoch := s.room(name)
		s.say(epoch, 1, last)
		var want []uint64
		for seq := uint64(1); seq <= last; seq++ {
			if random.IntN(4) == 0 || seq%journal.PortionEvents < 2 {
				want = append(want, seq)
			}
		}
		shuffled := slices.Clone(want)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		s.sayThat(epoch, last+1, removes(shuffled...))
		s.wantRemoved("room "+name, epoch, want...)
	}
}

// TestRemovedAtOnce shows that a reader finds an event removed from the moment that
// Append has returned, however long the disk takes.
func TestRemovedAtOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var disk breakable
		s := open(t, dir, disk.option)
		epoch := s.room("a")
		s.say(epoch, 1, 5)
		disk.broken.Store(true)
		removal := event(epoch, 6)
		removal.Removes = []uint64{2, 4}
		outcome := s.write(func(done func(error)) error { return s.Append(removal, done) })
		s.wantRemoved("the disk does not have it yet", epoch, 2, 4)
		wantErr(t, <-outcome, journal.ErrUnavailable)
		s.wantRemoved("the disk is broken", epoch, 2, 4)
		disk.broken.Store(false)
		pass(2 * journal.RetryPause)
		s.wantRemoved("the disk is well", epoch, 2, 4)

		disk.broken.Store(true)
		clearing := event(epoch, 7)
		clearing.Clears = true
		outcome = s.write(func(done func(error)) error { return s.Append(clearing, done) })
		s.wantRemoved("the disk is broken again", epoch, 1, 2, 3, 4, 5, 6)
		wantErr(t, <-outcome, journal.ErrUnavailable)
		disk.broken.Store(false)
		pass(2 * journal.RetryPause)
		s.close()
		s = open(t, dir)
		s.wantRemoved("after a restart", epoch, 1, 2, 3, 4, 5, 6)
		s.close()
	})
}

// TestReadersMeetNoGap reads while events are removed: whoever begins to read after
// Append has returned finds them removed, whether their mark is on the disk or not.
func TestReadersMeetNoGap(t *testing.T) {
	const last = 2000
	s := openNew(t)
	epoch := s.room("a")
	s.say(epoch, 1, last)
	var removed atomic.Uint64 // events up to this one
	done := make(chan struct{})
	go func() {
		defer close(done)
		for seq := uint64(1); seq <= last; seq++ {
			e := event(epoch, last+seq)
			e.Removes = []uint64{seq}
			if err := s.Append(e, nil); err != nil {
				t.Error(err)
				return
			}
			removed.Store(seq)
		}
	}()
	for upTo := uint64(0); upTo < last && !t.Failed(); {
		upTo = removed.Load()
		events, err := s.Newest(epoch, upTo+1, 50)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if !e.Removed {
				t.Fatalf("event %d was read though event %d was removed before", e.Seq, upTo)
			}
		}
	}
	<-done
}

func TestMarksGoWithTheirEvents(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dir, kept)
		a, over := s.room("a"), s.room("over")
		const old = 2*journal.PruneEvents + 3
		var seqs []uint64
		for seq := uint64(1); seq <= old; seq++ {
			seqs = append(seqs, seq)
		}
		s.say(a, 1, old)
		s.sayThat(a, old+1, removes(seqs...))
		s.say(over, 1, old)
		s.sayThat(over, old+1, removes(seqs[1:]...))
		s.must(func(done func(error)) error { return s.CloseRoom(over, done) })
		s.wantRecords("removed", 2*old-1)
		pass(retention / 2)
		s.say(a, old+2, old+10)
		s.sayThat(a, old+11, removes(old+5))
		pass(retention/2 + 2*time.Minute)
		s.wantRemoved("the young ones stay", a, old+5)
		s.wantRecords("removed", 1)
		if lives := s.Lives("over"); len(lives) != 0 {
			t.Errorf("a closed life is still there: %+v", lives)
		}
		s.sayThat(a, old+12, removes(1, old+2)) // nobody would look for the first
		s.wantRecords("removed", 2)
		pass(2 * retention)
		s.wantRecords("removed", 0)
		s.wantRecords("lives", 1)
		s.close()
	})
}

// TestMarkAfterItsEvent has a step that is full when the last event went, but not its
// mark.
func TestMarkAfterItsEvent(t *testing.T) {
	const last = journal.PruneEvents/2 + 1
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dir, kept)
		epoch := s.room("a")
		s.say(epoch, 1, last)
		s.sayThat(epoch, last+1, func(e *journal.Event) {
			for seq := uint64(2); seq <= last; seq++ {
				e.Removes = append(e.Removes, seq)
			}
			e.Time += 2 * retention.Milliseconds()
		})
		pass(retention + 2*time.Minute)
		s.wantRecords("events", 1)
		s.wantRecords("removed", 0)
		s.close()
	})
}

// wantRecords demands a number of records in a bucket.
func (s *store) wantRecords(bucket string, want int) {
	s.t.Helper()
	if got, err := s.Records(bucket); err != nil || got != want {
		s.t.Errorf("bucket %q holds %d records, error %v, want %d", bucket, got, err, want)
	}
}
