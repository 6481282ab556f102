package journal_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/journal"
)

var errDisk = errors.New("the test's disk is broken")

// breakable lets a test break the disk and repair it.
type breakable struct{ broken atomic.Bool }

func (b *breakable) option(o *journal.Options) {
	journal.FailCommits(o, func() error {
		if b.broken.Load() {
			return errDisk
		}
		return nil
	})
}

func TestOutage(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var disk breakable
		logger, lines := logged()
		s := open(t, dir, disk.option, logger)
		epoch := s.room("a")
		s.say(epoch, 1, 5)

		disk.broken.Store(true)
		start := time.Now()
		waiting := s.write(func(done func(error)) error { return s.Append(event(epoch, 6), done) })
		err := <-waiting
		wantErr(t, err, journal.ErrUnavailable)
		wantErr(t, err, errDisk)
		if took := time.Since(start); took > 10*time.Millisecond {
			t.Errorf("the answer took %v", took)
		}
		wantErr(t, s.Healthy(), journal.ErrUnavailable)
		wantErr(t, s.Append(event(epoch, 7), nil), journal.ErrUnavailable)
		wantErr(t, s.OpenRoom(journal.Room{Name: "b", Epoch: "b"}, nil), journal.ErrUnavailable)
		wantErr(t, s.Sync(nil), journal.ErrUnavailable)
		// What has happened already is taken, and answered at once.
		wantErr(t, <-s.write(func(done func(error)) error { return s.PutSanction("x", []byte("1"), done) }), journal.ErrUnavailable)
		s.wantLog(epoch, 1, 5)
		wantErr(t, s.Stats().LastError, errDisk)

		pass(5*journal.RetryPause + time.Millisecond)
		if stats := s.Stats(); stats.Failures != 6 || stats.Waiting != 2 || stats.WaitingFor != time.Since(start) {
			t.Errorf("after 5 s %d attempts have failed and %d writes wait for %v, want 6, 2 and %v", stats.Failures, stats.Waiting, stats.WaitingFor, time.Since(start))
		}
		disk.broken.Store(false)
		pass(journal.RetryPause)
		if err := s.Healthy(); err != nil {
			t.Fatalf("the disk is back, but: %v", err)
		}
		if stats := s.Stats(); stats.Waiting != 0 || stats.WaitingFor != 0 {
			t.Errorf("the disk is back, but %d writes wait for %v", stats.Waiting, stats.WaitingFor)
		}
		s.wantLog(epoch, 1, 6)
		s.say(epoch, 7, 8)
		if n := lines.Len(); n != 2 || !strings.Contains(lines.All()[0].Message, "cannot be written") || !strings.Contains(lines.All()[1].Message, "again") {
			t.Errorf("want a line for each turn, got %v", lines.All())
		}
		s.close()
		s = open(t, dir)
		s.wantLog(epoch, 1, 8)
		if len(s.Sanctions()) != 1 {
			t.Error("the sanction of the outage is lost")
		}
		s.close()
	})
}

// TestCommitted shows who hears of transactions: each once, with what was in it, failed
// ones not at all.
func TestCommitted(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var disk breakable
		var heard []int // by the writer alone, read when that is idle
		s := open(t, dir, disk.option, func(o *journal.Options) {
			o.Committed = func(took time.Duration, writes int) {
				if heard = append(heard, writes); took < 0 || took > time.Second {
					t.Errorf("a transaction of %d writes took %v", writes, took)
				}
			}
		})
		epoch := s.room("a")
		pass(time.Second)
		s.say(epoch, 1, 1)
		disk.broken.Store(true)
		wantErr(t, <-s.write(func(done func(error)) error { return s.Append(event(epoch, 2), done) }), journal.ErrUnavailable)
		pass(5 * journal.RetryPause)
		disk.broken.Store(false)
		pass(5 * journal.RetryPause)
		for seq := uint64(3); seq <= 102; seq++ {
			if err := s.Append(event(epoch, seq), nil); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Second)
		s.close()
		writes := 0
		for _, n := range heard {
			writes += n
		}
		if len(heard) < 4 || uint64(len(heard)) != s.Stats().Commits || !slices.Equal(heard[:3], []int{1, 1, 1}) || writes != 103 {
			t.Errorf("heard of transactions with %v writes, want 1, 1, 1 and 100 more in %d", heard, s.Stats().Commits)
		}
	})
}

func TestCloseDuringOutage(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var disk breakable
		s := open(t, dir, disk.option)
		epoch := s.room("a")
		s.say(epoch, 1, 1)
		disk.broken.Store(true)
		wantErr(t, <-s.write(func(done func(error)) error { return s.Append(event(epoch, 2), done) }), journal.ErrUnavailable)
		start := time.Now()
		wantErr(t, s.Close(t.Context()), journal.ErrUnavailable)
		if took := time.Since(start); took > 0 {
			t.Errorf("closing took %v", took)
		}
		disk.broken.Store(false)
		s = open(t, dir)
		s.wantLog(epoch, 1, 1)
		s.close()
	})
}

// TestFileIsOpenedAnew covers what bbolt leaves behind when it could not map the
// grown file: it is of no use until it is opened anew.
func TestFileIsOpenedAnew(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dir)
		epoch := s.room("a")
		s.say(epoch, 1, 3)
		if err := s.DropFile(); err != nil {
			t.Fatal(err)
		}
		wantErr(t, <-s.write(func(done func(error)) error { return s.Append(event(epoch, 4), done) }), journal.ErrUnavailable)
		pass(journal.RetryPause + time.Millisecond)
		if err := s.Healthy(); err != nil {
			t.Fatal(err)
		}
		s.say(epoch, 5, 6)
		s.wantLog(epoch, 1, 6)
		s.close()
	})
}

// TestPanicEndsWriting covers damage that a commit runs into: what bbolt holds in
// memory is unknown then, so nothing more is written before a restart.
func TestPanicEndsWriting(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var armed atomic.Bool
		s := open(t, dir, func(o *journal.Options) {
			journal.FailCommits(o, func() error {
				if armed.Swap(false) {
					panic("page 7 makes no sense")
				}
				return nil
			})
		})
		epoch := s.room("a")
		s.say(epoch, 1, 3)
		armed.Store(true)
		err := <-s.write(func(done func(error)) error { return s.Append(event(epoch, 4), done) })
		wantErr(t, err, journal.ErrUnavailable)
		wantErr(t, err, journal.ErrDamaged)
		pass(time.Minute)
		wantErr(t, s.Healthy(), journal.ErrDamaged)
		s.wantLog(epoch, 1, 3)
		wantErr(t, s.Close(t.Context()), journal.ErrUnavailable)
	})
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	stuck, goOn := make(chan struct{}), make(chan struct{})
	var armed atomic.Bool
	s := openNew(t, func(o *journal.Options) {
		journal.FailCommits(o, func() error {
			if armed.Swap(false) {
				close(stuck)
				<-goOn
			}
			return nil
		})
	})
	epoch := s.room("a")
	armed.Store(true)
	waiting := s.write(func(done func(error)) error { return s.Append(event(epoch, 1), done) })
	<-stuck
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, ctx.Err()) {
		t.Errorf("got error %v", err)
	}
	close(goOn)
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	s.close()
}
