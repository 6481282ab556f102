//go:build unix

package handover_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chatserver/internal/handover"
)

// asVariable tells this program to be a successor, in one of the ways below.
const asVariable = "HANDOVER_TEST_AS"

func TestMain(m *testing.M) {
	if way, ok := ways[os.Getenv(asVariable)]; ok {
		way()
		return
	}
	goleak.VerifyTestMain(m)
}

// ways are what successors do.
var ways = map[string]func(){
	"good": func() {
		old, rest := inherit()
		if slices.ContainsFunc(rest, func(s string) bool { return strings.HasPrefix(s, "CHATSERVER_HANDOVER=") }) {
			panic("the environment still says so")
		}
		sockets, state, err := old.Prepared(context.Background())
		if err != nil {
			panic(err)
		}
		serving := serve(sockets, "new "+string(state))
		old.Ready(context.Background())
		serving.Wait()
	},
	"exits": func() { os.Exit(3) },
	"hangs": hang,
	"says nonsense": func() {
		if _, err := os.NewFile(3, "").WriteString("hello\n"); err != nil {
			panic(err)
		}
		hang()
	},
	"fails": func() {
		old, _ := inherit()
		old.Failed("PORT is eighty; it may be 0 to 65535")
	},
	"dies with the sockets": func() {
		old, _ := inherit()
		if _, _, err := old.Prepared(context.Background()); err != nil {
			panic(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			panic(err)
		}
		hang()
	},
	"hangs with the sockets": func() {
		old, _ := inherit()
		if _, _, err := old.Prepared(context.Background()); err != nil {
			panic(err)
		}
		hang()
	},
	"fails with the sockets": func() {
		old, _ := inherit()
		if _, _, err := old.Prepared(context.Background()); err != nil {
			panic(err)
		}
		old.Failed("the journal is damaged")
	},
	"waits for its predecessor": func() {
		old, _ := inherit()
		_, _, err := old.Prepared(context.Background())
		fmt.Println(err)
	},
}

func hang() { <-time.After(time.Hour) }

func inherit() (*handover.Predecessor, []string) {
	old, rest, err := handover.Inherit(os.Environ())
	if err != nil || old == nil {
		panic(fmt.Sprint("no predecessor: ", err))
	}
	return old, rest
}

// names are those of the sockets in these tests; more than one message of the kernel takes.
var names = func() (all []string) {
	for i := range 300 {
		all = append(all, fmt.Sprint("socket ", i))
	}
	return all
}()

// serve says a word to everybody who connects, until somebody answers "end", or until all
// listeners are closed.
func serve(sockets *handover.Sockets, word string) *sync.WaitGroup {
	var serving sync.WaitGroup
	ended := make(chan struct{})
	var once sync.Once
	for _, name := range names {
		ln, err := sockets.Listen(name, "tcp", "127.0.0.1:1") // that of its name, not this one
		if err != nil {
			panic(err)
		}
		serving.Go(func() {
			<-ended
			_ = ln.Close()
		})
		serving.Go(func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(conn, word+"\n")
				answer := make([]byte, 3)
				if _, err := io.ReadFull(conn, answer); err == nil && string(answer) == "end" {
					once.Do(func() { close(ended) })
				}
				_ = conn.Close()
			}
		})
	}
	return &serving
}

// house is a process with listeners.
type house struct {
	*testing.T
	*handover.Sockets
	listeners []net.Listener
	addresses []string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, Sockets: handover.NewSockets()}
	for _, name := range names {
		h.listen(name, "127.0.0.1:0")
	}
	t.Cleanup(func() {
		for _, ln := range h.listeners {
			_ = ln.Close()
		}
		h.LetGo()
	})
	return h
}

func (h *house) listen(name, address string) {
	h.Helper()
	ln, err := h.Listen(name, "tcp", address)
	if err != nil {
		h.Fatal(err)
	}
	h.listeners = append(h.listeners, ln)
	h.addresses = append(h.addresses, ln.Addr().String())
}

// leave closes all listeners, but not their sockets.
func (h *house) leave() {
	h.Helper()
	h.Hold()
	for _, ln := range h.listeners {
		if err := ln.Close(); err != nil {
			h.Fatal(err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			h.Fatalf("a listener that is closed accepts: %v", err)
		}
	}
	h.listeners = nil
}

// start starts a successor that behaves so.
func (h *house) start(as string, patience time.Duration) (*handover.Successor, error) {
	h.Helper()
	path, err := os.Executable()
	if err != nil {
		h.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(h.Context(), patience)
	defer cancel()
	return handover.Start(ctx, handover.Options{Path: path, Environ: append(os.Environ(), asVariable+"="+as)})
}

// connect connects to the i-th socket.
func (h *house) connect(i int) net.Conn {
	h.Helper()
	conn, err := net.Dial("tcp", h.addresses[i])
	if err != nil {
		h.Fatalf("refused: %v", err)
	}
	h.Cleanup(func() { conn.Close() })
	return conn
}

// wantWord wants a word from whoever serves.
func (h *house) wantWord(why string, conn net.Conn, want string) {
	h.Helper()
	got := make([]byte, len(want)+1)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want+"\n" {
		h.Errorf("%s: want %q, got %q, %v", why, want, got, err)
	}
}

const patience = 30 * time.Second

// Whoever connects while nobody serves is served by the successor, on every socket.
func TestHandOver(t *testing.T) {
	h := newHouse(t)
	next, err := h.start("good", patience)
	if err != nil {
		t.Fatal(err)
	}
	before := h.connect(7)
	accepted, err := h.listeners[7].Accept()
	if err != nil {
		t.Fatal(err)
	}
	h.leave()
	var waiting []net.Conn
	for i := range names {
		waiting = append(waiting, h.connect(i))
	}
	if err := next.Take(t.Context(), h.Sockets, []byte("state")); err != nil {
		t.Fatal(err)
	}
	next.Release()
	h.LetGo()
	for i, conn := range waiting {
		h.wantWord("who has waited", conn, "new state")
		conn.Close()
		if i%50 == 0 {
			again := h.connect(i)
			h.wantWord("afterwards", again, "new state")
			again.Close()
		}
	}
	if _, err := io.WriteString(accepted, "old\n"); err != nil {
		t.Error(err)
	}
	h.wantWord("who was served already stays", before, "old")
	accepted.Close()
	last := h.connect(0)
	h.wantWord("the end", last, "new state")
	if _, err := io.WriteString(last, "end"); err != nil {
		t.Error(err)
	}
	if got, err := last.Read(make([]byte, 1)); err == nil {
		t.Errorf("want the end, got %d bytes", got)
	}
}

// A program that does not get prepared changes nothing, and the error says what was wrong.
func TestNotPrepared(t *testing.T) {
	for as, want := range map[string]string{
		"exits":         "the new process ended before it was prepared (exit status 3)",
		"hangs":         "the new process was not prepared in time, and was killed",
		"says nonsense": "the new process cannot take over: it says what no server says here",
		"fails":         "the new process cannot take over: PORT is eighty; it may be 0 to 65535",
	} {
		h := newHouse(t)
		limit := patience
		if as == "hangs" {
			limit = 200 * time.Millisecond
		}
		next, err := h.start(as, limit)
		if next != nil || err == nil || err.Error() != want {
			t.Errorf("%s: want %q, got %v", as, want, err)
		}
		conn := h.connect(0)
		if _, err := h.listeners[0].Accept(); err != nil {
			t.Errorf("%s: the listener is broken: %v", as, err)
		}
		conn.Close()
	}
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("\x7fELF and nothing more"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{broken, filepath.Join(t.TempDir(), "missing")} {
		if _, err := handover.Start(t.Context(), handover.Options{Path: path}); err == nil || !strings.Contains(err.Error(), "the new process does not start") {
			t.Errorf("want to be told that it does not start, got %v", err)
		}
	}
}

// A process that fails with the sockets in its hands leaves them, and those who wait, to its
// predecessor.
func TestRollBack(t *testing.T) {
	for as, want := range map[string]string{
		"dies with the sockets":  "the new process ended before it was ready (signal: killed)",
		"hangs with the sockets": "the new process was not ready in time, and was killed",
		"fails with the sockets": "the new process cannot take over: the journal is damaged",
	} {
		h := newHouse(t)
		next, err := h.start(as, patience)
		if err != nil {
			t.Fatal(err)
		}
		h.leave()
		waiting := h.connect(3)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if as == "hangs with the sockets" {
			ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
		}
		err = next.Take(ctx, h.Sockets, nil)
		cancel()
		if err == nil || err.Error() != want {
			t.Errorf("%s: want %q, got %v", as, want, err)
		}
		if err := syscall.Kill(next.PID(), 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s: the process is still there: %v", as, err)
		}
		addresses := h.addresses
		h.addresses = nil
		for _, name := range names[1:] {
			h.listen(name, "127.0.0.1:1")
		}
		h.LetGo()
		if !slices.Equal(h.addresses, addresses[1:]) {
			t.Errorf("%s: want the same addresses again", as)
		}
		if _, err := net.Dial("tcp", addresses[0]); err == nil {
			t.Errorf("%s: a socket that nobody listens on any more is open", as)
		}
		conn, err := h.listeners[2].Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "old\n"); err != nil {
			t.Error(err)
		}
		h.wantWord(as, waiting, "old")
		conn.Close()
	}
}

// A process whose predecessor gives up ends by itself.
func TestPredecessorIsGone(t *testing.T) {
	h := newHouse(t)
	next, err := h.start("waits for its predecessor", patience)
	if err != nil {
		t.Fatal(err)
	}
	pid := next.PID()
	next.Release()
	if state, err := os.FindProcess(pid); err == nil {
		_, _ = state.Wait() // a hanging one fails the test by its time limit
	}
}

// A socket is one listener's at a time, and is closed with it unless it is held.
func TestSockets(t *testing.T) {
	s := handover.NewSockets()
	ln, err := s.Listen("one", "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Listen("one", "tcp", "127.0.0.1:0"); err == nil {
		t.Error("two listeners on one socket")
	}
	if _, err := s.Listen("another", "tcp", ln.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("want the system's error, got %v", err)
	}
	accepted := make(chan error, 1)
	go func() {
		_, err := ln.Accept()
		accepted <- err
	}()
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("want Accept to end, got %v", err)
	}
	if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("want a second Close to say so, got %v", err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("want the socket closed, got %v", err)
	}
}

func TestInherit(t *testing.T) {
	environ := []string{"A=1", "CHATSERVER=2"}
	old, rest, err := handover.Inherit(environ)
	if old != nil || err != nil || !slices.Equal(rest, environ) {
		t.Errorf("want nobody, got %v, %q, %v", old, rest, err)
	}
	for _, value := range []string{"", "x", "0", "2", "999999"} {
		_, rest, err := handover.Inherit(append(environ, "CHATSERVER_HANDOVER="+value))
		if err == nil || !strings.Contains(err.Error(), "CHATSERVER_HANDOVER") || !slices.Equal(rest, environ) {
			t.Errorf("%q: want to be told to leave it out, got %v, %q", value, err, rest)
		}
	}
}
