package room

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// web returns a client for the room's listener.
func (r *testRoom) web() *http.Client {
	port := strconv.Itoa(r.port)
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return r.w.net.dial(ctx, port)
		},
	}}
}

// call makes a request of the room's listener, which must have that status. It returns
// the answer's body.
func (r *testRoom) call(method, path, body string, status int, header ...string) string {
	r.w.Helper()
	req, err := http.NewRequestWithContext(r.w.Context(), method, "http://chat.example"+path, strings.NewReader(body))
	if err != nil {
		r.w.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	answer, err := r.web().Do(req)
	if err != nil {
		r.w.Fatalf("%s %s: %v", method, path, err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status {
		r.w.Fatalf("%s %s: want %d, got %s: %s (%v)", method, path, status, answer.Status, got, err)
	}
	return string(got)
}

func (r *testRoom) object(body string) obj {
	r.w.Helper()
	var o obj
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		r.w.Fatalf("%s: %v", body, err)
	}
	return o
}

func (r *testRoom) postTo(path, body string, status int) obj {
	r.w.Helper()
	return r.object(r.call("POST", path, body, status))
}

func (r *testRoom) getFrom(path string, status int) obj {
	r.w.Helper()
	return r.object(r.call("GET", path, "", status))
}

// listener is a client over HTTP: a session, or a stream without one. What it hears is
// kept as it came.
type listener struct {
	*testing.T
	r       *testRoom
	session string

	mu    sync.Mutex
	heard []string
	ids   []string // of the stream's events, in the same places
	ended bool
	stop  context.CancelFunc
}

// visit makes a session by a join with these fields.
func (r *testRoom) visit(join string) *listener {
	r.w.Helper()
	l := &listener{T: r.w.T, r: r}
	l.add(r.call("POST", "/join", join, 200))
	return l
}

// add keeps the objects of an answer as they came, and returns them.
func (l *listener) add(body string) []string {
	l.Helper()
	var answer struct {
		Data struct {
			Session string            `json:"session"`
			Events  []json.RawMessage `json:"events"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		l.Fatalf("%s: %v", body, err)
	}
	if answer.Data.Session != "" {
		l.session = answer.Data.Session
	}
	var got []string
	for _, e := range answer.Data.Events {
		got = append(got, string(e))
		l.keep(string(e), "")
	}
	return got
}

func (l *listener) keep(object, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, object)
	l.ids = append(l.ids, id)
}

// send has the session give a command, and returns the answer.
func (l *listener) send(command string) obj {
	l.Helper()
	answer := l.r.postTo("/send?session="+l.session, command, 200)
	events, _ := answer.obj("data")["events"].([]any)
	if len(events) != 1 {
		l.Fatalf("%s: want one answer, got %v", command, answer)
	}
	o, _ := events[0].(map[string]any)
	return o
}

// poll asks once for what there is, and returns it as it came.
func (l *listener) poll(query string) []string {
	l.Helper()
	return l.add(l.r.call("GET", "/poll?session="+l.session+query, "", 200))
}

// stream reads the room as server-sent events until the test ends, or hangUp. The last id
// is sent along.
func (r *testRoom) stream(query, lastID string) *listener {
	r.w.Helper()
	l := &listener{T: r.w.T, r: r}
	l.open(query, lastID)
	return l
}

func (l *listener) open(query, lastID string) {
	l.Helper()
	ctx, stop := context.WithCancel(l.Context())
	l.stop = stop
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://chat.example/events"+query, http.NoBody)
	if err != nil {
		l.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	answer, err := l.r.web().Do(req)
	if err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		l.Fatalf("events%s: %v, %v", query, answer, err)
	}
	l.ended = false
	go l.read(answer.Body)
}

// read takes events apart until the stream ends.
func (l *listener) read(body io.ReadCloser) {
	defer body.Close()
	lines, id := bufio.NewScanner(body), ""
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		switch field, value, _ := strings.Cut(lines.Text(), ": "); field {
		case "id":
			id = value
		case "data":
			l.keep(value, id)
			id = ""
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

// hangUp ends the stream.
func (l *listener) hangUp() {
	l.stop()
	synctest.Wait()
}

// events returns those of the log that were heard, as they came.
func (l *listener) events() []string {
	<-time.After(gatherMost)
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	var logged []string
	for _, e := range l.heard {
		if strings.Contains(e, `"seq":`) && !strings.HasPrefix(e, `{"type":"welcome"`) {
			logged = append(logged, e)
		}
	}
	return logged
}

// lastID returns the id of the newest event that has one.
func (l *listener) lastID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Backward(l.ids) {
		if id != "" {
			return id
		}
	}
	return ""
}
