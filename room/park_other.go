//go:build !linux

package room

// lot stands for a place where connections wait without a goroutine, which this
// platform lacks: each keeps its own.
type lot struct{}

// spot is a connection's place in the lot.
type spot struct{}

func newLot() *lot { return nil }

func (*lot) park(c *conn) bool {
	c.wire.fd = noDescriptor // it waits in its goroutine
	return false
}

func (*lot) wake(*conn) {}

func (*lot) forget(*conn) {}

func (*lot) close() {}
