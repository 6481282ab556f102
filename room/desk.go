package room

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Bounds of what the credit service is asked at the same time.
const (
	urgentMost  = 1024 // for those who wait for the answer
	patientMost = 48   // for those who are in; connections are left for the others
	settleMost  = 8    // ends of tickets
)

// Times of telling the service of tickets that have ended.
const (
	settlePause = 30 * time.Second // before another try
	settleFor   = 24 * time.Hour   // from the end on
	settleQueue = 100_000          // that wait at most; others wait for the next start
)

// slots hold a token for each call of a kind that is under way.
type slots chan struct{}

// desk has the credit service asked for all rooms, on goroutines of its own, so that no
// actor waits. It is safe for use by several goroutines.
type desk struct {
	// Set at construction and never changed.
	credit  Credit // nil: there is none
	journal Journal
	log     *zap.Logger
	ctx     context.Context //nolint:containedctx // ends the calls
	stop    context.CancelFunc
	calls   *gate

	urgent, patient slots

	settled chan struct{} // holds a token while there may be something to settle

	mu    sync.Mutex
	fresh []settlement // not tried yet
	again []settlement // to be tried again, in the order of their times
}

// settlement is a ticket that has ended, of which the service is to be told.
type settlement struct {
	key    string
	record ticketRecord
	at     time.Time // not before
}

func newDesk(o *Options) *desk {
	d := &desk{
		credit:  o.Credit,
		journal: o.Journal,
		log:     o.Logger,
		calls:   newGate(),
		urgent:  make(slots, urgentMost),
		patient: make(slots, patientMost),
		settled: make(chan struct{}, 1),
	}
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d
}

// close ends the calls under way and waits for their goroutines. The rooms must have ended.
func (d *desk) close() {
	d.stop()
	d.calls.close()
	<-d.calls.empty
}

// ask makes a call, unless too many of its kind are under way, which it says at once. The
// room carries out the command that the call returns. If first is not nil, the call waits
// for what that has begun.
func (d *desk) ask(r *Room, kind slots, first func(done func(error)) error, call func(context.Context) command) bool {
	select {
	case kind <- struct{}{}:
	default:
		return false
	}
	if !d.calls.enter() {
		<-kind
		return false
	}
	start := func(error) { // what first has failed to do is no reason not to ask
		go func() {
			defer d.calls.leave()
			answer := call(d.ctx)
			<-kind
			r.arrive(answer)
		}()
	}
	if first == nil {
		start(nil)
	} else if err := first(start); err != nil {
		start(err)
	}
	return true
}

// keep has the journal keep a ticket. For the errors and done see [Journal].
func (d *desk) keep(key string, record ticketRecord, done func(error)) error {
	return d.journal.PutTicket(key, encode(record), done)
}

// forget has the journal forget a ticket.
func (d *desk) forget(key string) {
	_ = d.journal.PutTicket(key, nil, nil) // else the next start ends it once more
}

// settle has the service told that a ticket has ended, as long as it takes to reach it.
func (d *desk) settle(key string, record ticketRecord) {
	now := time.Now()
	if record.Ended == 0 {
		record.Ended = now.UnixMilli()
		_ = d.keep(key, record, nil) // else a crash would end it with what was kept before
	}
	d.mu.Lock()
	full := len(d.fresh)+len(d.again) >= settleQueue
	if !full {
		d.fresh = append(d.fresh, settlement{key, record, now})
		d.signal()
	}
	d.mu.Unlock()
	if full {
		d.log.Warn("too many ends of sessions wait for the credit service; it hears of this one after the next start", zap.String("room", record.Room))
	}
}

// signal wakes a worker.
func (d *desk) signal() {
	select {
	case d.settled <- struct{}{}:
	default:
	}
}

// next takes a settlement whose time has come. If there is none it says how long until
// then; 0 if nothing waits.
func (d *desk) next(now time.Time) (s settlement, wait time.Duration, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	queue := &d.fresh
	if len(d.fresh) == 0 {
		queue = &d.again
	}
	if len(*queue) == 0 {
		return s, 0, false
	}
	if s = (*queue)[0]; s.at.After(now) {
		return s, s.at.Sub(now), false
	}
	(*queue)[0] = settlement{}
	if *queue = (*queue)[1:]; len(d.fresh) > 0 {
		d.signal() // to another worker
	}
	return s, 0, true
}

// SettleTickets tells the credit service of the sessions that have ended in all rooms, until
// ctx ends. What it has not heard by then, it hears after the next start.
func (g *Registry) SettleTickets(ctx context.Context) {
	if g.desk.credit == nil {
		return
	}
	var workers sync.WaitGroup
	for range settleMost {
		workers.Go(func() { g.desk.work(ctx) })
	}
	workers.Wait()
}

// work settles one ticket after the other.
func (d *desk) work(ctx context.Context) {
	again := newStoppedTimer()
	defer again.Stop()
	for ctx.Err() == nil {
		s, wait, ok := d.next(time.Now())
		if ok {
			d.carryOut(ctx, s)
			continue
		}
		if wait > 0 {
			again.Reset(wait)
		}
		select {
		case <-ctx.Done():
		case <-again.C:
		case <-d.settled:
		}
	}
}

// carryOut tells the service of one end, or puts that off.
func (d *desk) carryOut(ctx context.Context, s settlement) {
	err := d.end(ctx, &s)
	switch {
	case err == nil:
		d.forget(s.key)
	case ctx.Err() != nil: // the next start knows it
	case time.Since(time.UnixMilli(s.record.Ended)) >= settleFor:
		d.log.Warn("the credit service never heard of the end of a session", zap.String("room", s.record.Room), zap.Error(err))
		d.forget(s.key)
	default:
		s.at = time.Now().Add(settlePause)
		d.mu.Lock()
		d.again = append(d.again, s)
		d.mu.Unlock()
	}
}

// end tells the service of an end. Where its answer to the beginning was lost, it is asked
// for the session's name first.
func (d *desk) end(ctx context.Context, s *settlement) error {
	if s.record.Session == "" {
		g, err := d.credit.Open(ctx, s.key, s.record.User, s.record.Room)
		if err != nil {
			return err
		}
		if s.record.Session = g.Session; g.Session == "" {
			return nil // there is none
		}
	}
	return d.credit.End(ctx, s.record.Session, s.record.used())
}

// keptTicket is a ticket that goes on after a start of the server.
type keptTicket struct {
	key    string
	record ticketRecord
}

// recallTickets reads the tickets that the journal has kept: those that go on, by the epoch
// of their room. Those that have ended are settled.
func (g *Registry) recallTickets() map[string][]keptTicket {
	rooms := make(map[string][]keptTicket)
	if g.desk.credit == nil {
		return rooms
	}
	kept, err := g.opts.Journal.Tickets()
	if err != nil {
		g.log.Error("sessions with the credit service cannot be read; they begin anew", zap.Error(err))
	}
	for key, value := range kept {
		var rec ticketRecord
		switch err := json.Unmarshal(value, &rec); {
		case err != nil:
			g.log.Warn("a session with the credit service cannot be read and is forgotten", zap.Error(err))
			g.desk.forget(key)
		case rec.Ended != 0:
			g.desk.settle(key, rec)
		default:
			rooms[rec.Epoch] = append(rooms[rec.Epoch], keptTicket{key, rec})
		}
	}
	return rooms
}

// reopen returns the tickets of a room by user. A user has one.
func (d *desk) reopen(kept []keptTicket, now time.Time) map[string]*ticket {
	tickets := make(map[string]*ticket)
	for _, k := range kept {
		if tickets[k.record.User] != nil {
			d.settle(k.key, k.record)
			continue
		}
		tickets[k.record.User] = k.record.ticket(k.key, now)
	}
	return tickets
}

// settleLost has the service told of tickets whose room is not there any more.
func (d *desk) settleLost(rooms map[string][]keptTicket) {
	for _, tickets := range rooms {
		for _, k := range tickets {
			d.settle(k.key, k.record)
		}
	}
}
