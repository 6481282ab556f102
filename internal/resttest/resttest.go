// Package resttest is what the tests of our APIs have in common: an API on a port of
// this machine that is called with its key ([API]), what it must answer ([Answer],
// [Obj]), and somebody in one of its rooms ([Guest]). What is not as a test wants it
// fails that test, with the test's own words in front; so does whatever comes in that
// openapi.json or asyncapi.json does not describe. Nothing but tests imports this
// package.
//
// What it is not: it makes no API and no rooms, each package's tests make their own.
package resttest

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatserver/internal/rest"
	"chatserver/internal/schematest"
)

// Patience is how long a test waits for what has to come.
const Patience = 30 * time.Second

// API is an API under test.
type API struct {
	URL    string // without a slash at its end
	Client *http.Client

	t         *testing.T
	key       string
	described *schematest.API
	chat      *schematest.Chat
}

// Start lets the server of an API listen. The test's end stops it, and then the rooms
// behind it by drain. Its Client shows redirects and does not follow them. What it
// answers to [API.Call] is held to openapi.json in the folder of the package under test.
func Start(t *testing.T, server *http.Server, key string, drain func(context.Context) error) *API {
	t.Helper()
	front := httptest.NewUnstartedServer(nil)
	front.Config = server
	front.Start()
	front.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() {
		front.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), Patience)
		defer cancel()
		if err := drain(ctx); err != nil {
			t.Errorf("the rooms do not stop: %v", err)
		}
	})
	return &API{
		URL: front.URL, Client: front.Client(), t: t, key: key,
		described: schematest.LoadAPI(t, "openapi.json"), chat: schematest.LoadChat(t),
	}
}

// Call makes a request with the right key. Pairs of name and value set further
// headers; an empty value takes one away.
func (a *API) Call(method, path, body string, header ...string) Answer {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.URL+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set(rest.KeyHeader, a.key)
	for pair := range slices.Chunk(header, 2) {
		req.Header.Set(pair[0], pair[1])
		if pair[1] == "" {
			req.Header.Del(pair[0])
		}
	}
	got, err := a.Client.Do(req)
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		a.t.Fatalf("%s %s: the answer breaks off: %v", method, path, err)
	}
	answer := Answer{Asked: method + " " + path, Status: got.StatusCode, Header: got.Header, Body: string(text), t: a.t}
	a.compare(method, path, body, answer)
	return answer
}

// compare holds an answer to the documents.
func (a *API) compare(method, path, body string, got Answer) {
	a.t.Helper()
	err := a.described.Check(schematest.Exchange{
		Method: method, Target: path, Sent: body,
		Status: got.Status, Header: got.Header, Answer: got.Body,
	})
	if err != nil {
		a.t.Errorf("%s: openapi.json does not describe this: %v", got.Asked, err)
	}
	if strings.Contains(path, "redacted=show") {
		return // what the chat never sends
	}
	check := a.chat.Event
	if strings.HasPrefix(path, "/r/") {
		check = a.chat.Message // a session hears more than a log has
	}
	for _, event := range got.events() {
		if err := check(event); err != nil {
			a.t.Errorf("%s: %v", got.Asked, err)
		}
	}
}

// FreePorts finds n ports in a row that nobody listens on, below those that the
// system gives out for outgoing connections. What it returns is a room.PortRange by
// its fields: this package does not know rooms.
func FreePorts(t *testing.T, n int) struct{ First, Last int } {
	t.Helper()
	for range 100 {
		first := 20000 + rand.IntN(12000-n) //nolint:gosec // no secret: tests side by side shall differ
		if allFree(t.Context(), first, n) {
			return struct{ First, Last int }{first, first + n - 1}
		}
	}
	t.Fatalf("found no %d free ports in a row", n)
	return struct{ First, Last int }{}
}

func allFree(ctx context.Context, first, n int) bool {
	for port := first; port < first+n; port++ {
		var config net.ListenConfig
		ln, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		ln.Close()
	}
	return true
}
