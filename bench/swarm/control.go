package swarm

import (
	"time"
)

// Config says what a swarm is to be. All its rooms are alike.
type Config struct {
	Wire     string   `json:"wire"` // chatserver, centrifuge, socket.io, ws or raw
	Rooms    []Target `json:"rooms"`
	Viewers  int      `json:"viewers"`  // in each room, senders among them
	Senders  int      `json:"senders"`  // in each room, at most MaxSenders
	Flooders int      `json:"flooders"` // in each room, beside the viewers
	Stalled  int      `json:"stalled"`  // likewise: they read nothing once they have joined
	Rate     float64  `json:"rate"`     // messages a second, of all rooms together
	Text     int      `json:"text"`     // bytes of a message's text
	AtOnce   int      `json:"at_once"`  // connections that are being made at a time
	Net      int      `json:"net"`      // clients come from 127.Net.0.0/16
	// Within bounds the time until all are connected.
	Within time.Duration `json:"within"`
}

// Target is where a room is.
type Target struct {
	Addr string `json:"addr"` // IPv4 and port
	Room string `json:"room"` // its name, on wires that need one
}

// clients returns how many connections the swarm makes.
func (c *Config) clients() int { return len(c.Rooms) * (c.Viewers + c.Flooders + c.Stalled) }

// Report is what a swarm has seen since the last [Mark], as far as not stated otherwise.
// Flooders and those who stall count only in Connected, Closed and Refused.
type Report struct {
	Error     string        `json:"error,omitempty"`
	Connected int           `json:"connected"` // now, and joined
	Failed    int           `json:"failed"`    // never joined; since the start
	Closed    int           `json:"closed"`    // ended by the server; since the start
	Took      time.Duration `json:"took"`      // until all were connected
	Sent      uint64        `json:"sent"`      // messages; since the start
	Refused   uint64        `json:"refused"`   // errors that senders and flooders got
	Delivered uint64        `json:"delivered"`
	Skipped   uint64        `json:"skipped"`
	Lost      uint64        `json:"lost"`  // in the answer to Finish: since the start
	Bytes     uint64        `json:"bytes"` // read from the sockets
	Reads     uint64        `json:"reads"`
	P50       time.Duration `json:"p50"` // from sending to receiving
	P99       time.Duration `json:"p99"`
	P999      time.Duration `json:"p999"`
	Max       time.Duration `json:"max"`
	CPU       time.Duration `json:"cpu"` // of this process; since the start
}

// Commands, a line each. Every one is answered by a Report.
const (
	Connect = "connect" // connects all; the answer comes when they have joined
	Start   = "start"   // begins to send
	Mark    = "mark"    // begins to count anew
	Look    = "look"    // reports
	Finish  = "finish"  // stops sending, and waits for what is under way
)

// The times of Finish.
const (
	quietTime  = 2 * time.Second // without a delivery: nothing more will come
	finishTime = 10 * time.Second
)

// seen is what a swarm counts.
type seen struct {
	delivered, skipped, holes, refused uint64
	bytes, reads                       uint64
	took                               Hist
}
