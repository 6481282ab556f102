package journal

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.uber.org/zap"
)

const (
	pruneEvents = 500                   // removed in one transaction at most, with marks and votes
	prunePause  = 20 * time.Millisecond // between two of them
	pruneOften  = time.Second           // the least and
	pruneSeldom = time.Minute           // the most time between two rounds
)

// prune removes what is older than retention, and the votes of polls that are over, until
// ctx ends. Its writes go through the queue like any other: they wait for a failing disk,
// and share transactions with the events that rooms write meanwhile.
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
	size    int // how many events, marks and votes changes removes
}

// round ends early when a write fails: what it removed is in the queue then.
func (p *pruner) round(ctx context.Context) {
	for _, l := range p.oldest() {
		for more := true; more; {
			found, err := p.expired(l)
			if err != nil { // the other lives matter
				p.log.Warn("old events cannot be removed", zap.String("file", p.path), zap.Error(err))
			}
			p.remove(l, found)
			more = p.size >= pruneEvents
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

// remains is what may go of a life in one step.
type remains struct {
	first  uint64   // seq of the oldest event that is kept
	events int      // how many go, from that one on
	others []change // the marks of those that went before or go now, and votes of polls that are over
	full   bool     // there may be more
}

// size is what remains count in a step.
func (r *remains) size() int { return r.events + len(r.others) }

// expired returns what may go of a life in this step. A poll whose event is gone counts
// as over.
func (p *pruner) expired(l *life) (found remains, err error) {
	p.mu.Lock()
	most, ended := l.seq, l.Ended
	if p.opts.Forward {
		most = l.Sent
	}
	found.first = l.Pruned + 1
	p.mu.Unlock()
	left := pruneEvents - p.size
	err = p.view(func(tx *bolt.Tx) error {
		removed := marksFrom(tx, l.id, 0)
		found.takeMarks(removed, left) // of events that were removed while they went
		c := tx.Bucket(bucketEvents).Cursor()
		for key, value := c.Seek(eventKey(l.id, found.first)); key != nil && found.size() < left; key, value = c.Next() {
			owner, seq, _ := splitEventKey(key)
			// One that cannot be read goes with those before it.
			if e, err := decodeEvent(key, value); owner != l.id || seq > most || err == nil && e.Time >= p.cutoff {
				break
			}
			found.events++
			found.takeMarks(removed, left)
		}
		found.takeVotes(tx, l.id, max(ended, found.newest()), left)
		return nil
	})
	found.full = err != nil || found.size() >= left
	return found, err
}

// newest returns the seq of the newest event that goes, or went before.
func (r *remains) newest() uint64 { return r.first - 1 + uint64(r.events) }

// takeMarks takes the marks of the events that are gone then.
func (r *remains) takeMarks(removed *marks, left int) {
	for ; removed.there && removed.seq <= r.newest() && r.size() < left; removed.next() {
		r.others = append(r.others, change{bucketRemoved, bytes.Clone(removed.key), nil})
	}
}

// takeVotes takes the votes of the polls up to one.
func (r *remains) takeVotes(tx *bolt.Tx, life, ended uint64, left int) {
	c := tx.Bucket(bucketVotes).Cursor()
	for key, _ := c.Seek(pollKey(life, 0)); key != nil && r.size() < left; key, _ = c.Next() {
		if owner, poll, _, ok := splitVoteKey(key); !ok || owner != life || poll > ended {
			return
		}
		r.others = append(r.others, change{bucketVotes, bytes.Clone(key), nil})
	}
}

// remove takes what may go of a life out, and the life itself if it is over and nothing
// is left of it.
func (p *pruner) remove(l *life, found remains) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.index.lives[l.Epoch] != l {
		return // it went in the step before
	}
	for range found.events {
		l.Pruned++
		p.changes = append(p.changes, change{bucketEvents, eventKey(l.id, l.Pruned), nil})
	}
	p.changes = append(p.changes, found.others...)
	p.index.sent(l, l.Pruned, l.unsentSince) // nobody will ask the database for them
	p.events += found.events
	p.size += found.size()
	switch {
	case l.Pruned == l.seq && l.Closed != 0 && l.Closed < p.cutoff && !found.full:
		p.changes = append(p.changes, change{bucketLives, lifeKey(l.id), nil})
		p.index.remove(l)
	case found.events > 0:
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
	p.changes, p.events, p.size = nil, 0, 0
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
