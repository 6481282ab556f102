package e2e_test

import (
	"encoding/json"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// marker is what users send. It must not get into the log.
const marker = "Xmarker"

// exercise does with a server what users, callers and strangers do, good and bad.
func (s *chatServer) exercise() {
	s.t.Helper()
	address := s.open("testroom")
	g := s.join(address, marker+"name")
	g.send(obj{"type": "message", "text": marker + "text"})
	g.want("a message", "message")
	for _, bad := range []obj{
		{"type": marker}, {"type": "message"}, {"type": "message", "text": marker + "\u202e"}, {"type": "join", "token": marker},
	} {
		g.send(bad)
		g.want("refused", "error")
	}
	for _, call := range []struct {
		method, url, key, body string
		status                 int
	}{
		{"GET", s.api + "/api/v1/rooms?" + marker, testKey, "", http.StatusOK},
		{"GET", s.api + "/api/v1/rooms", marker, "", http.StatusUnauthorized},
		{"GET", s.api + "/" + marker, "", "", http.StatusNotFound},
		{"POST", s.api + "/api/v1/room/" + marker + "%0A", testKey, "", http.StatusBadRequest},
		{"GET", s.api + "/api/v1/room/" + marker, testKey, "", http.StatusNotFound},
		{"PATCH", s.api + "/api/v1/room/testroom", testKey, `{"title":"` + marker + `"}`, http.StatusOK},
		{"PATCH", s.api + "/api/v1/room/testroom", testKey, `{"` + marker + `":1}`, http.StatusBadRequest},
		{"POST", s.api + "/api/v1/room/testroom/message", testKey, `{"text":"` + marker + `","user":{"id":"` + marker + `","name":"` + marker + `"}}`, http.StatusOK},
		{"POST", s.api + "/api/v1/room/testroom/message", testKey, `{"text":"` + marker + strings.Repeat("x", 8<<10) + `"}`, http.StatusRequestEntityTooLarge},
		{"GET", s.api + "/r/testroom/" + marker, "", "", http.StatusNotFound},
		{"GET", "http://" + address + "/" + marker, "", "", http.StatusNotFound},
		{"GET", s.admin + "/api/v1/" + marker, testKey, "", http.StatusUnauthorized},
		{"DELETE", s.admin + "/api/v1/room/testroom/user/" + marker, testAdminKey, "", http.StatusNotFound},
		{"POST", s.admin + "/api/v1/message", testAdminKey, `{"text":"` + marker + `"}`, http.StatusOK},
		{"GET", s.api + "/", "", strings.Repeat("x", 8<<10), http.StatusOK},
	} {
		if status, answer := ask(s.t, call.method, call.url, call.key, call.body); status != call.status {
			s.t.Errorf("%s %s: want %d, got %d %s", call.method, call.url, call.status, status, answer)
		}
	}
	s.noise(strings.TrimPrefix(s.api, "http://"))
	s.noise(address)
	s.call("DELETE", "/api/v1/room/testroom", "", http.StatusOK)
	for _, kind := range []string{"settings", "message", "announcement", "closing"} {
		g.want("what came of it", kind)
	}
	g.wantClosed("the room is closed", 4504)
}

// noise sends what is no HTTP.
func (s *chatServer) noise(address string) {
	s.t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(marker + "\x00\r\n\r\n")); err != nil {
		s.t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil { // it has been read
		s.t.Fatal(err)
	}
}

// In production nothing is printed of what goes as it should, nor of what others
// do wrong.
func TestProductionIsSilent(t *testing.T) {
	ports := freePorts(t, 2)
	s := &chatServer{
		process: run(t, buildServer, chatSettings(t, "ENV=production", "LOG_LEVEL=", "PORT="+ports[0], "ADMIN_PORT="+ports[1])),
		api:     "http://127.0.0.1:" + ports[0],
		admin:   "http://127.0.0.1:" + ports[1],
	}
	eventually(t, "ready", func() bool {
		if s.hasEnded() {
			t.Fatalf("the server ended: %v", s.state)
		}
		status, _, err := tryAsk("GET", s.api+"/readyz", "", "")
		return err == nil && status == http.StatusOK
	})
	s.exercise()
	s.signal(syscall.SIGTERM)
	s.wantExit("the stop", 0)
	if s.text() != "" {
		t.Errorf("want not a word, got\n%s", s.text())
	}
}

// The log has one line for each event, in whatever form, and nothing in it that users
// sent and no key.
func TestLog(t *testing.T) {
	forPeople := regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3}\t(DEBUG|INFO|WARN|ERROR)\t[^\t]+(\t\{.*\})?$`)
	for env, isLine := range map[string]func(line string) bool{
		"development": forPeople.MatchString,
		"production":  func(line string) bool { return json.Valid([]byte(line)) },
	} {
		t.Run(env, func(t *testing.T) {
			s := startChat(t, "ENV="+env, "LOG_LEVEL=debug")
			s.exercise()
			s.signal(syscall.SIGTERM)
			s.wantExit("the stop", 0)
			text := s.text()
			for line := range strings.Lines(text) {
				if !isLine(strings.TrimSuffix(line, "\n")) {
					t.Errorf("want a line for one event, got %q", line)
				}
				if strings.Contains(line, marker) || strings.Contains(line, testKey) || strings.Contains(line, testAdminKey) {
					t.Errorf("the log holds what users sent, or a key: %q", line)
				}
			}
			for event, times := range map[string]int{
				"listening": 2, "ready": 1, "room opened": 1, "room closed": 1, "stopping": 1, "stopped": 1,
			} {
				if got := regexp.MustCompile(`[\t"]`+event+`[\t"\n]`).FindAllString(text, -1); len(got) != times {
					t.Errorf("want %q %d times, got it %d times", event, times, len(got))
				}
			}
		})
	}
}
