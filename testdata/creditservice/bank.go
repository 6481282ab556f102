package main

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// mode is how the service is.
type mode string

const (
	well mode = "well"
	hang mode = "hang" // it does nothing and never answers
	fail mode = "fail" // it answers 500
	lose mode = "lose" // it does what it is asked and never answers
)

// session is a user's time in a room. Its JSON is what GET /sessions lists.
type session struct {
	Session string `json:"session"`
	User    string `json:"user"`
	Room    string `json:"room"`
	Seconds int64  `json:"seconds"` // the newest sum that it was told
	Asked   int    `json:"asked"`   // how often it was asked for
	Ended   bool   `json:"ended"`

	number int
}

// tip is what a user gave. Its JSON is what GET /tips lists.
type tip struct {
	User     string  `json:"user"`
	Room     string  `json:"room"`
	Amount   float64 `json:"amount"`
	Currency string  `json:"currency"`
	Text     string  `json:"text"`
	Times    int     `json:"times"` // how often it was asked for; it is taken once
}

// bank keeps the books. Its methods are safe from any goroutine.
type bank struct {
	key     string // that callers have to send; empty: any
	balance float64
	seconds float64

	mu       sync.Mutex // guards what follows
	mode     mode
	given    map[string]float64  // by user, beside balance
	sessions map[string]*session // by name
	tips     []*tip
	opened   map[string]*session // by Idempotency-Key
	tipped   map[string]*tip     // likewise
	out      io.Writer           // gets a line for what happens
}

func newBank(key string, balance, seconds float64, out io.Writer) *bank {
	return &bank{
		key: key, balance: balance, seconds: seconds, mode: well, out: out,
		given: map[string]float64{}, sessions: map[string]*session{}, opened: map[string]*session{}, tipped: map[string]*tip{},
	}
}

// handler returns the service's HTTP interface.
func (b *bank) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /sessions", b.guarded(b.postSession))
	mux.Handle("PUT /sessions/{session}", b.guarded(b.putSession))
	mux.Handle("DELETE /sessions/{session}", b.guarded(b.deleteSession))
	mux.Handle("POST /tips", b.guarded(b.postTip))
	mux.HandleFunc("GET /sessions", b.getSessions)
	mux.HandleFunc("GET /tips", b.getTips)
	mux.HandleFunc("GET /users", b.getUsers)
	mux.HandleFunc("PUT /users/{user}/balance/{number}", b.putBalance)
	mux.HandleFunc("PUT /mode/{mode}", b.putMode)
	return mux
}

// request is what the bodies of all calls hold.
type request struct {
	User     string  `json:"user"`
	Room     string  `json:"room"`
	Seconds  float64 `json:"seconds"`
	Amount   float64 `json:"amount"`
	Currency string  `json:"currency"`
	Text     string  `json:"text"`
}

// answer is a status with a body as JSON.
type answer struct {
	status int
	body   any
}

// problem is an answer that says what is wrong.
func problem(status int, format string, args ...any) answer {
	return answer{status, map[string]string{"reason": fmt.Sprintf(format, args...)}}
}

// guarded returns a handler of calls that need the key and go wrong as the mode says. serve
// is called with mu held.
func (b *bank) guarded(serve func(r *http.Request, sent request) answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent request
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&sent)
		b.mu.Lock()
		got := problem(http.StatusInternalServerError, "the service was told to fail")
		switch {
		case b.key != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("X-API-Key")), []byte(b.key)) != 1:
			got = problem(http.StatusUnauthorized, "X-API-Key is missing or wrong")
		case err != nil:
			got = problem(http.StatusBadRequest, "the body is no JSON that fits")
		case b.mode == well || b.mode == lose:
			got = serve(r, sent)
		}
		hangs := b.mode == hang || b.mode == lose
		b.mu.Unlock()
		if hangs {
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(got.status)
		_ = json.NewEncoder(w).Encode(got.body) // the caller may be gone
	})
}

// postSession begins a session, or finds the one that was begun under the same key.
func (b *bank) postSession(r *http.Request, sent request) answer {
	if sent.User == "" || sent.Room == "" {
		return problem(http.StatusBadRequest, "user or room is missing")
	}
	key := r.Header.Get("Idempotency-Key")
	s := b.opened[key]
	if s == nil {
		n := len(b.sessions) + 1
		s = &session{Session: fmt.Sprintf("session-%d", n), User: sent.User, Room: sent.Room, number: n}
		b.sessions[s.Session] = s
		if key != "" {
			b.opened[key] = s
		}
	}
	return b.grant(s, http.StatusCreated)
}

// putSession says whether a session may go on.
func (b *bank) putSession(r *http.Request, sent request) answer {
	s := b.sessions[r.PathValue("session")]
	if s == nil || s.Ended {
		return problem(http.StatusNotFound, "there is no such session")
	}
	s.Seconds = int64(sent.Seconds)
	return b.grant(s, http.StatusOK)
}

// grant allows what the user has left.
func (b *bank) grant(s *session, status int) answer {
	s.Asked++
	left := min(b.left(s.User), b.seconds)
	if left <= 0 {
		b.printf("%s is out of credit in %s", s.User, s.Room)
		return answer{status, map[string]any{"session": s.Session, "allowed": false, "seconds": 0}}
	}
	b.printf("%s may be in %s for %gs, %ds so far", s.User, s.Room, left, s.Seconds)
	return answer{status, map[string]any{"session": s.Session, "allowed": true, "seconds": left}}
}

// deleteSession ends a session.
func (b *bank) deleteSession(r *http.Request, sent request) answer {
	s := b.sessions[r.PathValue("session")]
	if s == nil {
		return problem(http.StatusNotFound, "there is no such session")
	}
	s.Seconds, s.Ended = int64(sent.Seconds), true
	b.printf("%s was in %s for %ds, %g left", s.User, s.Room, s.Seconds, b.left(s.User))
	return answer{http.StatusOK, map[string]any{"session": s.Session}}
}

// postTip takes a tip, once for each key.
func (b *bank) postTip(r *http.Request, sent request) answer {
	key := r.Header.Get("Idempotency-Key")
	if known := b.tipped[key]; known != nil {
		known.Times++
		return answer{http.StatusCreated, known}
	}
	if left := b.left(sent.User); sent.Amount > left {
		b.printf("%s cannot give %g %s in %s", sent.User, sent.Amount, sent.Currency, sent.Room)
		return problem(http.StatusPaymentRequired, "you have %g left", left)
	}
	t := &tip{sent.User, sent.Room, sent.Amount, sent.Currency, sent.Text, 1}
	b.tips = append(b.tips, t)
	if key != "" {
		b.tipped[key] = t
	}
	b.printf("%s gives %g %s in %s", t.User, t.Amount, t.Currency, t.Room)
	return answer{http.StatusCreated, t}
}

// left returns what a user has left. The caller holds b.mu.
func (b *bank) left(user string) float64 {
	left := b.balance + b.given[user]
	for _, s := range b.sessions {
		if s.User == user {
			left -= float64(s.Seconds)
		}
	}
	for _, t := range b.tips {
		if t.User == user {
			left -= t.Amount
		}
	}
	return left
}

// putBalance gives a user so much.
func (b *bank) putBalance(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.ParseFloat(r.PathValue("number"), 64)
	if err != nil {
		http.Error(w, "the balance must be a number", http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	user := r.PathValue("user")
	b.given[user] += number - b.left(user)
	b.printf("%s has %g now", user, number)
	w.WriteHeader(http.StatusNoContent)
}

// putMode has the service be well, hang, fail or lose its answers.
func (b *bank) putMode(w http.ResponseWriter, r *http.Request) {
	m := mode(r.PathValue("mode"))
	if !slices.Contains([]mode{well, hang, fail, lose}, m) {
		http.Error(w, "the mode must be well, hang, fail or lose", http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mode = m
	b.printf("mode %s", m)
	w.WriteHeader(http.StatusNoContent)
}

func (b *bank) getSessions(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.SortedFunc(maps.Values(b.sessions), func(x, y *session) int { return x.number - y.number })
	writeJSON(w, append([]*session{}, all...))
}

func (b *bank) getTips(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	writeJSON(w, append([]*tip{}, b.tips...))
}

func (b *bank) getUsers(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := map[string]float64{}
	for _, s := range b.sessions {
		left[s.User] = b.left(s.User)
	}
	for user := range b.given {
		left[user] = b.left(user)
	}
	writeJSON(w, left)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the caller may be gone
}

// printf prints a line. The caller holds b.mu.
func (b *bank) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(b.out, "%s %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
