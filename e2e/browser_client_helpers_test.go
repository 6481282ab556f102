package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"

	"chatserver/web"
)

// What browser_client_test.go puts between a page and its room, or in the place of one.

// gateway stands between browsers and a listener, as a strict network does.
type gateway struct {
	net.Listener
	url    string
	refuse func(*http.Request) bool

	mu    sync.Mutex
	shut  bool
	conns []net.Conn
}

// newGateway starts a gateway before an address, which answers 403 to what refuse names.
func newGateway(t *testing.T, address string, refuse func(*http.Request) bool) *gateway {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{Listener: ln, url: "http://" + ln.Addr().String(), refuse: refuse}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: address})
		r.Out.Host = r.In.Host
	}, ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }}
	server := &http.Server{ReadHeaderTimeout: commandTimeout, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.refuse != nil && g.refuse(r) {
			http.Error(w, "not through here", http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, r)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(g) // until it is closed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		g.cut(true)
		<-served
	})
	return g
}

// Accept takes connections, and drops them while the gateway is shut.
func (g *gateway) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		g.mu.Lock()
		if !g.shut {
			g.conns = append(g.conns, conn)
			g.mu.Unlock()
			return conn, nil
		}
		g.mu.Unlock()
		_ = conn.Close()
	}
}

// cut drops all connections, and further ones while it is shut.
func (g *gateway) cut(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	for _, conn := range g.conns {
		_ = conn.Close()
	}
	g.conns = nil
}

// noUpgrades refuses WebSocket.
func noUpgrades(r *http.Request) bool { return websocket.IsWebSocketUpgrade(r) }

// before runs a script in a page before the page's own.
func before(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	})
}

// wantTransport waits until the page is live over a transport.
func (p *page) wantTransport(why, transport string) {
	p.t.Helper()
	p.want(why, `[document.host.dataset.state, document.host.dataset.transport]`, []string{"live", transport})
}

// lostConnections are what Chromium itself logs while there is no way through.
func (p *page) lostConnections() {
	p.refusedConnections()
	p.mayLog(`error: WebSocket connection to 'ws://[^']*' failed: .*`)
	p.mayLog(`error: Failed to load resource: .*`)
}

// three are three people of one room, each with another transport.
type three struct {
	ws, events, polling *page
}

func (b *browser) enterThree(t *testing.T, direct, strict string) three {
	t.Helper()
	var all three
	enter := func(address, name string, looks ...chromedp.Action[chromedp.Void]) *page {
		p := b.open(t, address, looks...)
		p.lostConnections()
		p.join(name)
		return p
	}
	all.ws = enter(direct, "Wanda")
	all.events = enter(strict, "Eve")
	all.polling = enter(direct, "Pia", before(`delete globalThis.WebSocket; delete globalThis.EventSource;`))
	all.ws.wantTransport("nothing is in the way", "websocket")
	all.events.wantTransport("no upgrade passes", "events")
	all.polling.wantTransport("the browser has neither", "polling")
	return all
}

func (a three) each(do func(*page)) {
	for _, p := range []*page{a.ws, a.events, a.polling} {
		do(p)
	}
}

// asked counts the page's requests to a path.
func (p *page) asked(path string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, address := range p.urls {
		if strings.HasSuffix(address, path) {
			n++
		}
	}
	return n
}

// mintFor has the server make a token of testroom.
func (s *chatServer) mintFor(id, name, role string) string {
	s.t.Helper()
	return s.mintIn("testroom", id, name, role)
}

// mintIn has the server make a token of a room.
func (s *chatServer) mintIn(room, id, name, role string) string {
	s.t.Helper()
	answer := s.call("POST", "/api/v1/room/"+room+"/token", fmt.Sprintf(`{"user":%q,"name":%q,"role":%q}`, id, name, role), http.StatusOK)
	var made struct {
		Data struct {
			Token string `json:"token"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(answer), &made); err != nil {
		s.t.Fatal(err)
	}
	return made.Data.Token
}

// standIn is a room over WebSocket that does as it is told, for what a real one does seldom.
type standIn struct {
	*httptest.Server
	t    *testing.T
	came atomic.Int64
	play []func(ws *standInConn) // for the first connection, the second …
}

// standInConn is a connection to a stand-in, whose join was read.
type standInConn struct {
	*websocket.Conn
	t *testing.T
}

func newStandIn(t *testing.T, play ...func(ws *standInConn)) *standIn {
	t.Helper()
	s := &standIn{t: t, play: play}
	mux := http.NewServeMux()
	mux.Handle("/{$}", web.Room(web.RoomOptions{}))
	mux.Handle("/assets/", web.Assets())
	mux.HandleFunc("/emotes", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"data":{"emotes":{}}}`) })
	mux.HandleFunc("/ws", s.serve)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *standIn) serve(w http.ResponseWriter, r *http.Request) {
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer ws.Close()
	n := int(s.came.Add(1)) - 1
	if n >= len(s.play) {
		s.t.Errorf("want %d connections, got one more", len(s.play))
		return
	}
	conn := &standInConn{ws, s.t}
	conn.read("join")
	s.play[n](conn)
}

// read reads a command, which has to be of that type.
func (c *standInConn) read(kind string) obj {
	var o obj
	if err := c.ReadJSON(&o); err != nil || o.str("type") != kind {
		c.t.Errorf("want %s, got %v, %v", kind, o, err)
	}
	return o
}

// say sends objects in one message.
func (c *standInConn) say(lines ...string) {
	if err := c.WriteMessage(websocket.TextMessage, []byte(strings.Join(lines, "\n"))); err != nil {
		c.t.Error(err)
	}
}

// stay waits until the page goes.
func (c *standInConn) stay() { _, _, _ = c.ReadMessage() }

// close says goodbye with a code.
func (c *standInConn) close(code int) {
	_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(time.Second))
	c.stay()
}

// welcomeAs is the greeting of a user, in a room with so many events.
func welcomeAs(id string, seq int) string {
	return fmt.Sprintf(`{"type":"welcome","room":"testroom","epoch":"e","seq":%d,"you":{"id":%q,"name":"Ann","role":"consumer"},`+
		`"settings":{},"viewers":1,"limits":{"text":500,"bytes":8192,"messages":20,"window":30000},"gap":false}`, seq, id)
}

// saidBy is the event of a message.
func saidBy(id, text string, seq int) string {
	return saidAs(id, "Ann", text, seq)
}

// saidAs is the event of a message by somebody of that name.
func saidAs(id, name, text string, seq int) string {
	return fmt.Sprintf(`{"type":"message","seq":%d,"time":1795510838030,"user":{"id":%q,"name":%q,"role":"consumer"},"text":%q}`, seq, id, name, text)
}
