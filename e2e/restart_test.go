package e2e_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"chatserver/internal/resttest"
)

// restarts is how often TestRestartRefusesNobody restarts: go test -run … ./e2e -restarts 10
var restarts = flag.Int("restarts", 3, "restarts under load")

// dialer connects at a steady rate, whatever becomes of it.
type dialer struct {
	attempts, refused, failed, toldBack atomic.Int64

	mu     sync.Mutex
	faults []string
	waited time.Duration // of the slowest one
}

// run connects every 5 ms until stop is closed. visit returns an error if it was not served.
func (d *dialer) run(stop <-chan struct{}, visit func(n int64) error) {
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	var under sync.WaitGroup
	defer under.Wait()
	for {
		select {
		case <-stop:
			return
		case <-again.C:
		}
		n := d.attempts.Add(1)
		under.Go(func() {
			begun := time.Now()
			d.note(visit(n), time.Since(begun))
		})
	}
}

func (d *dialer) note(err error, took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waited = max(d.waited, took)
	if err == nil {
		return
	}
	d.failed.Add(1)
	if errors.Is(err, syscall.ECONNREFUSED) {
		d.refused.Add(1)
	}
	if len(d.faults) < 5 {
		d.faults = append(d.faults, err.Error())
	}
}

// wantServed wants nobody to have been refused, nor to have been left without an answer.
func (d *dialer) wantServed(t *testing.T, where string) {
	t.Helper()
	t.Logf("%s: %d attempts, %d refused, %d without an answer, %d told to come back; the slowest took %v",
		where, d.attempts.Load(), d.refused.Load(), d.failed.Load(), d.toldBack.Load(), d.waited.Round(time.Millisecond))
	if d.failed.Load() > 0 {
		t.Errorf("%s: want everybody to be served, but %q", where, d.faults)
	}
}

// visitRoom asks a room for its name, or joins it and leaves.
func (d *dialer) visitRoom(address string, n int64) error {
	if n%2 == 0 {
		status, name, err := tryAsk(http.MethodGet, "http://"+address+"/", "", "")
		if err == nil && (status != http.StatusOK || name != "testroom") {
			err = fmt.Errorf("GET /: %d %s", status, name)
		}
		return err
	}
	ws, answer, err := websocket.DefaultDialer.Dial("ws://"+address+"/ws", nil)
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	defer ws.Close()
	_ = ws.SetReadDeadline(time.Now().Add(commandTimeout))
	if err := ws.WriteJSON(obj{"type": "join"}); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		return err
	}
	_, first, err := ws.ReadMessage()
	switch {
	case err != nil:
		return fmt.Errorf("after the handshake: %w", err)
	case bytes.Contains(first, []byte(`"reason":"restart"`)):
		d.toldBack.Add(1)
	case !bytes.Contains(first, []byte(`"type":"welcome"`)):
		return fmt.Errorf("want a welcome, got %s", first)
	}
	return nil
}

// keepTalking talks in a room over one connection after the other, until stop is closed.
func (a *acks) keepTalking(t *testing.T, address, name string, stop <-chan struct{}) {
	t.Helper()
	for life := 0; ; life++ {
		ws, answer, err := websocket.DefaultDialer.Dial("ws://"+address+"/ws", nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		_ = answer.Body.Close()
		g := &guest{resttest.On(t, ws), t}
		over := make(chan struct{})
		go func() {
			select {
			case <-stop:
				ws.Close()
			case <-over:
			}
		}()
		_ = ws.WriteJSON(obj{"type": "join", "name": name}) // a failure shows at the next
		a.chatter(t, g, fmt.Sprint(name, " ", life))
		close(over)
		ws.Close()
		select {
		case <-stop:
			return
		default:
		}
	}
}

// While the server restarts again and again under load, everybody who connects is served,
// and nothing that was acknowledged is lost.
func TestRestartRefusesNobody(t *testing.T) {
	s := startFamily(t, newProgram(t), unlimited...)
	address := s.open("testroom")
	port, epoch := s.roomOf("testroom")
	stop := make(chan struct{})
	all := &acks{refusal: "unavailable", seq: map[string]uint64{}}
	var toAPI, toRoom dialer
	var load sync.WaitGroup
	for c := range 4 {
		load.Go(func() { all.keepTalking(t, address, fmt.Sprint("guest", c), stop) })
	}
	load.Go(func() {
		toAPI.run(stop, func(int64) error {
			status, answer, err := tryAsk(http.MethodGet, s.api+"/api/v1/", "", "")
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("%d %s", status, answer)
			}
			return err
		})
	})
	load.Go(func() { toRoom.run(stop, func(n int64) error { return toRoom.visitRoom(address, n) }) })
	for range *restarts {
		enough, visits := all.count()+200, toRoom.attempts.Load()+200
		eventually(t, "load", func() bool { return all.count() >= enough && toRoom.attempts.Load() >= visits })
		s.restart()
		if p, e := s.roomOf("testroom"); p != port || e != epoch {
			t.Fatalf("want the room at port %d with epoch %s again, got %d and %s", port, epoch, p, e)
		}
	}
	enough := all.count() + 200
	eventually(t, "messages", func() bool { return all.count() >= enough })
	close(stop)
	load.Wait()
	toAPI.wantServed(t, "API")
	toRoom.wantServed(t, "room")
	all.wantAllIn(s, "testroom")
	t.Logf("%d messages acknowledged over %d restarts, all in the log once; nobody was let in for %v", all.count(), *restarts, s.darkTimes())
	s.wantOnlyHead()
	s.signal(syscall.SIGTERM)
	s.wait("the stop")
}

// darkTimes returns for how long nobody was let in, at each restart.
func (s *chatServer) darkTimes() (all []time.Duration) {
	for _, found := range handedOver.FindAllStringSubmatch(s.text(), -1) {
		took, err := time.ParseDuration(found[2])
		if err != nil {
			s.t.Error(err)
		}
		all = append(all, took.Round(time.Millisecond))
	}
	return all
}

// resume joins a room, where the guest has been before.
func (g *guest) resume(s *chatServer, address, epoch string, since int) *guest {
	s.t.Helper()
	back := s.dial(address)
	back.send(obj{"type": "join", "name": "ann", "epoch": epoch, "since": since})
	o := back.want("back", "welcome")
	if gap, ok := o["gap"].(bool); gap || !ok {
		s.t.Errorf("want no gap, got %v", o)
	}
	return back
}

// A restart keeps what the server was, by SIGHUP too; everybody is told to come back, and
// misses nothing.
func TestRestartKeeps(t *testing.T) {
	s := startFamily(t, newProgram(t))
	address := s.open("testroom")
	s.call("PATCH", "/api/v1/room/testroom", `{"title":"Pasta"}`, http.StatusOK)
	s.open("closed")
	s.call("DELETE", "/api/v1/room/closed", "", http.StatusOK)
	port, epoch := s.roomOf("testroom")
	ann := s.join(address, "ann")
	ann.want("the title", "settings")
	if status, answer := ask(t, http.MethodPut, s.admin+"/api/v1/log-level", testAdminKey, `{"level":"debug"}`); status != http.StatusOK {
		t.Fatal(answer)
	}
	if status, answer := ask(t, http.MethodPut, s.admin+"/api/v1/accepting", testAdminKey, `{"accepting":false}`); status != http.StatusOK {
		t.Fatal(answer)
	}
	if err := syscall.Kill(s.head(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	bye := ann.want("the goodbye", "closing")
	if bye.str("reason") != "restart" || bye.num("reconnect_after") < 1000 {
		t.Errorf("want to be told to come back after the restart, got %v", bye)
	}
	ann.wantClosed("the goodbye", 1001)
	s.wantSucceeded(1)
	if p, e := s.roomOf("testroom"); p != port || e != epoch {
		t.Errorf("want port %d and epoch %s, got %d and %s", port, epoch, p, e)
	}
	if _, level := ask(t, http.MethodGet, s.admin+"/api/v1/log-level", testAdminKey, ""); !strings.Contains(level, "debug") {
		t.Errorf("want the log level to stay, got %s", level)
	}
	s.call("POST", "/api/v1/room/another", "", http.StatusServiceUnavailable)
	if status, answer := ask(t, http.MethodPut, s.admin+"/api/v1/accepting", testAdminKey, `{"accepting":true}`); status != http.StatusOK {
		t.Fatal(answer)
	}
	if another := s.open("another"); another == address {
		t.Errorf("two rooms at %s", another)
	}
	s.call("POST", "/api/v1/room/testroom/message", `{"text":"meanwhile"}`, http.StatusOK)
	if o := ann.resume(s, address, epoch, 1).want("what was missed", "message"); o.num("seq") != 2 {
		t.Errorf("want event 2, got %v", o)
	}
	s.restart()
	s.restart()
	s.wantOnlyHead()
}

// A restart that comes to nothing is told to whoever asked, and nobody else notices.
func TestRestartRollsBack(t *testing.T) {
	built, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	for why, tt := range map[string]struct{ program, detail string }{
		"it exits at once":      {"exit 1", "ended before it was prepared (exit status 1)"},
		"it hangs":              {"exec tail -f /dev/null", "was not prepared in time, and was killed"},
		"a bad configuration":   {"PORT=eighty KEY= exec " + built, `cannot take over: PORT is \"eighty\"; it may be 0 to 65535; KEY is empty`},
		"it is killed":          {"kill -9 $$", "ended before it was prepared (signal: killed)"},
		"another program":       {"echo hello; cat /dev/null", "ended before it was prepared (exit status 0)"},
		"no such interpreter":   {"exec /no/such/program", "ended before it was prepared (exit status 127)"},
		"the cache file is bad": {"MONGO_URI=nonsense exec " + built, "cannot take over: MONGO_URI is malformed"},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel() // one of them takes its time
			where := newProgram(t)
			s := startFamily(t, where)
			address := s.open("testroom")
			ann := s.join(address, "ann")
			where.become(t, tt.program)
			status, answer := s.tryRestart()
			if status != http.StatusBadGateway || !strings.Contains(answer, `"restart_failed"`) || !strings.Contains(answer, tt.detail) {
				t.Errorf("want 502 and %q, got %d %s", tt.detail, status, answer)
			}
			ann.send(obj{"type": "message", "text": "nothing has happened"})
			ann.want("the chat goes on", "message")
			s.wantPrinted("the log", "not restarted; the server goes on")
			where.install(t)
			s.restart()
			ann.want("a better one", "closing")
			s.signal(syscall.SIGTERM)
			s.wait("the stop")
		})
	}
}

// A fresh process that ends with the sockets or the journal in its hands leaves the server as
// it was: nobody is refused meanwhile, and nothing that was acknowledged is lost.
func TestRestartRollsBackLate(t *testing.T) {
	where, data := newProgram(t), t.TempDir()
	s := startFamily(t, where, append([]string{"DATA_DIR=" + data}, unlimited...)...)
	address := s.open("testroom")
	port, epoch := s.roomOf("testroom")
	stop := make(chan struct{})
	all := &acks{refusal: "unavailable", seq: map[string]uint64{}}
	var toRoom dialer
	var load sync.WaitGroup
	load.Go(func() { all.keepTalking(t, address, "guest", stop) })
	load.Go(func() { toRoom.run(stop, func(n int64) error { return toRoom.visitRoom(address, n) }) })
	for as := range successors {
		enough := all.count() + 50
		eventually(t, "messages", func() bool { return all.count() >= enough })
		where.becomeSuccessor(t, as)
		failures := strings.Count(s.text(), "the fresh process failed; the server goes on")
		if status, answer := s.tryRestart(); status != http.StatusAccepted {
			t.Fatalf("%s: want 202, since it was prepared, got %d %s", as, status, answer)
		}
		eventually(t, as, func() bool {
			return strings.Count(s.text(), "the fresh process failed; the server goes on") > failures
		})
		if p, e := s.roomOf("testroom"); p != port || e != epoch {
			t.Fatalf("%s: want the room at port %d with epoch %s, got %d and %s", as, port, epoch, p, e)
		}
	}
	where.install(t)
	s.restart()
	close(stop)
	load.Wait()
	toRoom.wantServed(t, "room")
	all.wantAllIn(s, "testroom")
	s.signal(syscall.SIGTERM)
	s.wait("the stop")
}

// One restart at a time; a stop ends one that hangs.
func TestRestartWhileAnotherIsUnderWay(t *testing.T) {
	where := newProgram(t)
	s := startFamily(t, where)
	where.become(t, "exec tail -f /dev/null")
	first := make(chan string, 1)
	go func() {
		status, answer, err := tryAsk(http.MethodPost, s.admin+"/api/v1/restart", testAdminKey, "")
		first <- fmt.Sprint(status, answer, err)
	}()
	s.wantPrinted("the first one", "restarting")
	if status, answer := s.tryRestart(); status != http.StatusConflict || !strings.Contains(answer, `"restarting"`) {
		t.Errorf("want 409, got %d %s", status, answer)
	}
	s.call("POST", "/api/v1/room/testroom", "", http.StatusCreated)
	if err := syscall.Kill(s.head(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := <-first; !strings.HasPrefix(got, "409") && !strings.HasPrefix(got, "502") {
		t.Errorf("want the first one to be told, got %s", got)
	}
	s.wait("the stop")
	if got := s.state.ExitCode(); got != 0 {
		t.Errorf("want exit 0, got %v", s.state)
	}
}

// A stop that comes while the server hands over is carried out by whoever has it then.
func TestStopDuringARestart(t *testing.T) {
	where := newProgram(t)
	s := startFamily(t, where, "DATA_DIR="+t.TempDir())
	s.open("testroom")
	idle, err := net.Dial("tcp", strings.TrimPrefix(s.admin, "http://")) // which holds up the hand-over
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if status, answer := s.tryRestart(); status != http.StatusAccepted {
		t.Fatalf("restart: %d %s", status, answer)
	}
	s.wantPrinted("the hand-over has begun", `handing over`)
	if err := syscall.Kill(s.head(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	idle.Close()
	s.wait("both end")
	if !strings.Contains(s.text(), "stopped") || strings.Contains(s.text(), "cannot start") {
		t.Error("want an end in order")
	}
}

// A symbolic link that points to another version is followed at the restart.
func TestRestartFollowsALink(t *testing.T) {
	built, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	next := filepath.Join(dir, "version-2")
	if err := os.WriteFile(next, []byte("#!/bin/sh\necho this is version 2\nexec "+built+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	where := program(filepath.Join(dir, "chatserver"))
	pointTo := func(version string) {
		if err := os.Symlink(version, string(where)+".next"); err != nil {
			t.Fatal(err)
		}
		where.replace(t)
	}
	pointTo(built)
	s := startFamily(t, where)
	pointTo(next)
	s.restart()
	s.wantPrinted("the other version", "this is version 2")
}
