package room

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"go.uber.org/zap"

	"chatserver/journal"
)

// Restore makes the rooms that were open when the server ended: with the same name,
// port, epoch and log. A port that something else has taken meanwhile is replaced by
// another one. Their ports are bound, so that clients which come back wait there, but
// nobody is served before [Registry.Start].
//
// A room that cannot be restored is logged and left out; it stays in the journal for
// the next start, unless somebody opens or closes one of that name before.
func (g *Registry) Restore(open []journal.Room) (restored []*Room) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.starting = true
	listeners, errs := make([]net.Listener, len(open)), make([]error, len(open))
	for i, kept := range open { // all take their own ports before any takes another
		listeners[i], errs[i] = g.ports.openAt(kept.Port)
	}
	tickets := g.recallTickets()
	for i, kept := range open {
		r, err := g.restore(kept, tickets[kept.Epoch], listeners[i], errs[i])
		if err != nil {
			if listeners[i] != nil {
				_ = listeners[i].Close()
				g.ports.giveUp(kept.Port)
			}
			g.lost[kept.Name] = kept.Epoch
			g.log.Error("a room does not stand again", zap.String("room", kept.Name), zap.Int("port", kept.Port), zap.Error(err))
			continue
		}
		g.rooms[r.name] = r
		restored = append(restored, r)
		delete(tickets, r.epoch)
	}
	g.desk.settleLost(tickets)
	return restored
}

// Start lets restored rooms live, and opens the server to new ones.
func (g *Registry) Start(restored []*Room) {
	g.mu.Lock()
	g.starting = false
	g.mu.Unlock()
	for _, r := range restored {
		g.actors.Go(func() { g.supervise(r) })
	}
	g.opts.Changed()
}

// restore makes one room again, on the listener of its port, or on another port if
// that could not be had.
func (g *Registry) restore(kept journal.Room, tickets []keptTicket, ln net.Listener, portErr error) (*Room, error) {
	if err := CheckName(kept.Name); err != nil {
		return nil, err
	}
	l := life{name: kept.Name, epoch: kept.Epoch, created: kept.Created, seq: kept.Seq}
	var record roomRecord
	if err := json.Unmarshal(kept.Settings, &record); err != nil && len(kept.Settings) > 0 {
		return nil, fmt.Errorf("its settings cannot be read: %w", err)
	}
	l.layers = record.layers
	if err := g.recall(&l, record.Poll); err != nil {
		return nil, fmt.Errorf("its log cannot be read: %w", err)
	}
	if portErr != nil {
		var err error
		if ln, err = g.ports.open(time.Now()); err != nil {
			return nil, errors.Join(portErr, err)
		}
	}
	l.tickets = g.desk.reopen(tickets, time.Now())
	r := newRoom(l, ln, g)
	r.opened.tell(nil)
	if portErr != nil {
		g.log.Warn("a room stands again on another port", zap.String("room", r.name), zap.Int("former", kept.Port), zap.Int("port", r.port), zap.Error(portErr))
		if err := g.opts.Journal.UpdateRoom(r.record(), nil); err != nil {
			g.log.Warn("the room's new port is not stored", zap.String("room", r.name), zap.Error(err))
		}
	}
	return r, nil
}

// recall reads back what a room holds in memory of its log.
// poll is the seq of the poll that was open, as far as was recorded.
func (g *Registry) recall(l *life, poll uint64) error {
	events, err := g.opts.Journal.Newest(l.epoch, 0, g.opts.logKeep())
	if err != nil {
		return err
	}
	for i := range events {
		l.events = append(l.events, entryOf(&events[i]))
		l.seq = events[i].Seq
	}
	if err := g.recallPoll(l, poll); err != nil {
		return err
	}
	l.repeats, err = g.opts.Journal.Commands(l.epoch, time.Now().Add(-repeatPeriod))
	return err
}

// recallPoll finds the poll that was open, with its votes. What the log says of the newest
// one counts; of one that is not among the events that are held, what was recorded.
func (g *Registry) recallPoll(l *life, recorded uint64) error {
	for _, e := range slices.Backward(l.events) {
		switch e.kind {
		case typePollClosed:
			return nil
		case typePoll:
			return g.reopenPoll(l, e.seq, e.data)
		}
	}
	if recorded == 0 {
		return nil
	}
	for e, err := range g.opts.Journal.All(l.epoch, recorded-1, recorded+1) {
		if err != nil {
			return err
		}
		if e.Type == typePoll {
			return g.reopenPoll(l, e.Seq, e.Data)
		}
	}
	return nil
}

// reopenPoll has a poll go on that the event opened.
func (g *Registry) reopenPoll(l *life, seq uint64, event []byte) error {
	var opened pollEvent
	if err := json.Unmarshal(event, &opened); err != nil {
		return fmt.Errorf("poll %d: %w", seq, err)
	}
	choices, err := g.opts.Journal.Votes(l.epoch, seq)
	if err != nil {
		return err
	}
	l.poll = newPoll(opened, choices)
	return nil
}
