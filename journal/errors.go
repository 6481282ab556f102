package journal

import (
	"errors"
	"fmt"
)

// These are in the chain of the errors that this package returns.
var (
	// ErrInUse: another process, or another Journal, holds the file.
	ErrInUse = errors.New("the journal is in use")
	// ErrFormat: the file was written by a version of the server that is unknown here.
	ErrFormat = errors.New("the journal has an unknown format")
	// ErrDamaged: the file, or a part of it, cannot be trusted.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrNotJournal: the file is something else.
	ErrNotJournal = errors.New("not a journal")
	// ErrUnavailable: the disk does not take writes at the moment.
	ErrUnavailable = errors.New("the journal cannot be written")
	// ErrFull: more is waiting to be written than Options.Queue allows.
	ErrFull = errors.New("the journal's queue is full")
	// ErrClosed: the journal was closed.
	ErrClosed = errors.New("the journal is closed")
	// ErrNotFound: there is no such life.
	ErrNotFound = errors.New("not in the journal")
	// ErrOver: the life was closed.
	ErrOver = errors.New("the room is closed")
	// ErrOrder: an event's seq does not follow the newest one, what an event
	// removes or ends does not stand before it, a vote is for no poll or for one
	// that is over, or a room is opened twice: a mistake of the caller.
	ErrOrder = errors.New("out of order")
)

// damagef returns an error in the chain of which is ErrDamaged.
func damagef(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

func unknownEpoch(epoch string) error {
	return fmt.Errorf("%w: there is no life with epoch %q; it was never opened, or retention has removed it", ErrNotFound, epoch)
}
