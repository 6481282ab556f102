package room

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

// portPool hands out the ports of a range, the lowest one first. A freed port rests
// for portRest, so that a late client does not land in another room. It belongs to
// the registry, under its lock.
type portPool struct {
	PortRange
	bind   string
	listen func(network, address string) (net.Listener, error)
	used   map[int]bool
	none   time.Time         // until when there is no use in trying, since all were tried
	rests  map[int]time.Time // until when
}

func newPortPool(o *Options) portPool {
	return portPool{PortRange: o.Ports, bind: o.Bind, listen: o.Listen, used: make(map[int]bool), rests: make(map[int]time.Time)}
}

// errNoPort is returned by open when every port is used, resting or taken by
// another program.
var errNoPort = errors.New("no room port is free")

// open binds the first free port. A port that cannot be bound, because something else
// has taken it for one, is passed over; it is tried again the next time.
func (p *portPool) open(now time.Time) (net.Listener, error) {
	failure := errNoPort
	for port := p.First; port <= p.Last; port++ {
		if !p.free(port, now) {
			continue
		}
		ln, err := p.listen("tcp", net.JoinHostPort(p.bind, strconv.Itoa(port)))
		switch {
		case err == nil:
			p.used[port] = true
			return ln, nil
		case outOfDescriptors(err):
			return nil, err // no other port would do
		case !addressInUse(err) && errors.Is(failure, errNoPort):
			failure = err
		}
	}
	p.none = now.Add(portsPause)
	return nil, failure
}

func (p *portPool) free(port int, now time.Time) bool {
	return !p.used[port] && !now.Before(p.rests[port])
}

// addressInUse tells whether something else has the port. Windows has a number of
// its own for it, WSAEADDRINUSE.
func addressInUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.Errno(10048))
}

// outOfDescriptors tells whether the process or the system has no descriptors left.
func outOfDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// portsPause is how long a server counts as out of ports when none that is free could
// be bound.
const portsPause = 10 * time.Second

// anyFree tells whether there is a port to try.
func (p *portPool) anyFree(now time.Time) bool {
	if now.Before(p.none) {
		return false
	}
	for port := p.First; port <= p.Last; port++ {
		if p.free(port, now) {
			return true
		}
	}
	return false
}

// openAt binds one port of the range, that of a room which stands again.
func (p *portPool) openAt(port int) (net.Listener, error) {
	if port < p.First || port > p.Last {
		return nil, fmt.Errorf("port %d is not one of ROOM_PORTS", port)
	}
	ln, err := p.listen("tcp", net.JoinHostPort(p.bind, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	p.used[port] = true
	return ln, nil
}

// resting returns the ports that rest now, and until when.
func (p *portPool) resting(now time.Time) map[int]time.Time {
	found := make(map[int]time.Time)
	for port, until := range p.rests {
		if now.Before(until) {
			found[port] = until
		}
	}
	return found
}

// rest lets ports rest until the times that resting has returned elsewhere, but for no
// longer than any port does.
func (p *portPool) rest(ports map[int]time.Time) {
	most := time.Now().Add(portRest)
	for port, until := range ports {
		if until.After(most) {
			until = most
		}
		p.rests[port] = until
	}
}

// giveUp gives a port back that nobody has heard of.
func (p *portPool) giveUp(port int) {
	delete(p.used, port)
	p.none = time.Time{}
}

// release gives a port back, which rests before it is used again.
func (p *portPool) release(port int, now time.Time) {
	delete(p.used, port)
	for resting, until := range p.rests {
		if !now.Before(until) {
			delete(p.rests, resting)
		}
	}
	p.rests[port] = now.Add(portRest)
}
