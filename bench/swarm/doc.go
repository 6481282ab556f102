// Package swarm is the load generator: many light WebSocket clients in one process,
// which know nothing of a server but what goes over the wire.
//
// # How it works
//
// One goroutine reads all connections, by epoll and into one buffer, so that 19,000
// clients cost some megabytes and no more of the processor than the bytes they get.
// Another goroutine sends: messages at a steady total rate, one after the other over
// all rooms and their senders. Clients come from many addresses in 127.0.0.0/8, so that
// neither ports nor limits for one address run out.
//
// # What is measured
//
// Each message carries in its text who sent it, its number, and the time at which it was
// handed to the socket. So whoever gets it knows how long it was under way, whatever the
// server wraps around the text. A sender never waits: what the socket does not take is
// kept and follows, and the time counts from the first attempt. A server that pushes back
// therefore does not look quick.
//
// A delivery is one message at one client. It is lost if a later one comes without it
// (a hole in the numbers) or if it has not come by the end, unless the server has said
// that it skips it. Skipped ones are counted by themselves.
//
// Clients offer permessage-deflate, as browsers do, and count what comes on the wire.
//
// # How it is driven
//
// The process reads a [Config] and then commands from its input, a line each, and answers
// each with a [Report] in a line of JSON. See [Run].
package swarm
