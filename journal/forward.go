package journal

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"
)

// Sink is a database that gets everything that the journal holds. What its methods
// are given is theirs to keep. They may be given the same again, after an error or
// a crash, and must not count it twice. An error says that nothing may be assumed:
// a sink that will never take an event has to note that and pass over it, since
// nothing later is sent before it.
type Sink interface {
	// Messages takes events, of each life in the order of seq.
	Messages(ctx context.Context, events []Event) error
	// Sanctions takes what was changed.
	Sanctions(ctx context.Context, changed []Sanction) error
	// Servers takes all rooms that are open on this server, in place of those
	// that it was given before.
	Servers(ctx context.Context, open []Room) error
}

const (
	bulkEvents   = 500                    // given to a sink at a time, at most
	bulkBytes    = 1 << 20                // of events; one portion more may come
	gatherNews   = 200 * time.Millisecond // before new events are sent
	catchUpPause = 10 * time.Millisecond  // between bulks of a backlog
	firstBackoff = time.Second            // after an error; doubled with each
	lastBackoff  = 30 * time.Second
	cursorPause  = time.Second // between two notes of how far the sink has come
)

// Forward brings events, sanctions and the open rooms to a sink, until ctx ends or
// the journal is closed: first what it does not have yet, then what comes. It holds
// no transaction while the sink works. An error of the sink is logged once, and once
// that it is gone; meanwhile it tries again after
// 0.5 to 30 s.
//
// How far the sink has come is written to the journal about once a second; after a
// crash it gets the last second again. Forward returns an error only if
// [Options.Forward] is not set, or if it is running already.
func (j *Journal) Forward(ctx context.Context, sink Sink) error {
	if !j.opts.Forward {
		return errors.New("journal: Options.Forward is not set, so events may be gone before they are sent")
	}
	if !j.forwarding.CompareAndSwap(false, true) {
		return errors.New("journal: Forward is running already")
	}
	defer j.forwarding.Store(false)

	f := forwarder{
		Journal: j, sink: sink, told: j.roomChanges() - 1,
		moved: make(map[*life]struct{}), broken: make(map[*life]struct{}),
	}
	defer f.noteCursors()
	for f.wait(ctx, f.step(ctx)) {
	}
	return nil
}

// forwarder is one call of Forward, whose goroutine owns it.
type forwarder struct {
	*Journal
	sink  Sink
	told  uint64             // index.changes when the sink was given the open rooms
	moved map[*life]struct{} // lives whose cursor is not in the file yet
	noted time.Time          // when cursors were written last
	// Lives that cannot be read any further; the others go on.
	broken map[*life]struct{}
	since  time.Time     // of the first error; zero: all is well
	wanted time.Duration // the next wait after an error
}

// step brings the sink one bulk of each kind. It returns how long to wait then;
// negative: until there is something new.
func (f *forwarder) step(ctx context.Context) time.Duration {
	more, err := f.bulk(ctx)
	if ctx.Err() != nil {
		return 0
	}
	if err != nil {
		return f.failed(err)
	}
	if !f.since.IsZero() {
		f.log.Info("database takes messages again", zap.Duration("after", time.Since(f.since)))
		f.since = time.Time{}
		f.counters.sendError.Store(nil)
	}
	if time.Since(f.noted) >= cursorPause || !more {
		f.noteCursors()
	}
	if more {
		return catchUpPause
	}
	return -1
}

// failed notes an error and returns how long to leave the sink alone.
func (f *forwarder) failed(err error) time.Duration {
	if f.since.IsZero() {
		f.since, f.wanted = time.Now(), firstBackoff
		f.log.Warn("database takes no messages; they wait in the journal", zap.Uint64("events", f.Stats().Unsent), zap.Error(err))
	}
	f.counters.sendError.Store(&err)
	wait := f.wanted/2 + rand.N(f.wanted/2) //nolint:gosec // no secret: servers should not come all at once
	f.wanted = min(2*f.wanted, lastBackoff)
	return wait
}

// wait passes the time until the next step; false means that there is none.
func (f *forwarder) wait(ctx context.Context, d time.Duration) bool {
	if d < 0 {
		select {
		case <-f.news:
			d = gatherNews
		case <-f.closing:
			return false
		case <-ctx.Done():
			return false
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-f.closing:
		return false
	case <-ctx.Done():
		return false
	}
}

// bulk sends the open rooms and sanctions that changed, and one bulk of events. more
// says that there is more to send now.
func (f *forwarder) bulk(ctx context.Context) (more bool, err error) {
	if err := f.sendRooms(ctx); err != nil {
		return false, err
	}
	moreSanctions, err := f.sendSanctions(ctx)
	if err != nil {
		return false, err
	}
	moreEvents, err := f.sendEvents(ctx)
	return moreSanctions || moreEvents, err
}

func (j *Journal) roomChanges() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.index.changes
}

func (f *forwarder) sendRooms(ctx context.Context) error {
	f.mu.Lock()
	changes, rooms := f.index.changes, []Room(nil)
	if changes != f.told {
		rooms = f.index.openRooms()
	}
	f.mu.Unlock()
	if changes == f.told {
		return nil
	}
	if err := f.sink.Servers(ctx, rooms); err != nil {
		return err
	}
	f.told = changes
	return nil
}

// sendSanctions sends what the sink does not know, and notes that it does.
func (f *forwarder) sendSanctions(ctx context.Context) (more bool, err error) {
	f.mu.Lock()
	var changed []Sanction
	versions := make(map[string]uint64)
	for id := range f.index.dirty {
		if len(changed) == bulkEvents {
			more = true
			break
		}
		s := f.index.sanctions[id]
		changed = append(changed, Sanction{ID: id, Value: bytes.Clone(s.value)})
		versions[id] = s.version
	}
	f.mu.Unlock()
	if len(changed) == 0 {
		return false, nil
	}
	if err := f.sink.Sanctions(ctx, changed); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.admit(needed) != nil {
		return false, nil // they stay marked, and are sent again
	}
	w := write{}
	for id, version := range versions {
		s, ok := f.index.sanctions[id]
		if !ok || s.version != version {
			continue // changed meanwhile
		}
		f.index.setSanction(id, sanctionSent, s.value)
		w.changes = append(w.changes, f.index.sanctionChange(id))
	}
	if len(w.changes) > 0 {
		f.accept(w)
	}
	return more, nil
}

// sendEvents sends one bulk of events, of as many lives as it holds.
func (f *forwarder) sendEvents(ctx context.Context) (more bool, err error) {
	bulk, more := f.collect()
	if len(bulk) == 0 {
		return false, nil
	}
	newest := make(map[string]*Event)
	for i := range bulk {
		newest[bulk[i].Epoch] = &bulk[i]
	}
	if err := f.sink.Messages(ctx, bulk); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for epoch, e := range newest {
		if l, err := f.index.find(epoch); err == nil {
			f.index.sent(l, e.Seq, time.UnixMilli(e.Time))
			f.moved[l] = struct{}{}
		}
	}
	return more, nil
}

// position is how far a life has been sent.
type position struct {
	*life
	sent uint64
}

// behind returns lives with events to send, in no order. all is false when it left
// some out.
func (f *forwarder) behind() (positions []position, all bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for l := range f.index.behind {
		if _, ok := f.broken[l]; ok {
			continue
		}
		if len(positions) == bulkEvents {
			return positions, false
		}
		positions = append(positions, position{l, l.Sent})
	}
	return positions, true
}

// collect reads a bulk of events. more says that it did not hold all there are.
func (f *forwarder) collect() (bulk []Event, more bool) {
	lives, all := f.behind()
	size := 0
	for _, l := range lives {
		for after := l.sent; ; {
			left := bulkEvents - len(bulk)
			if left == 0 || size >= bulkBytes {
				return bulk, true
			}
			portion, err := f.portion(l.Epoch, after, 0, left)
			if err != nil && len(portion) == 0 {
				f.giveUp(l.life, err)
			}
			if len(portion) == 0 {
				break
			}
			bulk = append(bulk, portion...)
			after = bulk[len(bulk)-1].Seq
			for i := range portion {
				size += len(portion[i].Data)
			}
		}
	}
	return bulk, !all
}

// giveUp leaves a life alone that cannot be read.
func (f *forwarder) giveUp(l *life, err error) {
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrClosed) || errors.Is(err, ErrUnavailable) {
		return
	}
	f.broken[l] = struct{}{}
	f.log.Error("a log cannot be sent to the database any further", zap.String("room", l.Room), zap.String("epoch", l.Epoch), zap.Error(err))
}

// noteCursors writes how far the sink has come.
func (f *forwarder) noteCursors() {
	f.noted = time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.moved) == 0 || f.admit(needed) != nil {
		return // they are noted later, or sent again after the next start
	}
	var w write
	for l := range f.moved {
		if f.index.lives[l.Epoch] != l {
			continue // it is over
		}
		if c, err := l.change(); err == nil { // it was encoded before
			w.changes = append(w.changes, c)
		}
	}
	clear(f.moved)
	if len(w.changes) > 0 {
		f.accept(w)
	}
}
