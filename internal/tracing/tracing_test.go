package tracing_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"chatserver/internal/tracing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// delivered returns what a collector gets of one call, which a handler answers. The tests
// of the program read all of it.
func delivered(t *testing.T, path string, handler echo.HandlerFunc) []byte {
	t.Helper()
	var got bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = got.ReadFrom(r.Body)
	}))
	defer collector.Close()
	tracer, err := tracing.New(tracing.Options{Endpoint: collector.URL, Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.Any("/*", handler, tracer.Trace)
	func() {
		defer func() { _ = recover() }() // as the API's own middleware does
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader("secret")))
	}()
	if err := tracer.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
	return got.Bytes()
}

// A handler that panics has its span all the same, as an error.
func TestPanic(t *testing.T) {
	got := delivered(t, "/api/v1/rooms/hunter2?key=hunter2", func(echo.Context) error { panic("boom") })
	for _, want := range []string{"POST /*", "error.type", "500"} {
		if !bytes.Contains(got, []byte(want)) {
			t.Errorf("want %q in the span, got %q", want, got)
		}
	}
	for _, secret := range []string{"hunter2", "secret", "boom"} {
		if bytes.Contains(got, []byte(secret)) {
			t.Errorf("the span tells %q", secret)
		}
	}
}

func TestOtherPaths(t *testing.T) {
	if got := delivered(t, "/metrics", func(c echo.Context) error { return c.NoContent(http.StatusOK) }); len(got) > 0 {
		t.Errorf("want no span of what is not the API's, got %q", got)
	}
}

func TestBadEndpoint(t *testing.T) {
	for _, endpoint := range []string{"", "localhost:4318", "ftp://ann:hunter2@localhost"} {
		if _, err := tracing.New(tracing.Options{Endpoint: endpoint}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}
