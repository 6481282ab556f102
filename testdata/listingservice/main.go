// Command listingservice is a small stand-in for the listing that chatserver tells of its
// rooms: to try the server with by hand, and to test it against.
//
//	go run ./testdata/listingservice -key secret
//
// It prints a line whenever a room is listed, changes, or is not there any more. A room of
// which it has not heard for 90 s is not there any more either.
//
//	PUT and DELETE /rooms/{name}     as docs/protocol.md has it, with X-API-Key
//	GET /rooms                       all rooms, the one with the most viewers first, as JSON
//	PUT /mode/{well,hang,fail}       has it answer, never answer, or answer 500
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
	"os/signal"
	"sync"
	"syscall"
	"time"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Getenv, os.Stdout, os.Stderr)) }

// run serves until ctx ends or a signal comes, and returns the exit status.
func run(ctx context.Context, args []string, env func(string) string, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	flags := flag.NewFlagSet("listingservice", flag.ContinueOnError)
	flags.SetOutput(errs)
	addr := flags.String("addr", "127.0.0.1:2200", "`address` to listen on; port 0 lets the system choose")
	key := flags.String("key", "", "`key` expected as X-API-Key, by default LISTING_KEY from the environment; empty takes any")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if *key == "" {
		*key = env("LISTING_KEY")
	}
	if err := serve(ctx, *addr, newListing(*key, out), out); err != nil {
		_, _ = fmt.Fprintln(errs, "listingservice:", err)
		return 1
	}
	return 0
}

// serve serves l at addr until ctx ends; calls that hang end with it.
func serve(ctx context.Context, addr string, l *listing, out io.Writer) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "listening on http://%s\n", listener.Addr())

	ctx, cancel := context.WithCancel(ctx)
	s := http.Server{
		Handler: l.handler(), ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 8 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer cancel()
	helpers.Go(func() { l.watch(ctx) })
	helpers.Go(func() {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = s.Shutdown(patience) // who is not done by then is cut off
	})
	if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
