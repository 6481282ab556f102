package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"
)

// silence is how long nothing may be heard of a room before it is forgotten.
const silence = 90 * time.Second

// mode is how the service is.
type mode string

const (
	well mode = "well"
	hang mode = "hang" // it does nothing and never answers
	fail mode = "fail" // it answers 500
)

// room is what was said of a room last. Its JSON is what GET /rooms lists.
type room struct {
	Name      string          `json:"name"`
	Host      string          `json:"host"`
	Port      int             `json:"port"`
	URL       string          `json:"url"`
	Title     string          `json:"title"`
	Viewers   int             `json:"viewers"`
	Producer  json.RawMessage `json:"producer"` // an object, or null
	StreamURL string          `json:"stream_url"`
	Created   time.Time       `json:"created"`
	Seen      time.Time       `json:"seen"`
}

// listing knows the rooms. Its methods are safe from any goroutine.
type listing struct {
	key string // that servers have to send; empty: any

	mu    sync.Mutex // guards what follows
	mode  mode
	rooms map[string]room
	out   io.Writer // gets a line for each change
}

func newListing(key string, out io.Writer) *listing {
	return &listing{key: key, mode: well, rooms: map[string]room{}, out: out}
}

// handler returns the service's HTTP interface.
func (l *listing) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /rooms/{name}", l.guarded(l.putRoom))
	mux.HandleFunc("DELETE /rooms/{name}", l.guarded(l.deleteRoom))
	mux.HandleFunc("GET /rooms", l.getRooms)
	mux.HandleFunc("PUT /mode/{mode}", l.putMode)
	return mux
}

// guarded returns a handler of calls that need the key and go wrong as the mode says.
func (l *listing) guarded(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10)) // else net/http does not see the caller go
		l.mu.Lock()
		mode := l.mode
		l.mu.Unlock()
		switch {
		case err != nil:
			http.Error(w, "the body cannot be read", http.StatusBadRequest)
		case l.key != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("X-API-Key")), []byte(l.key)) != 1:
			http.Error(w, "X-API-Key is missing or wrong", http.StatusUnauthorized)
		case mode == hang:
			<-r.Context().Done()
		case mode == fail:
			http.Error(w, "the service was told to fail", http.StatusInternalServerError)
		default:
			r.Body = io.NopCloser(bytes.NewReader(body))
			serve(w, r)
		}
	}
}

// nameForm is what a room may be called.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// putRoom takes what a server says of a room.
func (l *listing) putRoom(w http.ResponseWriter, r *http.Request) {
	said := room{Name: r.PathValue("name"), Seen: time.Now().UTC()}
	if err := json.NewDecoder(r.Body).Decode(&said); err != nil {
		http.Error(w, "the body is no room: "+err.Error(), http.StatusBadRequest)
		return
	}
	said.Name = r.PathValue("name")
	if !nameForm.MatchString(said.Name) || said.Host == "" || said.Port < 1 || said.Port > 65535 || said.URL == "" || said.Created.IsZero() {
		http.Error(w, "name, host, port, url or created is missing or wrong", http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire()
	before, known := l.rooms[said.Name]
	l.rooms[said.Name] = said
	if !known {
		l.printf("%s listed: %d viewers, %q at %s", said.Name, said.Viewers, said.Title, said.URL)
	} else if before.Viewers != said.Viewers || before.Title != said.Title || before.URL != said.URL || before.StreamURL != said.StreamURL || !bytes.Equal(before.Producer, said.Producer) {
		l.printf("%s changed: %d viewers, %q at %s", said.Name, said.Viewers, said.Title, said.URL)
	}
	w.WriteHeader(http.StatusNoContent)
}

// deleteRoom takes the end of a room.
func (l *listing) deleteRoom(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire()
	name := r.PathValue("name")
	if _, known := l.rooms[name]; !known {
		http.Error(w, "there is no such room", http.StatusNotFound)
		return
	}
	delete(l.rooms, name)
	l.printf("%s gone: closed", name)
	w.WriteHeader(http.StatusNoContent)
}

// getRooms lists the rooms.
func (l *listing) getRooms(w http.ResponseWriter, _ *http.Request) {
	l.mu.Lock()
	l.expire()
	rooms := []room{}
	for name := range l.rooms {
		rooms = append(rooms, l.rooms[name])
	}
	l.mu.Unlock()
	slices.SortFunc(rooms, func(x, y room) int {
		return cmp.Or(cmp.Compare(y.Viewers, x.Viewers), cmp.Compare(x.Name, y.Name))
	})
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(rooms) // the caller may be gone
}

// putMode has the service be well, hang or fail.
func (l *listing) putMode(w http.ResponseWriter, r *http.Request) {
	m := mode(r.PathValue("mode"))
	if !slices.Contains([]mode{well, hang, fail}, m) {
		http.Error(w, "the mode must be well, hang or fail", http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mode = m
	l.printf("mode %s", m)
	w.WriteHeader(http.StatusNoContent)
}

// watch forgets rooms of which nothing is heard, until ctx ends.
func (l *listing) watch(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-second.C:
			l.mu.Lock()
			l.expire()
			l.mu.Unlock()
		}
	}
}

// expire forgets rooms of which nothing was heard. The caller holds l.mu.
func (l *listing) expire() {
	for name := range l.rooms {
		if time.Since(l.rooms[name].Seen) >= silence {
			delete(l.rooms, name)
			l.printf("%s gone: not heard of for %v", name, silence)
		}
	}
}

// printf prints a line. The caller holds l.mu.
func (l *listing) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(l.out, "%s %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
