//go:build unix

package handover

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Successor is a process that is going to take the place of this one.
type Successor struct {
	cmd  *exec.Cmd
	conn *net.UnixConn
	in   *bufio.Reader // from conn
}

// firstFile is the number that a started process has its first further file under.
const firstFile = 3

// Start starts a process and returns once that is prepared. After an error, which is in
// words for an operator, nothing is left of it.
func Start(ctx context.Context, o Options) (*Successor, error) {
	ours, theirs, err := pair()
	if err != nil {
		return nil, fmt.Errorf("no socket pair for the new process: %w", err)
	}
	s := &Successor{conn: ours, in: bufio.NewReader(ours)}
	s.cmd = exec.CommandContext(context.WithoutCancel(ctx), o.Path, o.Args...) //nolint:gosec // the program itself
	s.cmd.Env = append(slices.Clone(o.Environ), variable+"="+strconv.Itoa(firstFile))
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.WaitDelay = os.Stdout, os.Stderr, killWait
	s.cmd.ExtraFiles = []*os.File{theirs}
	err = s.cmd.Start()
	_ = theirs.Close() // the process has its own
	if err != nil {
		_ = ours.Close() // nobody is there
		return nil, fmt.Errorf("the new process does not start: %w", err)
	}
	m, err := s.hear(ctx)
	if err == nil && !m.Prepared {
		err = errNonsense
	}
	if err != nil {
		return nil, s.end("prepared", err)
	}
	return s, nil
}

// errNonsense is said of a process that is none of ours.
var errNonsense = errors.New("it says what no server says here")

// pair returns two sockets that are joined, one of them to be inherited.
func pair() (*net.UnixConn, *os.File, error) {
	syscall.ForkLock.RLock() // so that no process that is started meanwhile has them
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "predecessor")
	ours, err := connOf(fds[0])
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return ours, theirs, nil
}

// connOf makes a connection of a descriptor, which is ours to close.
func connOf(fd int) (*net.UnixConn, error) {
	file := os.NewFile(uintptr(fd), "handover")
	if file == nil {
		return nil, syscall.EBADF
	}
	defer func() { _ = file.Close() }() // the connection has one of its own
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	if unix, ok := conn.(*net.UnixConn); ok {
		return unix, nil
	}
	return nil, errors.Join(syscall.ENOTSOCK, conn.Close())
}

// until bounds what is read from and written to a connection. The function that it returns
// must be called afterwards.
func until(ctx context.Context, conn net.Conn) (over func()) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) }) // fails on a closed one
	return func() { stop() }
}

// hear returns what the process says next.
func (s *Successor) hear(ctx context.Context) (m message, err error) {
	over := until(ctx, s.conn)
	defer over()
	line, err := s.in.ReadBytes('\n')
	switch {
	case err == nil && json.Unmarshal(line, &m) != nil:
		err = errNonsense
	case err != nil && ctx.Err() != nil:
		err = ctx.Err()
	}
	if m.Failed != "" {
		err = errors.New(m.Failed)
	}
	return m, err
}

// end ends the process, which was to become something, and says in words what was wrong.
func (s *Successor) end(become string, err error) error {
	ended := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	state := s.kill(ended)
	switch {
	case ended:
		return fmt.Errorf("the new process ended before it was %s (%s)", become, state)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the new process was not %s in time, and was killed", become)
	default:
		return fmt.Errorf("the new process cannot take over: %w", err)
	}
}

// Take hands the sockets and the state over, and returns once the process serves. After an
// error, which is in words for an operator, nothing is left of it.
func (s *Successor) Take(ctx context.Context, sockets *Sockets, state []byte) error {
	err := s.send(ctx, sockets, state)
	if err == nil {
		var m message
		if m, err = s.hear(ctx); err == nil && !m.Ready {
			err = errNonsense
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return s.end("ready", err)
	}
	return nil
}

// send sends each socket with a space, and then a line with their names.
func (s *Successor) send(ctx context.Context, sockets *Sockets, state []byte) error {
	over := until(ctx, s.conn)
	defer over()
	sockets.mu.Lock()
	defer sockets.mu.Unlock()
	m := message{State: state}
	for name, kept := range sockets.sockets {
		if err := s.sendOne(kept.TCPListener); err != nil {
			return err
		}
		m.Sockets = append(m.Sockets, name)
	}
	return write(s.conn, m)
}

func (s *Successor) sendOne(ln *net.TCPListener) error {
	raw, err := ln.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Control(func(fd uintptr) {
		_, _, sent = s.conn.WriteMsgUnix([]byte(" "), syscall.UnixRights(int(fd)), nil)
	})
	return errors.Join(err, sent)
}

// write says something, as a line.
func write(conn net.Conn, m message) error {
	line, err := json.Marshal(m)
	if err == nil {
		_, err = conn.Write(append(line, '\n'))
	}
	return err
}

// PID returns the process's id.
func (s *Successor) PID() int { return s.cmd.Process.Pid }

// Release tells the process that it is alone from now on, and leaves it to itself.
func (s *Successor) Release() {
	_ = s.conn.Close()          // which it hears
	_ = s.cmd.Process.Release() // fails on Windows only
}

// Terminate asks the process to stop, as a supervisor does. It must not have been released.
func (s *Successor) Terminate() { _ = s.cmd.Process.Signal(syscall.SIGTERM) }

// Kill ends the process at once, and returns when it has ended.
func (s *Successor) Kill() { s.kill(false) }

// kill returns how the process ended, which it may be about to do by itself.
func (s *Successor) kill(ending bool) string {
	_ = s.conn.Close() // nothing can be done about it
	if ending {
		patience := time.AfterFunc(killWait, func() { _ = s.cmd.Process.Kill() })
		defer patience.Stop()
	} else {
		_ = s.cmd.Process.Kill() // fails if it has ended
	}
	_ = s.cmd.Wait() // the state says it
	return s.cmd.ProcessState.String()
}
