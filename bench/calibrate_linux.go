package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"syscall"
	"time"

	"chatserver/bench/swarm"
)

// rawEvent is an event of our server, as docs/protocol.md has it, with a text of
// textSize bytes: the bytes that the calibration writes.
const rawEvent = `{"type":"message","seq":12345,"time":1795510838030,"user":{"id":"guest-nxvrj7tgr6sq","name":"guest-123","role":"consumer"},"text":"~00000000001000000000000000 and so on, as people in a chat do w"}`

// textSize is the size of all messages' texts.
const textSize = 64

// calibrate returns how many times in a CPU second of the writing thread a loop of
// write(2) puts one event into one of so many loopback sockets. The readers are a swarm
// in another process, which reads as the clients of a server do.
func calibrate(ctx context.Context, sockets int, period time.Duration) (float64, error) {
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	readers, err := startClients(ctx, swarm.Config{
		Wire: "raw", Rooms: []swarm.Target{{Addr: ln.Addr().String()}}, Viewers: sockets, AtOnce: 128, Net: 9, Within: time.Minute,
	})
	if err != nil {
		return 0, err
	}
	defer readers.stop()
	fds := make([]int, 0, sockets)
	defer func() {
		for _, fd := range fds {
			_ = syscall.Close(fd) // all is over
		}
	}()
	accepted := make(chan error, 1)
	go func() { accepted <- acceptAll(ln, sockets, &fds) }()
	if _, err = readers.tell(swarm.Connect); err != nil {
		_ = ln.Close() // ends acceptAll
	}
	if err = errors.Join(err, <-accepted); err != nil {
		return 0, fmt.Errorf("connect the readers of the calibration: %w", err)
	}
	return writeAround(ctx, fds, period)
}

// acceptAll accepts so many connections, as descriptors that block.
func acceptAll(ln net.Listener, n int, fds *[]int) error {
	for range n {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			return errors.New("not TCP")
		}
		file, err := tcp.File()
		_ = conn.Close() // file has a descriptor of its own
		if err != nil {
			return err
		}
		fd, err := syscall.Dup(int(file.Fd())) // Fd makes it block
		_ = file.Close()
		if err != nil {
			return err
		}
		*fds = append(*fds, fd)
	}
	return nil
}

// writeAround writes the event to one socket after the other until the period is over.
func writeAround(ctx context.Context, fds []int, period time.Duration) (float64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	frame := swarm.AppendServerFrame(nil, []byte(rawEvent))
	before, err := threadCPU()
	if err != nil {
		return 0, err
	}
	writes := 0
	for end := time.Now().Add(period); time.Now().Before(end) && ctx.Err() == nil; {
		for _, fd := range fds {
			if _, err := syscall.Write(fd, frame); err != nil {
				return 0, fmt.Errorf("write to a reader of the calibration: %w", err)
			}
			writes++
		}
	}
	after, err := threadCPU()
	return float64(writes) / (after - before).Seconds(), errors.Join(err, ctx.Err())
}

// rusageThread is RUSAGE_THREAD of linux/resource.h.
const rusageThread = 1

func threadCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(rusageThread, &u); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
