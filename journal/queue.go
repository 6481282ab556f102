package journal

import (
	"fmt"
	"time"
)

// change puts a value under a key of a bucket; nil deletes the key. Carried out
// twice it does the same as once.
type change struct{ bucket, key, value []byte }

// write is what is carried out in one transaction or not at all.
type write struct {
	changes []change
	done    func(error) // may be nil
	event   bool        // it is one event, for Stats
	removes *removal    // what memory keeps in mind until it is on the disk; may be nil
}

// writeOverhead is what a write counts in the queue beside its keys and values.
const writeOverhead = 256

func (w *write) size() int {
	n := writeOverhead
	for _, c := range w.changes {
		n += len(c.key) + len(c.value)
	}
	return n
}

func (w *write) answer(err error) {
	if w.done != nil {
		w.done(err)
	}
}

// queue holds the accepted writes in order. bytes and length count those too that
// the writer has taken and not committed yet.
type queue struct {
	waiting []write
	bytes   int
	length  int

	first time.Time // when the first of waiting was accepted
	taken time.Time // when the first of what the writer has was
}

// age returns how long the oldest write has been waiting; 0 if none does.
func (q *queue) age() time.Duration {
	switch {
	case q.length > len(q.waiting):
		return time.Since(q.taken)
	case q.length > 0:
		return time.Since(q.first)
	default:
		return 0
	}
}

// urgency says what happens to a write while the disk fails.
type urgency bool

const (
	refusable urgency = false // it is refused: an event, a new room
	needed    urgency = true  // it waits for the disk: what has happened already
)

// admit returns why the queue takes no write now. The caller holds mu and changes
// nothing before it has asked.
func (j *Journal) admit(u urgency) error {
	if j.closed {
		return ErrClosed
	}
	if err := j.Healthy(); err != nil && u == refusable {
		return err
	}
	if j.queue.bytes >= j.opts.Queue {
		return fmt.Errorf("%w: %d bytes in %d writes wait for the disk; try again later", ErrFull, j.queue.bytes, j.queue.length)
	}
	return nil
}

// accept puts a write into the queue. The caller holds mu and has asked admit.
func (j *Journal) accept(w write) {
	if len(j.queue.waiting) == 0 {
		j.queue.first = time.Now()
	}
	j.queue.waiting = append(j.queue.waiting, w)
	j.queue.bytes += w.size()
	j.queue.length++
	signal(j.wake)
}

// take returns everything that waits, after what is in batch.
func (j *Journal) take(batch []write) []write {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(batch) == 0 {
		j.queue.taken = j.queue.first
	}
	batch = append(batch, j.queue.waiting...)
	clear(j.queue.waiting)
	j.queue.waiting = j.queue.waiting[:0]
	return batch
}

// release makes room in the queue for what has been committed, and forgets what readers
// find in the file now.
func (j *Journal) release(batch []write) {
	size := 0
	for i := range batch {
		size += batch[i].size()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue.bytes -= size
	j.queue.length -= len(batch)
	for i := range batch {
		batch[i].settle()
	}
}

// signal leaves a token for whoever waits for one.
func signal(token chan<- struct{}) {
	select {
	case token <- struct{}{}:
	default:
	}
}
