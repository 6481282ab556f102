//go:build unix

package handover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Predecessor is the process whose place this one is going to take.
type Predecessor struct{ conn *net.UnixConn }

// Inherit returns the process that has started this one to take its place, nil if none
// has; and the environment without what says so.
func Inherit(environ []string) (*Predecessor, []string, error) {
	at := slices.IndexFunc(environ, func(s string) bool { return strings.HasPrefix(s, variable+"=") })
	if at < 0 {
		return nil, environ, nil
	}
	_, value, _ := strings.Cut(environ[at], "=")
	environ = slices.Delete(slices.Clone(environ), at, at+1)
	fd, err := strconv.Atoi(value)
	if err != nil || fd < firstFile {
		return nil, environ, fmt.Errorf("%s is %q; a server sets it for the process that takes its place, leave it out", variable, value)
	}
	syscall.CloseOnExec(fd)
	conn, err := connOf(fd)
	if err != nil {
		return nil, environ, fmt.Errorf("%s is %d, where there is no socket (%w); a server sets it for the process that takes its place, leave it out", variable, fd, err)
	}
	return &Predecessor{conn}, environ, nil
}

// errGone says that the predecessor has ended, or does not want a successor any more.
var errGone = errors.New("the process that started this one has ended, or goes on by itself")

// Prepared says that this process can take over, and returns once it has: with the
// sockets, which are held, and the state.
func (p *Predecessor) Prepared(ctx context.Context) (*Sockets, []byte, error) {
	over := until(ctx, p.conn)
	defer over()
	if err := write(p.conn, message{Prepared: true}); err != nil {
		return nil, nil, errGone
	}
	line, listeners, err := p.receive()
	var m message
	if err == nil {
		err = json.Unmarshal(line, &m)
	}
	if err == nil && len(m.Sockets) != len(listeners) {
		err = fmt.Errorf("%d sockets have come and %d were to", len(listeners), len(m.Sockets))
	}
	if err != nil {
		for _, ln := range listeners {
			_ = ln.Close() // the other process has it still
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		return nil, nil, err
	}
	sockets := NewSockets()
	sockets.held = true
	for i, name := range m.Sockets {
		sockets.sockets[name] = &socket{TCPListener: listeners[i]}
	}
	return sockets, m.State, nil
}

// receive returns the next line, and the sockets that came with it.
func (p *Predecessor) receive() (line []byte, listeners []*net.TCPListener, err error) {
	data, rights := make([]byte, 32<<10), make([]byte, syscall.CmsgSpace(4*8))
	for !strings.HasSuffix(string(line[max(0, len(line)-1):]), "\n") {
		n, had, _, _, err := p.conn.ReadMsgUnix(data, rights)
		if err != nil || n == 0 {
			return line, listeners, errGone
		}
		line = append(line, data[:n]...)
		got, err := listenersOf(rights[:had])
		listeners = append(listeners, got...)
		if err != nil {
			return line, listeners, err
		}
	}
	return line, listeners, nil
}

// listenersOf makes listeners of descriptors that were sent.
func listenersOf(rights []byte) (found []*net.TCPListener, err error) {
	controls, err := syscall.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, os.NewSyscallError("recvmsg", err)
	}
	for i := range controls {
		fds, err := syscall.ParseUnixRights(&controls[i])
		if err != nil {
			return found, os.NewSyscallError("recvmsg", err)
		}
		for _, fd := range fds {
			ln, err := listenerOf(fd)
			if err != nil {
				return found, err
			}
			found = append(found, ln)
		}
	}
	return found, nil
}

// listenerOf makes a listener of a descriptor, which is ours to close.
func listenerOf(fd int) (*net.TCPListener, error) {
	file := os.NewFile(uintptr(fd), "listener")
	defer func() { _ = file.Close() }() // the listener has one of its own
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	if tcp, ok := ln.(*net.TCPListener); ok {
		return tcp, nil
	}
	return nil, errors.Join(errors.New("a socket was sent that is not TCP"), ln.Close())
}

// Ready says that this process serves. It returns when the predecessor leaves it alone,
// has ended, or ctx has.
func (p *Predecessor) Ready(ctx context.Context) {
	over := until(ctx, p.conn)
	defer over()
	if write(p.conn, message{Ready: true}) == nil {
		_, _ = p.conn.Read(make([]byte, 1)) // its end is all that comes
	}
	_ = p.conn.Close() // nothing can be done about it
}

// Failed says that this process cannot take over, in words for an operator.
func (p *Predecessor) Failed(why string) {
	_ = write(p.conn, message{Failed: why}) // else its end says it
	_ = p.conn.Close()
}
