package journal_test

import (
	"testing"
	"testing/synctest"
	"time"

	"chatserver/journal"
)

const retention = time.Hour

func kept(o *journal.Options) { o.Retention = retention }

func TestRetention(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dir, kept)
		epoch := s.room("a")
		over := s.room("over")
		s.say(over, 1, 10)
		s.must(func(done func(error)) error { return s.CloseRoom(over, done) })
		s.say(epoch, 1, 3*journal.PruneEvents+7)
		pass(retention / 2)
		s.say(epoch, 3*journal.PruneEvents+8, 3*journal.PruneEvents+17)
		s.wantLog(epoch, 1, 3*journal.PruneEvents+17)

		pass(retention/2 + 2*time.Minute)
		s.wantLog(epoch, 3*journal.PruneEvents+8, 3*journal.PruneEvents+17)
		if lives := s.Lives("over"); len(lives) != 0 {
			t.Errorf("a closed life without events is still there: %+v", lives)
		}
		_, err := s.Read(over, 0, 0, 1)
		wantErr(t, err, journal.ErrNotFound)

		pass(retention)
		s.wantLog(epoch, 1, 0)
		if n := s.Stats().Pruned; n != 3*journal.PruneEvents+27 {
			t.Errorf("%d events were removed", n)
		}
		s.close()
		s = open(t, dir, kept)
		rooms := s.OpenRooms()
		if len(rooms) != 1 || rooms[0].Seq != 3*journal.PruneEvents+17 {
			t.Fatalf("open rooms after all events are gone: %+v", rooms)
		}
		s.say(epoch, 3*journal.PruneEvents+18, 3*journal.PruneEvents+18)
		if l := s.Lives("a")[0]; l.First != l.Seq || l.Seq != 3*journal.PruneEvents+18 {
			t.Errorf("life is %+v", l)
		}
		s.close()
	})
}

func TestRetentionWaitsForTheDatabase(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dir, kept, forwarded)
		epoch := s.room("a")
		s.say(epoch, 1, 20)
		pass(10 * retention)
		s.wantLog(epoch, 1, 20)
		s.close()

		s = open(t, dir, kept) // without a database nobody waits
		pass(2 * time.Minute)
		s.wantLog(epoch, 1, 0)
		s.close()
	})
}

func TestRetentionDuringAnOutage(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var disk breakable
		s := open(t, dir, kept, disk.option)
		epoch := s.room("a")
		s.say(epoch, 1, 20)
		disk.broken.Store(true)
		wantErr(t, <-s.write(func(done func(error)) error { return s.PutSanction("x", nil, done) }), journal.ErrUnavailable)
		pass(2 * retention)
		if n := s.Stats().Waiting; n != 1 {
			t.Errorf("%d writes wait for the disk, want only the sanction", n)
		}
		disk.broken.Store(false)
		pass(5 * time.Minute)
		s.wantLog(epoch, 1, 0)
		s.close()
	})
}
