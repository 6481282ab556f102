package journal

import (
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"go.uber.org/zap"
)

// retryPause is the time between two attempts to write to a disk that fails.
const retryPause = time.Second

// outage is the time during which the disk takes no writes.
type outage struct {
	err   error // wraps ErrUnavailable
	since time.Time
	final bool // it ends with the process
}

// writer commits what the queue holds. Its goroutine owns the fields and is the
// only one that writes to the file.
type writer struct {
	*Journal
	batch    []write   // taken from the queue, in order
	answered int       // how many of batch have heard ErrUnavailable
	started  time.Time // of the newest transaction
	over     bool      // the journal is being closed
}

func newWriter(j *Journal) *writer { return &writer{Journal: j} }

// run ends when the journal is closed and all is committed, or was tried to be.
func (w *writer) run() {
	for {
		if len(w.batch) == 0 {
			w.waitForWork()
		}
		if w.batch = w.take(w.batch); len(w.batch) > 0 {
			w.started = time.Now()
			if err := w.commit(w.batch); err != nil {
				w.failed(err)
			} else {
				w.committed()
			}
		}
		switch {
		case w.over:
			return
		case len(w.batch) > 0:
			w.waitForRetry()
		}
	}
}

// waitForWork returns when the queue has something, not before the pause between
// two transactions is over, or at once when the journal is being closed.
func (w *writer) waitForWork() {
	select {
	case <-w.wake:
	case <-w.closing:
		w.over = true
		return
	}
	if pause := w.opts.Gather - time.Since(w.started); pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-w.closing:
			w.over = true
		}
	}
}

// waitForRetry lets the disk rest, and meanwhile answers what comes in.
func (w *writer) waitForRetry() {
	timer := time.NewTimer(retryPause)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-w.closing:
			w.over = true
			return
		case <-w.wake:
			w.batch = w.take(w.batch)
			w.answer(w.Healthy())
		}
	}
}

// commit carries out a batch in one transaction.
func (w *writer) commit(batch []write) error {
	if out := w.outage.Load(); out != nil && out.final {
		return out.err
	}
	err := guarded(func() error {
		if err := w.opts.beforeCommit(); err != nil {
			return err
		}
		return w.db.Update(func(tx *bolt.Tx) error { return apply(tx, batch) })
	})
	if errors.Is(err, berrors.ErrInvalidMapping) || errors.Is(err, berrors.ErrDatabaseNotOpen) {
		// What bbolt leaves behind when it could not map the grown file.
		return errors.Join(err, w.reopen())
	}
	return err
}

// fillPercent suits keys that mostly grow: a page that is split keeps nearly all
// of its records, and the next ones go to the new page.
const fillPercent = 0.95

// apply carries out the changes within a transaction.
func apply(tx *bolt.Tx, batch []write) error {
	for i := range batch {
		for _, c := range batch[i].changes {
			b := tx.Bucket(c.bucket)
			if b == nil {
				return damagef("bucket %q is gone", c.bucket)
			}
			b.FillPercent = fillPercent
			var err error
			if c.value == nil {
				err = b.Delete(c.key)
			} else {
				err = b.Put(c.key, c.value)
			}
			if err != nil {
				return fmt.Errorf("key %x of bucket %q: %w", c.key, c.bucket, err)
			}
		}
	}
	return nil
}

// committed tells everybody that the batch is safe.
func (w *writer) committed() {
	if out := w.outage.Swap(nil); out != nil {
		w.log.Info("journal can be written again", zap.String("file", w.path), zap.Duration("after", time.Since(out.since)))
	}
	w.opts.Committed(time.Since(w.started), len(w.batch))
	events := uint64(0)
	for i := range w.batch {
		if w.batch[i].event {
			events++
		}
	}
	w.counters.commits.Add(1)
	w.counters.events.Add(events)
	w.measure()
	w.release(w.batch)
	w.answer(nil)
	signal(w.news)
	clear(w.batch)
	w.batch, w.answered = w.batch[:0], 0
}

// failed keeps the batch, and tells everybody that it is not safe.
func (w *writer) failed(err error) {
	w.counters.failures.Add(1)
	w.counters.lastError.Store(&err)
	_, final := errors.AsType[*panicError](err)
	if out := w.outage.Load(); out == nil || final && !out.final {
		advice := "check the disk's space and health; the server tries again every second"
		if final {
			advice = "restart the server, which checks the whole file"
		}
		out := &outage{err: fmt.Errorf("%w: %w; %s", ErrUnavailable, err, advice), since: time.Now(), final: final}
		w.outage.Store(out)
		w.log.Error("journal cannot be written; rooms take no messages until it can", zap.String("file", w.path), zap.Error(out.err))
	}
	w.answer(w.Healthy())
}

// answer calls the done functions of the batch that have not been called yet.
func (w *writer) answer(err error) {
	for w.answered < len(w.batch) {
		w.answered++
		w.batch[w.answered-1].answer(err)
	}
}
