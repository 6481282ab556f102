package main

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// silence is how long a server may say nothing before it is forgotten.
const silence = 30 * time.Second

// server is what one chat server said last. Its JSON is what GET /servers lists.
type server struct {
	Server   string    `json:"server"` // host:port
	Capacity int       `json:"capacity"`
	Rooms    int       `json:"rooms"`
	Free     int       `json:"free"` // capacity minus rooms
	Version  string    `json:"version"`
	Seen     time.Time `json:"seen"`
	Age      float64   `json:"age"` // seconds since then, when it is listed
}

// balancer knows the chat servers. Its methods are safe from any goroutine.
type balancer struct {
	key string // that servers have to send; empty: any

	mu      sync.Mutex        // guards what follows
	servers map[string]server // by host:port
	out     io.Writer         // gets a line for each change
}

// newBalancer returns a balancer that knows no server yet.
func newBalancer(key string, out io.Writer) *balancer {
	return &balancer{key: key, servers: map[string]server{}, out: out}
}

// handler returns the balancer's HTTP interface.
func (b *balancer) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /register/{server}/{capacity}/{rooms}/{version}", b.putRegister)
	mux.HandleFunc("GET /servers", b.getServers)
	mux.HandleFunc("GET /server", b.getServer)
	return mux
}

// putRegister takes a server's heartbeat.
func (b *balancer) putRegister(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("X-API-Key")
	if b.key != "" && subtle.ConstantTimeCompare([]byte(key), []byte(b.key)) != 1 {
		http.Error(w, "X-API-Key is missing or wrong", http.StatusUnauthorized)
		return
	}
	s, err := parse(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.register(s)
	w.WriteHeader(http.StatusNoContent)
}

// getServers lists the servers, the one with the most room first.
func (b *balancer) getServers(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, b.list())
}

// getServer answers the server that the next user should go to.
func (b *balancer) getServer(w http.ResponseWriter, _ *http.Request) {
	if servers := b.list(); len(servers) > 0 && servers[0].Free > 0 {
		writeJSON(w, servers[0])
		return
	}
	http.Error(w, "no server has room", http.StatusServiceUnavailable)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the caller may be gone
}

// parse reads a heartbeat from the path of its request. Its errors say what the
// chat server should have sent.
func parse(r *http.Request) (server, error) {
	if segment := strings.Split(r.URL.EscapedPath(), "/")[2]; strings.Contains(segment, ":") {
		return server{}, errors.New("the colon between host and port must be escaped as %3A")
	}
	s := server{Server: r.PathValue("server"), Version: r.PathValue("version")}
	host, port, err := net.SplitHostPort(s.Server)
	number, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || number == 0 || !printable(host) {
		return server{}, fmt.Errorf("%q is not host:port", s.Server)
	}
	if s.Capacity, err = parseCount(r, "capacity"); err != nil {
		return server{}, err
	}
	if s.Rooms, err = parseCount(r, "rooms"); err != nil {
		return server{}, err
	}
	if !printable(s.Version) {
		return server{}, fmt.Errorf("%q is not a version", s.Version)
	}
	s.Free = s.Capacity - s.Rooms
	return s, nil
}

// parseCount reads a number from the path.
func parseCount(r *http.Request, name string) (int, error) {
	n, err := strconv.ParseUint(r.PathValue(name), 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%s must be a number from 0 to 2147483647, not %q", name, r.PathValue(name))
	}
	return int(n), nil
}

// printable tells whether text is a short word that may stand in a line.
func printable(text string) bool {
	odd := func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }
	return text != "" && len(text) <= 255 && !strings.ContainsFunc(text, odd)
}

// register notes what a server said, and prints what is new about it.
func (b *balancer) register(s server) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	s.Seen = time.Now().UTC()
	old, known := b.servers[s.Server]
	b.servers[s.Server] = s

	takes := fmt.Sprintf("%d of %d rooms, version %s", s.Rooms, s.Capacity, s.Version)
	if s.Free <= 0 {
		takes += ", full or draining"
	}
	switch {
	case !known:
		b.print(s, "registered: "+takes)
	case old.Capacity != s.Capacity || old.Rooms != s.Rooms || old.Version != s.Version:
		b.print(s, "changed: "+takes)
	}
}

// list returns the servers that are alive, the one with the most room first.
func (b *balancer) list() []server {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	servers := make([]server, 0, len(b.servers))
	for _, s := range b.servers {
		s.Age = time.Since(s.Seen).Round(time.Millisecond).Seconds()
		servers = append(servers, s)
	}
	slices.SortFunc(servers, func(x, y server) int {
		return cmp.Or(cmp.Compare(y.Free, x.Free), cmp.Compare(x.Server, y.Server))
	})
	return servers
}

// watch forgets servers that fell silent, until ctx ends.
func (b *balancer) watch(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-second.C:
			b.mu.Lock()
			b.expire()
			b.mu.Unlock()
		}
	}
}

// expire forgets servers that fell silent. The caller holds b.mu.
func (b *balancer) expire() {
	for name, s := range b.servers {
		if time.Since(s.Seen) >= silence {
			delete(b.servers, name)
			b.print(s, fmt.Sprintf("gone: not heard of for %v", silence))
		}
	}
}

// print prints a line about a server. The caller holds b.mu.
func (b *balancer) print(s server, text string) {
	_, _ = fmt.Fprintf(b.out, "%s %s %s\n", time.Now().Format(time.TimeOnly), s.Server, text)
}
