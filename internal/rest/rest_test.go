package rest_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"chatserver/internal/clientip"
	"chatserver/internal/fault"
	"chatserver/internal/rest"
	"chatserver/internal/serve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// marker is what users send; it must not get into the log.
const marker = "Xmarker"

// ground is an echo of rest's with routes of a test's own.
type ground struct {
	*testing.T
	*echo.Echo
	level    zap.AtomicLevel
	logs     *observer.ObservedLogs
	requests []string // as the observer heard of them: "GET /route 200"
	panics   int
}

// Requested implements rest.Observer.
func (g *ground) Requested(method, route string, status int, took time.Duration) {
	g.requests = append(g.requests, fmt.Sprint(method, " ", route, " ", status))
	if took < 0 || took > time.Minute {
		g.Errorf("%s %s took %v", method, route, took)
	}
}

// Panicked implements rest.Observer.
func (g *ground) Panicked() { g.panics++ }

// wantRequests wants the observer to have heard of these requests since the last time.
func (g *ground) wantRequests(why string, want ...string) {
	g.Helper()
	if !slices.Equal(g.requests, want) {
		g.Errorf("%s: the observer heard of %q, want %q", why, g.requests, want)
	}
	g.requests = nil
}

// newGround logs from info on, and trusts the proxy 192.0.2.1, as which all
// requests come.
func newGround(t *testing.T) *ground {
	t.Helper()
	level := zap.NewAtomicLevelAt(zap.InfoLevel)
	core, logs := observer.New(level)
	trusted := clientip.Trusted{netip.MustParsePrefix("192.0.2.1/32")}
	g := &ground{T: t, level: level, logs: logs}
	g.Echo = rest.New(zap.New(core), trusted, g)
	return g
}

// call makes a request, with pairs of name and value as headers.
func (g *ground) call(method, path string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	g.Helper()
	req := httptest.NewRequestWithContext(g.Context(), method, path, body)
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, req)
	return w
}

// wantProblem wants a problem document with that code.
func (g *ground) wantProblem(why string, w *httptest.ResponseRecorder, status int, code fault.Code) {
	g.Helper()
	if w.Code != status || w.Header().Get("Content-Type") != fault.ContentType || !strings.Contains(w.Body.String(), `"code":"`+string(code)+`"`) {
		g.Errorf("%s: want a problem document of %d with code %s, got %d %v %s", why, status, code, w.Code, w.Header(), w.Body)
	}
}

// wantOneLine wants one line in the log, and nothing in it that users sent.
func (g *ground) wantOneLine(why string, level zapcore.Level, message string) map[string]any {
	g.Helper()
	lines := g.logs.TakeAll()
	var said []string
	for _, line := range lines {
		said = append(said, line.Level.String()+": "+line.Message)
	}
	if want := []string{level.String() + ": " + message}; !slices.Equal(said, want) {
		g.Errorf("%s: want the lines %q in the log, got %q", why, want, said)
	}
	if len(lines) == 0 {
		return nil
	}
	fields := lines[0].ContextMap()
	if text := fmt.Sprint(fields); strings.Contains(text, marker) {
		g.Errorf("%s: the log holds what users sent: %s", why, text)
	}
	return fields
}

func TestData(t *testing.T) {
	g := newGround(t)
	g.GET("/", func(c echo.Context) error { return rest.Data(c, http.StatusCreated, map[string]int{"seq": 1}) })
	w := g.call("GET", "/", nil)
	if w.Code != http.StatusCreated || w.Header().Get("Content-Type") != "application/json" || strings.TrimSpace(w.Body.String()) != `{"data":{"seq":1}}` {
		t.Errorf(`want 201 {"data":{"seq":1}} as JSON, got %d %v %s`, w.Code, w.Header(), w.Body)
	}
}

// Of each request the observer hears once, by its route: never by what a caller made up.
func TestObserver(t *testing.T) {
	g := newGround(t)
	g.GET("/room/:name", func(c echo.Context) error {
		if c.Param("name") == "no" {
			return fault.New(fault.RoomNotFound, "no such room")
		}
		return rest.Data(c, http.StatusOK, c.Param("name"))
	})
	g.POST("/", func(echo.Context) error { panic("boom") })
	for _, level := range []zapcore.Level{zap.InfoLevel, zap.DebugLevel} {
		g.level.SetLevel(level)
		g.call("GET", "/room/a", nil)
		g.call("HEAD", "/room/b", nil)
		g.wantRequests("by the route", "GET /room/:name 200", "HEAD /room/:name 200")
		g.call("GET", "/room/no", nil)
		g.wantRequests("a handler's refusal", "GET /room/:name 404")
		g.call("GET", "/"+marker, nil)
		g.call("GET", "/other/"+marker, nil)
		g.call("PUT", "/room/a", nil)
		g.wantRequests("the router's", "GET  404", "GET  404", "PUT /room/:name 405")
		g.call("POST", "/", nil)
		g.wantRequests("a panic", "POST / 500")
	}
	if g.panics != 2 {
		t.Errorf("the observer heard of %d panics, want 2", g.panics)
	}
}

// panics is what a handler may panic with.
var panics = map[string]func(){
	"text":    func() { panic("boom") },
	"error":   func() { panic(errors.New("boom")) },
	"fault":   func() { panic(fault.New(fault.BadField, "boom")) },
	"nothing": func() { panic(nil) },
	"runtime": func() { _ = []string{"boom"}[len(marker)] },
}

func TestPanics(t *testing.T) {
	g := newGround(t)
	g.POST("/:kind/:user", func(c echo.Context) error {
		panics[c.Param("kind")]()
		return nil
	})
	for kind := range panics {
		w := g.call("POST", "/"+kind+"/"+marker+"?"+marker, strings.NewReader(marker), "X-API-Key", marker, "X-Request-Id", "mine")
		g.wantProblem(kind, w, http.StatusInternalServerError, fault.Internal)
		if strings.Contains(w.Body.String(), "boom") {
			t.Errorf("%s: the caller is told what the panic said: %s", kind, w.Body)
		}
		fields := g.wantOneLine(kind, zap.ErrorLevel, "a request panicked")
		if fields["request"] != "mine" || !strings.Contains(fmt.Sprint(fields["stack"]), "rest_test") {
			t.Errorf("%s: want the request's id and the stack in the log, got %v", kind, fields)
		}
	}
	w := g.call("GET", "/nothing", nil)
	g.wantProblem("the server goes on", w, http.StatusNotFound, fault.RouteNotFound)
}

// What has been sent cannot be taken back: nothing is added to it.
func TestPanicBehindAnAnswer(t *testing.T) {
	g := newGround(t)
	g.GET("/", func(c echo.Context) error {
		if err := c.String(http.StatusOK, "half an answer"); err != nil {
			return err
		}
		panic("boom")
	})
	if w := g.call("GET", "/", nil); w.Code != http.StatusOK || w.Body.String() != "half an answer" {
		t.Errorf("want what was sent, got %d %s", w.Code, w.Body)
	}
	g.wantOneLine("a panic behind an answer", zap.ErrorLevel, "a request panicked")
}

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		why    string
		err    error
		status int
		code   fault.Code
		logged bool
	}{
		{"a fault", fault.New(fault.BadField, "x"), 400, fault.BadField, false},
		{"a fault with more around it", fmt.Errorf("x: %w", fault.New(fault.Busy, "x")), 503, fault.Busy, false},
		{"an error of ours", errors.New("open /var/secret: no such file"), 500, fault.Internal, true},
		{"one that who found it has logged", fmt.Errorf("x: %w", fault.New(fault.Internal, "x")), 500, fault.Internal, false},
		{"another one of echo", echo.NewHTTPError(http.StatusTeapot, "secret"), 500, fault.Internal, true},
		{"nothing there", echo.ErrNotFound, 404, fault.RouteNotFound, false},
		{"another method", echo.ErrMethodNotAllowed, 405, fault.MethodNotAllowed, false},
	} {
		g := newGround(t)
		g.GET("/:user", func(echo.Context) error { return tt.err })
		w := g.call("GET", "/"+marker+"?"+marker, nil, "X-Request-Id", "mine")
		g.wantProblem(tt.why, w, tt.status, tt.code)
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: the caller is told %s", tt.why, w.Body)
		}
		if !tt.logged {
			if lines := g.logs.TakeAll(); len(lines) > 0 {
				t.Errorf("%s: what callers do wrong is no line in the log, got %v", tt.why, lines)
			}
			continue
		}
		fields := g.wantOneLine(tt.why, zap.ErrorLevel, "a request failed")
		if fields["request"] != "mine" || !strings.Contains(fmt.Sprint(fields["error"]), "secret") {
			t.Errorf("%s: want the cause and the request's id in the log, got %v", tt.why, fields)
		}
	}
}

func TestBody(t *testing.T) {
	g := newGround(t)
	g.POST("/", func(c echo.Context) error {
		body, err := rest.Body(c)
		if err != nil {
			return err
		}
		return rest.Data(c, http.StatusOK, len(body))
	})
	for _, size := range []int{0, 1, serve.MaxBody} {
		w := g.call("POST", "/", strings.NewReader(strings.Repeat("x", size)))
		if want := fmt.Sprintf(`{"data":%d}`, size); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("a body of %d bytes: want %s, got %d %s", size, want, w.Code, w.Body)
		}
	}
	secret := errors.New("secret")
	for _, tt := range []struct {
		why    string
		body   io.Reader
		status int
		code   fault.Code
	}{
		{"a byte too much", strings.NewReader(strings.Repeat("x", serve.MaxBody+1)), 413, fault.TooLarge},
		{"without an end", io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)), iotest.ErrReader(secret)), 413, fault.TooLarge},
		{"too slow", io.MultiReader(strings.NewReader("x"), iotest.ErrReader(os.ErrDeadlineExceeded)), 408, fault.RequestTimeout},
		{"too slow, as net says it", iotest.ErrReader(&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}), 408, fault.RequestTimeout},
		{"broken off", iotest.ErrReader(io.ErrUnexpectedEOF), 400, fault.BadRequest},
		{"broken otherwise", iotest.ErrReader(secret), 400, fault.BadRequest},
	} {
		w := g.call("POST", "/", tt.body)
		g.wantProblem(tt.why, w, tt.status, tt.code)
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: the caller is told the cause: %s", tt.why, w.Body)
		}
	}
}

// A connection whose body does not come is answered after 10 s.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGround(t)
		g.POST("/", func(c echo.Context) error { _, err := rest.Body(c); return err })
		ln := &pipe{conns: make(chan net.Conn, 1)}
		server, ended := serve.New(g, zap.NewNop()), make(chan error, 1)
		go func() { ended <- server.Serve(ln) }()
		ours, theirs := net.Pipe()
		ln.conns <- theirs
		begun := time.Now()
		if _, err := io.WriteString(ours, "POST / HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 10\r\n\r\nhello"); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(ours), nil)
		if err != nil {
			t.Fatalf("want an answer, got %v", err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if took := time.Since(begun); err != nil || answer.StatusCode != http.StatusRequestTimeout || took != 10*time.Second ||
			!strings.Contains(string(body), `"code":"request_timeout"`) {
			t.Errorf("want 408 request_timeout after 10 s, got %d %s after %v (%v)", answer.StatusCode, body, took, err)
		}
		ours.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
}

// pipe is a listener for connections in memory.
type pipe struct{ conns chan net.Conn }

func (p *pipe) Accept() (net.Conn, error) {
	if c, ok := <-p.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p *pipe) Close() error   { close(p.conns); return nil }
func (p *pipe) Addr() net.Addr { return &net.TCPAddr{} }

func TestParam(t *testing.T) {
	g := newGround(t)
	g.GET("/r/:name/*", func(c echo.Context) error {
		return c.String(http.StatusOK, rest.Param(c, "name")+" | "+rest.Param(c, "*"))
	})
	for path, want := range map[string]string{
		"/r/testroom/":          "testroom | ",
		"/r/te%73troom/a/b":     "testroom | a/b",
		"/r/a%2Fb/c%2Fd/e":      "a/b | c/d/e",
		"/r/100%25/%2573":       "100% | %73",
		"/r/%C3%A4/%20":         "ä |  ",
		"/r/a+b/c+d":            "a+b | c+d",
		"/r/../x":               ".. | x",
		"/r/%2e%2e/%2e%2e%2fx":  ".. | ../x",
		"/r/a%00b/%0d%0aX:%201": "a\x00b | \r\nX: 1",
	} {
		if w := g.call("GET", path, nil); w.Body.String() != want {
			t.Errorf("%s: want %q, got %d %q", path, want, w.Code, w.Body)
		}
	}
}

func TestRequireKey(t *testing.T) {
	const key = "key-0123456789abcdef"
	g := newGround(t)
	ran := 0
	g.GET("/", func(c echo.Context) error { ran++; return c.NoContent(http.StatusOK) }, rest.RequireKey(key))
	for _, wrong := range [][]string{
		nil,
		{rest.KeyHeader, ""},
		{rest.KeyHeader, key[1:]},
		{rest.KeyHeader, key + "x"},
		{rest.KeyHeader, strings.ToUpper(key)},
		{rest.KeyHeader, "wrong", rest.KeyHeader, key},
		{"Authorization", "Bearer " + key},
	} {
		w := g.call("GET", "/?key="+key, nil, wrong...)
		g.wantProblem(fmt.Sprint(wrong), w, http.StatusUnauthorized, fault.Unauthorized)
		if strings.Contains(w.Body.String(), key) || w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%v: want to be told how, and not the key, got %v %s", wrong, w.Header(), w.Body)
		}
	}
	if w := g.call("GET", "/", nil, rest.KeyHeader, key); w.Code != http.StatusOK || ran != 1 {
		t.Errorf("want the key to open what nothing else opened, got %d after %d calls", w.Code, ran)
	}
}

// Accesses are logged at debug, which can be switched on while the server runs, and
// with the client's address as far as a trusted proxy tells it.
func TestAccessLog(t *testing.T) {
	g := newGround(t)
	g.GET("/room/:name", func(c echo.Context) error {
		if c.Param("name") == marker {
			return fault.New(fault.RoomNotFound, "x")
		}
		return c.String(http.StatusOK, "hello")
	})
	g.call("GET", "/room/a", nil)
	if lines := g.logs.TakeAll(); len(lines) > 0 {
		t.Errorf("at info: want no line, got %v", lines)
	}
	g.level.SetLevel(zap.DebugLevel)
	for _, tt := range []struct {
		path, forwarded, client string
		status                  int
		bytes                   int64
	}{
		{"/room/a?" + marker, "203.0.113.7", "203.0.113.7", 200, 5},
		{"/room/a", "", "192.0.2.1", 200, 5},
		{"/room/a", marker, "192.0.2.1", 200, 5},
		{"/room/a", marker + ", 203.0.113.7", "203.0.113.7", 200, 5},
		{"/room/" + marker, "203.0.113.7", "203.0.113.7", 404, 0},
	} {
		w := g.call("GET", tt.path, nil, "X-Forwarded-For", tt.forwarded, "X-Request-Id", "a\nb")
		fields := g.wantOneLine(tt.path, zap.DebugLevel, "request")
		if tt.bytes == 0 {
			tt.bytes = int64(w.Body.Len())
		}
		if fields["method"] != "GET" || fields["route"] != "/room/:name" || fields["status"] != int64(tt.status) || w.Code != tt.status ||
			fields["client"] != tt.client || fields["bytes"] != tt.bytes || fields["request"] != w.Header().Get("X-Request-Id") {
			t.Errorf("%s for %q: want its route, status %d, %d bytes, client %s and id, got %v", tt.path, tt.forwarded, tt.status, tt.bytes, tt.client, fields)
		}
	}
}
