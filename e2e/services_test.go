package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// These tests run the server beside the stand-ins of the platform's services, as somebody
// does who follows the README.

var (
	buildListing = sync.OnceValues(func() (string, error) { return build("listingservice", "./testdata/listingservice") })
	buildCredit  = sync.OnceValues(func() (string, error) { return build("creditservice", "./testdata/creditservice") })
)

// serviceKey is what the services want of the server.
const serviceKey = "service-0123456789abcdef"

// double is a stand-in that runs.
type double struct {
	*process
	url string
}

func startService(t *testing.T, program func() (string, error), args ...string) *double {
	t.Helper()
	p := run(t, program, nil, append([]string{"-addr", "127.0.0.1:0", "-key", serviceKey}, args...)...)
	return &double{p, "http://" + p.wantPrinted("a service", `listening on http://(\S+)`)[1]}
}

// is has the service be well, hang, fail or lose its answers.
func (s *double) is(mode string) {
	s.t.Helper()
	if status, answer := ask(s.t, "PUT", s.url+"/mode/"+mode, "", ""); status != http.StatusNoContent {
		s.t.Fatalf("mode %s: %d %s", mode, status, answer)
	}
}

// token has the server make a token for a user of a room.
func (s *chatServer) token(room, user, role string) string {
	s.t.Helper()
	body := fmt.Sprintf(`{"user":%q,"name":%q,"role":%q}`, user, strings.ToUpper(user[:1])+user[1:], role)
	answer := s.call("POST", "/api/v1/room/"+room+"/token", body, http.StatusOK)
	var made map[string]obj
	if err := json.Unmarshal([]byte(answer), &made); err != nil {
		s.t.Fatal(err)
	}
	return made["data"].str("token")
}

// arrive connects a user to the room at an address and sends a join, no more.
func (s *chatServer) arrive(address, token string) *guest {
	s.t.Helper()
	g := s.dial(address)
	g.send(obj{"type": "join", "token": token})
	return g
}

// until passes over what comes before an object of that type.
func (g *guest) until(why, kind string) obj {
	g.t.Helper()
	for {
		line, err := g.Next()
		if err != nil {
			g.t.Fatalf("%s: want %s, got %v", why, kind, err)
		}
		var o obj
		if err := json.Unmarshal(line, &o); err != nil {
			g.t.Fatal(err)
		}
		if o.str("type") == kind {
			return o
		}
	}
}

// statusOf returns what operators are told of a service.
func (s *chatServer) statusOf(name string) obj {
	s.t.Helper()
	_, answer := ask(s.t, "GET", s.admin+"/api/v1/status", testAdminKey, "")
	var o struct {
		Data struct {
			Services []obj `json:"services"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(answer), &o); err != nil {
		s.t.Fatal(err)
	}
	for _, service := range o.Data.Services {
		if service.str("name") == name {
			return service
		}
	}
	s.t.Fatalf("want a status of %s, got %s", name, answer)
	return nil
}

// The listing hears of rooms that open, change and close, and of the server's stop.
func TestListing(t *testing.T) {
	l := startService(t, buildListing)
	s := startChat(t, "LISTING_URL="+l.url+"/", "LISTING_KEY="+serviceKey)
	_, port, err := net.SplitHostPort(s.open("testroom"))
	if err != nil {
		t.Fatal(err)
	}
	l.wantPrinted("a room opens", `testroom listed: 0 viewers, "" at http://127\.0\.0\.1:`+port+`/`)
	s.call("PATCH", "/api/v1/room/testroom", `{"title":"Soup"}`, http.StatusOK)
	s.arrive("127.0.0.1:"+port, s.token("testroom", "chef", "producer")).want("the producer", "welcome")
	l.wantPrinted("it changes", `testroom changed: 1 viewers, "Soup" at`)
	_, rooms := ask(t, "GET", l.url+"/rooms", "", "")
	if !strings.Contains(rooms, `"producer":{"id":"chef","name":"Chef","role":"producer"},"stream_url":""`) {
		t.Errorf("rooms: %s", rooms)
	}
	if status := s.statusOf("listing"); status.str("state") != "up" || status.str("url") != l.url || status["last_success"] == nil {
		t.Errorf("status: %v", status)
	}
	s.open("another")
	l.wantPrinted("another", `another listed`)
	s.call("DELETE", "/api/v1/room/another", "", http.StatusOK)
	l.wantPrinted("it closes", `another gone: closed`)
	s.signal(syscall.SIGTERM)
	s.wantExit("the stop", 0)
	l.wantPrinted("the server stops", `testroom gone: closed`)
	if strings.Contains(s.text(), serviceKey) {
		t.Error("the log holds the service's key")
	}
}

// A listing that hangs slows down nothing, and hears of all once it is back.
func TestAHangingListing(t *testing.T) {
	l := startService(t, buildListing)
	l.is("hang")
	s := startChat(t, "LISTING_URL="+l.url, "LISTING_KEY="+serviceKey, "DRAIN_TIMEOUT=4s")
	begun := time.Now()
	for i := range 20 {
		s.open(fmt.Sprint("room-", i))
	}
	if took := time.Since(begun); took > 3*time.Second { // one of its time-outs
		t.Errorf("20 rooms took %v to open", took)
	}
	eventually(t, "operators see it", func() bool { return s.statusOf("listing").str("state") == "down" })
	s.wantPrinted("it is left alone", `left alone.*listing service`)
	l.is("well")
	for i := range 20 {
		l.wantPrinted("it is back", fmt.Sprintf(`room-%d listed`, i))
	}
	l.is("hang")
	begun = time.Now()
	s.signal(syscall.SIGTERM)
	s.wantExit("the stop", 0)
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("the stop took %v", took)
	}
	s.wantPrinted("what was given up", `part did not stop in order.*listing.*20 rooms stay`)
}

// booked returns the seconds of a user in the credit service's books, how many sessions
// there were, and whether all have ended.
func (s *double) booked(user string) (seconds, sessions int, ended bool) {
	s.t.Helper()
	_, answer := ask(s.t, "GET", s.url+"/sessions", "", "")
	var all []struct {
		User    string `json:"user"`
		Seconds int    `json:"seconds"`
		Ended   bool   `json:"ended"`
	}
	if err := json.Unmarshal([]byte(answer), &all); err != nil {
		s.t.Fatal(err)
	}
	ended = true
	for _, one := range all {
		if one.User == user {
			seconds += one.Seconds
			sessions++
			ended = ended && one.Ended
		}
	}
	return seconds, sessions, ended
}

// A consumer pays by the second, until there is no credit left.
func TestPaidRoom(t *testing.T) {
	c := startService(t, buildCredit, "-balance", "4", "-seconds", "2")
	s := startChat(t, "CREDIT_URL="+c.url, "CREDIT_KEY="+serviceKey)
	address := s.open("testroom")
	s.call("PATCH", "/api/v1/room/testroom", `{"paid":true}`, http.StatusOK)
	guest := s.dial(address)
	guest.send(obj{"type": "join", "name": "gus"})
	if e := guest.want("a guest", "error"); e.str("code") != "credit" {
		t.Errorf("error: %v", e)
	}
	guest.wantClosed("a guest", 4506)
	if status, problem := ask(t, "POST", "http://"+address+"/join", "", `{}`); status != http.StatusPaymentRequired || !strings.Contains(problem, `"code":"credit"`) {
		t.Errorf("a guest over HTTP: %d %s", status, problem)
	}
	ann := s.arrive(address, s.token("testroom", "ann", "consumer"))
	ann.want("with credit", "welcome")
	begun := time.Now()
	if o := ann.until("without credit", "closing"); o.str("reason") != "credit" {
		t.Errorf("closing: %v", o)
	}
	ann.wantClosed("without credit", 4506)
	took := time.Since(begun)
	c.wantPrinted("it is told", `ann was in testroom for \ds`)
	seconds, sessions, ended := c.booked("ann")
	t.Logf("with credit for 4 s ann had %v, and %d s are in the books", took, seconds)
	if took < 3*time.Second || seconds < 3 || seconds > int(took.Seconds())+1 || sessions != 1 || !ended {
		t.Errorf("ann had %v; %d s in %d sessions are in the books, ended: %t", took, seconds, sessions, ended)
	}
	again := s.arrive(address, s.token("testroom", "ann", "consumer"))
	again.until("without credit", "error")
	again.wantClosed("without credit", 4506)
	if status := s.statusOf("credit"); status.str("state") != "up" || status.str("url") != c.url {
		t.Errorf("status: %v", status)
	}
}

// The credit service hangs, fails and recovers. The log says what a consumer saw.
func TestCreditFailsAndRecovers(t *testing.T) {
	for _, open := range []bool{true, false} {
		t.Run(fmt.Sprint("CREDIT_FAIL_OPEN=", open), func(t *testing.T) {
			c := startService(t, buildCredit, "-balance", "1000", "-seconds", "4")
			s := startChat(t, "CREDIT_URL="+c.url, "CREDIT_KEY="+serviceKey, "CREDIT_FAIL_OPEN="+strconv.FormatBool(open))
			address := s.open("testroom")
			s.call("PATCH", "/api/v1/room/testroom", `{"paid":true}`, http.StatusOK)
			ann := s.arrive(address, s.token("testroom", "ann", "consumer"))
			ann.want("well", "welcome")
			saw := func(who, what string, since time.Time) {
				t.Logf("%-4s %-28s after %v", who, what, time.Since(since).Round(10*time.Millisecond))
			}
			c.is("hang")
			since := time.Now()
			bob := s.arrive(address, s.token("testroom", "bob", "consumer"))
			if open {
				bob.want("it hangs", "welcome")
				saw("bob", "comes in while it hangs", since)
			} else {
				bob.want("it hangs", "error")
				bob.wantClosed("it hangs", 4506)
				saw("bob", "is refused while it hangs", since)
				ann.until("the time is over", "closing")
				ann.wantClosed("the time is over", 4506)
				saw("ann", "has to go while it hangs", since)
			}
			if took := time.Since(since); took < 2500*time.Millisecond {
				t.Errorf("it took %v; want the service to be given 3 s", took)
			}
			c.is("fail")
			for i := range 5 { // until it is left alone
				s.arrive(address, s.token("testroom", fmt.Sprint("user", i), "consumer")).Next() //nolint:errcheck // whatever comes
			}
			s.wantPrinted("it is left alone", `left alone.*credit service`)
			since = time.Now()
			cy := s.arrive(address, s.token("testroom", "cy", "consumer"))
			if open {
				cy.want("it is left alone", "welcome")
				saw("cy", "comes in while it is left alone", since)
				ann.send(obj{"type": "tip", "id": "t1", "amount": 5, "currency": "EUR"})
				if e := ann.until("it is left alone", "error"); e.str("code") != "unavailable" || e.num("retry_after") == 0 {
					t.Errorf("error: %v", e)
				}
			} else {
				cy.want("it is left alone", "error")
				cy.wantClosed("it is left alone", 4506)
				saw("cy", "is refused while it is left alone", since)
			}
			if took := time.Since(since); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
			c.is("well")
			since = time.Now()
			if open {
				eventually(t, "bob is asked for", func() bool { _, sessions, _ := c.booked("bob"); return sessions == 1 })
				saw("bob", "is asked for again", since)
				eventually(t, "the server has heard the answer", func() bool { return s.statusOf("credit").str("state") == "up" })
				ann.send(obj{"type": "tip", "id": "t1", "amount": 5, "currency": "EUR"})
				ann.until("well again", "ack")
				saw("ann", "gives the tip", since)
			} else {
				eventually(t, "dan comes in", func() bool {
					line, err := s.arrive(address, s.token("testroom", "dan", "consumer")).Next()
					return err == nil && strings.Contains(string(line), `"welcome"`)
				})
				saw("dan", "comes in again", since)
			}
		})
	}
}

// Ticks count once over broken connections, several connections, kills and restarts of the
// server.
func TestTicksCountOnceOverKills(t *testing.T) {
	c := startService(t, buildCredit, "-balance", "1000", "-seconds", "2")
	settings := []string{"CREDIT_URL=" + c.url, "CREDIT_KEY=" + serviceKey, "DATA_DIR=" + t.TempDir(), "ROOM_PORTS=" + roomPorts(50)}
	s := startChat(t, settings...)
	address := s.open("testroom")
	s.call("PATCH", "/api/v1/room/testroom", `{"paid":true}`, http.StatusOK)
	raw := s.token("testroom", "ann", "consumer")
	var there time.Duration
	for round := range 3 {
		begun := time.Now()
		one := s.arrive(address, raw)
		one.want("in", "welcome")
		two := s.arrive(address, raw)
		two.want("in twice", "welcome")
		_ = one.WS.Close()
		again := s.arrive(address, raw)
		again.want("back again", "welcome")
		asked := len(regexp.MustCompile(`ann may be in`).FindAllString(c.text(), -1))
		eventually(t, "asked twice", func() bool {
			return len(regexp.MustCompile(`ann may be in`).FindAllString(c.text(), -1)) >= asked+2
		})
		there += time.Since(begun)
		if round == 2 {
			again.send(obj{"type": "leave"})
			two.send(obj{"type": "leave"})
			break
		}
		s.signal([]syscall.Signal{syscall.SIGKILL, syscall.SIGTERM}[round])
		s.wait("the end")
		s = startChat(t, settings...)
		port, _ := s.roomOf("testroom")
		address = fmt.Sprint("127.0.0.1:", port)
	}
	eventually(t, "the session ends", func() bool { _, _, ended := c.booked("ann"); return ended })
	seconds, sessions, _ := c.booked("ann")
	t.Logf("ann was there for %v over a kill and a stop; %d s in %d session are in the books", there.Round(10*time.Millisecond), seconds, sessions)
	// The kill may cost what was used since the room last asked, 2 s at most.
	if sessions != 1 || float64(seconds) > there.Seconds()+1 || float64(seconds) < there.Seconds()-4 {
		t.Errorf("want %v in one session, got %d s in %d", there, seconds, sessions)
	}
}

// A restart goes on with the sessions to the second, and takes no room off the listing, also
// while the credit service hangs.
func TestARestartOfAPaidRoom(t *testing.T) {
	c, l := startService(t, buildCredit, "-balance", "1000", "-seconds", "600"), startService(t, buildListing)
	s := startFamily(t, newProgram(t), "CREDIT_URL="+c.url, "CREDIT_KEY="+serviceKey, "LISTING_URL="+l.url, "LISTING_KEY="+serviceKey)
	address := s.open("testroom")
	s.call("PATCH", "/api/v1/room/testroom", `{"paid":true}`, http.StatusOK)
	raw := s.token("testroom", "ann", "consumer")
	l.wantPrinted("listed", "testroom listed")
	begun := time.Now()
	for round := range 3 {
		ann := s.arrive(address, raw)
		ann.until("in", "welcome")
		if round == 2 {
			ann.send(obj{"type": "leave"})
			break
		}
		again := time.NewTimer(1500 * time.Millisecond)
		<-again.C
		if round == 1 {
			c.is("hang")
			s.arrive(address, s.token("testroom", "bob", "consumer")) // who waits
		}
		s.restart()
	}
	there := time.Since(begun)
	c.is("well")
	eventually(t, "the session ends", func() bool { _, _, ended := c.booked("ann"); return ended })
	seconds, sessions, _ := c.booked("ann")
	t.Logf("ann was there for %v over two restarts; %d s in %d session are in the books", there.Round(10*time.Millisecond), seconds, sessions)
	if sessions != 1 || seconds < 3 || float64(seconds) > there.Seconds()+0.5 {
		t.Errorf("want %v in one session, got %d s in %d", there, seconds, sessions)
	}
	if strings.Contains(l.text(), "gone") {
		t.Errorf("the listing was told of an end: %s", l.text())
	}
	for _, took := range s.darkTimes() {
		t.Logf("dark for %v", took)
	}
}

// The end of a room that the listing could not be told of is told by the process that takes
// the server's place, also if another one has failed to.
func TestARestartOwesTheListing(t *testing.T) {
	for _, mode := range []string{"fail", "hang"} {
		t.Run(mode, func(t *testing.T) {
			l, where := startService(t, buildListing), newProgram(t)
			s := startFamily(t, where, "LISTING_URL="+l.url, "LISTING_KEY="+serviceKey)
			for _, name := range []string{"stays", "reopened", "closed"} {
				s.open(name)
				l.wantPrinted("listed", name+" listed")
			}
			l.is(mode)
			s.call("DELETE", "/api/v1/room/reopened", "", http.StatusOK)
			s.call("DELETE", "/api/v1/room/closed", "", http.StatusOK)
			s.open("reopened")
			where.becomeSuccessor(t, "dies when it has the sockets")
			if status, answer := s.tryRestart(); status != http.StatusAccepted {
				t.Fatalf("want 202, since it was prepared, got %d %s", status, answer)
			}
			s.wantPrinted("it goes on", "the fresh process failed; the server goes on")
			where.install(t)
			before := len(s.heads())
			eventually(t, "a restart, once it serves again", func() bool {
				status, _ := s.tryRestart()
				return status == http.StatusAccepted
			})
			s.wantSucceeded(before)
			l.is("well")
			l.wantPrinted("it is well again", "closed gone: closed")
			l.wantPrinted("the room that opened again", "reopened changed:")
			if said := l.text(); strings.Contains(said, "reopened gone") || strings.Contains(said, "stays gone") {
				t.Errorf("the listing was told of the end of a room that is open: %s", said)
			}
			s.signal(syscall.SIGTERM)
			s.wait("the stop")
			l.wantPrinted("the stop", "stays gone: closed")
		})
	}
}

// A room whose credit service hangs is as fast as one without, and so is a room beside it:
// rounds in each of them by turns, while consumers try to get in.
func TestARoomBesideAHangingCreditService(t *testing.T) {
	const rounds, messages = 15, 20
	c := startService(t, buildCredit)
	unlimited := []string{"LIMIT_MESSAGES=0", "LIMIT_BURST=0", "LIMIT_COMMANDS=0", "LIMIT_MODERATORS=0"}
	with := startChat(t, append(unlimited, "CREDIT_URL="+c.url, "CREDIT_KEY="+serviceKey)...)
	without := startChat(t, unlimited...)
	paid, beside, plain := with.open("paid"), with.open("beside"), without.open("plain")
	with.call("PATCH", "/api/v1/room/paid", `{"paid":true}`, http.StatusOK)
	c.is("hang")
	speakers := map[string]*guest{
		"paid":   with.arrive(paid, with.token("paid", "star", "producer")),
		"beside": with.arrive(beside, with.token("beside", "star", "producer")),
		"plain":  without.arrive(plain, without.token("plain", "star", "producer")),
	}
	for _, g := range speakers {
		g.want("in", "welcome")
	}
	took := map[string][]time.Duration{}
	for round := range rounds {
		for i := range 4 { // new ones each time, who wait for the service
			with.arrive(paid, with.token("paid", fmt.Sprintf("user%d-%d", round, i), "consumer"))
		}
		for name, g := range speakers {
			for i := range messages {
				begun := time.Now()
				g.send(obj{"type": "message", "id": fmt.Sprint(round, "-", i), "text": "hello"})
				g.until("acknowledged", "ack")
				took[name] = append(took[name], time.Since(begun))
			}
		}
	}
	median := map[string]time.Duration{}
	for name, all := range took {
		slices.Sort(all)
		median[name] = all[len(all)/2]
		t.Logf("%-7s median %v, 90 %% within %v, the longest %v", name, median[name], all[len(all)*9/10], all[len(all)-1])
	}
	for _, name := range []string{"paid", "beside"} {
		if median[name] > 2*median["plain"]+2*time.Millisecond {
			t.Errorf("the room %s takes %v for a message, one without a credit service %v", name, median[name], median["plain"])
		}
	}
}
