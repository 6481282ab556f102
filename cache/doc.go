// Package cache holds what the platform's database says: settings of rooms, bans and
// timeouts, blocked and masked words, emotes and announcements.
//
// A [Cache] reads them from a [Source], MongoDB or a file, and publishes them as a
// [Snapshot]: immutable, shared by all rooms, with its indexes built once. Reading
// it takes no lock and asks nobody.
//
// # Ordering
//
// A snapshot holds each collection as it was while the source was read. Two
// collections may differ by a change that fell between them; the next refresh
// mends that. Snapshots never go back in time.
//
// # Blocking
//
// [Cache.Snapshot], [Cache.Status], [Cache.Sanction] and [Cache.Lift] never wait.
// [Cache.Refresh] waits until its context ends at the latest, [Cache.Ban] and
// [Cache.Unban] for the disk. Nobody is told of a new snapshot by a call that could
// hold the cache up: [Snapshot.Replaced] is a channel to wait for.
//
// # Failure
//
// A refresh that fails keeps the last snapshot in force. A document that is
// malformed is left out, counted and logged by its _id; the others are used. A
// collection beyond its bounds fails the refresh, for a part of the bans must not
// pass for all of them.
//
// # Shutdown
//
// [Cache.Run] ends with its context, after everything that it started has ended.
// The last snapshot stays readable.
package cache
