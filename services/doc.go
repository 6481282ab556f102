// Package services are the clients of the services that a platform may run beside its
// chat: a listing of the rooms that are open, and a credit service that says who may stay
// in a room that is paid for, and takes tips. docs/protocol.md has what goes over the wire.
//
// # Blocking
//
// A method of [Credit] waits for the service, for 3 s at most, and not at all while the
// service is left alone: after 5 failures in a row, for 10 s. A room's actor must not call
// one. [Listing.Update] never waits; [Listing.Run] has a goroutine of its own for each
// call that is under way, 16 at most.
//
// # Trust
//
// What a service answers is bounded, and used only where it makes sense; see package
// outbound for what else is not trusted. A reason that the credit service gives for
// refusing a tip is handed on as it came: it is for the caller to clean.
package services
