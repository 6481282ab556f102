// Command bench proves how fast the server is: it puts a load on it and on its peers,
// side by side, and writes what came out into docs/performance.md.
//
//	go run ./bench                    # everything, 5 runs: about an hour
//	go run ./bench -quick             # one short run: some minutes; a look, no proof
//	go run ./bench -only 1000x1000    # one scenario; -list names them
//	go run ./bench -against ../other  # beside the server of another checkout
//
// # The method
//
// Every scenario (scenario.go) is run against every contender (contender.go) once per
// run, in another order each time, so that what else the machine does meets all alike.
// Each time a fresh server is started as a process of its own; a second process holds the
// clients (package swarm). Both are on this machine and talk over loopback.
//
// Times on a shared machine vary. So the figures that count are ratios:
//
//   - deliveries per CPU second: how many messages reached a client for each second of
//     processor time that the server's process used (/proc/PID/stat), the kernel's part
//     of its writes included;
//   - × raw: that figure by the one of the calibration (calibrate.go), which writes the
//     bytes of one event to as many sockets in a loop, just before. A server that writes
//     each event to each viewer by itself cannot be above 1 by much; more comes from
//     gathering events that come close together;
//   - × best peer: likewise by the best peer of the same run.
//
// What a server cannot do in time counts too: a message that has not come some seconds
// after the end is lost, and latency is counted from the moment at which the sender had
// it ready.
//
// Rate limits are off, where a scenario sends more from one client than they allow, and
// at their defaults in the floods. The journal is always on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"

	"chatserver/bench/swarm"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the command line.
type options struct {
	runs       int
	quick      bool
	only       string
	contenders string
	list       bool
	write      string
	profile    string
	against    string
}

func run(args []string, out, errOut io.Writer) int {
	if len(args) == 1 && args[0] == "swarm" { // started by the bench itself
		if err := swarm.Run(os.Stdin, out); err != nil {
			sayf(errOut, "bench: swarm: %v\n", err)
			return 1
		}
		return 0
	}
	opts, err := parseOptions(args, errOut)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	if opts.list {
		for _, s := range scenarios {
			sayf(out, "%-12s %s\n", s.name, s.title)
		}
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	command := strings.Join(append([]string{"go run ./bench"}, args...), " ")
	if err := bench(ctx, opts, command, out); err != nil {
		sayf(errOut, "bench: %v\n", err)
		return 1
	}
	return 0
}

func parseOptions(args []string, errOut io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.IntVar(&o.runs, "runs", 0, "how often each scenario is run; 0: 5 times, with -quick once")
	flags.BoolVar(&o.quick, "quick", false, "short measurements: a look, no proof")
	flags.StringVar(&o.only, "only", "", "scenarios, comma separated; empty: all")
	flags.StringVar(&o.contenders, "contenders", "", "contenders, comma separated; empty: all")
	flags.BoolVar(&o.list, "list", false, "list the scenarios")
	flags.StringVar(&o.write, "write", "", "directory of the performance.md to write the results into; empty: print only")
	flags.StringVar(&o.profile, "profile", "", "directory for profiles of our server in each scenario: of the CPU (.prof), at rest of memory too (.heap)")
	flags.StringVar(&o.against, "against", "", "another checkout of this repository, whose server is measured too, as "+base)
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case o.runs > 0:
	case o.quick:
		o.runs = 1
	default:
		o.runs = 5
	}
	return o, nil
}

// sayf prints. If that fails there is nobody left to tell.
func sayf(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// choose returns those of all whose names are listed; all of them for an empty list.
func choose[T interface{ id() string }](all []T, list string) ([]T, error) {
	if list == "" {
		return all, nil
	}
	var chosen []T
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(all, func(t T) bool { return t.id() == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
