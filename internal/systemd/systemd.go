// Package systemd tells the service manager that has started this process how it is, by
// the protocol of sd_notify(3): lines of text in one datagram.
//
// Without such a manager nothing is told, and nothing fails.
package systemd

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What the manager can be told; see sd_notify(3).
const (
	Ready     = "READY=1"
	Reloading = "RELOADING=1"
	Stopping  = "STOPPING=1"
	Alive     = "WATCHDOG=1"
)

// Status is a line about the process, for people.
func Status(format string, args ...any) string { return "STATUS=" + fmt.Sprintf(format, args...) }

// MainPID makes another process the service's main one. After that the manager listens to
// that one alone, unless its NotifyAccess says otherwise.
func MainPID(pid int) string { return "MAINPID=" + strconv.Itoa(pid) }

// Manager is who has started this process. The zero value is nobody.
type Manager struct {
	socket   string
	watchdog time.Duration
}

// Names of the variables that the manager sets.
const (
	notifySocket = "NOTIFY_SOCKET"
	watchdogTime = "WATCHDOG_USEC"
	watchdogPID  = "WATCHDOG_PID"
)

// Of returns the manager of the process with that id and environment, a list of NAME=value.
func Of(environ []string, pid int) Manager {
	var m Manager
	watched := true
	for _, setting := range environ {
		switch name, value, _ := strings.Cut(setting, "="); name {
		case notifySocket:
			m.socket = value
		case watchdogTime:
			if n, err := strconv.ParseInt(value, 10, 64); err == nil && n > 0 {
				m.watchdog = time.Duration(n) * time.Microsecond
			}
		case watchdogPID:
			watched = value == strconv.Itoa(pid)
		}
	}
	if !watched || m.socket == "" {
		m.watchdog = 0
	}
	return m
}

// Inheritable returns an environment for a process that is to become the main one: the
// manager watches that too, under whatever id.
func Inheritable(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(setting string) bool {
		return strings.HasPrefix(setting, watchdogPID+"=")
	})
}

// Watchdog returns the time within which the manager wants to hear [Alive] again; 0 means
// that it does not.
func (m Manager) Watchdog() time.Duration { return m.watchdog }

// patience bounds how long a manager that does not listen is waited for.
const patience = 5 * time.Second

// Notify tells the manager, in one breath. It waits while that has much to read, for a few
// seconds at most.
func (m Manager) Notify(news ...string) error {
	if m.socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("systemd cannot be told: %w", err)
	}
	defer func() { _ = conn.Close() }()                 // it was sent, or that failed
	_ = conn.SetWriteDeadline(time.Now().Add(patience)) // fails on a closed connection only
	if _, err := conn.Write([]byte(strings.Join(news, "\n"))); err != nil {
		return fmt.Errorf("systemd cannot be told: %w", err)
	}
	return nil
}
