package main

import (
	"fmt"
	"time"
)

// scenario is a load, and what is promised under it.
type scenario struct {
	name  string
	title string
	kind  kind
	// rooms, viewers in each, and messages a second of all rooms together.
	rooms, viewers int
	rate           float64
	stalled        int  // clients in each room, beside the viewers, that read nothing
	floods         int  // rooms that are flooded meanwhile
	peers          bool // whether peers are measured too
	bounds         []bound
}

func (s scenario) id() string { return s.name }

type kind int

const (
	load  kind = iota // messages reach viewers
	flood             // likewise, while other rooms are flooded
	rest              // viewers who hear nothing
	storm             // many come at once
)

// bound is what a metric's median must keep (floor), and what it should reach (aim).
type bound struct {
	metric     metric
	atLeast    bool // else: at most
	floor, aim float64
}

// metric is a figure of a measurement; its text is the column's head.
type metric string

const (
	perCPU    metric = "deliveries per CPU second"
	perRaw    metric = "× raw"
	perPeer   metric = "× best peer"
	perSecond metric = "deliveries/s"
	cores     metric = "cores"
	p50       metric = "p50 ms"
	p99       metric = "p99 ms"
	p999      metric = "p99.9 ms"
	longest   metric = "max ms"
	lost      metric = "lost"
	skipped   metric = "skipped"
	perMsg    metric = "bytes per delivery"
	floodCost metric = "flood: cores"
	floodRate metric = "flood: deliveries/s"
	perIdle   metric = "bytes per viewer"
	perJoin   metric = "CPU µs per join"
	joinTime  metric = "all in, s"
	resident  metric = "resident MB"
	raw       metric = "raw writes per CPU second"
)

// columns are the metrics to show of each kind, in order.
var columns = map[kind][]metric{
	load:  {perCPU, perRaw, perPeer, perSecond, cores, p50, p99, p999, longest, lost, skipped, perMsg, resident},
	flood: {p50, p99, p999, longest, lost, skipped, floodCost, floodRate},
	rest:  {perIdle, resident},
	storm: {perJoin, joinTime},
}

const (
	floodViewers = 500 // of each flooded room
	flooders     = 20  // beside them
)

var scenarios = []scenario{
	{
		name: "1000x50", title: "1 room × 1,000 viewers × 50 msg/s", rooms: 1, viewers: 1000, rate: 50, peers: true,
		bounds: []bound{{perRaw, true, 0.8, 0.95}, {p99, false, 40, 20}},
	},
	{
		name: "1000x200", title: "1 room × 1,000 viewers × 200 msg/s", rooms: 1, viewers: 1000, rate: 200, peers: true,
		bounds: []bound{{lost, false, 0, 0}, {skipped, false, 0, 0}, {perRaw, true, 3.5, 5}, {p99, false, 75, 50}},
	},
	{
		name: "1000x1000", title: "1 room × 1,000 viewers × 1,000 msg/s", rooms: 1, viewers: 1000, rate: 1000, peers: true,
		bounds: []bound{{lost, false, 0, 0}, {skipped, false, 0, 0}, {perRaw, true, 14, 20}, {perPeer, true, 3.5, 5}, {p99, false, 75, 75}},
	},
	{
		name: "5000x100", title: "1 room × 5,000 viewers × 100 msg/s", rooms: 1, viewers: 5000, rate: 100, peers: true,
		bounds: []bound{{lost, false, 0, 0}, {skipped, false, 0, 0}, {perRaw, true, 6, 10}, {p99, false, 350, 200}},
	},
	{
		name: "100x20x5", title: "100 rooms × 20 viewers × 5 msg/s", rooms: 100, viewers: 20, rate: 500, peers: true,
		bounds: []bound{{perPeer, true, 1, 1}, {p50, false, 1, 1}, {p99, false, 5, 2}},
	},
	{
		name: "stalled", title: "1 room × 1,000 viewers × 200 msg/s, beside 1,000 that stop reading", rooms: 1, viewers: 1000, rate: 200, stalled: 1000,
		bounds: []bound{{lost, false, 0, 0}, {skipped, false, 0, 0}, {p99, false, 75, 50}},
	},
	{
		name: "flood", title: "quiet room (20 viewers × 5 msg/s) beside a flood of 20 clients to 500 viewers", kind: flood,
		rooms: 1, viewers: 20, rate: 5, floods: 1,
		bounds: []bound{{p99, false, 10, 3}, {floodCost, false, 0.1, 0.1}},
	},
	{
		name: "floods", title: "the same beside ten such floods", kind: flood, rooms: 1, viewers: 20, rate: 5, floods: 10,
		bounds: []bound{{p99, false, 25, 10}},
	},
	{
		name: "idle10000", title: "10,000 idle viewers", kind: rest, rooms: 1, viewers: 10_000, peers: true,
		bounds: []bound{{perIdle, false, 8 << 10, 4 << 10}},
	},
	{
		name: "idle19000", title: "19,000 idle viewers", kind: rest, rooms: 1, viewers: 19_000,
		bounds: []bound{{perIdle, false, 8 << 10, 4 << 10}},
	},
	{
		name: "storm", title: "10,000 clients connect and join at once", kind: storm, rooms: 1, viewers: 10_000, peers: true,
		bounds: []bound{{perJoin, false, 135, 100}},
	},
}

// limitsOff tells whether the scenario sends more than the rate limits allow.
func (s scenario) limitsOff() bool { return s.kind == load }

// senders returns how many of a room's viewers send: with the limits on, all of them, so
// that each stays within them.
func (s scenario) senders() int {
	switch {
	case s.rate == 0:
		return 0
	case !s.limitsOff():
		return s.viewers
	case s.rooms == 1:
		return 4
	default:
		return 1
	}
}

// times are how long the parts of a measurement take.
type times struct {
	settle  time.Duration // between the last join and the first message
	warm    time.Duration // from the first message to the measurement
	measure time.Duration
	idle    time.Duration // until memory is read
	raw     time.Duration // of the calibration
}

// A flood is measured from its first moment for as long as the limits' longest window.
func (o options) times(s scenario) times {
	t := times{settle: time.Second, warm: 2 * time.Second, measure: 6 * time.Second, idle: 15 * time.Second, raw: 2 * time.Second}
	if o.quick {
		t = times{settle: time.Second, warm: time.Second, measure: 3 * time.Second, idle: 5 * time.Second, raw: time.Second}
	}
	if s.kind == flood {
		t.measure = 30 * time.Second
		if o.quick {
			t.measure = 10 * time.Second
		}
	}
	return t
}

// claim says a bound in words.
func (b bound) claim(limit float64) string {
	sign := "≤"
	if b.atLeast {
		sign = "≥"
	}
	return fmt.Sprintf("%s %s %s", b.metric, sign, format(limit))
}

// kept tells whether a value is within a limit.
func (b bound) kept(value, limit float64) bool {
	if b.atLeast {
		return value >= limit
	}
	return value <= limit
}
