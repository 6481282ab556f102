//go:build unix

package room

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// descriptorOf returns the descriptor of a connection, or noDescriptor. It is good
// until the connection is closed, and whoever uses it must keep that off: the number
// may be another connection's at once.
func descriptorOf(conn net.Conn) int {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return noDescriptor
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return noDescriptor
	}
	found := noDescriptor
	_ = raw.Control(func(fd uintptr) { found = int(fd) }) // fails on a closed connection only
	return found
}

// writeNow returns how much of the frame the socket took at once, which may be
// nothing. It must not be called while another goroutine writes to the connection.
func writeNow(fd int, frame []byte) (int, error) {
	for {
		switch n, err := syscall.Write(fd, frame); {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil
		case err != nil:
			return 0, os.NewSyscallError("write", err)
		default:
			return n, nil
		}
	}
}

// readNow reads what has come; errNothing says that nothing has.
func readNow(fd int, p []byte) (int, error) {
	for {
		switch n, err := syscall.Read(fd, p); {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return 0, errNothing
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}
