package journal_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/journal"
)

func ends(poll uint64) func(*journal.Event) {
	return func(e *journal.Event) { e.Ends = poll }
}

func TestVotesSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a, b := s.room("a"), s.room("b")
	s.say(a, 1, 10)
	s.say(b, 1, 10)
	s.vote(a, 5, "ann", 0)
	s.vote(a, 5, "bob", 1)
	s.vote(a, 5, "ann", 7) // the last one counts
	s.vote(a, 6, "ann", 2)
	s.vote(b, 5, "cleo", 3)
	s.vote(b, 5, "cleo\x00", -1) // whatever a caller counts by
	for range 2 {
		s.wantVotes("as they were put", a, 5, map[string]int{"ann": 7, "bob": 1})
		s.wantVotes("another poll", a, 6, map[string]int{"ann": 2})
		s.wantVotes("another room", b, 5, map[string]int{"cleo": 3, "cleo\x00": -1})
		s.wantVotes("no poll", a, 7, nil)
		s.wantVotes("no poll", a, 0, nil)
		s.wantVotes("no poll", a, 1<<64-1, nil)
		s.close()
		s = open(t, dir)
	}
	_, err := s.Votes("nobody", 1)
	wantErr(t, err, journal.ErrNotFound)
}

func TestRefusedVotes(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var disk breakable
		s := open(t, dir, disk.option)
		epoch := s.room("a")
		s.say(epoch, 1, 5)
		s.sayThat(epoch, 6, ends(3))
		for why, v := range map[string]journal.Vote{
			"to come":      {Epoch: epoch, Poll: 7, User: "ann"},
			"over":         {Epoch: epoch, Poll: 3, User: "ann"},
			"long over":    {Epoch: epoch, Poll: 2, User: "ann"},
			"no poll":      {Epoch: epoch, User: "ann"},
			"nobody":       {Epoch: epoch, Poll: 4},
			"a long user":  {Epoch: epoch, Poll: 4, User: strings.Repeat("u", 1025)},
			"unknown life": {Epoch: "nobody", Poll: 4, User: "ann"},
		} {
			if err := s.PutVote(v, nil); err == nil {
				t.Errorf("%s: the vote was taken", why)
			}
		}
		wantErr(t, s.PutVote(journal.Vote{Epoch: epoch, Poll: 7, User: "ann"}, nil), journal.ErrOrder)
		wantErr(t, s.PutVote(journal.Vote{Epoch: "nobody", Poll: 4, User: "ann"}, nil), journal.ErrNotFound)

		ann := journal.Vote{Epoch: epoch, Poll: 4, User: "ann", Option: 1}
		disk.broken.Store(true)
		wantErr(t, <-s.write(func(done func(error)) error { return s.PutVote(ann, done) }), journal.ErrUnavailable)
		wantErr(t, s.PutVote(ann, nil), journal.ErrUnavailable)
		disk.broken.Store(false)
		pass(2 * journal.RetryPause)
		s.wantVotes("what waited for the disk", epoch, 4, map[string]int{"ann": 1})

		s.must(func(done func(error)) error { return s.CloseRoom(epoch, done) })
		wantErr(t, s.PutVote(ann, nil), journal.ErrOver)
		s.wantVotes("of a closed room", epoch, 4, map[string]int{"ann": 1})
		s.close()
		wantErr(t, s.PutVote(ann, nil), journal.ErrClosed)
	})
}

// TestEndedPoll has more votes than go in one step: nobody finds them once an event has
// ended the poll, and then they go, whatever is restarted meanwhile.
func TestEndedPoll(t *testing.T) {
	const voters = 3*journal.PruneEvents + 10
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dir)
		epoch := s.room("a")
		s.say(epoch, 1, 3)
		want := map[string]int{}
		for i := range voters {
			want[fmt.Sprint("user", i)] = i % 8
			if err := s.PutVote(journal.Vote{Epoch: epoch, Poll: 2, User: fmt.Sprint("user", i), Option: i % 8}, nil); err != nil {
				t.Fatal(err)
			}
		}
		s.vote(epoch, 3, "ann", 1)
		s.wantVotes("all of them", epoch, 2, want)
		pass(10 * time.Minute)
		s.wantRecords("votes", voters+1)

		s.sayThat(epoch, 4, ends(2))
		s.wantVotes("ended", epoch, 2, nil)
		s.close()
		s = open(t, dir)
		s.wantVotes("ended before the restart", epoch, 2, nil)
		s.wantRecords("votes", voters+1)
		pass(2 * time.Minute)
		s.wantRecords("votes", 1)
		s.wantVotes("the poll that goes on", epoch, 3, map[string]int{"ann": 1})
		s.close()
	})
}

// TestVotesGoWithTheirPoll shows that the votes of a poll that nobody ended go with the
// event that opened it, and with their life.
func TestVotesGoWithTheirPoll(t *testing.T) {
	const voters = journal.PruneEvents + 10
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dir, kept)
		a, over := s.room("a"), s.room("over")
		for _, epoch := range []string{a, over} {
			s.say(epoch, 1, 2)
			for i := range voters {
				if err := s.PutVote(journal.Vote{Epoch: epoch, Poll: 2, User: fmt.Sprint("user", i)}, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.must(func(done func(error)) error { return s.CloseRoom(over, done) })
		pass(retention / 2)
		s.wantRecords("votes", 2*voters)
		s.say(a, 3, 3)
		s.vote(a, 3, "ann", 1)
		pass(retention/2 + 2*time.Minute)
		s.wantRecords("votes", 1)
		s.wantRecords("lives", 1)
		s.wantVotes("the young poll", a, 3, map[string]int{"ann": 1})
		s.close()
	})
}

func TestManyVotesAreReadInPortions(t *testing.T) {
	const voters = 2*journal.PortionVotes + 5
	s := openNew(t)
	epoch := s.room("a")
	s.say(epoch, 1, 2)
	want := map[string]int{}
	for i := range voters {
		want[fmt.Sprint("user", i)] = i % 8
		if err := s.PutVote(journal.Vote{Epoch: epoch, Poll: 1, User: fmt.Sprint("user", i), Option: i % 8}, nil); err != nil {
			t.Fatal(err)
		}
	}
	s.vote(epoch, 2, "ann", 1)
	s.wantVotes("all of them", epoch, 1, want)
}
