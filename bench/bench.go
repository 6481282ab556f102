package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// bench builds, measures and reports.
func bench(ctx context.Context, opts options, command string, out io.Writer) error {
	todo, err := choose(scenarios, opts.only)
	if err != nil {
		return fmt.Errorf("-only: %w (see -list)", err)
	}
	rivals, err := choose(contenders, opts.contenders)
	if err != nil {
		return fmt.Errorf("-contenders: %w", err)
	}
	if opts.against != "" {
		rivals = append(rivals, ourServer(base, opts.against))
	}
	bin, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(bin) }() // it is in the directory for temporary files
	for _, c := range rivals {
		if err := c.build(ctx, bin); err != nil {
			return fmt.Errorf("build %s: %w", c.name, err)
		}
	}
	r := &results{scenarios: todo, contenders: rivals, all: map[cell][]values{}, runs: opts.runs, began: time.Now(), command: command}
	for run := range opts.runs {
		for _, s := range todo {
			if err := r.measure(ctx, opts, bin, s, run, out); err != nil {
				return err
			}
		}
	}
	r.machine = describe(ctx)
	sayf(out, "\n")
	if err := r.writeMarkdown(out); err != nil {
		return err
	}
	if opts.write == "" {
		return nil
	}
	return r.save(opts.write)
}

// measure makes one run of a scenario: the calibration, then every contender, each time
// beginning with another one.
func (r *results) measure(ctx context.Context, opts options, bin string, s scenario, run int, out io.Writer) error {
	t := opts.times(s)
	rawWrites := 0.0
	if s.kind == load {
		var err error
		if rawWrites, err = calibrate(ctx, s.rooms*s.viewers, t.raw); err != nil {
			return err
		}
		r.add(s, rawName, values{raw: rawWrites})
		sayf(out, "%d %-10s %-18s %s writes per CPU second\n", run+1, s.name, rawName, format(rawWrites))
	}
	turn := run % len(r.contenders)
	order := slices.Concat(r.contenders[turn:], r.contenders[:turn])
	measured := map[string]values{}
	for _, c := range order {
		if c.name != ours && c.name != base && !s.peers {
			continue
		}
		m := measurement{opts: opts, s: s, c: c, bin: bin, times: t}
		v, err := m.run(ctx)
		if err != nil && (c.name == ours || ctx.Err() != nil) {
			return errors.Join(fmt.Errorf("%s, %s: %w", s.name, c.name, err), ctx.Err())
		}
		if err != nil { // a peer that does not bear it is no reason to stop
			sayf(out, "%d %-10s %-18s failed: %v\n", run+1, s.name, c.name, err)
			r.failed = append(r.failed, fmt.Sprintf("%s in %s, run %d", c.name, s.name, run+1))
			continue
		}
		if rawWrites > 0 {
			v[perRaw] = v[perCPU] / rawWrites
		}
		measured[c.name] = v
		sayf(out, "%d %-10s %-18s %s\n", run+1, s.name, c.name, v.line(s.kind))
	}
	if best := bestPeer(measured); best > 0 && measured[ours] != nil {
		measured[ours][perPeer] = measured[ours][perCPU] / best
	}
	for name, v := range measured {
		r.add(s, name, v)
	}
	return nil
}

// bestPeer returns the most deliveries per CPU second of the peers.
func bestPeer(measured map[string]values) float64 {
	best := 0.0
	for name, v := range measured {
		if name != ours && name != base {
			best = max(best, v[perCPU])
		}
	}
	return best
}

// line shows a measurement's figures in a line.
func (v values) line(k kind) string {
	var line []byte
	for _, m := range columns[k] {
		if value, ok := v[m]; ok {
			line = fmt.Appendf(line, "%s %s   ", format(value), m)
		}
	}
	return string(line)
}
