package outbound_test

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"chatserver/internal/outbound"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testKey is a key that no error and no log line may hold.
const testKey = "key-0123456789"

// newClient returns a client as o says, with testKey and without its idle
// connections once the test is over.
func newClient(t *testing.T, o outbound.Options) *outbound.Client {
	t.Helper()
	o.Key = testKey
	c, err := outbound.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// newServer returns a running server that keeps what it thinks of its clients to
// itself.
func newServer(t *testing.T, start func(*httptest.Server), h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	start(s)
	t.Cleanup(s.Close)
	return s
}

// newLog returns a logger and what it was told, debug messages included.
func newLog() (*zap.Logger, *observer.ObservedLogs) {
	core, lines := observer.New(zapcore.DebugLevel)
	return zap.New(core), lines
}

// service is a fake of what a client calls: it counts calls and answers as told.
// It is made for bubbles, where the calls of one test follow each other.
type service struct {
	answer func(*http.Request) (*http.Response, error)

	mu    sync.Mutex
	calls int
}

// RoundTrip implements http.RoundTripper.
func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	return s.answer(r)
}

// wantCalls fails the test unless n calls arrived since the last time.
func (s *service) wantCalls(t *testing.T, why string, n int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls != n {
		t.Errorf("%s: %d calls arrived, want %d", why, s.calls, n)
	}
	s.calls = 0
}

// status answers with a status and no body.
func status(code int) func(*http.Request) (*http.Response, error) {
	return body(code, http.NoBody)
}

// body answers with a status and a body.
func body(code int, b io.ReadCloser) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: code, Header: http.Header{}, Body: b, Request: r}, nil
	}
}

// fail answers with an error of the connection.
func fail(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// hang answers when the caller has had enough.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// wantSilent fails the test if text holds one of the secrets.
func wantSilent(t *testing.T, what, text string, secrets ...string) {
	t.Helper()
	for _, secret := range append(secrets, testKey) {
		if bytes.Contains([]byte(text), []byte(secret)) {
			t.Errorf("%s holds %q: %s", what, secret, text)
		}
	}
}

// moment is longer than anything that happens at once takes, and no time at all
// in a bubble.
const moment = time.Millisecond
