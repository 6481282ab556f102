package main_test

import (
	"errors"
	"fmt"
	"net"
	"os"
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
	t      *testing.T
	socket *net.UnixConn
	path   string
	main   int // the main process's id; 0 until the first word
}

func newManager(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
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
	return &manager{t: t, socket: socket, path: path}
}

// settings are what the manager starts a service with.
func (m *manager) settings(watchdog time.Duration) []string {
	return []string{"NOTIFY_SOCKET=" + m.path, fmt.Sprint("WATCHDOG_USEC=", watchdog.Microseconds())}
}

// next returns the next word, and who said it. It fails when none comes for so long.
func (m *manager) next(patience time.Duration) (lines []string, pid int, err error) {
	if err := m.socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, 0, err
	}
	data, rights := make([]byte, 4096), make([]byte, 256)
	n, had, _, _, err := m.socket.ReadMsgUnix(data, rights)
	if err != nil {
		return nil, 0, err
	}
	controls, err := syscall.ParseSocketControlMessage(rights[:had])
	if err != nil || len(controls) != 1 {
		return nil, 0, fmt.Errorf("want to know who sends: %v, %w", controls, err)
	}
	from, err := syscall.ParseUnixCredentials(&controls[0])
	if err != nil {
		return nil, 0, err
	}
	return strings.Split(string(data[:n]), "\n"), int(from.Pid), nil
}

// want wants a word next, but for signs of life and of status, from the main process.
func (m *manager) want(why, word string) {
	m.t.Helper()
	for {
		lines, pid, err := m.next(commandTimeout)
		if err != nil {
			m.t.Fatalf("%s: want %s, got %v", why, word, err)
		}
		if m.main == 0 {
			m.main = pid
		}
		if pid != m.main {
			m.t.Errorf("%s: process %d says %q, but %d is the main one", why, pid, lines, m.main)
		}
		if slices.Contains(lines, word) {
			return
		}
		for _, line := range lines {
			if line != "WATCHDOG=1" && !strings.HasPrefix(line, "STATUS=") {
				m.t.Fatalf("%s: want %s, got %q", why, word, lines)
			}
		}
	}
}

// wantAlive wants some signs of life.
func (m *manager) wantAlive(why string) {
	m.t.Helper()
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
	if _, _, err := m.next(0); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
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
	if lines, _, err := m.next(200 * time.Millisecond); err == nil {
		t.Errorf("want silence, got %q", lines)
	}
	s.signal(syscall.SIGTERM)
	m.want("the stop", "STOPPING=1")
	s.wantExit("the stop", 0)
}
