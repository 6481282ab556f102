//go:build !linux

package swarm

import (
	"errors"
	"io"
)

// Run needs epoll.
func Run(io.Reader, io.Writer) error { return errors.New("the load generator runs on Linux only") }
