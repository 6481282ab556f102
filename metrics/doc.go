// Package metrics tells Prometheus how the server is. docs/operations.md lists every
// metric.
//
// Some figures are counted as things happen: [Metrics] is a [room.Observer], and hears of
// commits, refreshes and requests. Others are looked up when Prometheus asks, from what
// rooms, journal and cache publish. Nothing waits for a scrape: no room's actor is asked,
// no disk, no other service.
//
// # Cardinality
//
// No label takes what users make up, but for the names of rooms. Those stand in the
// metrics chatserver_room_… of the [MostRooms] rooms with the most viewers alone; the
// viewers of all others together are chatserver_other_rooms_viewers. So a server has at
// most some 2,000 series, whatever happens on it.
package metrics
