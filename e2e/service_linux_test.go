package e2e_test

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// manager stands in for systemd with NotifyAccess=main: it listens to the main process
// alone, and knows who sends.
type manager struct {
	t    *testing.T
	path string
	main int // the main process's id; 0 until the first word

	words chan word // what has come
}

// word is what a process has said.
type word struct {
	lines []string
	pid   int
}

func newManager(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_PASSCRED, 1)
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	m := &manager{t: t, path: path, words: make(chan word, 10_000)} // so that nobody waits for us
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		m.listen(socket)
	}()
	t.Cleanup(func() {
		_ = socket.Close()
		<-heard
	})
	return m
}

// settings are what the manager starts a service with.
func (m *manager) settings(watchdog time.Duration) []string {
	return []string{"NOTIFY_SOCKET=" + m.path, fmt.Sprint("WATCHDOG_USEC=", watchdog.Microseconds())}
}

// listen takes what comes until the socket is closed.
func (m *manager) listen(socket *net.UnixConn) {
	data, rights := make([]byte, 4096), make([]byte, 256)
	for {
		n, had, _, _, err := socket.ReadMsgUnix(data, rights)
		if err != nil {
			return
		}
		controls, err := syscall.ParseSocketControlMessage(rights[:had])
		if err != nil || len(controls) != 1 {
			m.t.Errorf("want to know who sends: %v, %v", controls, err)
			return
		}
		from, err := syscall.ParseUnixCredentials(&controls[0])
		if err != nil {
			m.t.Error(err)
			return
		}
		m.words <- word{strings.Split(string(data[:n]), "\n"), int(from.Pid)}
	}
}

// next returns the next word; it is false when none comes for so long.
func (m *manager) next(patience time.Duration) (word, bool) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case said := <-m.words:
		return said, true
	case <-timer.C:
		return word{}, false
	}
}

// want wants a word next, but for signs of life and of status, from the main process.
// Signs of life from another one are not heard, as by systemd: a fresh process that takes
// its time gives some.
func (m *manager) want(why, wanted string) {
	m.t.Helper()
	for {
		said, ok := m.next(commandTimeout)
		if !ok {
			m.t.Fatalf("%s: want %s, heard nothing", why, wanted)
		}
		if m.main == 0 {
			m.main = said.pid
		}
		if said.pid != m.main && slices.Equal(said.lines, []string{"WATCHDOG=1"}) {
			continue
		}
		if said.pid != m.main {
			m.t.Errorf("%s: process %d says %q, but %d is the main one", why, said.pid, said.lines, m.main)
		}
		if slices.Contains(said.lines, wanted) {
			return
		}
		for _, line := range said.lines {
			if line != "WATCHDOG=1" && !strings.HasPrefix(line, "STATUS=") {
				m.t.Fatalf("%s: want %s, got %q", why, wanted, said.lines)
			}
		}
	}
}

// wantAlive wants some signs of life.
func (m *manager) wantAlive(why string) {
	m.t.Helper()
	for len(m.words) > 0 { // what was said before
		m.want(why, "WATCHDOG=1")
	}
	for range 4 {
		m.want(why, "WATCHDOG=1")
	}
}

// The whole life of a service: readiness, signs of life, a restart in which another process
// becomes the main one, and the stop.
func TestService(t *testing.T) {
	m := newManager(t)
	where := newProgram(t)
	s := startFamily(t, where, m.settings(300*time.Millisecond)...)
	m.want("the start", "READY=1")
	if m.main != s.head() {
		t.Errorf("want process %d to be ready, %d was", s.head(), m.main)
	}
	s.open("testroom")
	m.wantAlive("with a room")

	where.become(t, "exit 1")
	s.signalHead(syscall.SIGHUP)
	m.want("a restart that comes to nothing", "RELOADING=1")
	m.want("the server goes on", "READY=1")
	m.wantAlive("as before")

	where.install(t)
	former := s.head()
	s.signalHead(syscall.SIGHUP)
	m.want("a restart", "RELOADING=1")
	s.wantSucceeded(1)
	m.want("another process is the main one", fmt.Sprint("MAINPID=", s.head()))
	m.main = s.head()
	m.want("that says", "READY=1")
	eventually(t, "the former process ends", func() bool { return !runs(former) })
	m.wantAlive("the fresh process")

	s.signalHead(syscall.SIGTERM)
	m.want("the stop", "STOPPING=1")
	s.wait("the stop")
}

// signalHead sends a signal to the process that serves.
func (s *chatServer) signalHead(number syscall.Signal) {
	s.t.Helper()
	if err := syscall.Kill(s.head(), number); err != nil {
		s.t.Fatal(err)
	}
}

// A server that was told to watch another process, or none, gives no signs of life, and one
// without a manager misses nothing.
func TestServiceWithoutWatchdog(t *testing.T) {
	m := newManager(t)
	s := startChat(t, "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=3000", "WATCHDOG_PID=1")
	m.want("the start", "READY=1")
	if said, ok := m.next(200 * time.Millisecond); ok {
		t.Errorf("want silence, got %q", said.lines)
	}
	s.signal(syscall.SIGTERM)
	m.want("the stop", "STOPPING=1")
	s.wantExit("the stop", 0)
}
