package room

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// BeginDrain ends the creation of rooms and the arrival of connections. Drain
// follows once the load balancers know.
func (g *Registry) BeginDrain() {
	g.openNothing()
	g.admission.setClosed(true)
}

// openNothing ends the creation of rooms.
func (g *Registry) openNothing() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.draining = true
}

// Drain closes all rooms, after [Registry.FinishTips]. Every client is told its own time
// to come back, spread evenly over all of them. It returns when every goroutine of every
// room has ended, or with an error when ctx is done before. After [Registry.HandOver] it
// waits for what that has left.
func (g *Registry) Drain(ctx context.Context) error {
	g.BeginDrain()
	g.FinishTips(ctx)
	g.part(ctx, reasonShutdown)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.actors.Wait()
		g.desk.close()
		g.lot.close()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("rooms did not end in time: %w", ctx.Err())
	}
}

// part has all rooms part from their clients, and returns the rooms.
func (g *Registry) part(ctx context.Context, reason CloseReason) []*Room {
	rooms := g.Rooms()
	back := new(comeBack)
	for _, r := range rooms {
		if g.forgetIf(r, untilRestart, func() bool { return true }) {
			r.urge(ctx, &parting{farewell{code: codeGoingAway, reason: reason}, back})
		}
	}
	return rooms
}

// ShutDoors ends the creation of rooms, and has no room's listener let anybody in any more,
// so that who connects waits in the kernel, as long as the sockets are not closed. It
// returns when all who have come in before are let in or have had their answer, at most so
// long after. [Registry.HandOver] follows.
func (g *Registry) ShutDoors(patience time.Duration) {
	g.openNothing()
	var doors sync.WaitGroup
	for _, r := range g.Rooms() {
		doors.Go(func() { r.doors.Shut(patience) })
	}
	doors.Wait()
}

// HandOver closes all rooms for a process that goes on with them. Who is in is told a time
// to come back, as by [Registry.Drain].
//
// It returns when the rooms write nothing more to the journal and all that was written is
// acknowledged, or with an error when ctx is done before. Connections may still be ending:
// Drain waits for them.
func (g *Registry) HandOver(ctx context.Context) error {
	g.openNothing() // connections that are about to begin are told to come back, not refused
	for _, r := range g.part(ctx, reasonRestart) {
		select {
		case <-r.settled:
		case <-ctx.Done():
			return fmt.Errorf("room %s did not come to its end in time: %w", r.name, ctx.Err())
		}
	}
	return nil
}

// Carried is what a registry that was handed over hands on, beside what the journal has.
type Carried struct {
	// Accepting is what [Registry.SetAccepting] has set.
	Accepting bool `json:"accepting"`
	// Resting are the ports that rooms have left, and until when they rest.
	Resting map[int]time.Time `json:"resting,omitempty"`
}

// Carry returns what to hand on. It must be called before [Registry.BeginDrain].
func (g *Registry) Carry() Carried {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return Carried{Accepting: !g.admission.isClosed(), Resting: g.ports.resting(time.Now())}
}

// TakeOver goes on from what another registry has handed on. It must be called before
// rooms are restored.
func (g *Registry) TakeOver(c Carried) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.admission.setClosed(!c.Accepting)
	g.ports.rest(c.Resting)
}

// Check asks every room for a sign of life, by the mailbox that overtakes its inbox. Its
// error names one that gave none before ctx was done.
func (g *Registry) Check(ctx context.Context) error {
	rooms := g.Rooms()
	asked := make([]question[struct{}], len(rooms))
	for i, r := range rooms {
		asked[i] = atOnce(func(*Room) (struct{}, error) { return struct{}{}, nil })
		r.urge(ctx, asked[i])
	}
	for i, r := range rooms {
		if _, err := asked[i].wait(ctx, r); err != nil && ctx.Err() != nil {
			return fmt.Errorf("room %s does not answer: %w", r.name, ctx.Err())
		}
	}
	return nil
}
