//go:build !unix

package handover

import (
	"context"
	"errors"
	"fmt"
)

// Successor is there on Unix alone.
type Successor struct{}

// Start fails.
func Start(context.Context, Options) (*Successor, error) {
	return nil, fmt.Errorf("this system cannot hand listeners to another process: %w; stop the server and start it again", errors.ErrUnsupported)
}

// Take is never called.
func (*Successor) Take(context.Context, *Sockets, []byte) error { return errors.ErrUnsupported }

// PID is never called.
func (*Successor) PID() int { return 0 }

// Release is never called.
func (*Successor) Release() {}

// Terminate is never called.
func (*Successor) Terminate() {}

// Kill is never called.
func (*Successor) Kill() {}

// Predecessor is there on Unix alone.
type Predecessor struct{}

// Inherit returns nothing.
func Inherit(environ []string) (*Predecessor, []string, error) { return nil, environ, nil }

// Prepared is never called.
func (*Predecessor) Prepared(context.Context) (*Sockets, []byte, error) {
	return nil, nil, errors.ErrUnsupported
}

// Ready is never called.
func (*Predecessor) Ready(context.Context) {}

// Failed is never called.
func (*Predecessor) Failed(string) {}
