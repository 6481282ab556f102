package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatserver/internal/handover"
	"chatserver/journal"
)

// A family is a server and those that take its place, one after the other. What they print
// is one text.

// program is where the server is on disk. A test may put something else there.
type program string

// newProgram returns a place where the server is.
func newProgram(t *testing.T) program {
	t.Helper()
	p := program(filepath.Join(t.TempDir(), "chatserver"))
	p.install(t)
	return p
}

// install puts the server there.
func (p program) install(t *testing.T) {
	t.Helper()
	built, err := buildServer()
	if err == nil {
		err = os.Link(built, string(p)+".next")
	}
	if err != nil {
		t.Fatal(err)
	}
	p.replace(t)
}

// become has a start of the program run lines of the shell from now on.
func (p program) become(t *testing.T, lines string) {
	t.Helper()
	if err := os.WriteFile(string(p)+".next", []byte("#!/bin/sh\n"+lines+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.replace(t)
}

// replace does what an upgrade does.
func (p program) replace(t *testing.T) {
	t.Helper()
	if err := os.Rename(string(p)+".next", string(p)); err != nil {
		t.Fatal(err)
	}
}

// startFamily starts a server by the program, and waits until it is ready.
func startFamily(t *testing.T, path program, settings ...string) *chatServer {
	t.Helper()
	read, write, err := os.Pipe() // all of the family hold it, so no copying by exec
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(string(path)), group: true, ended: make(chan struct{})}
	p.cmd.Env = clean(append(chatSettings(t, settings...), "GORACE=atexit_sleep_ms=0")...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = t.TempDir(), write, write
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close() // the family has its own
	go func() {
		_, _ = io.Copy(p, read) // ends with the last of the family
		_ = read.Close()
		_ = p.cmd.Wait() // state has it
		p.state = p.cmd.ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		if !p.hasEnded() {
			p.signalGroup(syscall.SIGKILL)
		}
		<-p.ended
		if strings.Contains(p.text(), "WARNING: DATA RACE") {
			t.Error("the race detector complains")
		}
		if t.Failed() {
			t.Logf("the family printed:\n%s", p.text())
		}
	})
	s := &chatServer{process: p}
	s.wantStarted()
	return s
}

// wantStarted waits until the server is ready, and takes note of where it listens.
func (s *chatServer) wantStarted() {
	s.t.Helper()
	s.api = "http://" + s.wantPrinted("started", `listening.*"api".*"addr": ?"([^"]+)"`)[1]
	s.admin = "http://" + s.wantPrinted("started", `listening.*"admin".*"addr": ?"([^"]+)"`)[1]
	s.wantPrinted("started", `\bready\b`)
}

// signalGroup sends a signal to all of the family that are there.
func (p *process) signalGroup(number syscall.Signal) {
	p.t.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, number); err != nil {
		p.t.Errorf("send %v: %v", number, err)
	}
}

var handedOver = regexp.MustCompile(`\bhanded over\b.*"to": (\d+), "dark": "(.*?)"`)

// heads returns the ids of those who have been the head of the family, the newest last.
func (s *chatServer) heads() []int {
	all := []int{s.cmd.Process.Pid}
	for _, found := range handedOver.FindAllStringSubmatch(s.text(), -1) {
		pid, err := strconv.Atoi(found[1])
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, pid)
	}
	return all
}

// head returns the id of the process that serves.
func (s *chatServer) head() int {
	all := s.heads()
	return all[len(all)-1]
}

// tryRestart asks for a restart.
func (s *chatServer) tryRestart() (status int, answer string) {
	s.t.Helper()
	return ask(s.t, http.MethodPost, s.admin+"/api/v1/restart", testAdminKey, "")
}

// restart has another process take over, and waits until it has.
func (s *chatServer) restart() {
	s.t.Helper()
	before := len(s.heads())
	eventually(s.t, "it restarts", func() bool {
		status, answer := s.tryRestart()
		if status == http.StatusConflict { // a restart before has just ended
			return false
		}
		if status != http.StatusAccepted || answer != `{"data":{"message":"Restarting"}}` {
			s.t.Fatalf("restart: want 202, got %d %s", status, answer)
		}
		return true
	})
	s.wantSucceeded(before)
}

// wantSucceeded waits until the server has had more heads than before.
func (s *chatServer) wantSucceeded(before int) {
	s.t.Helper()
	eventually(s.t, "another process serves", func() bool { return len(s.heads()) > before })
	eventually(s.t, "it answers", func() bool {
		_, _, err := tryAsk(http.MethodGet, s.admin+"/api/v1/", testAdminKey, "")
		return err == nil
	})
}

// wantOnlyHead waits until only one process of the family is left.
func (s *chatServer) wantOnlyHead() {
	s.t.Helper()
	for _, pid := range s.heads()[:len(s.heads())-1] {
		eventually(s.t, fmt.Sprintf("process %d ends", pid), func() bool { return !runs(pid) })
	}
}

// runs tells whether a process is there and no zombie.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

// asSuccessor tells this very program to be a successor of a server, in one of the ways
// below.
const asSuccessor = "CHATSERVER_TEST_SUCCESSOR"

var successors = map[string]func(){
	"dies when it has the sockets": func() {
		takeOver()
		die()
	},
	"dies when it has the journal": func() {
		if _, err := journal.Open(journal.Options{Dir: takeOver()}); err != nil {
			panic(err)
		}
		die()
	},
	"fails when it has the journal": func() {
		if _, err := journal.Open(journal.Options{Dir: takeOver()}); err != nil {
			panic(err)
		}
		os.Exit(7)
	},
}

// takeOver takes the sockets, and returns where the data are.
func takeOver() string {
	old, _, err := handover.Inherit(os.Environ())
	if err != nil || old == nil {
		panic(fmt.Sprint("no predecessor: ", err))
	}
	if _, _, err := old.Prepared(context.Background()); err != nil {
		panic(err)
	}
	return os.Getenv("DATA_DIR")
}

// die is kill -9.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	<-time.After(time.Minute)
}

// becomeSuccessor has a start of the program run this very program as a successor.
func (p program) becomeSuccessor(t *testing.T, as string) {
	t.Helper()
	itself, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p.become(t, fmt.Sprintf("%s=%q exec %q", asSuccessor, as, itself))
}
