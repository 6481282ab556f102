// Package doctor checks a running deployment from outside, as browsers and the
// platform's back end meet it, through whatever proxies stand in between, and says in
// words what is wrong and what to change.
//
// It needs a room: with the server's key it opens rooms of its own and closes them at the
// end, also when it is interrupted; without the key it looks at an open room that it is
// given, in which it says nothing and is a guest among others.
//
// # What it cannot see
//
// It sees one client: itself. A limit of the proxy that only many clients reach, such as
// its number of connections, it does not find. Whether an address is its own it knows only
// where no address translation lies between it and the server.
package doctor
