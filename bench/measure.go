package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"chatserver/bench/swarm"
)

// values are the figures of one measurement.
type values map[metric]float64

// measurement is one measurement of one contender in one scenario.
type measurement struct {
	opts options
	s    scenario
	c    contender
	bin  string // directory with what was built
	times
}

// run starts the contender, loads it, and returns what came out.
func (m *measurement) run(ctx context.Context) (values, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	srv, err := m.c.start(ctx, m.bin, m.s)
	if err != nil {
		return nil, err
	}
	defer srv.stop()
	var v values
	switch m.s.kind {
	case load:
		v, err = m.load(ctx, srv)
	case flood:
		v, err = m.flood(ctx, srv)
	case rest, storm:
		v, err = m.arrive(ctx, srv)
	}
	if err != nil {
		said, _ := os.ReadFile(srv.log) // best effort, for the message
		return nil, fmt.Errorf("%w\n%s", err, said[max(0, len(said)-2000):])
	}
	return v, nil
}

// viewers configures the clients of the scenario's own rooms.
func (m *measurement) viewers(srv *server) swarm.Config {
	return swarm.Config{
		Wire: m.c.wire, Rooms: srv.rooms[:m.s.rooms], Viewers: m.s.viewers, Stalled: m.s.stalled, Senders: m.s.senders(),
		Rate: m.s.rate, Text: textSize, AtOnce: 128, Net: 1, Within: 2 * time.Minute,
	}
}

// pause waits, unless the bench is to end.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// span is what happened between its start and stop.
type span struct {
	pid   int
	began time.Time
	first usage
}

func startSpan(srv *server) (span, error) {
	first, err := usageOf(srv.cmd.Process.Pid)
	return span{srv.cmd.Process.Pid, time.Now(), first}, err
}

// stop returns the time and the CPU time since the start, in seconds.
func (s span) stop() (seconds, cpu float64, err error) {
	last, err := usageOf(s.pid)
	return time.Since(s.began).Seconds(), (last.cpu - s.first.cpu).Seconds(), err
}

// load measures how messages reach viewers.
func (m *measurement) load(ctx context.Context, srv *server) (values, error) {
	viewers, err := startClients(ctx, m.viewers(srv))
	if err != nil {
		return nil, err
	}
	defer viewers.stop()
	if _, err := viewers.tell(swarm.Connect); err != nil {
		return nil, err
	}
	if err := pause(ctx, m.settle); err != nil {
		return nil, err
	}
	if _, err := viewers.tell(swarm.Start); err != nil {
		return nil, err
	}
	if err := pause(ctx, m.warm); err != nil {
		return nil, err
	}
	seen, seconds, cpu, err := m.watch(ctx, srv, viewers)
	if err != nil {
		return nil, err
	}
	last, err := viewers.tell(swarm.Finish)
	if err != nil {
		return nil, err
	}
	v := latencies(seen)
	if m.s.stalled > 0 {
		last, err := usageOf(srv.cmd.Process.Pid)
		if err != nil {
			return nil, err
		}
		v[resident] = float64(last.resident) / (1 << 20)
	}
	v[perCPU] = float64(seen.Delivered) / cpu
	v[perSecond] = float64(seen.Delivered) / seconds
	v[cores] = cpu / seconds
	v[lost] = float64(last.Lost)
	v[skipped] = float64(last.Skipped)
	v[perMsg] = float64(seen.Bytes) / float64(max(1, seen.Delivered))
	return v, nil
}

// watch measures for the scenario's time.
func (m *measurement) watch(ctx context.Context, srv *server, viewers *clients) (seen swarm.Report, seconds, cpu float64, err error) {
	profiled := m.profile(ctx, srv)
	if _, err := viewers.tell(swarm.Mark); err != nil {
		return seen, 0, 0, err
	}
	s, err := startSpan(srv)
	if err != nil {
		return seen, 0, 0, err
	}
	if err := pause(ctx, m.measure); err != nil {
		return seen, 0, 0, err
	}
	seen, err = viewers.tell(swarm.Look)
	seconds, cpu, err2 := s.stop()
	return seen, seconds, cpu, errors.Join(err, err2, <-profiled)
}

// profile has our server write a CPU profile, if that is wanted.
func (m *measurement) profile(ctx context.Context, srv *server) <-chan error {
	done := make(chan error, 1)
	if m.opts.profile == "" || m.c.name != ours {
		done <- nil
		return done
	}
	go func() {
		done <- m.fetch(ctx, srv, fmt.Sprintf("profile?seconds=%d", max(1, int(m.measure.Seconds()))), ".prof")
	}()
	return done
}

// fetch has our server write one of Go's profiles.
func (m *measurement) fetch(ctx context.Context, srv *server, profile, suffix string) error {
	data, err := call(ctx, http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/%s", srv.admin, profile))
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return os.WriteFile(filepath.Join(m.opts.profile, m.s.name+suffix), data, 0o600)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func latencies(r swarm.Report) values {
	return values{p50: millis(r.P50), p99: millis(r.P99), p999: millis(r.P999), longest: millis(r.Max)}
}

// flood measures a quiet room beside flooded ones. What the flood costs is the server's
// CPU time less that of the quiet room alone, measured just before.
func (m *measurement) flood(ctx context.Context, srv *server) (values, error) {
	quiet, err := startClients(ctx, m.viewers(srv))
	if err != nil {
		return nil, err
	}
	defer quiet.stop()
	cfg := m.viewers(srv)
	cfg.Rooms, cfg.Viewers, cfg.Flooders = srv.rooms[m.s.rooms:], floodViewers, flooders
	cfg.Senders, cfg.Rate, cfg.Net = 0, 0, 2
	loud, err := startClients(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer loud.stop()
	for _, tell := range []struct {
		who     *clients
		command string
	}{{quiet, swarm.Connect}, {quiet, swarm.Start}} {
		if _, err := tell.who.tell(tell.command); err != nil {
			return nil, err
		}
	}
	if err := pause(ctx, m.settle); err != nil {
		return nil, err
	}
	alone, err := startSpan(srv)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, m.warm+m.settle); err != nil {
		return nil, err
	}
	aloneSeconds, aloneCPU, err := alone.stop()
	if err != nil {
		return nil, err
	}
	if _, err := loud.tell(swarm.Connect); err != nil { // who floods begins once it has joined
		return nil, err
	}
	seen, seconds, cpu, err := m.watch(ctx, srv, quiet)
	if err != nil {
		return nil, err
	}
	flooded, err := loud.tell(swarm.Look)
	if err != nil {
		return nil, err
	}
	last, err := quiet.tell(swarm.Finish)
	if err != nil {
		return nil, err
	}
	v := latencies(seen)
	v[floodRate] = float64(flooded.Delivered) / seconds
	v[floodCost] = max(0, cpu/seconds-aloneCPU/aloneSeconds)
	v[lost] = float64(last.Lost)
	v[skipped] = float64(last.Skipped)
	return v, nil
}

// arrive measures what it costs to let viewers in, and what memory they take when
// nothing happens.
func (m *measurement) arrive(ctx context.Context, srv *server) (values, error) {
	cfg := m.viewers(srv)
	if m.s.kind == storm {
		cfg.AtOnce = m.s.viewers
	}
	viewers, err := startClients(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer viewers.stop()
	if err := pause(ctx, m.settle); err != nil { // until the server's start is over
		return nil, err
	}
	s, err := startSpan(srv)
	if err != nil {
		return nil, err
	}
	profiled := m.profile(ctx, srv)
	joined, err := viewers.tell(swarm.Connect)
	if err != nil {
		return nil, err
	}
	if m.s.kind == storm {
		_, cpu, err := s.stop()
		return values{perJoin: cpu * 1e6 / float64(m.s.viewers), joinTime: joined.Took.Seconds()}, errors.Join(err, <-profiled)
	}
	if err := pause(ctx, m.idle); err != nil {
		return nil, err
	}
	last, err := usageOf(s.pid)
	if err := errors.Join(err, <-profiled); err != nil {
		return nil, err
	}
	if m.opts.profile != "" && m.c.name == ours {
		if err := m.fetch(ctx, srv, "heap", ".heap"); err != nil {
			return nil, err
		}
	}
	grown := float64(last.resident - s.first.resident)
	return values{perIdle: grown / float64(m.s.viewers), resident: float64(last.resident) / (1 << 20)}, nil
}
