package e2e_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// These tests run the program itself, as operators do.

func TestFirstChat(t *testing.T) {
	s := startChat(t)
	address := s.open("testroom")
	if _, name := ask(t, "GET", "http://"+address+"/", "", ""); name != "testroom" {
		t.Errorf("want the room to answer its name at its port, got %q", name)
	}
	ann, bob := s.join(address, "ann"), s.join(address, "bob")
	ann.send(obj{"type": "message", "text": "hello"})
	bob.send(obj{"type": "message", "text": "hello ann"})
	heard := map[*guest][]string{}
	for range 2 {
		for _, g := range []*guest{ann, bob} {
			o := g.want("a message", "message")
			heard[g] = append(heard[g], fmt.Sprint(o.num("seq"), " ", o["user"], " ", o.str("text")))
		}
	}
	if fmt.Sprint(heard[ann]) != fmt.Sprint(heard[bob]) || !strings.Contains(fmt.Sprint(heard[ann]), "hello ann") {
		t.Errorf("want both messages in one order for both, ann heard %q, bob %q", heard[ann], heard[bob])
	}
}

// However the server is told to stop, it tells everybody when to come back, and
// ends well.
func TestStop(t *testing.T) {
	for why, stop := range map[string]func(*chatServer){
		"SIGTERM": func(s *chatServer) { s.signal(syscall.SIGTERM) },
		"SIGINT":  func(s *chatServer) { s.signal(os.Interrupt) },
		"the admin API": func(s *chatServer) {
			if status, answer := ask(s.t, "DELETE", s.admin+"/api/v1/shutdown", testAdminKey, ""); status != http.StatusOK {
				s.t.Fatalf("DELETE shutdown: want 200, got %d %s", status, answer)
			}
		},
	} {
		t.Run(why, func(t *testing.T) {
			s := startChat(t, "DRAIN_TIMEOUT=15s")
			address := s.open("testroom")
			guests := []*guest{s.join(address, "ann"), s.join(address, "bob"), s.join(s.open("another"), "cy")}
			stop(s)
			told := map[int]bool{}
			for _, g := range guests {
				o := g.want("a farewell", "closing")
				after := o.num("reconnect_after")
				if o.str("reason") != "shutdown" || after < 1000 || after > 10_000 || told[after] || o["reconnect_after"] != float64(after) {
					t.Errorf("want a time of its own to come back after the shutdown, got %v beside %v", o, told)
				}
				told[after] = true
				g.wantClosed("a farewell", 1001)
			}
			s.wantExit("everybody has left", 0)
			s.wantPrinted("the end", `stopping.*"within": "15s"`)
			took, err := time.ParseDuration(s.wantPrinted("the end", `stopped.*"took": "(.*?)"`)[1])
			if err != nil || took > 15*time.Second {
				t.Errorf("want an end within DRAIN_TIMEOUT, it took %v (%v)", took, err)
			}
		})
	}
}

// upgradeRequest asks a room for a WebSocket.
const upgradeRequest = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

// maskedFrame returns a short text as a client's frame, masked by zeros.
func maskedFrame(text string) []byte {
	return append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
}

// deaf joins a room and from then on neither reads nor answers.
func (s *chatServer) deaf(address string) {
	s.t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write([]byte(upgradeRequest)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil { // the rest of the answer stays there
		s.t.Fatal(err)
	}
	if _, err := conn.Write(maskedFrame(`{"type":"join"}`)); err != nil {
		s.t.Fatal(err)
	}
	viewers := regexp.MustCompile(`"viewers":1\b`)
	eventually(s.t, "the deaf one is in the room", func() bool {
		_, room := ask(s.t, "GET", s.api+"/api/v1/rooms", testKey, "")
		return viewers.MatchString(room)
	})
}

// Somebody who does not answer holds up the end no longer than DRAIN_TIMEOUT.
func TestStopDespiteADeafClient(t *testing.T) {
	s := startChat(t, "DRAIN_TIMEOUT=100ms")
	s.deaf(s.open("testroom"))
	begun := time.Now()
	s.signal(syscall.SIGTERM)
	s.wantExit("DRAIN_TIMEOUT is over", 0)
	const patience = 2 * time.Second // which the server would have with the client
	if took := time.Since(begun); took >= patience {
		t.Errorf("want the end after 100 ms, not the client's %v; it took %v", patience, took)
	}
	s.wantPrinted("what was given up", `a part did not stop in order.*"part": "rooms"`)
}

// silentBalancer is the URL of a load balancer that never answers.
func silentBalancer(t *testing.T) string {
	t.Helper()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	return "http://" + silent.Addr().String()
}

// A load balancer that does not answer costs nobody the farewell, however short
// DRAIN_TIMEOUT is.
func TestStopDespiteASilentBalancer(t *testing.T) {
	s := startChat(t, "DRAIN_TIMEOUT=1s", "LOADBALANCERS="+silentBalancer(t))
	var guests []*guest
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		guests = append(guests, s.join(s.open(name), "ann"))
	}
	s.signal(syscall.SIGTERM)
	for _, g := range guests {
		g.want("a farewell", "closing")
		g.wantClosed("a farewell", 1001)
	}
	s.wantExit("everybody has left", 0)
}

// While it drains the server says so; a second signal ends it at once.
func TestSecondSignal(t *testing.T) {
	s := startChat(t, "DRAIN_TIMEOUT=60s", "LOADBALANCERS="+silentBalancer(t))
	s.deaf(s.open("testroom"))
	s.signal(syscall.SIGTERM)
	s.wantPrinted("the first signal", "stopping")
	eventually(t, "not ready", func() bool {
		status, answer := ask(t, "GET", s.api+"/readyz", "", "")
		return status == http.StatusServiceUnavailable && strings.Contains(answer, "the server is draining")
	})
	if status, answer := ask(t, "POST", s.api+"/api/v1/room/another", testKey, ""); status != http.StatusServiceUnavailable ||
		answer != `{"data":{"port":0,"message":"No more rooms can be created"}}` {
		t.Errorf("want no new rooms while draining, got %d %s", status, answer)
	}
	if status, answer := ask(t, "GET", s.admin+"/api/v1/load", testAdminKey, ""); status != http.StatusOK || !strings.Contains(answer, `"capacity":0`) {
		t.Errorf("want the admin API to answer until the end, got %d %s", status, answer)
	}
	s.signal(syscall.SIGTERM)
	s.wait("the second signal")
	if status, ok := s.state.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("want an end by the signal, got %v", s.state)
	}
	if strings.Contains(s.text(), "stopped") {
		t.Error("want no end of the drain")
	}
}

// A port that is taken is named, with the variable that chose it.
func TestBusyPort(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, port, err := net.SplitHostPort(other.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range []string{"PORT=" + port, "ADMIN_PORT=" + port} {
		for _, env := range []string{"development", "production"} {
			p := run(t, buildServer, chatSettings(t, "ENV="+env, "LOG_LEVEL=", setting))
			p.wantExit(setting+" is taken", 1)
			name, _, _ := strings.Cut(setting, "=")
			p.wantPrinted(env, `cannot listen on `+name+` `+port+`: .*address already in use.* set `+name)
			if strings.Contains(p.text(), "listening") {
				t.Errorf("%s: want no word of a listener that is there", env)
			}
		}
	}
}

func TestHealth(t *testing.T) {
	s := startChat(t)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.api, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	healthy := run(t, buildServer, chatSettings(t, "PORT="+port), "-health")
	healthy.wantExit("a server that runs", 0)
	if healthy.text() != "" {
		t.Errorf("want no word of a server that is well, got %q", healthy.text())
	}
	everywhere := run(t, buildServer, []string{"PORT=" + port}, "-health")
	everywhere.wantExit("neither keys nor address are needed", 0)
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a proxy was asked for %s", r.URL)
	}))
	defer proxy.Close()
	nowhere := run(t, buildServer, []string{"PORT=" + port, "BIND=192.0.2.1", "HTTP_PROXY=" + proxy.URL}, "-health")
	nowhere.wantExit("an address of nobody's (RFC 5737)", 1)

	sick := httptest.NewServer(http.NotFoundHandler())
	defer sick.Close()
	_, sickPort, err := net.SplitHostPort(sick.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for why, port := range map[string]string{"another server": sickPort, "none": freePorts(t, 1)[0]} {
		p := run(t, buildServer, chatSettings(t, "PORT="+port), "-health")
		p.wantExit(why, 1)
		p.wantPrinted(why, `^chatserver: .*127\.0\.0\.1:`+port)
	}
}

// balancerKey is what load balancers want of the server.
const balancerKey = "balancer-0123456789abcdef"

// startBalancers starts two load balancers with a certificate that nobody vouches
// for, and returns them with their URLs, in which a password stands.
func startBalancers(t *testing.T) (balancers []*process, urls []string) {
	t.Helper()
	for range 2 {
		b := run(t, buildLoadBalancer, nil, "-addr", "127.0.0.1:0", "-key", balancerKey)
		balancers = append(balancers, b)
		urls = append(urls, "https://user:hunter2@"+b.wantPrinted("a load balancer", `listening on https://(\S+)`)[1])
	}
	return balancers, urls
}

// Load balancers learn at once what changes: here no heartbeat would tell them.
func TestLoadBalancers(t *testing.T) {
	balancers, urls := startBalancers(t)
	s := startChat(t, "LOADBALANCERS="+strings.Join(urls, ","), "LOADBALANCER_KEY="+balancerKey, "LOADBALANCER_INTERVAL=1h")
	server := regexp.QuoteMeta(strings.TrimPrefix(s.api, "http://"))
	wantTold := func(why, news string) {
		t.Helper()
		for _, b := range balancers {
			b.wantPrinted(why, server+" "+news)
		}
	}
	wantTold("the start", `registered: 0 of 50 rooms, version \d+\.\d+\.\d+\n`)
	s.open("testroom")
	wantTold("a room opens", `changed: 1 of 50 rooms`)
	eventually(t, "both are up", func() bool {
		_, status := ask(t, "GET", s.admin+"/api/v1/status", testAdminKey, "")
		if strings.Contains(status, "hunter2") {
			t.Fatalf("the status tells a secret: %s", status)
		}
		return strings.Count(status, `"state":"up"`) == len(balancers)
	})
	s.call("DELETE", "/api/v1/room/testroom", "", http.StatusOK)
	wantTold("a room closes", `changed: 0 of 50 rooms`)
	s.open("another")
	s.signal(syscall.SIGTERM)
	wantTold("the server drains", `changed: 1 of 1 rooms, version .*, full or draining`)
	s.wantExit("the stop", 0)
	wantNoSecrets(t, s.process)
}

// In production a certificate that nobody vouches for is refused, and the key is
// not given to whoever has it.
func TestLoadBalancersInProduction(t *testing.T) {
	balancers, urls := startBalancers(t)
	s := startChat(t, "ENV=production", "LOG_LEVEL=debug",
		"LOADBALANCERS="+strings.Join(urls, ","), "LOADBALANCER_KEY="+balancerKey, "LOADBALANCER_INTERVAL=20ms")
	for _, url := range urls {
		_, address, _ := strings.Cut(url, "@")
		s.wantPrinted("after five attempts", `left alone.*`+regexp.QuoteMeta(address)+`.*certificate`)
	}
	s.open("testroom")
	s.signal(syscall.SIGTERM)
	s.wantExit("nobody holds it up", 0)
	for _, b := range balancers {
		if strings.Contains(b.text(), "registered") {
			t.Errorf("want no word to a load balancer that may be anybody, it heard\n%s", b.text())
		}
	}
	wantNoSecrets(t, s.process)
}

func wantNoSecrets(t *testing.T, p *process) {
	t.Helper()
	for _, secret := range []string{testKey, testAdminKey, balancerKey, "hunter2"} {
		if strings.Contains(p.text(), secret) {
			t.Errorf("the log tells the secret %s", secret)
		}
	}
}

// A thousand rooms fit into one process, each on a port and with an answer of its
// own, at two goroutines each.
func TestThousandRooms(t *testing.T) {
	const rooms, callers, besides = 1000, 8, 100
	s := startChat(t, "ROOM_PORTS="+roomPorts(rooms+200), "MAX_ROOMS="+strconv.Itoa(rooms))
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for i := caller; i < rooms; i += callers {
				if err := s.visit(fmt.Sprintf("room-%d", i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	s.call("POST", "/api/v1/room/another", "", http.StatusServiceUnavailable)
	total := 0
	eventually(t, "two goroutines a room, and some", func() bool {
		_, profile := ask(t, "GET", s.admin+"/debug/pprof/goroutine?debug=1", testAdminKey, "")
		if _, err := fmt.Sscanf(profile, "goroutine profile: total %d", &total); err != nil {
			t.Fatalf("want a profile, got %.100q: %v", profile, err)
		}
		return total <= 2*rooms+besides
	})
	t.Logf("%d rooms, %d goroutines", rooms, total)
	s.signal(syscall.SIGTERM)
	s.wantExit("all rooms close", 0)
}

// visit opens a room and asks it for its name.
func (s *chatServer) visit(name string) error {
	status, answer, err := tryAsk("POST", s.api+"/api/v1/room/"+name, testKey, "")
	if err != nil {
		return err
	}
	port := portOf.FindStringSubmatch(answer)
	if status != http.StatusCreated || port == nil {
		return fmt.Errorf("open %s: %d %s", name, status, answer)
	}
	_, got, err := tryAsk("GET", "http://127.0.0.1:"+port[1]+"/", "", "")
	if err == nil && got != name {
		err = fmt.Errorf("want %s to answer its name on port %s, got %q", name, port[1], got)
	}
	return err
}
