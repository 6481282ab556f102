// Command creditservice is a small stand-in for the credit service that chatserver asks
// who may be in paid rooms, and that takes tips: to try the server with by hand, and to
// test it against.
//
//	go run ./testdata/creditservice -key secret -balance 3600 -seconds 60
//
// Every user begins with -balance seconds, which are also what tips are paid with: a unit of
// whatever currency is one second. It allows a user -seconds at a time, less if less is
// left. It prints a line for what happens.
//
//	POST /sessions, PUT and DELETE /sessions/{session}, POST /tips   as docs/protocol.md has it, with X-API-Key
//	GET /users                          all users with what they have left, as JSON
//	PUT /users/{user}/balance/{number}  gives a user so much
//	GET /sessions, GET /tips            all sessions and all tips, as JSON
//	PUT /mode/{well,hang,fail,lose}     has it answer, never answer, answer 500, or do what it is
//	                                    asked and never answer
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
	flags := flag.NewFlagSet("creditservice", flag.ContinueOnError)
	flags.SetOutput(errs)
	addr := flags.String("addr", "127.0.0.1:2100", "`address` to listen on; port 0 lets the system choose")
	key := flags.String("key", "", "`key` expected as X-API-Key, by default CREDIT_KEY from the environment; empty takes any")
	balance := flags.Float64("balance", 3600, "`seconds` that every user begins with")
	seconds := flags.Float64("seconds", 60, "`seconds` that are allowed at a time")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if *key == "" {
		*key = env("CREDIT_KEY")
	}
	if err := serve(ctx, *addr, newBank(*key, *balance, *seconds, out), out); err != nil {
		_, _ = fmt.Fprintln(errs, "creditservice:", err)
		return 1
	}
	return 0
}

// serve serves b at addr until ctx ends; calls that hang end with it.
func serve(ctx context.Context, addr string, b *bank, out io.Writer) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "listening on http://%s\n", listener.Addr())

	ctx, cancel := context.WithCancel(ctx)
	s := http.Server{
		Handler: b.handler(), ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 8 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer cancel()
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
