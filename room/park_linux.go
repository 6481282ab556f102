package room

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// lot is where connections wait without a goroutine. It has an epoll instance of its
// own, in which each of them is armed for one event, and one goroutine, which has a
// connection driven on when its peer sent something, and keeps the times of all. It
// opens with the first connection that is parked; close ends it.
//
// What a parked connection owns belongs to mu. Whoever holds an outbox's lock may
// take mu, not the other way round.
type lot struct {
	mu     sync.Mutex
	poll   *os.File // the epoll instance; nil before the first connection and at the end
	fd     int      // of poll
	shut   bool     // nothing can be parked any more
	lastID uint64
	conns  map[uint64]*conn // those that epoll knows, by id
	wheel  wheel

	running sync.WaitGroup // run
}

// spot is a connection's place in the lot. It belongs to lot.mu.
type spot struct {
	id     uint64 // by which epoll knows the connection, never used again; 0: it does not
	parked bool
	slot   int // of the wheel, while parked
	prev   *conn
	next   *conn
}

const (
	lotEvents = 128 // that are taken from the kernel at once
	lotChunk  = 64  // connections whose times are looked at before the next look at events
)

// parkEvents wake a parked connection: data, the peer's end, and errors, once.
const parkEvents = syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT

func newLot() *lot { return &lot{conns: make(map[uint64]*conn)} }

// park takes a connection of which nothing is half read; what comes, or has come and
// was not read, wakes it. Its goroutine must not touch it any more. It is false for a
// connection that is ending or cannot be parked, which goes on as it is.
func (l *lot) park(c *conn) bool {
	if c.wire.fd == noDescriptor {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.out.isEnding() { // an end that comes later calls wake
		return false
	}
	if !l.openLocked() || !l.armLocked(c) {
		c.wire.fd = noDescriptor // it waits in its goroutine from now on
		return false
	}
	c.giveBuffer()
	c.spot.parked = true
	l.wheel.add(c, c.due())
	return true
}

// armLocked has epoll tell of the connection, once.
func (l *lot) armLocked(c *conn) bool {
	op := syscall.EPOLL_CTL_MOD
	if c.spot.id == 0 {
		op = syscall.EPOLL_CTL_ADD
		l.lastID++
		c.spot.id = l.lastID
		l.conns[c.spot.id] = c
	}
	event := syscall.EpollEvent{Events: parkEvents}
	event.Fd, event.Pad = int32(c.spot.id), int32(c.spot.id>>32)
	return syscall.EpollCtl(l.fd, op, c.wire.fd, &event) == nil
}

// wake has a connection driven on, if it is parked. If not, its goroutine looks for
// itself before it parks.
func (l *lot) wake(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wakeLocked(c)
}

func (l *lot) wakeLocked(c *conn) {
	if c.spot.parked {
		c.spot.parked = false
		l.wheel.remove(c)
		go c.drive()
	}
}

// forget takes a connection out of epoll. That must be before its descriptor is
// closed, whose number may be another connection's at once.
func (l *lot) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.spot.id == 0 {
		return
	}
	delete(l.conns, c.spot.id)
	if l.poll != nil {
		_ = syscall.EpollCtl(l.fd, syscall.EPOLL_CTL_DEL, c.wire.fd, nil) // fails if arming did
	}
}

// openLocked makes the epoll instance and starts run, unless that was done. Go's own
// poller watches the instance, so that waiting for it takes no thread.
func (l *lot) openLocked() bool {
	if l.poll != nil || l.shut {
		return !l.shut
	}
	l.shut = true // unless all goes well
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	_ = syscall.SetNonblock(fd, true) // without which NewFile does not ask Go's poller
	poll := os.NewFile(uintptr(fd), "epoll")
	raw, err := poll.SyscallConn()
	if err != nil || poll.SetReadDeadline(time.Now()) != nil {
		_ = poll.Close()
		return false
	}
	l.poll, l.fd, l.shut = poll, fd, false
	l.wheel.begun = time.Now()
	l.running.Go(func() { l.run(raw) })
	return true
}

// close ends the lot, in which nothing is parked any more.
func (l *lot) close() {
	l.mu.Lock()
	l.shut = true
	if l.poll != nil {
		_ = l.poll.SetReadDeadline(time.Now()) // wakes run
	}
	l.mu.Unlock()
	l.running.Wait()
}

// run has connections driven on, and pings them, until the lot closes.
func (l *lot) run(raw syscall.RawConn) {
	events := make([]syscall.EpollEvent, lotEvents)
	pings := make([]*outbox, 0, lotChunk)
	for open := true; open; {
		n := 0
		look := func(uintptr) bool {
			n = l.events(events)
			return n > 0
		}
		if l.setAlarm() {
			_ = raw.Read(look) // ends with an event or at the alarm
		} else {
			look(0)
		}
		pings, open = l.attend(events[:n], pings[:0])
		for _, out := range pings {
			out.reply(pingFrame)
		}
		clear(pings)
	}
}

// events returns how many events there are now.
func (l *lot) events(into []syscall.EpollEvent) int {
	n, err := syscall.EpollWait(l.fd, into, 0)
	if err != nil {
		return 0 // a signal came: run asks again
	}
	return n
}

// setAlarm bounds the wait for events. It is false when there is something to do now.
func (l *lot) setAlarm() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	return !l.shut && l.wheel.first(now) == nil && l.poll.SetReadDeadline(now.Add(wheelTick)) == nil
}

// attend has those driven on whom the events are for, and looks at the times of some.
// It returns whom to ping, appended to pings: not here, since an outbox's lock comes
// before ours. Once the lot is shut, it ends it and returns false.
func (l *lot) attend(events []syscall.EpollEvent, pings []*outbox) ([]*outbox, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shut {
		_ = l.poll.Close() // nothing can be done about it
		l.poll = nil
		return nil, false
	}
	for _, e := range events {
		id := uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
		if c := l.conns[id]; c != nil {
			l.wakeLocked(c)
		}
	}
	now := time.Now()
	for range lotChunk {
		c := l.wheel.first(now)
		if c == nil {
			break
		}
		if c.wire.overdue(now) != nil { // its goroutine says goodbye
			l.wakeLocked(c)
			continue
		}
		if c.wire.pingDue(now) {
			pings = append(pings, c.out)
		}
		c.thin(now)
		l.wheel.remove(c)
		l.wheel.add(c, c.due())
	}
	return pings, true
}

// wheel holds the parked connections by when there is something to do for them. It
// belongs to lot.mu.
type wheel struct {
	begun time.Time
	done  int // ticks that are over, and whose slots are empty
	slots [wheelSlots]*conn
}

// The wheel goes round in 64 s, which no due time lies ahead.
const (
	wheelTick  = 250 * time.Millisecond
	wheelSlots = 256
)

// add puts a connection where it is found at due, or up to two ticks later.
func (w *wheel) add(c *conn, due time.Time) {
	at := int(due.Sub(w.begun)/wheelTick) + 1
	at = min(max(at, w.done+2), w.done+wheelSlots) // not into the slot that is being emptied
	s := &c.spot
	s.slot = at % wheelSlots
	s.prev, s.next = nil, w.slots[s.slot]
	if s.next != nil {
		s.next.spot.prev = c
	}
	w.slots[s.slot] = c
}

func (w *wheel) remove(c *conn) {
	s := &c.spot
	if s.prev == nil {
		w.slots[s.slot] = s.next
	} else {
		s.prev.spot.next = s.next
	}
	if s.next != nil {
		s.next.spot.prev = s.prev
	}
	s.prev, s.next = nil, nil
}

// first returns one of those whose time has come, nil when there is none.
func (w *wheel) first(now time.Time) *conn {
	for ticks := int(now.Sub(w.begun) / wheelTick); w.done < ticks; w.done++ {
		if c := w.slots[(w.done+1)%wheelSlots]; c != nil {
			return c
		}
	}
	return nil
}
