package cache

import (
	"io"
	"net"
	"sync"
	"testing"
)

// proxy stands between a cache and its database. It passes a number of bytes of
// the answers, then holds the rest back or breaks the connections.
type proxy struct {
	net.Listener
	target string

	mu    sync.Mutex
	moved *sync.Cond
	left  int  // bytes that may still pass
	cut   bool // beyond them connections break
	hung  int  // connections that are held
	conns []net.Conn
	ended sync.WaitGroup
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: ln, target: target, left: 1 << 40}
	p.moved = sync.NewCond(&p.mu)
	p.ended.Go(p.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		p.pass(0, true)
		p.mu.Lock()
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.ended.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		near, err := p.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, near, far)
		p.mu.Unlock()
		p.ended.Go(func() {
			_, _ = io.Copy(far, near)
			_ = far.Close()
		})
		p.ended.Go(func() {
			p.answers(near, far)
			_ = near.Close()
			_ = far.Close()
		})
	}
}

func (p *proxy) answers(to, from net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil || !p.mayPass(n) {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// mayPass waits until n bytes may pass; false breaks the connection.
func (p *proxy) mayPass(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hung++
	p.moved.Broadcast()
	for p.left < n && !p.cut {
		p.moved.Wait()
	}
	p.hung--
	if p.left < n {
		return false
	}
	p.left -= n
	return true
}

// pass lets n bytes more pass, and then holds or cuts.
func (p *proxy) pass(n int, cut bool) {
	p.mu.Lock()
	p.left, p.cut = n, cut
	p.moved.Broadcast()
	p.mu.Unlock()
}
