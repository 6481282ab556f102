package journal

import (
	"cmp"
	"context"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.uber.org/zap"
)

const (
	pruneEvents = 500                   // removed in one transaction at most
	prunePause  = 20 * time.Millisecond // between two of them
	pruneOften  = time.Second           // the least and
	pruneSeldom = time.Minute           // the most time between two rounds
)

// prune removes what is older than retention, until ctx ends. Its writes go through
// the queue like any other: they wait for a failing disk, and share transactions
// with the events that rooms write meanwhile.
func (j *Journal) prune(ctx context.Context) {
	round := min(max(j.opts.Retention/10, pruneOften), pruneSeldom)
	for pause(ctx, round) {
		if j.Healthy() != nil {
			continue // what the disk has to take when it is back should not grow
		}
		p := pruner{Journal: j, cutoff: time.Now().Add(-j.opts.Retention).UnixMilli()}
		p.round(ctx)
	}
}

// pause waits; false means that ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// pruner is one round over all lives.
type pruner struct {
	*Journal
	cutoff  int64 // Unix milliseconds; what is older goes
	changes []change
	events  int // how many events changes removes
}

// round ends early when a write fails: what it removed is in the queue then.
func (p *pruner) round(ctx context.Context) {
	for _, l := range p.oldest() {
		for more := true; more; {
			count, err := p.expired(l)
			if err != nil { // the other lives matter
				p.log.Warn("old events cannot be removed", zap.String("file", p.path), zap.Error(err))
			}
			p.remove(l, count)
			more = p.events == pruneEvents
			if len(p.changes) >= pruneEvents && p.flush(ctx) != nil {
				return
			}
		}
	}
	_ = p.flush(ctx)
}

// oldest returns all lives, oldest first.
func (p *pruner) oldest() []*life {
	p.mu.Lock()
	defer p.mu.Unlock()
	lives := make([]*life, 0, len(p.index.lives))
	for _, l := range p.index.lives {
		lives = append(lives, l)
	}
	slices.SortFunc(lives, func(a, b *life) int { return cmp.Compare(a.id, b.id) })
	return lives
}

// expired returns how many of a life's oldest events may go in this step.
func (p *pruner) expired(l *life) (count int, err error) {
	p.mu.Lock()
	first, most := l.Pruned+1, l.seq
	if p.opts.Forward {
		most = l.Sent
	}
	p.mu.Unlock()
	if first > most {
		return 0, nil
	}
	err = p.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketEvents).Cursor()
		for key, value := c.Seek(eventKey(l.id, first)); key != nil && p.events+count < pruneEvents; key, value = c.Next() {
			owner, seq, _ := splitEventKey(key)
			if owner != l.id || seq > most {
				return nil
			}
			// One that cannot be read goes with those before it.
			if e, err := decodeEvent(key, value); err == nil && e.Time >= p.cutoff {
				return nil
			}
			count++
		}
		return nil
	})
	return count, err
}

// remove takes a life's oldest events out, and the life itself if it is over.
func (p *pruner) remove(l *life, count int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.index.lives[l.Epoch] != l {
		return // it went in the step before
	}
	for range count {
		l.Pruned++
		p.changes = append(p.changes, change{bucketEvents, eventKey(l.id, l.Pruned), nil})
	}
	p.index.sent(l, l.Pruned) // nobody will ask the database for them
	p.events += count
	switch {
	case l.Pruned == l.seq && l.Closed != 0 && l.Closed < p.cutoff:
		p.changes = append(p.changes, change{bucketLives, lifeKey(l.id), nil})
		p.index.remove(l)
	case count > 0:
		if c, err := l.change(); err == nil { // it was encoded before
			p.changes = append(p.changes, c)
		}
	}
}

// flush writes the changes, waits until they are on the disk, and rests. They take
// no heed of the queue's bound, as there is one such write at a time.
func (p *pruner) flush(ctx context.Context) error {
	if len(p.changes) == 0 {
		return nil
	}
	written := make(chan error, 1)
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	p.accept(write{changes: p.changes, done: func(err error) { written <- err }})
	p.mu.Unlock()
	p.counters.pruned.Add(uint64(p.events))
	p.changes, p.events = nil, 0
	select {
	case err := <-written:
		if err == nil {
			pause(ctx, prunePause)
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
