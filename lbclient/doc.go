// Package lbclient tells the load balancers about this server: that it lives,
// how many rooms it can hold, and how many it holds. They send users to the
// server with the largest capacity minus rooms.
//
// # Ordering
//
// Each balancer is told one thing at a time, and the load is asked right before:
// what it hears last is the newest. A balancer that goes on with a request after
// that request ran out of time may put an older state over a newer one; the next
// heartbeat mends it.
//
// # Blocking
//
// Every balancer has a goroutine and a circuit breaker of its own, so one that
// hangs or fails delays no other. [Client.Update] never blocks. [Client.Announce]
// waits for answers: at most 5 s for each call, and as long again where a
// heartbeat is on its way already.
//
// # Overload
//
// Changes are gathered: a balancer is told of the first at once, and of those
// within the following second at its end, together.
//
// # Shutdown
//
// [Client.Run] ends with its context, which cuts calls under way short. It does
// not take the server off the balancers' lists: for that, announce a load with
// capacity equal to rooms first. Balancers forget a server that falls silent.
package lbclient
