// Command loadbalancer is a small stand-in for the load balancers that chatserver
// reports to: to try the server with by hand, and to test it against.
//
//	go run ./testdata/loadbalancer -key secret
//
// It makes itself a certificate at start, which nobody vouches for: chatserver
// accepts it outside production, curl with -k. It prints a line whenever a chat
// server registers, changes, or falls silent for 30 s.
//
//	PUT /register/{host%3Aport}/{capacity}/{rooms}/{version}   a chat server's heartbeat, with X-API-Key
//	GET /servers                                               all chat servers, as JSON
//	GET /server                                                the one with the most room; 503 if none has any
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
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
	flags := flag.NewFlagSet("loadbalancer", flag.ContinueOnError)
	flags.SetOutput(errs)
	addr := flags.String("addr", "127.0.0.1:2000", "`address` to listen on; port 0 lets the system choose")
	key := flags.String("key", "", "`key` expected as X-API-Key, by default LOADBALANCER_KEY from the environment; empty takes any")
	secure := flags.Bool("tls", true, "serve HTTPS, with a self-signed certificate")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if *key == "" {
		*key = env("LOADBALANCER_KEY")
	}
	if err := serve(ctx, *addr, *secure, newBalancer(*key, out), out); err != nil {
		_, _ = fmt.Fprintln(errs, "loadbalancer:", err)
		return 1
	}
	return 0
}

// serve serves b at addr until ctx ends, then lets requests under way finish.
func serve(ctx context.Context, addr string, secure bool, b *balancer, out io.Writer) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	scheme := "http"
	if secure {
		scheme = "https"
		certificate, err := selfSigned()
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		listener = tls.NewListener(listener, &tls.Config{
			MinVersion:   tls.VersionTLS12,
			Certificates: []tls.Certificate{certificate},
		})
	}
	_, _ = fmt.Fprintf(out, "listening on %s://%s\n", scheme, listener.Addr())

	s := http.Server{Handler: b.handler(), ReadTimeout: 5 * time.Second, MaxHeaderBytes: 8 << 10}
	ctx, cancel := context.WithCancel(ctx)
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer cancel()
	helpers.Go(func() { b.watch(ctx) })
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

// selfSigned makes a certificate for this machine's own addresses.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
