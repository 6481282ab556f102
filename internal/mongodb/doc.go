// Package mongodb is the server's side of the platform's database: a [Client] that
// comes to terms with a database that is down, and a [Sink] that writes what
// happened.
//
// # Blocking
//
// Nothing connects before it is needed. An operation waits at most 2 s for a server
// to be found and 3 s altogether, unless its context has a deadline of its own or
// the URI says otherwise (serverSelectionTimeoutMS, timeoutMS).
//
// # Secrets
//
// The URI holds a password. No error and no log line of this package repeats the
// URI, its user or its password; what drivers and servers say is searched for them,
// cut short and made printable.
package mongodb
