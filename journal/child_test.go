//go:build unix

package journal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"chatserver/journal"
)

// The test binary runs itself anew as a child in one of these roles, which may then
// be killed, or live with limits of its own. The child works in the directory
// childDir.
const (
	childRole = "JOURNAL_TEST_CHILD"
	childDir  = "JOURNAL_TEST_DIR"
	roleWrite = "write"
	roleFull  = "full disk"
	roleMod   = "moderate"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		os.Exit(runChild(role))
	}
	goleak.VerifyTestMain(m)
}

// runChild returns the child's exit status.
func runChild(role string) int {
	run := map[string]func(dir string) error{roleWrite: writeForEver, roleFull: fillTheDisk, roleMod: moderateForEver}[role]
	if err := run(os.Getenv(childDir)); err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	return 0
}

// child starts a child.
func child(t *testing.T, role, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+role, childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// writeForEver goes on with five logs, and prints each event once it is
// acknowledged.
func writeForEver(dir string) error {
	j, err := journal.Open(journal.Options{Dir: dir, Wait: 10 * time.Second})
	if err != nil {
		return err
	}
	seqs := map[string]uint64{}
	for _, r := range j.OpenRooms() {
		seqs[r.Epoch] = r.Seq
	}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if _, ok := seqs[name]; !ok {
			if err := j.OpenRoom(journal.Room{Name: name, Epoch: name, Created: time.Now()}, nil); err != nil {
				return err
			}
			seqs[name] = 0
		}
	}
	waiting := make(chan struct{}, 200)
	for {
		for epoch := range seqs {
			waiting <- struct{}{}
			seqs[epoch]++
			e := event(epoch, seqs[epoch])
			err := j.Append(e, func(err error) {
				fmt.Println(e.Epoch, e.Seq, err)
				<-waiting
			})
			if err != nil {
				return err
			}
		}
	}
}

// TestKill kills a writer again and again: what it has acknowledged is there, once
// and in order.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]uint64{}
	for n := range 8 {
		cmd, out := child(t, roleWrite, dir)
		for lines := 0; lines < 500+n*137 && out.Scan(); lines++ {
			noteAck(t, acknowledged, out.Text())
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for out.Scan() { // what it had said before it died
			noteAck(t, acknowledged, out.Text())
		}
		_ = cmd.Wait() // it was killed

		s := open(t, dir)
		for epoch, seq := range acknowledged {
			newest, err := s.Newest(epoch, 0, 1)
			if err != nil || len(newest) != 1 || newest[0].Seq < seq {
				t.Fatalf("round %d: room %s acknowledged %d, but ends with %v, error %v", n, epoch, seq, newest, err)
			}
			s.wantLog(epoch, 1, newest[0].Seq)
		}
		s.close()
	}
	if len(acknowledged) != 5 {
		t.Errorf("acknowledgements came from %d rooms of 5", len(acknowledged))
	}
}

// noteAck reads a line of writeForEver; one that the kill cut short does not count.
func noteAck(t *testing.T, acknowledged map[string]uint64, line string) {
	t.Helper()
	var epoch string
	var seq uint64
	if n, _ := fmt.Sscanf(line, "%s %d <nil>", &epoch, &seq); n < 2 || !strings.HasSuffix(line, "<nil>") {
		if strings.HasPrefix(line, "failed") {
			t.Fatal(line)
		}
		return
	}
	acknowledged[epoch] = max(acknowledged[epoch], seq)
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	cmd, out := child(t, roleFull, dir)
	var said []string
	for out.Scan() {
		said = append(said, out.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %q", err, said)
	}
	s := open(t, dir)
	var last uint64
	if _, err := fmt.Sscanf(said[len(said)-1], "recovered at %d", &last); err != nil {
		t.Fatalf("the child said %q", said)
	}
	events, err := s.Read("a-1", 0, 0, int(last)+1)
	if err != nil || uint64(len(events)) != last || events[last-1].Seq != last {
		t.Errorf("%d events are left of %d, error %v", len(events), last, err)
	}
}

// fillTheDisk writes until the file may not grow any further, as on a full disk, and
// goes on when it may.
func fillTheDisk(dir string) error {
	signal.Ignore(syscall.SIGXFSZ) // so that the write fails instead
	turns := make(chan string, 10)
	core, _ := observer.New(zap.InfoLevel)
	j, err := journal.Open(journal.Options{Dir: dir, Logger: zap.New(core, zap.Hooks(func(e zapcore.Entry) error {
		turns <- e.Message
		return nil
	}))})
	if err != nil {
		return err
	}
	const epoch = "a-1"
	if err := j.OpenRoom(journal.Room{Name: "a", Epoch: epoch, Created: time.Now()}, nil); err != nil {
		return err
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	limited := before
	limited.Cur = 1 << 20
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limited); err != nil {
		return err
	}
	outcome := make(chan error, 1)
	write := func(seq uint64) error {
		e := event(epoch, seq)
		e.Data = append(e.Data, make([]byte, 50_000)...)
		if err := j.Append(e, func(err error) { outcome <- err }); err != nil {
			return err
		}
		return <-outcome
	}
	seq := uint64(0)
	for err == nil {
		seq++
		err = write(seq)
	}
	if !errors.Is(err, journal.ErrUnavailable) || !errors.Is(j.Append(event(epoch, seq+1), nil), journal.ErrUnavailable) {
		return fmt.Errorf("event %d on the full disk: %w", seq, err)
	}
	fmt.Println("full at", seq, err, <-turns)
	if got, err := j.Newest(epoch, 0, 1); err != nil || got[0].Seq != seq-1 {
		return fmt.Errorf("cannot read on a full disk: %w", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	<-turns // it comes back by itself
	if err := write(seq + 1); err != nil {
		return err
	}
	fmt.Println("recovered at", seq+1)
	return j.Close(context.Background())
}
