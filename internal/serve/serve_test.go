package serve_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"chatserver/internal/serve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a server on pipes, in a bubble where time passes only when all wait.
type world struct {
	*testing.T
	conns chan net.Conn
	shut  chan struct{}
	once  sync.Once
	logs  *observer.ObservedLogs // from debug on
}

// inWorld runs a test against a server of h. At its end the server has to stop.
func inWorld(t *testing.T, h http.HandlerFunc, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		w := &world{T: t, conns: make(chan net.Conn), shut: make(chan struct{}), logs: logs}
		server := serve.New(h, zap.New(core))
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(w) }()
		defer func() {
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			<-ended
		}()
		test(w)
	})
}

// Accept, Close and Addr make the world its server's listener.
func (w *world) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.shut:
		return nil, net.ErrClosed
	}
}

func (w *world) Close() error   { w.once.Do(func() { close(w.shut) }); return nil }
func (w *world) Addr() net.Addr { return &net.TCPAddr{} }

// peer is somebody who talks to the server byte by byte.
type peer struct {
	w     *world
	conn  net.Conn
	in    *bufio.Reader
	begun time.Time
}

func (w *world) connect() *peer {
	ours, theirs := net.Pipe()
	w.conns <- theirs
	w.Cleanup(func() { ours.Close() })
	return &peer{w: w, conn: ours, in: bufio.NewReader(ours), begun: time.Now()}
}

// send sends text in the background, as far as the server takes it.
func (p *peer) send(text string) {
	go func() { _, _ = io.WriteString(p.conn, text) }()
	synctest.Wait()
}

// wantStatus wants an answer with that status next.
func (p *peer) wantStatus(why string, status int) {
	p.w.Helper()
	answer, err := http.ReadResponse(p.in, nil)
	if err != nil {
		p.w.Fatalf("%s: want status %d, got no answer: %v", why, status, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status {
		p.w.Errorf("%s: want status %d, got %d %s (%v)", why, status, answer.StatusCode, body, err)
	}
}

// wantClosed wants the connection to end so long after it began. It returns what
// came before.
func (p *peer) wantClosed(why string, after time.Duration) string {
	p.w.Helper()
	heard, err := io.ReadAll(p.in)
	if took := time.Since(p.begun); err != nil || took != after {
		p.w.Errorf("%s: want a close after %v, got one after %v (%v)", why, after, took, err)
	}
	return string(heard)
}

// ok answers "ok" to all.
func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

// request is a GET whose head has that many bytes.
func request(size int) string {
	const begin, end = "GET / HTTP/1.1\r\nHost: chat.example\r\nX-Much: ", "\r\n\r\n"
	return begin + strings.Repeat("x", size-len(begin)-len(end)) + end
}

func TestHeaders(t *testing.T) {
	const most = 8 << 10
	for _, tt := range []struct{ size, status int }{
		{100, http.StatusOK},
		{most - 100, http.StatusOK},
		{most, http.StatusOK},
		{most + 1, http.StatusRequestHeaderFieldsTooLarge},
		{most + 5000, http.StatusRequestHeaderFieldsTooLarge},
		{1 << 20, http.StatusRequestHeaderFieldsTooLarge},
	} {
		t.Run(strconv.Itoa(tt.size), func(t *testing.T) {
			inWorld(t, ok, func(w *world) {
				p := w.connect()
				p.send(request(tt.size))
				p.wantStatus("headers", tt.status)
			})
		})
	}
}

func TestSlowHeaders(t *testing.T) {
	inWorld(t, ok, func(w *world) {
		silent := w.connect()
		silent.wantClosed("a peer that says nothing", 5*time.Second)

		slow := w.connect()
		go func() { // one byte a second, for ever
			for {
				if _, err := slow.conn.Write([]byte("G")); err != nil {
					return
				}
				<-time.After(time.Second)
			}
		}()
		heard := slow.wantClosed("a peer that says it slowly", 5*time.Second)
		if heard != "" && !strings.HasPrefix(heard, "HTTP/1.1 400 ") {
			t.Errorf("a peer that says it slowly: want at most a 400, got %q", heard)
		}

		inTime := w.connect()
		inTime.send("GET / HTTP/1.1\r\nHost: chat.example\r\n")
		<-time.After(4900 * time.Millisecond)
		inTime.send("\r\n")
		inTime.wantStatus("a peer that is just in time", http.StatusOK)
	})
}

func TestSlowBody(t *testing.T) {
	read := func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusRequestTimeout)
		}
	}
	inWorld(t, read, func(w *world) {
		slow := w.connect()
		slow.send("POST / HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 10\r\n\r\nhello")
		slow.wantStatus("half a body", http.StatusRequestTimeout)
		if took := time.Since(slow.begun); took != 10*time.Second {
			t.Errorf("half a body: want the handler to wait for 10 s, it waited for %v", took)
		}
		inTime := w.connect()
		inTime.send("POST / HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 10\r\n\r\nhello")
		<-time.After(9900 * time.Millisecond)
		inTime.send("world")
		inTime.wantStatus("just in time", http.StatusOK)
	})
}

// A peer that does not read its answer, or asks for nothing more, is let go.
func TestSlowReaderAndIdlePeer(t *testing.T) {
	var givenUp atomic.Int64
	big := func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			givenUp.Store(time.Now().UnixNano())
		}
	}
	inWorld(t, big, func(w *world) {
		p := w.connect()
		p.send(request(100))
		<-time.After(time.Minute)
		if took := time.Unix(0, givenUp.Load()).Sub(p.begun); took != 30*time.Second {
			t.Errorf("a peer that does not read: want the answer to be given up after 30 s, it was after %v", took)
		}
	})
	inWorld(t, ok, func(w *world) {
		p := w.connect()
		p.send(request(100))
		p.wantStatus("a request", http.StatusOK)
		p.wantClosed("idle since", time.Minute)
	})
}

// What net/http complains of is the noise of broken clients: it is there for who
// looks for it, and for nobody else.
func TestNoiseIsLoggedAtDebug(t *testing.T) {
	inWorld(t, func(http.ResponseWriter, *http.Request) { panic("boom") }, func(w *world) {
		p := w.connect()
		p.send(request(100))
		p.wantClosed("a handler that panics", 0)
		lines := w.logs.TakeAll()
		if len(lines) != 1 || lines[0].Level != zap.DebugLevel || !strings.Contains(lines[0].Message, "boom") {
			t.Errorf("want one line at debug about the panic, got %v", lines)
		}
	})
}
