package room

import (
	"errors"
	"iter"
	"time"

	"go.uber.org/zap"

	"chatserver/internal/fault"
	"chatserver/journal"
)

// Journal is the store that makes rooms survive a crash; [journal.Journal] says what
// its methods do. Those that write never wait. An error says that nothing is written
// or ever will be; else done is called once, when it is on the disk or when the disk
// has failed. It is called on a goroutine of the journal's and must not block.
type Journal interface {
	OpenRoom(r journal.Room, done func(error)) error
	UpdateRoom(r journal.Room, done func(error)) error
	CloseRoom(epoch string, done func(error)) error
	Append(e journal.Event, done func(error)) error
	// Sync calls done when all that was written before it is on the disk.
	Sync(done func(error)) error
	// PutVote keeps what a user chose in a poll until an event ends that.
	PutVote(v journal.Vote, done func(error)) error
	// PutTicket keeps a value under an id until nil takes it away; Tickets returns them all.
	PutTicket(id string, value []byte, done func(error)) error
	Tickets() (map[string][]byte, error)
	// Healthy returns why nothing can be written now, nil if it can.
	Healthy() error

	Lives(room string) []journal.Life
	Life(epoch string) (journal.Life, error)
	Newest(epoch string, before uint64, limit int) ([]journal.Event, error)
	Commands(epoch string, since time.Time) ([]journal.Command, error)
	All(epoch string, after, before uint64) iter.Seq2[journal.Event, error]
	// Votes returns the option that each user chose in a poll which is not over.
	Votes(epoch string, poll uint64) (map[string]int, error)
}

// unavailableRetry is when a client may try again while the journal fails.
const unavailableRetry = 2 * time.Second

// unavailable is the answer to what cannot be made to survive a crash.
func unavailable() *fault.Error {
	return &fault.Error{Code: fault.Unavailable, Detail: "this cannot be stored at the moment; send it again after retry_after", RetryAfter: unavailableRetry}
}

// kept tells whoever made an event what became of it: with nil, and its seq, once it
// is on the disk; else with why it is not. It is called on any goroutine and must
// not block.
type kept func(seq uint64, err error)

// author is who makes an event.
type author struct {
	user    string // user id
	command string // the user's own id of the command; may be empty
}

// append makes an event of the room: this is the one place where order is made.
// After an error, which is for the author, nothing has happened. Else everybody
// sees the event at once, and tell is called when it is kept.
func (r *Room) append(e logged, by author, tell kept) (seq uint64, err error) {
	if r.phase != phaseOpen {
		return 0, r.over()
	}
	now := time.Now()
	seq = r.events.seq + 1
	e.stamp(seq, now)
	data := encode(e)
	written := journal.Event{
		Epoch: r.epoch, Seq: seq, Time: now.UnixMilli(), Type: e.kind(), User: by.user, Command: by.command, Data: data,
	}
	e.mark(&written)
	if err = r.opts.Journal.Append(written, func(err error) { tell(seq, r.stored(err)) }); err != nil {
		return 0, r.stored(err)
	}
	e.settle(r)
	r.events.add(entry{seq: seq, kind: e.kind(), author: by.user, data: data})
	r.counters.events.add(now)
	r.opts.Observer.Sequenced(e.kind())
	r.publish()
	r.broadcast(seq, data, now)
	return seq, nil
}

// stored turns an error of the journal into one for whoever wanted to write.
func (r *Room) stored(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, journal.ErrOver): // the registry has closed the room, and the actor does not know yet
		return notFound(r.name)
	case errors.Is(err, journal.ErrUnavailable), errors.Is(err, journal.ErrFull), errors.Is(err, journal.ErrClosed):
		return unavailable() // the journal has logged why
	default:
		r.log.Error("the journal refuses an event", zap.Error(err))
		return unavailable()
	}
}

// record is what the journal keeps of an open room.
func (r *Room) record() journal.Room {
	kept := roomRecord{layers: r.layers}
	if r.poll != nil {
		kept.Poll = r.poll.Poll
	}
	return journal.Room{Name: r.name, Port: r.port, Epoch: r.epoch, Created: r.created, Settings: encode(kept)}
}

// roomRecord is what the journal keeps of a room beside its log.
type roomRecord struct {
	layers
	Poll uint64 `json:"poll,omitempty"` // the one that is open
}
