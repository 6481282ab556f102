//go:build !unix

package room

import "net"

// This platform lacks a way to read and write a socket without waiting for it:
// everything is left to the outbox's flusher and the connection's reader.

func descriptorOf(net.Conn) int { return noDescriptor }

func writeNow(int, []byte) (int, error) { return 0, nil }

func readNow(int, []byte) (int, error) { return 0, errNothing }
