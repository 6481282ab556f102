package room

import (
	"sync/atomic"
	"time"
)

// State is what is publicly known of a room. The actor publishes a new one after
// each change; a published one is never changed.
type State struct {
	Name      string   `json:"name"`
	Title     string   `json:"title"`
	StreamURL string   `json:"stream_url"`
	Viewers   int      `json:"viewers"`
	Seq       uint64   `json:"seq"` // the newest event; 0 before the first
	Epoch     string   `json:"epoch"`
	Settings  Settings `json:"settings"`
	Producer  *User    `json:"-"` // who broadcasts; nil when nobody with that role is in the room
	Staff     Staff    `json:"-"`

	Transports Transports `json:"-"` // of the viewers
}

// publishChange makes the room's state public if it has changed.
func (r *Room) publishChange() {
	if r.changed {
		r.publish()
	}
}

// publish makes the room's present state public.
func (r *Room) publish() {
	r.changed = false
	var producer *User
	if len(r.producers) > 0 {
		u := r.producers[0].user
		producer = &u
	}
	r.public.Store(&State{
		Name:      r.name,
		Title:     r.settings.Title,
		StreamURL: r.settings.StreamURL,
		Viewers:   r.members.len(),
		Seq:       r.events.seq,
		Epoch:     r.epoch,
		Settings:  r.settings,
		Producer:  producer,
		Staff:     r.staff,

		Transports: r.members.transports(),
	})
}

// refusal names why commands were refused without reaching the actor.
type refusal int

const (
	refusedBusy refusal = iota // the mailbox was full
	refusedRate                // the sender was faster than it may be
	refusals
)

// counters are what operators watch. They are safe for use by several goroutines.
type counters struct {
	events    meter
	inboxHigh atomic.Int64 // high-water mark of the mailbox
	refused   [refusals]atomic.Int64
	skipped   atomic.Int64 // events that slow readers did not get
	bytesOut  atomic.Int64
	panics    atomic.Int64
}

func (c *counters) refuse(why refusal) { c.refused[why].Add(1) }

func (c *counters) sawInbox(depth int) {
	for {
		high := c.inboxHigh.Load()
		if int64(depth) <= high || c.inboxHigh.CompareAndSwap(high, int64(depth)) {
			return
		}
	}
}

// Counters are a room's figures at one moment.
type Counters struct {
	MessageRate   float64 `json:"message_rate"` // events a second over the last 10 s
	InboxDepth    int     `json:"inbox_depth"`  // commands waiting
	InboxSize     int     `json:"inbox_size"`   // commands that can wait
	InboxHigh     int64   `json:"inbox_high"`   // most that ever waited
	RefusedBusy   int64   `json:"refused_busy"`
	RefusedRate   int64   `json:"refused_rate_limited"`
	SkippedEvents int64   `json:"skipped"`
	BytesOut      int64   `json:"bytes_out"`
	Panics        int64   `json:"panics"`
}

// Counters returns the room's figures, without asking the actor.
func (r *Room) Counters() Counters {
	c := &r.counters
	return Counters{
		MessageRate:   c.events.rate(time.Now()),
		InboxDepth:    len(r.inbox),
		InboxSize:     cap(r.inbox),
		InboxHigh:     c.inboxHigh.Load(),
		RefusedBusy:   c.refused[refusedBusy].Load(),
		RefusedRate:   c.refused[refusedRate].Load(),
		SkippedEvents: c.skipped.Load(),
		BytesOut:      c.bytesOut.Load(),
		Panics:        c.panics.Load(),
	}
}

// Created returns when the room was opened.
func (r *Room) Created() time.Time { return r.created }

// meterSeconds is the length of a meter's view.
const meterSeconds = 10

// meter counts things by the second. One goroutine adds, any may ask.
type meter struct {
	slots [meterSeconds + 1]struct{ second, count atomic.Int64 }
}

func (m *meter) add(now time.Time) {
	second := now.Unix()
	slot := &m.slots[second%int64(len(m.slots))]
	if slot.second.Load() != second {
		slot.count.Store(0)
		slot.second.Store(second)
	}
	slot.count.Add(1)
}

// rate returns the count per second over the last meterSeconds whole seconds.
func (m *meter) rate(now time.Time) float64 {
	second, total := now.Unix(), int64(0)
	for i := range m.slots {
		slot := &m.slots[i]
		if at := slot.second.Load(); at < second && at >= second-meterSeconds {
			total += slot.count.Load()
		}
	}
	return float64(total) / meterSeconds
}
