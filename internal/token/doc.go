// Package token makes and verifies user tokens: JSON Web Tokens (RFC 7519) by which
// the platform tells a room who somebody is.
//
// # What is accepted
//
// The key fixes the algorithm, never the token. With the server's own secret that is
// HS256. With a key of the platform's key set (RFC 7517) it is the one that the key is
// for: RS256 for RSA, ES256 for P-256, EdDSA for Ed25519. Everything else is refused:
// none, all other algorithms, keys that name another one in their alg, symmetric keys
// in the set, and HS256 with a kid that names a key of the set.
//
// A token ends at its exp, to the second. Its nbf and iat may be up to 30 s ahead of
// this machine's clock, since those of two machines differ.
//
// # Blocking
//
// [Keys.Verify] waits only when a token names a key that is not known: then for the
// key set to be read again, 3 s at most. So it must not be called on a room's actor.
//
// # Failure
//
// The key set is read by [Keys.Run] alone: at once, every hour, and for the sake of an
// unknown key or after a failure, but not twice within 10 s. While it cannot be read
// the last keys stay in force, for as long as that takes; the log says so at both
// turns. A token of a key that is not known then is not called wrong, but
// [fault.Unavailable].
//
// # Trust
//
// Tokens and the key set are hostile until proven otherwise. Both are bounded. No
// error holds a token or a part of it.
package token
