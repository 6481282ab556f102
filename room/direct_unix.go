//go:build unix

package room

import (
	"errors"
	"net"
	"syscall"
)

// directWriter writes to a socket without waiting for it.
type directWriter struct {
	raw syscall.RawConn
	// once is the callback of raw.Write, made once so that a write allocates nothing.
	once func(fd uintptr) bool

	frame []byte // arguments and results of once
	n     int
	err   error
}

// newDirectWriter returns nil for a connection that has no descriptor.
func newDirectWriter(conn net.Conn) *directWriter {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	d := &directWriter{raw: raw}
	d.once = func(fd uintptr) bool {
		for {
			d.n, d.err = syscall.Write(int(fd), d.frame)
			if !errors.Is(d.err, syscall.EINTR) {
				return true // whatever it took: never wait
			}
		}
	}
	return d
}

// write returns how much of the frame the socket took at once, which may be
// nothing. It must not be called while another goroutine writes to the connection.
func (d *directWriter) write(frame []byte) (int, error) {
	d.frame = frame
	err := d.raw.Write(d.once)
	d.frame = nil
	switch {
	case err != nil:
		return 0, err
	case errors.Is(d.err, syscall.EAGAIN):
		return 0, nil
	case d.err != nil:
		return 0, d.err
	}
	return d.n, nil
}
