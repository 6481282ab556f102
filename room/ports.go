package room

import (
	"errors"
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
	rests  map[int]time.Time // until when
}

func newPortPool(o *Options) portPool {
	return portPool{PortRange: o.Ports, bind: o.Bind, listen: o.Listen, used: make(map[int]bool), rests: make(map[int]time.Time)}
}

// errNoPort is returned by open when every port is used, resting or taken by
// another program.
var errNoPort = errors.New("no room port is free")

// open binds the first free port. A port that something else has taken is passed
// over; it is tried again the next time.
func (p *portPool) open(now time.Time) (net.Listener, error) {
	for port := p.First; port <= p.Last; port++ {
		if !p.free(port, now) {
			continue
		}
		ln, err := p.listen("tcp", net.JoinHostPort(p.bind, strconv.Itoa(port)))
		if addressInUse(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p.used[port] = true
		return ln, nil
	}
	return nil, errNoPort
}

func (p *portPool) free(port int, now time.Time) bool {
	return !p.used[port] && !now.Before(p.rests[port])
}

// addressInUse tells whether something else has the port. Windows has a number of
// its own for it, WSAEADDRINUSE.
func addressInUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.Errno(10048))
}

// anyFree tells whether open may succeed.
func (p *portPool) anyFree(now time.Time) bool {
	for port := p.First; port <= p.Last; port++ {
		if p.free(port, now) {
			return true
		}
	}
	return false
}

// release gives a port back.
func (p *portPool) release(port int, now time.Time) {
	delete(p.used, port)
	for resting, until := range p.rests {
		if !now.Before(until) {
			delete(p.rests, resting)
		}
	}
	p.rests[port] = now.Add(portRest)
}
