// Command chatserver is the live chat that runs beside a video stream. README.md
// says how to use it, docs/architecture.md how it is put together.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"chatserver/internal/handover"
)

// version is what -version and the APIs tell.
const version = "1.0.0"

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // wrong arguments or environment
)

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) }

// run is the program, but for the process around it.
func run(args, environ []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "doctor" {
		return examine(args[1:], env.ToMap(environ)["KEY"], stdout, stderr)
	}
	flags := flag.NewFlagSet("chatserver", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { printUsage(flags.Output()) }
	showVersion := flags.Bool("version", false, "")
	checkHealth := flags.Bool("health", false, "")
	for _, arg := range args { // help that was asked for is no error output
		if arg == "-h" || arg == "--help" || arg == "-help" {
			flags.SetOutput(stdout)
		}
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	case flags.NArg() > 0:
		_, _ = fmt.Fprintf(stderr, "chatserver: unexpected argument %q: configuration is by environment variables, chatserver -h lists them\n", flags.Arg(0))
		return exitUsage
	case *showVersion:
		_, _ = fmt.Fprintln(stdout, version)
		return exitOK
	}
	old, environ, err := handover.Inherit(environ)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "chatserver:", err)
		return exitUsage
	}
	cfg, faults := parseConfig(environ)
	if *checkHealth {
		return health(cfg, stderr)
	}
	if len(faults) > 0 {
		for _, f := range faults {
			_, _ = fmt.Fprintln(stderr, "chatserver:", f)
		}
		_, _ = fmt.Fprintln(stderr, "chatserver: not started; chatserver -h lists all variables")
		if old != nil {
			old.Failed(strings.Join(faults, "; "))
		}
		return exitUsage
	}
	return newProgram(cfg, environ, stdout).run(old)
}

// health asks the server on this machine whether it lives, for a container's
// health check.
func health(cfg config, stderr io.Writer) int {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := askAPI(ctx, cfg.Bind, int(cfg.Port)); err != nil {
		_, _ = fmt.Fprintln(stderr, "chatserver:", err)
		return exitFailed
	}
	return exitOK
}

// direct makes each call over a connection of its own, and through no proxy.
var direct = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// askAPI asks the API of this machine on a port whether it lives.
func askAPI(ctx context.Context, address bind, port int) error {
	host := string(address)
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
	}
	url := "http://" + net.JoinHostPort(host, strconv.Itoa(port)) + "/livez"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := direct.Do(req)
	if err != nil {
		return err
	}
	_ = answer.Body.Close() // nothing was read
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, answer.Status)
	}
	return nil
}
