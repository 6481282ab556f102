package swarm

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"
)

// Run is a swarm: it reads a [Config] in one line and then commands from in, and answers
// each on out. It returns when in ends, which closes all connections.
func Run(in io.Reader, out io.Writer) error {
	lines, answers := bufio.NewScanner(in), json.NewEncoder(out)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		return errors.Join(errors.New("no configuration"), lines.Err())
	}
	var cfg Config
	if err := json.Unmarshal(lines.Bytes(), &cfg); err != nil {
		return fmt.Errorf("the configuration: %w", err)
	}
	s, err := newSwarm(cfg)
	if err != nil {
		return err
	}
	defer s.close()
	for lines.Scan() {
		report, err := s.obey(lines.Text())
		if err != nil {
			report.Error = err.Error()
		}
		if err := answers.Encode(report); err != nil {
			return err
		}
	}
	return lines.Err()
}

// obey carries out a command.
func (s *swarm) obey(command string) (Report, error) {
	var err error
	switch command {
	case Connect:
		err = s.connect()
	case Start:
		over := make(chan struct{})
		s.sending = over
		s.work.Go(func() { s.send(over) })
	case Mark:
		s.mu.Lock()
		s.seen = seen{}
		s.mu.Unlock()
	case Look:
	case Finish:
		s.stopSending()
		s.drain()
		return s.report(true), nil
	default:
		err = fmt.Errorf("there is no command %q", command)
	}
	return s.report(false), err
}

// connect makes all connections and waits until they have joined.
func (s *swarm) connect() error {
	begun := time.Now()
	s.work.Go(s.loop)
	timeout := time.NewTimer(s.cfg.Within)
	defer timeout.Stop()
	select {
	case <-s.complete:
	case <-timeout.C:
	case <-s.stopped:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = time.Since(begun)
	if s.err != nil {
		return s.err
	}
	if missing := s.cfg.clients() - s.ready; missing > 0 {
		return fmt.Errorf("%d of %d clients did not get in within %v; the last reason: %w", missing, s.cfg.clients(), s.took, s.why)
	}
	return nil
}

// drain waits until everybody has everything, or nothing more comes.
func (s *swarm) drain() {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	begun := time.Now()
	had, news := uint64(0), begun
	for now := range tick.C {
		s.mu.Lock()
		owed, delivered := s.owed(), s.seen.delivered
		s.mu.Unlock()
		if delivered != had {
			had, news = delivered, now
		}
		if owed == 0 || now.Sub(news) > quietTime || now.Sub(begun) > finishTime {
			return
		}
	}
}

// owed returns how many deliveries are still to come. The lock is held.
func (s *swarm) owed() uint64 {
	var owed uint64
	for _, c := range s.conns {
		if c.role == viewer {
			owed += c.tally.owed(c.room.sent.Load() - min(c.room.refused, c.room.sent.Load()))
		}
	}
	return owed
}

// report tells what was seen, and with final what is lost.
func (s *swarm) report(final bool) Report {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // fails on a wrong argument only
	s.mu.Lock()
	defer s.mu.Unlock()
	n := &s.seen
	r := Report{
		Connected: s.ready,
		Failed:    s.failed,
		Closed:    s.closed,
		Took:      s.took,
		Refused:   n.refused,
		Delivered: n.delivered,
		Skipped:   n.skipped,
		Lost:      n.holes,
		Bytes:     n.bytes,
		Reads:     n.reads,
		P50:       n.took.Quantile(0.5),
		P99:       n.took.Quantile(0.99),
		P999:      n.took.Quantile(0.999),
		Max:       n.took.Max(),
		CPU:       time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
	}
	for _, room := range s.rooms {
		r.Sent += room.sent.Load()
	}
	if final {
		r.Lost = s.owed()
		for _, c := range s.conns {
			if c.role == viewer {
				r.Lost += c.tally.holes
			}
		}
	}
	return r
}

// send is the goroutine that sends messages at the wanted rate until over is closed.
func (s *swarm) send(over <-chan struct{}) {
	if s.cfg.Rate <= 0 || s.cfg.Senders == 0 {
		return
	}
	gap := time.Duration(float64(time.Second) / s.cfg.Rate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	begun := time.Now()
	for k := 0; ; {
		select {
		case <-over:
			return
		case <-timer.C:
		}
		for ; time.Since(begun) >= time.Duration(k)*gap; k++ {
			room := s.rooms[k%len(s.rooms)]
			room.say(s, k/len(s.rooms)%s.cfg.Senders)
		}
		timer.Reset(time.Until(begun.Add(time.Duration(k) * gap)))
	}
}

func (s *swarm) stopSending() {
	if s.sending != nil {
		close(s.sending)
		s.sending = nil
	}
}

// close ends everything.
func (s *swarm) close() {
	s.stopSending()
	s.once.Do(func() { close(s.stop) })
	s.work.Wait()
	for _, c := range s.conns {
		if c.fd >= 0 {
			_ = syscall.Close(c.fd) // all is over
		}
	}
	_ = syscall.Close(s.epoll)
}

// life is what starts and ends a swarm's goroutines.
type life struct {
	work     sync.WaitGroup // loop and send
	once     sync.Once
	stop     chan struct{} // closed to end loop
	stopped  chan struct{} // closed by loop as it ends
	complete chan struct{} // closed by loop when all have joined
	sending  chan struct{} // closed to end send; nil: nothing is sent
}
