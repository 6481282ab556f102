//go:build !(darwin || freebsd || linux || netbsd || openbsd)

package mongotest

// lock does nothing where files have no such locks: at worst the program is built
// more than once.
func lock(string) (unlock func(), err error) { return func() {}, nil }
