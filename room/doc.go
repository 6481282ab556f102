// Package room runs chat rooms.
//
// A [Registry] opens rooms, each with its own listener, its own actor goroutine
// and its own log, and closes them. Everything that changes in a [Room] is owned
// by that room's actor; other goroutines hand it commands through a mailbox.
// A flood, a stuck reader or a panic in one room stays in that room.
//
// # Ordering
//
// [Room.append] is the one place where order is made: it gives an event the next
// seq, puts it into the log and hands it to the fan-out. Everyone in a room sees
// the same events in the same order, and seq has no holes. An ack and the event
// that it confirms may arrive in either order. Nothing is promised about the
// order between rooms.
//
// # Blocking
//
// A room waits for nothing outside itself. Clients are offered bytes (see outbox):
// what their socket does not take at once is kept, up to a limit, and written by a
// short-lived goroutine of that client. The credit service of rooms that are paid for is
// asked on goroutines of its own (see desk), and its answers are commands. Commands come from readers that check
// syntax, text and rate first, so that the actor only decides.
//
// # Overload
//
// The mailbox is bounded: a command that finds it full is answered "busy" and
// counted. A connection beyond its rate is told so once and is not read again
// until it may speak. A client that does not read fast enough gets "skipped" and
// goes on from the newest events; one that does not read at all is closed with
// 4001. Events are gathered into one write only when they come faster than the
// gathering interval; a single event is never held back.
//
// # Shutdown
//
// [Registry.Drain] tells every client its own time to come back, closes the
// connections in batches and returns when every goroutine of every room has
// ended. [Registry.Close] does the same for one room. A stopped room's mailbox
// stays open: late senders see that the room is done.
package room
