package metrics

import (
	"time"

	"chatserver/internal/fault"
	"chatserver/room"
)

// newRoomMetrics makes what rooms count by the methods below, which are those of
// [room.Observer].
func (m *Metrics) newRoomMetrics() {
	m.joins = counters(m, "joins_total",
		"Joins that were taken, by transport. A session of POST /join counts as polling, also if it is streamed later.",
		"transport", room.OverWebSocket, room.OverEvents, room.OverPolling)
	m.refusals = counters(m, "refusals_total",
		"Joins, commands and requests of rooms' clients that were refused, by the code that the client was told.",
		"reason", fault.Codes()...)
	m.events = counters(m, "events_total",
		"Events that came into rooms' logs, by type.", "type", room.EventTypes()...)
	m.partings = counters(m, "connections_closed_total",
		"WebSockets and streams that ended, by reason; gone: the client went, or fell silent.", "reason", room.Partings()...)
	m.panics = counters(m, "panics_total",
		"Faults of the program that were caught, in rooms and in requests of the REST APIs.", "where", inRoom, inRequest)
	m.skipped = m.counter("skipped_events_total",
		"Events that clients were too slow to take, counted for each client.")
	m.sent = m.counter("sent_bytes_total",
		"Bytes that rooms' connections took, but for answers to polls and the like.")
	m.delivery = m.histogram("fanout_latency_seconds",
		"Time from when an event got its place in the log until it was written to all who follow live and read fast enough.", latencies)
	m.acks = m.histogram("ack_latency_seconds",
		"Time from when a command was read until it was safe in the journal and its ack on the way.", latencies)
}

// Joined implements [room.Observer].
func (m *Metrics) Joined(by room.Transport) { count(m.joins, by) }

// Refused implements [room.Observer].
func (m *Metrics) Refused(code fault.Code) { count(m.refusals, code) }

// Sequenced implements [room.Observer].
func (m *Metrics) Sequenced(kind string) { count(m.events, kind) }

// Parted implements [room.Observer].
func (m *Metrics) Parted(reason string) { count(m.partings, reason) }

// Panicked implements [room.Observer].
func (m *Metrics) Panicked() { count(m.panics, inRoom) }

// Skipped implements [room.Observer].
func (m *Metrics) Skipped(events uint64) { m.skipped.Add(float64(events)) }

// Sent implements [room.Observer].
func (m *Metrics) Sent(bytes int64) { m.sent.Add(float64(bytes)) }

// Delivered implements [room.Observer].
func (m *Metrics) Delivered(latency time.Duration) { m.delivery.Observe(latency.Seconds()) }

// Acknowledged implements [room.Observer].
func (m *Metrics) Acknowledged(latency time.Duration) { m.acks.Observe(latency.Seconds()) }
