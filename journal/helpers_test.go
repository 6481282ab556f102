package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/journal"
)

// store is a journal under test.
type store struct {
	*journal.Journal
	t   testing.TB
	dir string
}

// open opens a journal; it is closed at the end of the test unless it was before.
func open(tb testing.TB, dir string, change ...func(*journal.Options)) *store {
	tb.Helper()
	o := journal.Options{Dir: dir}
	for _, f := range change {
		f(&o)
	}
	j, err := journal.Open(o)
	if err != nil {
		tb.Fatalf("cannot open: %v", err)
	}
	tb.Cleanup(func() { _ = j.Close(tb.Context()) })
	return &store{Journal: j, t: tb, dir: dir}
}

// openNew opens a journal in a directory of its own.
func openNew(tb testing.TB, change ...func(*journal.Options)) *store {
	tb.Helper()
	return open(tb, tb.TempDir(), change...)
}

func forwarded(o *journal.Options) { o.Forward = true }

// close closes the journal, which must succeed.
func (s *store) close() {
	s.t.Helper()
	if err := s.Close(s.t.Context()); err != nil {
		s.t.Fatalf("cannot close: %v", err)
	}
}

// result is the outcome of a write.
type result chan error

// write hands start a done function, and returns where the outcome arrives.
func (s *store) write(start func(done func(error)) error) result {
	r := make(result, 1)
	if err := start(func(err error) { r <- err }); err != nil {
		r <- err
	}
	return r
}

// must waits for a write that has to succeed.
func (s *store) must(start func(done func(error)) error) {
	s.t.Helper()
	if err := <-s.write(start); err != nil {
		s.t.Fatalf("write failed: %v", err)
	}
}

// room opens a room whose epoch is its name and a dash.
func (s *store) room(name string) string {
	s.t.Helper()
	epoch := name + "-1"
	s.must(func(done func(error)) error {
		return s.OpenRoom(journal.Room{Name: name, Port: 34000, Epoch: epoch, Created: time.Now(), Settings: []byte(`{"title":"Hello"}`)}, done)
	})
	return epoch
}

// event makes the event with that seq.
func event(epoch string, seq uint64) journal.Event {
	return journal.Event{
		Epoch: epoch, Seq: seq, Time: time.Now().UnixMilli(), Type: "message", User: "u1", Command: fmt.Sprint("c", seq),
		Data: fmt.Appendf(nil, `{"type":"message","seq":%d,"time":1700000000000,"user":{"id":"u1","name":"Ann","role":"consumer"},"text":"Hello, everybody in this room"}`, seq),
	}
}

// say appends events from first to last, and waits for the last one.
func (s *store) say(epoch string, first, last uint64) {
	s.t.Helper()
	for seq := first; seq < last; seq++ {
		if err := s.Append(event(epoch, seq), nil); err != nil {
			s.t.Fatalf("event %d: %v", seq, err)
		}
	}
	s.must(func(done func(error)) error { return s.Append(event(epoch, last), done) })
}

// vote puts a vote, and waits until it is on the disk.
func (s *store) vote(epoch string, poll uint64, user string, option int) {
	s.t.Helper()
	s.must(func(done func(error)) error {
		return s.PutVote(journal.Vote{Epoch: epoch, Poll: poll, User: user, Option: option}, done)
	})
}

// sayThat appends an event that change has had a hand in, and waits for it.
func (s *store) sayThat(epoch string, seq uint64, change func(*journal.Event)) {
	s.t.Helper()
	e := event(epoch, seq)
	change(&e)
	s.must(func(done func(error)) error { return s.Append(e, done) })
}

// wantRemoved demands that exactly these events of a log are removed.
func (s *store) wantRemoved(why, epoch string, want ...uint64) {
	s.t.Helper()
	var got []uint64
	for e, err := range s.All(epoch, 0, 0) {
		if err != nil {
			s.t.Fatalf("%s: log of %s: %v", why, epoch, err)
		}
		if e.Removed {
			got = append(got, e.Seq)
		}
	}
	if !slices.Equal(got, want) {
		s.t.Fatalf("%s: %v are removed from %s, want %v", why, got, epoch, want)
	}
}

// wantVotes demands that users have chosen exactly that.
func (s *store) wantVotes(why, epoch string, poll uint64, want map[string]int) {
	s.t.Helper()
	got, err := s.Votes(epoch, poll)
	if err != nil || !maps.Equal(got, want) {
		s.t.Fatalf("%s: the votes of poll %d of %s are %v, error %v, want %v", why, poll, epoch, got, err, want)
	}
}

// wantLog demands that a log holds exactly the events from first to last.
func (s *store) wantLog(epoch string, first, last uint64) {
	s.t.Helper()
	next := first
	for e, err := range s.All(epoch, 0, 0) {
		if err != nil {
			s.t.Fatalf("log of %s at %d: %v", epoch, next, err)
		}
		if e.Seq != next || !bytes.Equal(e.Data, event(epoch, next).Data) {
			s.t.Fatalf("log of %s: got event %d %s, want %d", epoch, e.Seq, e.Data, next)
		}
		next++
	}
	if next != last+1 {
		s.t.Fatalf("log of %s ends before %d, want it to end with %d", epoch, next, last)
	}
}

// wantErr demands an error with that one in its chain.
func wantErr(tb testing.TB, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Fatalf("got error %v, want %v", err, want)
	}
}

// file returns the path of the journal's file.
func file(dir string) string { return filepath.Join(dir, journal.FileName) }

// pass lets time pass in a bubble, and everybody do what they do then.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
