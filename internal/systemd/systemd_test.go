//go:build unix

package systemd_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"chatserver/internal/systemd"
)

func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	m := systemd.Of([]string{"A=1", "NOTIFY_SOCKET=" + path}, 1)
	if err := m.Notify(systemd.Ready, systemd.Status("%d rooms", 3), systemd.MainPID(42)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1000)
	n, err := socket.Read(got)
	if want := "READY=1\nSTATUS=3 rooms\nMAINPID=42"; err != nil || string(got[:n]) != want {
		t.Errorf("want %q in one datagram, got %q, %v", want, got[:n], err)
	}
	if err := systemd.Of(nil, 1).Notify(systemd.Ready); err != nil {
		t.Errorf("nobody to tell is no fault, got %v", err)
	}
	if err := systemd.Of([]string{"NOTIFY_SOCKET=" + path + "-not"}, 1).Notify(systemd.Ready); err == nil {
		t.Error("want to hear that nobody was told")
	}
}

func TestWatchdog(t *testing.T) {
	const socket = "NOTIFY_SOCKET=/nowhere"
	for _, tt := range []struct {
		why     string
		environ []string
		want    time.Duration
	}{
		{"none", []string{socket}, 0},
		{"for any process", []string{socket, "WATCHDOG_USEC=1500000"}, 1500 * time.Millisecond},
		{"for this process", []string{"WATCHDOG_PID=7", "WATCHDOG_USEC=1000", socket}, time.Millisecond},
		{"for another process", []string{socket, "WATCHDOG_USEC=1000", "WATCHDOG_PID=8"}, 0},
		{"nobody to tell", []string{"WATCHDOG_USEC=1000"}, 0},
		{"no number", []string{socket, "WATCHDOG_USEC=soon"}, 0},
		{"below zero", []string{socket, "WATCHDOG_USEC=-5"}, 0},
	} {
		if got := systemd.Of(tt.environ, 7).Watchdog(); got != tt.want {
			t.Errorf("%s: want %v, got %v", tt.why, tt.want, got)
		}
	}
}

// A manager that does not read holds up nobody for ever.
func TestNotifyADeafManager(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	m := systemd.Of([]string{"NOTIFY_SOCKET=" + path}, 1)
	for range 100_000 { // more than any system keeps
		if err = m.Notify(systemd.Alive); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("want the time to be over, got %v", err)
	}
}

// A process that takes over is watched like the one before it.
func TestInheritable(t *testing.T) {
	environ := []string{"NOTIFY_SOCKET=/nowhere", "WATCHDOG_USEC=1000", "WATCHDOG_PID=7", "WATCHDOG_PIDS=x"}
	rest := systemd.Inheritable(environ)
	if want := []string{"NOTIFY_SOCKET=/nowhere", "WATCHDOG_USEC=1000", "WATCHDOG_PIDS=x"}; !slices.Equal(rest, want) {
		t.Errorf("want %q, got %q", want, rest)
	}
	if got := systemd.Of(rest, 9).Watchdog(); got != time.Millisecond {
		t.Errorf("want the heir to be watched, got %v", got)
	}
	if len(environ) != 4 {
		t.Error("the environment itself was changed")
	}
}
