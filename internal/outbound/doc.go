// Package outbound is the HTTP client for the services that the server calls:
// load balancers, the listing and the credit service. A [Client] speaks to one
// base URL, in JSON, with the key in X-API-Key. A [Document] is what a service only
// publishes, such as a set of keys: it is read as it is, without a breaker.
//
// # Blocking
//
// [Client.Call] returns within [Options.Timeout], whatever the service does, and
// at once while the service is left alone. Calls of one Client may run side by
// side; at most 64 of them hold a connection, the others wait for one.
//
// # Failure
//
// A service that failed [Options.Failures] times in a row is left alone for
// [Options.Pause] (a circuit breaker): calls then return [ErrOpen] without a
// word on the wire. Afterwards one call tries it, and its outcome decides. The
// log says once that a service went, and once that it is back. A call that its
// own caller cancelled says nothing about the service and is not counted.
//
// Nothing is sent twice by this package, except where net/http itself repeats an
// idempotent request, among them those of [Client.CallOnce], because an idle connection
// turned out to be closed.
//
// # Trust
//
// What a service answers is bounded and not trusted. Redirects are not followed,
// so the key goes nowhere but to the base URL. Errors and log lines hold neither
// the key, nor the user of a base URL, nor a path, nor the text of an answer;
// what net/http quotes from the peer is cut short and made printable.
package outbound
