package room

import (
	"net/netip"
	"sync"

	"chatserver/internal/fault"
)

// admission counts the connections of the whole server and of each address. It is
// safe for use by several goroutines.
type admission struct {
	max   int // 0: no limit
	perIP int // 0: no limit

	mu     sync.Mutex
	closed bool // the operator wants no new connections
	total  int
	byIP   map[netip.Prefix]int // only kept with perIP
}

func newAdmission(maxTotal, perIP int) *admission {
	return &admission{max: maxTotal, perIP: perIP, byIP: make(map[netip.Prefix]int)}
}

// enter takes a place, or says why there is none. A place is given back by leave.
func (a *admission) enter(addr netip.Addr) *fault.Error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return &fault.Error{Code: fault.NotAccepting, Detail: "this server takes no new connections now; ask for the room at another server, or come back later", RetryAfter: retryFull}
	}
	if a.max > 0 && a.total >= a.max {
		return fullError("this server has all the connections that it takes", a.max)
	}
	if a.perIP > 0 {
		network := networkOf(addr)
		if a.byIP[network] >= a.perIP {
			return fullError("your address has all the connections that it may have; close one", a.perIP)
		}
		a.byIP[network]++
	}
	a.total++
	return nil
}

func (a *admission) leave(addr netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total--
	if a.perIP == 0 {
		return
	}
	network := networkOf(addr)
	a.byIP[network]--
	if a.byIP[network] <= 0 {
		delete(a.byIP, network)
	}
}

// open returns how many places are taken.
func (a *admission) open() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.total
}

func (a *admission) setClosed(closed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = closed
}

func (a *admission) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
}

// networkOf returns what counts as one address: an IPv4 address, or the /64 that an
// IPv6 user is given as a whole.
func networkOf(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits) // fails for the zero Addr, which counts as one
	return p
}
