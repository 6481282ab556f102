package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The whole program: it listens, answers, says so, and ends, also while a call hangs.
func TestRun(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	env := func(name string) string { return map[string]string{"CREDIT_KEY": "secret"}[name] }
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		defer close(ended)
		ended <- run(ctx, []string{"-addr", "127.0.0.1:0", "-balance", "5"}, env, write, io.Discard)
		_ = write.Close() // no further line comes
	}()
	defer func() { <-ended }()
	defer stop()

	lines := bufio.NewScanner(read)
	lines.Scan()
	base, ok := strings.CutPrefix(lines.Text(), "listening on ")
	if !ok || !strings.HasPrefix(base, "http://127.0.0.1:") {
		t.Fatalf("the first line is %q", lines.Text())
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	call := func(method, path, body, key string) (int, error) {
		req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-API-Key", key)
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	const ann = `{"user":"ann","room":"lobby"}`
	for key, want := range map[string]int{"": http.StatusUnauthorized, "secret": http.StatusCreated} {
		if status, err := call(http.MethodPost, "/sessions", ann, key); err != nil || status != want {
			t.Errorf("with the key %q: %d, %v, want %d", key, status, err, want)
		}
	}
	lines.Scan()
	if want := " ann may be in lobby for 5s, 0s so far"; !strings.HasSuffix(lines.Text(), want) {
		t.Errorf("the second line is %q, want its end to be %q", lines.Text(), want)
	}
	if status, err := call(http.MethodPut, "/mode/hang", "", ""); err != nil || status != http.StatusNoContent {
		t.Errorf("mode: %d, %v", status, err)
	}
	hung := make(chan error, 1)
	go func() {
		_, err := call(http.MethodPost, "/sessions", ann, "secret")
		hung <- err
	}()
	lines.Scan() // of the mode
	stop()
	<-hung
	if code := <-ended; code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
}

func TestExitStatus(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		args string
		code int
		says string
	}{
		{"-h", 0, "-balance"},
		{"-port 1", 2, "-port"},
		{"-addr " + taken.Addr().String(), 1, "address already in use"},
	} {
		var errs bytes.Buffer
		code := run(t.Context(), strings.Fields(tt.args), func(string) string { return "" }, io.Discard, &errs)
		if code != tt.code || !strings.Contains(errs.String(), tt.says) {
			t.Errorf("%s: exit status %d and %q, want %d and %q", tt.args, code, errs.String(), tt.code, tt.says)
		}
	}
}
