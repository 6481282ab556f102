// Package e2e_test uses the programs as their users do: it builds them, runs them, and
// talks to them with curl, clients, browsers, and what stands around them in production.
//
// A test's folder is the top of the repository, as it is for who types a command of the
// docs. browser_ tests drive Chromium; *_helpers_test.go has what several tests share.
package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatserver/internal/resttest"
)

// The programs under test are built once, with the race detector if the test has it:
// then a race makes their exit status 66.

// binaries is the folder of the programs; TestMain owns it.
var binaries string

func TestMain(m *testing.M) {
	if as, ok := successors[os.Getenv(asSuccessor)]; ok {
		as()
		return
	}
	if err := os.Chdir(".."); err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "chatserver")
	if err != nil {
		panic(err)
	}
	binaries = dir
	m.Run() // the process exits with what it returns
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
}

var (
	buildServer       = sync.OnceValues(func() (string, error) { return build("chatserver", ".") })
	buildLoadBalancer = sync.OnceValues(func() (string, error) { return build("loadbalancer", "./testdata/loadbalancer") })
)

// build builds a package and returns the path of its program.
func build(name, pkg string) (string, error) {
	args := []string{"build", "-o", filepath.Join(binaries, name)}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "-race" && setting.Value == "true" {
				args = append(args, "-race")
			}
		}
	}
	if out, err := exec.Command("go", append(args, pkg)...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return filepath.Join(binaries, name), nil
}

// process is a program that runs, and what it has printed so far.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	group bool          // cmd is the first of a group of processes, which end together
	ended chan struct{} // closed when state is set
	state *os.ProcessState

	mu      sync.Mutex
	printed bytes.Buffer
}

// run starts a program. A test that ends kills it, unless it has ended.
func run(t *testing.T, program func() (string, error), settings []string, args ...string) *process {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Env = clean(append(settings, "GORACE=atexit_sleep_ms=0")...) // a second at each end
	p.cmd.Dir, p.cmd.WaitDelay = t.TempDir(), time.Second
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // state has it
		p.state = p.cmd.ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-p.ended
		if strings.Contains(p.text(), "WARNING: DATA RACE") {
			t.Error("the race detector complains")
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", filepath.Base(path), p.text())
		}
	})
	return p
}

// Write takes what the program prints.
func (p *process) Write(chunk []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.printed.Write(chunk)
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.printed.String()
}

// eventually waits for something to become true.
func eventually(t *testing.T, why string, is func() bool) {
	t.Helper()
	deadline := time.NewTimer(commandTimeout)
	defer deadline.Stop()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for !is() {
		select {
		case <-again.C:
		case <-deadline.C:
			t.Fatalf("%s: not so within %v", why, commandTimeout)
		}
	}
}

// wantPrinted waits for a line that matches the pattern, and returns its groups.
func (p *process) wantPrinted(why, pattern string) []string {
	p.t.Helper()
	line := regexp.MustCompile(pattern)
	var groups []string
	eventually(p.t, fmt.Sprintf("%s: a line like %s", why, pattern), func() bool {
		over := p.hasEnded() // before the text is looked at: nothing comes after
		groups = line.FindStringSubmatch(p.text())
		if groups == nil && over {
			p.t.Fatalf("%s: want a line like %s, the program ended (%v) without one", why, pattern, p.state)
		}
		return groups != nil
	})
	return groups
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// signal sends a signal, to all of a group.
func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if number, ok := s.(syscall.Signal); ok && p.group {
		p.signalGroup(number)
		return
	}
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("send %v: %v", s, err)
	}
}

// wait waits for the program's end.
func (p *process) wait(why string) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(commandTimeout):
		p.t.Fatalf("%s: the program goes on after %v", why, commandTimeout)
	}
}

// wantExit wants the program to end by itself, with that status.
func (p *process) wantExit(why string, status int) {
	p.t.Helper()
	p.wait(why)
	if got := p.state.ExitCode(); got != status {
		p.t.Errorf("%s: want exit status %d, got %v", why, status, p.state)
	}
}

// Keys of the server under test. Nothing that it prints may hold them.
const (
	testKey      = "key-0123456789abcdef"
	testAdminKey = "admin-0123456789abcdef"
)

// chatServer is a running server.
type chatServer struct {
	*process
	api, admin string // base URLs
}

// startChat starts a server on ports of the system's choice, with space for 50
// rooms, and waits until it is ready. Further settings may override these.
func startChat(t *testing.T, settings ...string) *chatServer {
	t.Helper()
	s := &chatServer{process: run(t, buildServer, chatSettings(t, settings...))}
	s.api = "http://" + s.wantPrinted("started", `listening.*"api".*"addr": ?"([^"]+)"`)[1]
	s.admin = "http://" + s.wantPrinted("started", `listening.*"admin".*"addr": ?"([^"]+)"`)[1]
	s.wantPrinted("started", `\bready\b`)
	return s
}

// chatSettings is the environment of a server under test; the last of two settings
// holds.
func chatSettings(t *testing.T, settings ...string) []string {
	t.Helper()
	return append([]string{
		"KEY=" + testKey, "ADMIN_KEY=" + testAdminKey, "PORT=0", "ADMIN_PORT=0",
		"BIND=127.0.0.1", "ADMIN_BIND=127.0.0.1", "HOST=127.0.0.1", "ROOM_PORTS=" + roomPorts(50),
		"TRUSTED_PROXIES=none", "LOG_LEVEL=info", "DATA_DIR=data",
	}, settings...)
}

// roomPorts is a range for n rooms at a random place below the ports that the
// system gives out for outgoing connections. The server passes over what is taken.
func roomPorts(n int) string {
	first := 15000 + rand.IntN(17000-n)
	return fmt.Sprintf("%d-%d", first, first+n-1)
}

// freePorts finds ports that nobody listens on, for a server that may not say on
// which ones it does.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var found []string
	for range 100 {
		port := strconv.Itoa(15000 + rand.IntN(17000))
		ln, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil || slices.Contains(found, port) {
			continue
		}
		_ = ln.Close()
		if found = append(found, port); len(found) == n {
			return found
		}
	}
	t.Fatalf("found no %d free ports", n)
	return nil
}

// httpClient keeps no connections, so that servers hold none for it either.
var httpClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: commandTimeout}

// ask makes a request with a key and returns the answer.
func ask(t *testing.T, method, url, key, body string) (status int, answer string) {
	t.Helper()
	status, answer, err := tryAsk(method, url, key, body)
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

func tryAsk(method, url, key, body string) (status int, answer string, err error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("X-API-Key", key)
	got, err := httpClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return got.StatusCode, strings.TrimSpace(string(text)), err
}

// call calls the API and wants that status.
func (s *chatServer) call(method, path, body string, status int) (answer string) {
	s.t.Helper()
	got, answer := ask(s.t, method, s.api+path, testKey, body)
	if got != status {
		s.t.Fatalf("%s %s: want status %d, got %d %s", method, path, status, got, answer)
	}
	return answer
}

var portOf = regexp.MustCompile(`^\{"data":\{"port":(\d+),"message":"Room created"\}\}$`)

// open opens a room and returns its address.
func (s *chatServer) open(name string) string {
	s.t.Helper()
	answer := s.call("POST", "/api/v1/room/"+name, "", http.StatusCreated)
	port := portOf.FindStringSubmatch(answer)
	if port == nil {
		s.t.Fatalf("open room %s: want its port, got %s", name, answer)
	}
	return net.JoinHostPort("127.0.0.1", port[1])
}

// obj is a JSON object of the chat.
type obj map[string]any

func (o obj) str(key string) string { s, _ := o[key].(string); return s }
func (o obj) num(key string) int    { n, _ := o[key].(float64); return int(n) }

// guest is somebody in a room.
type guest struct {
	*resttest.Guest
	t *testing.T
}

// join joins the room at an address.
func (s *chatServer) join(address, name string) *guest {
	s.t.Helper()
	return &guest{resttest.Join(s.t, "ws://"+address+"/ws", name), s.t}
}

// dial connects to the room at an address, but does not join.
func (s *chatServer) dial(address string) *guest {
	s.t.Helper()
	return &guest{resttest.Dial(s.t, "ws://"+address+"/ws"), s.t}
}

func (g *guest) send(o obj) {
	g.t.Helper()
	g.Send(resttest.Obj(o))
}

// want wants an object of that type next, counts of viewers aside.
func (g *guest) want(why, kind string) obj {
	g.t.Helper()
	return obj(g.Want(why, kind))
}

// wantClosed wants the connection to end next, with that code, and ends it too.
func (g *guest) wantClosed(why string, code int) {
	g.t.Helper()
	g.WantClosed(why, code)
}
