//go:build !unix

package room

import "net"

// directWriter stands for a way to write to a socket without waiting for it, which
// this platform lacks: everything is left to the outbox's flusher.
type directWriter struct{}

func newDirectWriter(net.Conn) *directWriter { return nil }

func (*directWriter) write([]byte) (int, error) { return 0, nil }
