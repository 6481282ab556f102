package e2e_test

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"chatserver/doctor"
)

// examined is what the doctor said of a deployment.
type examined struct {
	*process
	URL    string           `json:"url"`
	Well   bool             `json:"well"`
	Checks []doctor.Finding `json:"checks"`
}

// examine has the doctor look at a deployment, and returns its findings when it is done.
func examine(t *testing.T, settings []string, args ...string) *examined {
	t.Helper()
	e := &examined{process: run(t, buildServer, settings, append([]string{"doctor", "-json"}, args...)...)}
	select {
	case <-e.ended:
	case <-time.After(2 * commandTimeout): // it may take 35 s
		t.Fatal("the doctor goes on")
	}
	if err := json.Unmarshal([]byte(e.text()), e); err != nil || len(e.Checks) == 0 {
		t.Fatalf("want JSON with checks, got %q, %v", e.text(), err)
	}
	if status := e.state.ExitCode(); (status == 0) != e.Well || status > 1 {
		t.Errorf("want the exit status to say whether all is well (%v), got %d", e.Well, status)
	}
	return e
}

// doctor examines the deployment behind NGINX.
func (n *nginx) doctor(args ...string) *examined {
	n.t.Helper()
	return examine(n.t, []string{"KEY=" + testKey, "SSL_CERT_FILE=" + n.certificate}, append(args, n.api)...)
}

// of is what was found by a check.
func (e *examined) of(check string) doctor.Finding {
	for _, f := range e.Checks {
		if f.Check == check {
			return f
		}
	}
	return doctor.Finding{}
}

// wantWell wants nothing to be wrong, and only these checks to be left out.
func (e *examined) wantWell(leftOut ...string) {
	e.t.Helper()
	var got []string
	for _, f := range e.Checks {
		switch f.Status {
		case doctor.LeftOut:
			got = append(got, f.Check)
		case doctor.Wrong:
			e.t.Errorf("want %s to be well, got %q, change: %s", f.Check, f.Found, f.Change)
		case doctor.OK:
		}
	}
	if strings.Join(got, ", ") != strings.Join(leftOut, ", ") || !e.Well {
		e.t.Errorf("want %v to be left out and all else to be well, got %v left out, well: %v", leftOut, got, e.Well)
	}
}

// wantWrong wants exactly these checks to find something wrong, each with what to change.
func (e *examined) wantWrong(changes map[string]string) {
	e.t.Helper()
	for check, change := range changes {
		if f := e.of(check); f.Status != doctor.Wrong || !regexp.MustCompile(change).MatchString(f.Change) || f.Found == "" {
			e.t.Errorf("want %s to say what to change, like %q, got %+v", check, change, f)
		}
	}
	for _, f := range e.Checks {
		if _, expected := changes[f.Check]; f.Status == doctor.Wrong && !expected {
			e.t.Errorf("want nothing to be wrong with %s, got %q, change: %s", f.Check, f.Found, f.Change)
		}
	}
}

// wantNoRooms wants the doctor to have closed its rooms.
func (s *chatServer) wantNoRooms() {
	s.t.Helper()
	if rooms := s.call("GET", "/api/v1/rooms", "", http.StatusOK); rooms != `{"data":[]}` {
		s.t.Errorf("want the doctor to leave nothing behind, got %s", rooms)
	}
}

func TestDoctor(t *testing.T) {
	t.Run("good NGINX", func(t *testing.T) {
		t.Parallel()
		n := startProxied(t, []string{"GUESTS=none", "ALLOWED_ORIGINS=https://partner.example"})
		n.doctor("-origin", "https://partner.example").wantWell()
		n.server.wantNoRooms()
	})
	t.Run("directly", func(t *testing.T) {
		t.Parallel()
		s := startChat(t)
		examine(t, []string{"KEY=" + testKey}, s.api, "-fast").wantWell("certificate", "ports", "idle")
		s.wantNoRooms()
	})
	t.Run("a room that is open", func(t *testing.T) {
		t.Parallel()
		n := startProxied(t, nil)
		n.server.open("live")
		const log = "/api/v1/room/live/log"
		before := n.server.call("GET", log, "", http.StatusOK)
		n.doctor("-room", "live", "-fast").wantWell("idle")
		stranger := examine(t, []string{"SSL_CERT_FILE=" + n.certificate}, n.api+"/", "-room", "live", "-fast")
		stranger.wantWell("key", "address", "scheme and host", "ports", "idle")
		if after := n.server.call("GET", log, "", http.StatusOK); after != before {
			t.Errorf("want the doctor to say nothing in a room that is not its own, got %s", after)
		}
	})
	t.Run("a room that is paid for", func(t *testing.T) {
		t.Parallel()
		c := startService(t, buildCredit, "-balance", "1000")
		for _, guests := range []string{"chat", "none"} {
			s := startChat(t, "GUESTS="+guests, "CREDIT_URL="+c.url, "CREDIT_KEY="+serviceKey)
			s.open("live")
			examine(t, []string{"KEY=" + testKey}, "-room", "live", "-fast", s.api).wantWell("certificate", "ports", "idle")
			s.call("PATCH", "/api/v1/room/live", `{"paid":true}`, http.StatusOK)
			paid := examine(t, []string{"KEY=" + testKey}, "-room", "live", s.api)
			inside := []string{"websocket", "events", "polling", "idle"}
			paid.wantWell(append([]string{"certificate", "ports"}, inside...)...)
			for _, check := range inside {
				if f := paid.of(check); f.Found != "this room is paid for; let the doctor open one of its own (set KEY and no -room)" {
					t.Errorf("want %s to say why it is left out, got %q", check, f.Found)
				}
			}
			if guests == "chat" {
				stranger := examine(t, nil, "-room", "live", s.api)
				stranger.wantWell(append([]string{"certificate", "key", "address", "scheme and host", "ports"}, inside...)...)
			}
		}
		if _, sessions, _ := c.booked("doctor"); sessions != 0 {
			t.Errorf("want nobody to be charged for the doctor, got %d sessions", sessions)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		s := startChat(t)
		p := run(t, buildServer, []string{"KEY=" + testKey}, "doctor", s.api)
		p.wantPrinted("up to the long part", `(?m)^ok +polling `)
		eventually(t, "quiet connections are held", func() bool {
			return strings.Count(s.call("GET", "/api/v1/rooms", "", http.StatusOK), `"viewers":1`) == 3
		})
		p.signal(os.Interrupt)
		p.wantExit("an interrupt", 1)
		p.wantPrinted("it says so", `(?m)^WRONG +end +it was interrupted$`)
		s.wantNoRooms()
	})
}

func TestDoctorArguments(t *testing.T) {
	for _, tt := range []struct {
		args   string
		key    string
		status int
		says   string
	}{
		{"-h", "", 0, `chatserver doctor \[-fast\]`},
		{"", testKey, 2, `there are 0 URLs`},
		{"http://a http://b", testKey, 2, `there are 2 URLs`},
		{"ftp://chat.example.com/", testKey, 2, `"ftp://chat.example.com/" is no address`},
		{"-slow http://a", testKey, 2, `not defined: -slow`},
		{"http://a", "", 2, `set KEY in the environment .* or name an open room`},
		{"http://127.0.0.1:1 -fast", testKey, 1, `(?m)^WRONG +server +no answer from 127\.0\.0\.1:1: .*\n +change: .*\nleft out +the rest `},
	} {
		p := run(t, buildServer, []string{"KEY=" + tt.key}, append([]string{"doctor"}, strings.Fields(tt.args)...)...)
		p.wantExit(tt.args, tt.status)
		p.wantPrinted(tt.args, tt.says)
	}
}

// What stands in front of the server and is broken, with what the doctor is to say: the
// check that finds it, and what to change.
func TestDoctorFindsFaults(t *testing.T) {
	const (
		upgrade  = "    proxy_set_header Upgrade           $chatserver_upgrade;\n    proxy_set_header Connection        $chatserver_connection;\n"
		forward  = "    proxy_set_header X-Forwarded-For   $remote_addr;\n    proxy_set_header X-Forwarded-Proto $scheme;\n    proxy_set_header Upgrade "
		ofRooms  = "proxy_buffering off; # an event must not wait for others\n"
		gzipped  = "gzip_types application/json"
		anything = "    client_body_buffer_size 64k;\n"
	)
	for why, tt := range map[string]struct {
		settings []string
		edits    []edit
		slow     bool
		wants    map[string]string
	}{
		"no upgrade headers": {
			edits: []edit{{upgrade, ""}},
			wants: map[string]string{"websocket": `proxy_set_header Upgrade \$http_upgrade; proxy_set_header Connection "upgrade"`},
		},
		"HTTP/1.0 to the server": {
			edits: []edit{{"proxy_http_version 1.1;", "proxy_http_version 1.0;"}},
			wants: map[string]string{"websocket": `proxy_http_version 1.1;`},
		},
		"buffered": {
			edits: []edit{{ofRooms, "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;\n"}},
			wants: map[string]string{"events": `proxy_buffering off;`},
		},
		"compressed streams": {
			edits: []edit{{gzipped, "gzip_types text/event-stream application/json"}},
			wants: map[string]string{"events": `no text/event-stream in gzip_types`},
		},
		"a short time-out": {
			edits: []edit{{"proxy_read_timeout 90s;\n    proxy_send_timeout", "proxy_read_timeout 5s;\n    proxy_send_timeout"}},
			slow:  true,
			wants: map[string]string{"idle": `proxy_read_timeout 90s;`},
		},
		"no X-Forwarded-For": {
			edits: []edit{{forward, "    proxy_set_header X-Forwarded-Proto $scheme;\n    proxy_set_header Upgrade "}},
			wants: map[string]string{"address": `proxy_set_header X-Forwarded-For \$remote_addr;`},
		},
		"X-Forwarded-For as the client has it": {
			edits: []edit{{forward, "    proxy_set_header X-Forwarded-For $http_x_forwarded_for;\n    proxy_set_header X-Forwarded-Proto $scheme;\n    proxy_set_header Upgrade "}},
			wants: map[string]string{"address": `proxy_set_header X-Forwarded-For \$remote_addr;`},
		},
		"everybody is trusted": {
			settings: []string{"TRUSTED_PROXIES=0.0.0.0/0"},
			edits:    []edit{{forward, "    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n    proxy_set_header X-Forwarded-Proto $scheme;\n    proxy_set_header Upgrade "}},
			wants:    map[string]string{"address": `TRUSTED_PROXIES with the proxies' addresses alone`},
		},
		"the proxy is not trusted": {
			settings: []string{"TRUSTED_PROXIES=127.0.0.1,10.0.0.0/8"},
			edits:    []edit{{anything, "    proxy_bind 127.0.0.2;\n"}},
			wants: map[string]string{
				"address":         `TRUSTED_PROXIES with 127\.0\.0\.2 among them`,
				"scheme and host": `TRUSTED_PROXIES with the proxy, 127\.0\.0\.2`,
			},
		},
		"no X-Forwarded-Proto": {
			edits: []edit{{forward, "    proxy_set_header X-Forwarded-For   $remote_addr;\n    proxy_set_header Upgrade "}},
			wants: map[string]string{"scheme and host": `proxy_set_header X-Forwarded-Proto \$scheme;`},
		},
		"no scheme, and origins that are listed": {
			settings: []string{"ALLOWED_ORIGINS=https://partner.example"},
			edits:    []edit{{forward, "    proxy_set_header X-Forwarded-For   $remote_addr;\n    proxy_set_header Upgrade "}},
			wants: map[string]string{
				"scheme and host": `proxy_set_header X-Forwarded-Proto \$scheme;`,
				"websocket":       `proxy_set_header X-Forwarded-Proto \$scheme;`,
				"events":          `proxy_set_header X-Forwarded-Proto \$scheme;`,
				"polling":         `proxy_set_header X-Forwarded-Proto \$scheme;`,
			},
		},
		"Host without its port": {
			edits: []edit{{"$http_host; # with the port, if there is one", "$host;"}},
			wants: map[string]string{"scheme and host": `proxy_set_header Host \$http_host;`},
		},
		"headers that one location loses": {
			edits: []edit{{ofRooms, ofRooms + "proxy_set_header Host $http_host;\nproxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection upgrade;\n"}},
			wants: map[string]string{
				"address":         `proxy_set_header X-Forwarded-For \$remote_addr;`,
				"scheme and host": `proxy_set_header X-Forwarded-Proto \$scheme;`,
			},
		},
		"any port": {
			edits: []edit{{"34[0-9]{3}", "34[0-9]{3}|[0-9]+"}},
			wants: map[string]string{"ports": `an expression for ROOM_PORTS alone`},
		},
		"nothing is compressed": {
			edits: []edit{{"gzip on;", "gzip off;"}},
			wants: map[string]string{"compression": `gzip on; gzip_proxied any;`},
		},
		"pages are asked for uncompressed": {
			edits: []edit{{upgrade, upgrade + "    proxy_set_header Accept-Encoding \"\";\n"}, {"gzip on;", "gzip off;"}},
			wants: map[string]string{"compression": `no proxy_set_header Accept-Encoding`},
		},
		"CORS twice": {
			edits: []edit{{ofRooms, ofRooms + "add_header Access-Control-Allow-Origin * always;\n"}},
			wants: map[string]string{"origins": `no add_header Access-Control-Allow-Origin`},
		},
		"no OPTIONS": {
			edits: []edit{{ofRooms, ofRooms + "limit_except GET POST { deny all; }\n"}},
			wants: map[string]string{"origins": `pass OPTIONS on`},
		},
		"no way to rooms": {
			edits: []edit{{ofRooms, ofRooms + "return 404;\n"}},
			wants: map[string]string{
				"address": `location / `, "scheme and host": `location / `, "origins": `OPTIONS`,
				"websocket": `location of rooms`, "events": `location / `, "polling": `location / `,
			},
		},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			n := startProxied(t, tt.settings, tt.edits...)
			speed := "-fast"
			if tt.slow {
				speed = "-fast=false"
			}
			n.doctor(speed).wantWrong(tt.wants)
			n.server.wantNoRooms()
		})
	}
}

func TestDoctorOnCertificates(t *testing.T) {
	for why, tt := range map[string]struct {
		form    func(*x509.Certificate)
		unknown bool
		found   string
		change  string
		goesOn  bool
	}{
		"it ends soon": {
			form:  func(c *x509.Certificate) { c.NotAfter = time.Now().Add(5*24*time.Hour + time.Minute) },
			found: `ends in 5 days`, change: `renew it`, goesOn: true,
		},
		"it has ended": {
			form:  func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) },
			found: `expired`, change: `renew`,
		},
		"it is another name's": {
			form:  func(c *x509.Certificate) { c.IPAddresses = nil },
			found: `not for this name`, change: `ssl_certificate with one for this name`,
		},
		"nobody vouches for it": {
			form: func(*x509.Certificate) {}, unknown: true,
			found: `nobody who is trusted here`, change: `whole chain \(fullchain.pem\).*SSL_CERT_FILE`,
		},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			n := startCertified(t, nil, tt.form)
			if tt.unknown {
				n.certificate = filepath.Join(n.dir, "none.pem")
			}
			e := n.doctor("-fast")
			e.wantWrong(map[string]string{"certificate": tt.change})
			if found := e.of("certificate").Found; !regexp.MustCompile(tt.found).MatchString(found) {
				t.Errorf("want it to say %q, got %q", tt.found, found)
			}
			if goesOn := e.of("websocket").Status == doctor.OK; goesOn != tt.goesOn {
				t.Errorf("want it to go on: %v, got %+v", tt.goesOn, e.Checks)
			}
		})
	}
}

// What answers is no chat server that could be examined.
func TestDoctorWithoutServer(t *testing.T) {
	n := startProxied(t, nil)
	n.visitor("127.0.0.1") // whom nothing hinders
	env := []string{"KEY=" + testKey, "SSL_CERT_FILE=" + n.certificate}
	for _, tt := range []struct{ why, url, check, change string }{
		{"a redirection", n.plain, "server", `check the address that it leads to`},
		{"the admin API", n.server.admin, "server", `address of the main port`},
		{"no TLS", strings.Replace(n.server.api, "http", "https", 1), "certificate", `listen 443 ssl`},
		{"TLS", strings.Replace(n.api, "https", "http", 1), "server", `pass all paths on`},
		{"another path", n.api + "/chat", "server", `pass all paths on`},
	} {
		examine(t, env, tt.url).wantWrong(map[string]string{tt.check: tt.change})
	}
	examine(t, []string{"KEY=another", "SSL_CERT_FILE=" + n.certificate}, n.api).wantWrong(map[string]string{"key": `set KEY to that of the server`})
	if status, answer := ask(t, "PUT", n.server.admin+"/api/v1/accepting", testAdminKey, `{"accepting":false}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	shut := n.doctor()
	shut.wantWrong(map[string]string{"ready": `the reasons say it`, "room": `readiness`})
	if found := shut.of("room").Found; found != "no room could be opened: No more rooms can be created" {
		t.Errorf("want the server's own words, got %q", found)
	}
	n.server.signal(os.Interrupt)
	n.server.wantExit("the stop", 0)
	n.doctor().wantWrong(map[string]string{"server": `whether the server runs`})
}

// A clock that is off shows in what comes from it.
func TestDoctorOnClocks(t *testing.T) {
	s := startChat(t)
	server, err := url.Parse(s.api)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(server)
	proxy.ModifyResponse = func(r *http.Response) error {
		r.Header.Set("Date", time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat))
		return nil
	}
	late := httptest.NewServer(proxy)
	defer late.Close()
	f := examine(t, []string{"KEY=" + testKey}, "-fast", late.URL).of("clock")
	if f.Status != doctor.Wrong || !strings.Contains(f.Found, "the Date of answers is -1m0s off this machine's; the server's clock is as this machine's") || !strings.Contains(f.Change, "NTP") {
		t.Errorf("want the clock of the proxy to be found, got %+v", f)
	}
}
