//go:build unix

package journal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chatserver/journal"
)

const voters = 40

// moderateForEver goes on with a log in which every third event removes the one before
// it, and with a poll in which users vote in turn for ever higher options. It prints what
// is acknowledged.
func moderateForEver(dir string) error {
	j, err := journal.Open(journal.Options{Dir: dir, Wait: 10 * time.Second})
	if err != nil {
		return err
	}
	const epoch = "a-1"
	seq := uint64(0)
	if open := j.OpenRooms(); len(open) > 0 {
		seq = open[0].Seq
	} else if err := j.OpenRoom(journal.Room{Name: "a", Epoch: epoch, Created: time.Now()}, nil); err != nil {
		return err
	}
	waiting := make(chan struct{}, 100)
	acknowledge := func(what string, n uint64) func(error) {
		waiting <- struct{}{}
		return func(err error) {
			fmt.Println(what, n, err)
			<-waiting
		}
	}
	for {
		seq++
		e := event(epoch, seq)
		if seq%3 == 0 {
			e.Removes = []uint64{seq - 1}
		}
		if err := j.Append(e, acknowledge("event", seq)); err != nil {
			return err
		}
		v := journal.Vote{Epoch: epoch, Poll: 1, User: fmt.Sprint("user", seq%voters), Option: int(seq)}
		if err := j.PutVote(v, acknowledge("vote", seq)); err != nil {
			return err
		}
	}
}

// TestKillAModerator kills it again and again: what was removed stays removed, together
// with the event that removed it, and the votes are there.
func TestKillAModerator(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]uint64{} // the newest of each kind
	note := func(line string) {
		var what string
		var n uint64
		if _, err := fmt.Sscanf(line, "%s %d <nil>", &what, &n); err == nil && strings.HasSuffix(line, "<nil>") {
			acknowledged[what] = max(acknowledged[what], n)
		} else if strings.HasPrefix(line, "failed") {
			t.Fatal(line)
		}
	}
	for n := range 6 {
		cmd, out := child(t, roleMod, dir)
		for lines := 0; lines < 500+n*131 && out.Scan(); lines++ {
			note(out.Text())
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for out.Scan() { // what it had said before it died
			note(out.Text())
		}
		_ = cmd.Wait() // it was killed

		s := open(t, dir)
		newest, err := s.Newest("a-1", 0, 1)
		if err != nil || len(newest) != 1 || newest[0].Seq < acknowledged["event"] {
			t.Fatalf("round %d: acknowledged %d, but the log ends with %v, error %v", n, acknowledged["event"], newest, err)
		}
		var want []uint64
		for seq := uint64(3); seq <= newest[0].Seq; seq += 3 {
			want = append(want, seq-1)
		}
		s.wantRemoved(fmt.Sprint("round ", n), "a-1", want...)
		votes, err := s.Votes("a-1", 1)
		for seq := acknowledged["vote"]; err == nil && seq > 0 && seq+voters > acknowledged["vote"]; seq-- {
			if got := votes[fmt.Sprint("user", seq%voters)]; uint64(got) < seq || uint64(got)%voters != seq%voters {
				t.Fatalf("round %d: vote %d was acknowledged, but the user's is %d", n, seq, got)
			}
		}
		if err != nil || acknowledged["vote"] == 0 {
			t.Fatalf("round %d: votes up to %d were acknowledged, error %v", n, acknowledged["vote"], err)
		}
		s.close()
	}
}
