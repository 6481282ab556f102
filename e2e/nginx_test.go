package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"
)

// These tests run deploy/nginx/chatserver.conf in the real NGINX, with other ports and
// paths, before the real server.

// unlimited are settings for tests that say much.
var unlimited = []string{"LIMIT_MESSAGES=0", "LIMIT_BURST=0", "LIMIT_COMMANDS=0"}

// bases are the addresses of a room from outside: under a path, and by its port.
func (n *nginx) bases(room string) []string {
	n.t.Helper()
	_, port, err := net.SplitHostPort(n.server.open(room))
	if err != nil {
		n.t.Fatal(err)
	}
	return []string{n.api + "/r/" + room + "/", n.api + "/room-port/" + port + "/"}
}

// token is a token of a user for a room.
func (n *nginx) token(room, user string) string {
	n.t.Helper()
	var made map[string]obj
	answer := n.server.call("POST", "/api/v1/room/"+room+"/token", `{"user":"`+user+`","name":"`+user+`"}`, http.StatusOK)
	if err := json.Unmarshal([]byte(answer), &made); err != nil {
		n.t.Fatal(err)
	}
	return made["data"].str("token")
}

// everyone lets somebody in by each transport at each address of a room.
func (n *nginx) everyone(room string) []*follower {
	n.t.Helper()
	v := n.visitor("127.0.0.1")
	var all []*follower
	for i, base := range n.bases(room) {
		for j, l := range []link{&bySocket{}, &byEvents{}, &byPolls{}} {
			all = append(all, v.follow(base, n.token(room, fmt.Sprintf("u%d%d", i, j)), l))
		}
	}
	return all
}

func TestNginxTransports(t *testing.T) {
	n := startProxied(t, unlimited)
	all := n.everyone("testroom")
	for i, f := range all {
		f.say(fmt.Sprint("hello ", i))
	}
	wantAll(t, len(all), all...)
	if text := readFile(t, filepath.Join(n.dir, "access.log")); strings.Contains(text, "session=") || !strings.Contains(text, `"POST /r/testroom/send HTTP/2.0" 200 `) {
		t.Errorf("want the access log to tell of requests, without the names of sessions:\n%s", text)
	}
}

// A reload takes nobody's connection: the former workers serve it to its end. New ones
// come to the new workers.
func TestNginxReload(t *testing.T) {
	n := startProxied(t, unlimited)
	all := n.everyone("testroom")
	const rounds = 20
	for i := range rounds {
		for j, f := range all {
			f.say(fmt.Sprint("message ", i, " of ", j))
		}
		if i == rounds/2 {
			n.command("reload")
			n.wantPrinted("the former workers take no more", `gracefully shutting down`)
			all = append(all, n.visitor("127.0.0.1").follow(all[0].base, n.token("testroom", "late"), &bySocket{}))
		}
	}
	wantAll(t, rounds*len(all)-rounds/2-1, all...)
	for _, f := range all {
		if f.broken > 0 {
			t.Errorf("%T lost its connection %d times by a reload", f.link, f.broken)
		}
	}
}

// While NGINX is away nobody hears anything, and nobody loses or repeats anything.
func TestNginxRestart(t *testing.T) {
	n := startProxied(t, unlimited)
	all := n.everyone("testroom")
	for _, f := range all {
		f.say("before")
	}
	wantAll(t, len(all), all...)
	n.signal(syscall.SIGTERM)
	n.wait("NGINX stops")
	const meanwhile = 30
	for i := range meanwhile {
		n.server.call("POST", "/api/v1/room/testroom/message", fmt.Sprintf(`{"text":"meanwhile %d"}`, i), http.StatusOK)
	}
	for _, f := range all {
		if _, ok := f.link.(*bySocket); ok { // the others wait for an answer
			f.say("while away")
		}
	}
	n.start()
	for _, f := range all {
		f.say("after")
	}
	wantAll(t, 2*len(all)+2+meanwhile, all...)
	for _, f := range all {
		if f.broken == 0 {
			t.Errorf("%T: want its connection to have been lost", f.link)
		}
	}
}

// The server counts and bans who really comes, whatever they say of themselves.
func TestNginxAddresses(t *testing.T) {
	n := startProxied(t, []string{"MAX_CONNECTIONS_PER_IP=1"})
	for i, base := range n.bases("testroom") {
		a, b := n.visitor(fmt.Sprintf("127.0.0.%d", 10+i)), n.visitor(fmt.Sprintf("127.0.0.%d", 20+i))
		forged := http.Header{"X-Forwarded-For": {"192.0.2.1"}}
		url := "wss" + strings.TrimPrefix(base, "https") + "ws"
		for _, who := range []struct {
			v   *visitor
			why string
			in  bool
		}{{a, "the first of an address", true}, {a, "the second", false}, {b, "the first of another address", true}} {
			ws, got, err := who.v.dialer.Dial(url, forged)
			if err != nil {
				t.Fatal(err)
			}
			_ = got.Body.Close()
			t.Cleanup(func() { ws.Close() })
			var heard []byte
			if err = ws.WriteJSON(obj{"type": "join"}); err == nil {
				_, heard, err = ws.ReadMessage()
			}
			if in := bytes.Contains(heard, []byte(`"type":"welcome"`)); in != who.in || !in && !websocket.IsCloseError(err, 4002) {
				t.Errorf("%s: want to be let in: %v, else close 4002; heard %q, %v", who.why, who.in, heard, err)
			}
		}
		ban := fmt.Sprintf(`{"ip":"127.0.0.%d"}`, 30+i)
		if status, answer := ask(t, "POST", n.server.admin+"/api/v1/bans", testAdminKey, ban); status != http.StatusCreated {
			t.Fatalf("ban: %d %s", status, answer)
		}
		banned := n.visitor(fmt.Sprintf("127.0.0.%d", 30+i))
		if got := banned.ask("POST", base+"join", `{"type":"join"}`, "X-Forwarded-For", "192.0.2.1"); got.StatusCode != http.StatusForbidden || !strings.Contains(got.text, `"banned"`) {
			t.Errorf("want a banned address to be refused, got %s %s", got.Status, got.text)
		}
	}
}

// trap listens on a port that nobody may reach through the proxy.
func trap(t *testing.T, port string) *atomic.Int32 {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	caught := new(atomic.Int32)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			caught.Add(1)
			conn.Close()
		}
	}()
	t.Cleanup(func() { ln.Close() })
	return caught
}

// A port in an address reaches a room or nothing, however it is written.
func TestNginxRoomPorts(t *testing.T) {
	n := startProxied(t, nil)
	base := n.bases("testroom")[1]
	room := strings.Trim(strings.TrimPrefix(base, n.api+"/room-port/"), "/")
	other := freePorts(t, 1)[0]
	caught := trap(t, other)
	v := n.visitor("127.0.0.1")
	first := n.roomPorts + "00"
	for _, tt := range []struct {
		path   string
		status int
	}{
		{"/room-port/" + room + "/", 200},
		{"/room-port/" + room + "/livez", 200},
		{"/room-port/" + room + "/assets/style.css", 200},
		{"/room-port/" + room + "//livez", 200},                 // slashes are merged
		{"/room-port/%3" + room[:1] + room[1:] + "/livez", 200}, // a digit is a digit
		{"/x/../room-port/" + room + "/livez", 200},             // as clients would make it themselves
		{"/room-port/" + room + "/nothing", 404},                // says the room
		{"/room-port/" + n.roomPorts + "99/", 502},              // within the range, and no room
		{"/room-port/" + room, 404},                             // from here on: says the main port
		{"/room-port/" + other + "/", 404},
		{"/room-port/" + portIn(n.server.admin) + "/api/v1/", 404},
		{"/room-port/" + portIn(n.server.api) + "/livez", 404},
		{"/room-port/0/", 404},
		{"/room-port/-1/", 404},
		{"/room-port/0" + room + "/livez", 404},
		{"/room-port/" + room + "0/livez", 404},
		{"/room-port/" + room + ".0/livez", 404},
		{"/room-port/" + n.roomPorts + "/livez", 404},
		{"/room-port/" + n.roomPorts + "0x/livez", 404},
		{"/room-port/" + room + ":" + other + "/", 404},
		{"/room-port/" + room + "%3a" + other + "/", 404},
		{"/room-port/" + room + "@127.0.0.1:" + other + "/", 404},
		{"/room-port/" + room + "%40127.0.0.1%3a" + other + "/", 404},
		{"/room-port/" + first + "%0a" + other + "/", 404},
		{"/room-port/" + room + "/../" + other + "/", 404},
		{"/room-port/" + room + "/..%2f" + other + "/", 404},
		{"/room-port/" + room + "/%2e%2e/" + other + "/", 404},
		{"/room-port/" + other + "/%2e%2e/" + room + "/livez/", 404},
		{"/room-port/" + room + "/livez%0a", 404},
		{"/room-port/" + room + "/livez%0d%0aX-API-Key:%20x", 404},
		{"/room-port/" + room + "/livez%20HTTP/1.1", 404},
		{"/room-port/" + room + "/%00", 400},
		{"/room-port/" + room + "/../../../", 400},
		{"/room-port/\u0661" + room[1:] + "/livez", 404}, // a digit, but of another script
		{"/room-port//" + room + "@" + other + "/", 404},
	} {
		status, text := v.raw("GET " + tt.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + n.mainPort + "\r\nConnection: close\r\n\r\n")
		if status != tt.status {
			t.Errorf("GET %s: want %d, got %d %s", tt.path, tt.status, status, text)
		}
	}
	for _, request := range []string{
		"GET https://127.0.0.1:" + other + "/ HTTP/1.1\r\nHost: 127.0.0.1:" + other + "\r\nConnection: close\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: 127.0.0.1:" + other + "\r\nConnection: close\r\n\r\n",
		"CONNECT 127.0.0.1:" + other + " HTTP/1.1\r\nHost: 127.0.0.1:" + other + "\r\n\r\n",
	} {
		v.raw(request) // whatever is answered
	}
	if hits := caught.Load(); hits > 0 {
		t.Errorf("want nobody to reach port %s, which is no room's; it was reached %d times", other, hits)
	}
}

// portIn is the port of a base URL.
func portIn(url string) string { return url[strings.LastIndexByte(url, ':')+1:] }

// The admin API is for the listed networks, at its own port alone.
func TestNginxAdmin(t *testing.T) {
	n := startProxied(t, nil, edit{"allow 127.0.0.1;", "allow 127.0.0.64/26;"})
	const path = "/api/v1/load"
	operator, stranger := n.visitor("127.0.0.77"), n.visitor("127.0.0.1")
	if got := operator.ask("GET", n.admin+path, "", "X-API-Key", testAdminKey); got.StatusCode != http.StatusOK {
		t.Errorf("want an operator's network to be let in, got %s %s", got.Status, got.text)
	}
	if got := operator.ask("GET", n.admin+path, "", "X-API-Key", testKey); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("want the key to count all the same, got %s %s", got.Status, got.text)
	}
	if got := stranger.ask("GET", n.admin+path, "", "X-API-Key", testAdminKey, "X-Forwarded-For", "127.0.0.77"); got.StatusCode != http.StatusForbidden {
		t.Errorf("want others to be refused, got %s %s", got.Status, got.text)
	}
	for _, at := range []string{n.api + path, n.api + "/admin" + path, n.api + "/room-port/" + portIn(n.admin) + path} {
		if got := operator.ask("GET", at, "", "X-API-Key", testAdminKey); got.StatusCode == http.StatusOK {
			t.Errorf("want nothing of the admin API at the main port, got %s: %s", at, got.text)
		}
	}
}

// What NGINX adds to an answer, and what it leaves as the server made it.
func TestNginxAnswers(t *testing.T) {
	n := startProxied(t, []string{"ALLOWED_ORIGINS=https://partner.example"})
	room := n.bases("testroom")[0]
	v := n.visitor("127.0.0.1")

	page := v.ask("GET", room, "", "Accept", "text/html")
	for name, want := range map[string]string{
		"Strict-Transport-Security": "max-age=31536000", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Server": "nginx",
	} {
		if got := page.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("a page: want %s: %s once, got %q", name, want, got)
		}
	}
	if policy := page.Header.Values("Content-Security-Policy"); page.ProtoMajor != 2 || len(policy) != 1 || !strings.Contains(policy[0], "frame-ancestors *") {
		t.Errorf("want the page over HTTP/2, with the server's own policy, got it over %s, with %q", page.Proto, policy)
	}

	for _, tt := range []struct{ why, path, accept, encoding, encoded string }{
		{"JSON", "/api/v1/asyncapi.json", "", "gzip", "gzip"},
		{"for who cannot inflate", "/api/v1/asyncapi.json", "", "identity", ""},
		{"compressed by the server", "/", "text/html", "gzip", "gzip"},
		{"a stream", "/r/testroom/events", "", "gzip", ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.api+tt.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", tt.accept)
		req.Header.Set("Accept-Encoding", tt.encoding)
		got, err := v.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = got.Body.Close() // the head tells
		if encoded := got.Header.Get("Content-Encoding"); got.StatusCode != http.StatusOK || encoded != tt.encoded {
			t.Errorf("%s: want Content-Encoding %q, got %q with %s", tt.why, tt.encoded, encoded, got.Status)
		}
	}

	if got := v.ask("GET", n.plain+"/r/testroom/?a=b", ""); got.StatusCode != http.StatusPermanentRedirect || got.Header.Get("Location") != "https://127.0.0.1/r/testroom/?a=b" {
		t.Errorf("without TLS: want to be led to it, got %s to %s", got.Status, got.Header.Get("Location"))
	}
	if got := v.ask("GET", strings.TrimSuffix(room, "/")+"?a=b", ""); got.StatusCode != http.StatusPermanentRedirect || got.Header.Get("Location") != "/r/testroom/?a=b" {
		t.Errorf("want the server's own redirection as it is, got %s to %s", got.Status, got.Header.Get("Location"))
	}

	// Scheme, host and port reach the server: the room's own page is no stranger.
	for origin, status := range map[string]int{n.api: 200, "https://partner.example": 200, "https://127.0.0.1": 403, strings.Replace(n.api, "https", "http", 1): 403} {
		if got := v.ask("POST", room+"join", `{"type":"join"}`, "Origin", origin); got.StatusCode != status {
			t.Errorf("a page of %s: want %d, got %s %s", origin, status, got.Status, got.text)
		}
	}

	for size, wants := range map[int]string{8 << 10: `"code":"bad_json"`, 8<<10 + 1: `"code":"too_large"`, 64<<10 + 1: "nginx"} {
		if got := v.ask("POST", room+"join", strings.Repeat("x", size)); !strings.Contains(got.text, wants) {
			t.Errorf("a body of %d bytes: want %s, got %s %s", size, wants, got.Status, got.text)
		}
	}

	n.server.signal(syscall.SIGTERM)
	n.server.wantExit("the server stops", 0)
	if got := v.ask("GET", n.api+"/livez", ""); got.StatusCode != http.StatusBadGateway {
		t.Errorf("without a server: want 502, got %s", got.Status)
	}
}

// People come through NGINX as they come without it: by the same pages, under the same
// policy, over WebSocket.
func TestNginxPages(t *testing.T) {
	n := startProxied(t, []string{"ALLOWED_ORIGINS=https://elsewhere.example"})
	b := startBrowser(t, chromedp.Flag("ignore-certificate-errors", true))
	ann := b.open(t, n.api+"/")
	ann.fill("#create-name", "testroom")
	ann.fill("#key", testKey)
	ann.click("#create-button")
	ann.want("the way into the room", `[...document.querySelectorAll("#result a")].map((a) => a.href)`, []string{n.api + "/r/testroom/"})
	ann.follow("#result a")
	ann.join("Ann")
	var answer map[string]obj
	if err := json.Unmarshal([]byte(n.server.call("GET", "/api/v1/room/testroom", "", http.StatusOK)), &answer); err != nil {
		t.Fatal(err)
	}
	ben := b.enter(t, fmt.Sprintf("%s/room-port/%d/", n.api, answer["data"].num("port")), "Ben")
	ann.send("hello Ben")
	ben.wantChat("across the two addresses", "Ann: hello Ben")
	ben.send("hello Ann")
	for _, p := range []*page{ann, ben} {
		p.wantChat("both see all in one order", "Ann: hello Ben", "Ben: hello Ann")
		p.want("the way", `globalThis.document.querySelector("chat-room").dataset.transport`, "websocket")
	}
}
