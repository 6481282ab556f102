package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The whole program: it listens, takes a heartbeat, says so, and ends.
func TestRun(t *testing.T) {
	for scheme, args := range map[string][]string{
		"https": {"-addr", "127.0.0.1:0"},
		"http":  {"-addr", "127.0.0.1:0", "-tls=false"},
	} {
		t.Run(scheme, func(t *testing.T) {
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = read.Close() }()
			env := func(name string) string { return map[string]string{"LOADBALANCER_KEY": "secret"}[name] }
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan int, 1)
			go func() {
				defer close(ended)
				ended <- run(ctx, args, env, write, io.Discard)
				_ = write.Close() // no further line comes
			}()
			defer func() { <-ended }()
			defer stop()

			lines := bufio.NewScanner(read)
			lines.Scan()
			base, ok := strings.CutPrefix(lines.Text(), "listening on ")
			if !ok || !strings.HasPrefix(base, scheme+"://127.0.0.1:") {
				t.Fatalf("the first line is %q", lines.Text())
			}
			client := http.Client{Transport: &http.Transport{
				TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
				DisableKeepAlives: true,
			}}
			for key, want := range map[string]int{"": http.StatusUnauthorized, "secret": http.StatusNoContent} {
				req, err := http.NewRequestWithContext(ctx, http.MethodPut, base+"/register/chat.example%3A8080/1000/3/1.0.0", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("X-API-Key", key)
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != want {
					t.Errorf("with the key %q: status %d, want %d", key, resp.StatusCode, want)
				}
			}
			lines.Scan()
			if want := " chat.example:8080 registered: 3 of 1000 rooms, version 1.0.0"; !strings.HasSuffix(lines.Text(), want) {
				t.Errorf("the second line is %q, want its end to be %q", lines.Text(), want)
			}
			stop()
			if code := <-ended; code != 0 {
				t.Errorf("exit status %d, want 0", code)
			}
		})
	}
}

func TestExitStatus(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := taken.Addr().String()

	for _, tt := range []struct {
		args string
		code int
		says string
	}{
		{"-h", 0, "-tls"},
		{"-port 1", 2, "-port"},
		{"-addr " + busy, 1, "address already in use"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			var errs bytes.Buffer
			code := run(t.Context(), strings.Fields(tt.args), func(string) string { return "" }, io.Discard, &errs)
			if code != tt.code || !strings.Contains(errs.String(), tt.says) {
				t.Errorf("exit status %d and %q, want %d and %q", code, errs.String(), tt.code, tt.says)
			}
		})
	}
}
