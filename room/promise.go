package room

import "sync"

// promise is an outcome that comes once, from any goroutine, and for which any number
// of goroutines may wait.
type promise struct {
	once sync.Once
	kept chan struct{}
	err  error // set before kept is closed
}

func newPromise() *promise { return &promise{kept: make(chan struct{})} }

// tell sets the outcome; the first one holds.
func (p *promise) tell(err error) {
	p.once.Do(func() {
		p.err = err
		close(p.kept)
	})
}

// wait returns the outcome once it is there.
func (p *promise) wait() error {
	<-p.kept
	return p.err
}
