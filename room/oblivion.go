package room

import (
	"iter"
	"time"

	"chatserver/journal"
)

// oblivion is the journal of a registry without one: it confirms everything at once,
// and keeps nothing.
type oblivion struct{}

func confirm(done func(error)) error {
	if done != nil {
		done(nil)
	}
	return nil
}

// OpenRoom confirms.
func (oblivion) OpenRoom(_ journal.Room, done func(error)) error { return confirm(done) }

// UpdateRoom confirms.
func (oblivion) UpdateRoom(_ journal.Room, done func(error)) error { return confirm(done) }

// CloseRoom confirms.
func (oblivion) CloseRoom(_ string, done func(error)) error { return confirm(done) }

// Append confirms.
func (oblivion) Append(_ journal.Event, done func(error)) error { return confirm(done) }

// Sync confirms.
func (oblivion) Sync(done func(error)) error { return confirm(done) }

// PutVote confirms.
func (oblivion) PutVote(_ journal.Vote, done func(error)) error { return confirm(done) }

// PutTicket confirms.
func (oblivion) PutTicket(_ string, _ []byte, done func(error)) error { return confirm(done) }

// Tickets has none.
func (oblivion) Tickets() (map[string][]byte, error) { return nil, nil } //nolint:nilnil // none is no error

// Healthy finds nothing wrong.
func (oblivion) Healthy() error { return nil }

// Lives knows of none.
func (oblivion) Lives(string) []journal.Life { return nil }

// Life knows of none.
func (oblivion) Life(string) (journal.Life, error) { return journal.Life{}, journal.ErrNotFound }

// Newest finds nothing.
func (oblivion) Newest(string, uint64, int) ([]journal.Event, error) {
	return nil, journal.ErrNotFound
}

// Commands finds nothing.
func (oblivion) Commands(string, time.Time) ([]journal.Command, error) {
	return nil, journal.ErrNotFound
}

// Votes finds nothing.
func (oblivion) Votes(string, uint64) (map[string]int, error) { return nil, journal.ErrNotFound }

// All finds nothing.
func (oblivion) All(string, uint64, uint64) iter.Seq2[journal.Event, error] {
	return func(yield func(journal.Event, error) bool) { yield(journal.Event{}, journal.ErrNotFound) }
}
