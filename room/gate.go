package room

import "sync"

// gate counts what is under way and can be shut. Unlike a sync.WaitGroup it may be
// entered at the moment when somebody begins to wait. It is safe for use by several
// goroutines.
type gate struct {
	mu    sync.Mutex
	n     int
	shut  bool
	empty chan struct{} // closed when shut and nothing is under way
}

func newGate() *gate { return &gate{empty: make(chan struct{})} }

// enter returns false once the gate is shut; else leave must be called.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	g.n++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n--
	g.closeIfEmpty()
}

// busy tells whether something is under way.
func (g *gate) busy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.n > 0
}

// close shuts the gate; empty is closed when the last one has left.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		g.shut = true
		g.closeIfEmpty()
	}
}

func (g *gate) closeIfEmpty() {
	if g.shut && g.n == 0 {
		close(g.empty)
	}
}
