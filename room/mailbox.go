package room

import (
	"context"
	"runtime/debug"
	"slices"
	"time"

	"go.uber.org/zap"

	"chatserver/internal/fault"
)

// busyRetry is when a client may try again that found the mailbox full.
const busyRetry = time.Second

// offer hands a command to the actor unless the mailbox is full: then it returns a
// busy error, and the command is counted as refused. It never waits. Everything
// that clients send in numbers takes this way.
func (r *Room) offer(c command) error {
	select {
	case <-r.done:
		return r.over()
	default:
	}
	select {
	case r.inbox <- c:
		r.counters.sawInbox(len(r.inbox))
		return nil
	default:
		r.counters.refuse(refusedBusy)
		return &fault.Error{Code: fault.Busy, Detail: "the room has more to do than it can; send this again after retry_after", RetryAfter: busyRetry}
	}
}

// arrive hands a join to the actor and waits until it is taken, or the room is done.
// Thousands that come at once fill no mailbox, and hold up a message by a join or two.
func (r *Room) arrive(c command) { r.put(context.Background(), r.arrivals, c) }

// post hands a command to the actor and waits until it is taken, or the room is
// done. For a connection's leave alone.
func (r *Room) post(c command) { r.put(context.Background(), r.inbox, c) }

// urge is post by the control mailbox, which overtakes a flood, until ctx is done.
func (r *Room) urge(ctx context.Context, c command) { r.put(ctx, r.control, c) }

func (r *Room) put(ctx context.Context, box chan<- command, c command) {
	select {
	case box <- c: // whatever became of ctx
		return
	default:
	}
	select {
	case box <- c:
	case <-r.done:
	case <-ctx.Done():
	}
}

// question is a command that answers, at once or later, from any goroutine.
type question[T any] struct {
	ask    func(r *Room, tell func(T, error))
	answer chan result[T] // holds one, so that whoever tells it never waits
}

type result[T any] struct {
	value T
	err   error
}

// newQuestion returns a question that is answered by tell, which must not be called
// twice.
func newQuestion[T any](ask func(r *Room, tell func(T, error))) question[T] {
	return question[T]{ask: ask, answer: make(chan result[T], 1)}
}

// atOnce makes a question of one that the actor answers at once.
func atOnce[T any](ask func(*Room) (T, error)) question[T] {
	return newQuestion(func(r *Room, tell func(T, error)) {
		value, err := ask(r)
		r.publishChange() // who has the answer finds it in the State
		tell(value, err)
	})
}

func (q question[T]) run(r *Room) { q.ask(r, q.tell) }

// tell answers. After a panic there may be an answer already, or still come one.
func (q question[T]) tell(value T, err error) {
	select {
	case q.answer <- result[T]{value, err}:
	default:
	}
}

func (q question[T]) failed(err error) {
	var none T
	q.tell(none, err)
}

// wait returns the answer to a question that was handed over.
func (q question[T]) wait(ctx context.Context, r *Room) (T, error) {
	select {
	case got := <-q.answer:
		return got.value, got.err
	case <-r.done:
		select {
		case got := <-q.answer: // it was first
			return got.value, got.err
		default:
		}
		var none T
		return none, r.over()
	case <-ctx.Done():
		var none T
		return none, &fault.Error{Code: fault.Busy, Detail: "the room did not answer in time; try again", RetryAfter: busyRetry}
	}
}

// call has the actor answer a question ahead of its inbox.
func call[T any](ctx context.Context, r *Room, q question[T]) (T, error) {
	r.urge(ctx, q) // when that fails, wait says why
	return q.wait(ctx, r)
}

// Panics that a room survives within panicPeriod; one more restarts it.
const (
	maxPanics   = 5
	panicPeriod = time.Minute
)

// do carries out a command. A panic costs that command only, unless it keeps
// happening: then the members are told to come back and the room goes on from its
// log alone.
func (r *Room) do(c command) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		r.panicked(cause)
		if f, ok := c.(interface{ failed(error) }); ok {
			f.failed(fault.New(fault.Internal, "the server failed to do this; the operator can read why in its log"))
		}
		r.survive(time.Now())
	}()
	c.run(r)
}

// panicked notes a panic. It is called while that unwinds.
func (r *Room) panicked(cause any) {
	r.log.Error("a command panicked", zap.Any("panic", cause), zap.ByteString("stack", debug.Stack()))
	r.counters.panics.Add(1)
	r.opts.Observer.Panicked()
}

// duty is a command that the actor gives itself, when a timer has run out for one.
type duty func(*Room)

func (d duty) run(r *Room) { d(r) }

// survive counts a panic of the actor and restarts the room when there were too many.
func (r *Room) survive(now time.Time) {
	r.panics = append(r.panics, now)
	r.panics = slices.DeleteFunc(r.panics, func(t time.Time) bool { return now.Sub(t) >= panicPeriod })
	if len(r.panics) <= maxPanics {
		return
	}
	r.log.Error("the room restarts from its log after repeated panics", zap.Int("viewers", r.members.len()))
	r.panics = nil
	r.restart()
}
