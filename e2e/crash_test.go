package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// acks is what the server has acknowledged: the seq of each message, by its text.
type acks struct {
	refusal string // the code of an error that messages may get

	mu  sync.Mutex
	seq map[string]uint64
}

func (a *acks) note(text string, seq uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seq[text] = seq
}

func (a *acks) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.seq)
}

// chatter says one message after the other, with a few under way at a time, until the
// connection breaks. The id of each is its text.
func (a *acks) chatter(t *testing.T, g *guest, name string) {
	t.Helper()
	tokens := make(chan struct{}, 8)
	var sending sync.WaitGroup
	stop := make(chan struct{})
	sending.Go(func() {
		for n := 0; ; n++ {
			select {
			case tokens <- struct{}{}:
			case <-stop:
				return
			}
			text := fmt.Sprint(name, " ", n)
			if g.WS.WriteJSON(obj{"type": "message", "id": text, "text": text}) != nil {
				return
			}
		}
	})
	for {
		line, err := g.Next()
		if err != nil {
			break
		}
		var o struct {
			Type string `json:"type"`
			ID   string `json:"id"`
			Code string `json:"code"`
			Seq  uint64 `json:"seq"`
		}
		if err := json.Unmarshal(line, &o); err != nil {
			t.Errorf("the server sent %q: %v", line, err)
		}
		switch o.Type {
		case "ack":
			a.note(o.ID, o.Seq)
			<-tokens
		case "error":
			if o.Code != a.refusal {
				t.Errorf("message %q: %s", o.ID, line)
			}
			<-tokens
		}
	}
	close(stop)
	sending.Wait()
}

// wantAllIn wants each acknowledged message in the room's log once, under its seq, and
// the log without holes.
func (a *acks) wantAllIn(s *chatServer, room string) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.api+"/api/v1/room/"+room+"/log", http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("X-API-Key", testKey)
	req.Header.Set("Accept", "application/x-ndjson")
	answer, err := httpClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	found, last := map[string]uint64{}, uint64(0)
	for dec := json.NewDecoder(answer.Body); dec.More(); {
		var e struct {
			Seq  uint64 `json:"seq"`
			Text string `json:"text"`
		}
		if err := dec.Decode(&e); err != nil {
			s.t.Fatal(err)
		}
		if e.Seq != last+1 {
			s.t.Fatalf("event %d follows %d", e.Seq, last)
		}
		if found[e.Text] != 0 {
			s.t.Errorf("%q is there twice, as %d and %d", e.Text, found[e.Text], e.Seq)
		}
		found[e.Text], last = e.Seq, e.Seq
	}
	for text, seq := range a.seq {
		if found[text] != seq {
			s.t.Errorf("%q was acknowledged as %d, the log has it as %d", text, seq, found[text])
		}
	}
}

// roomOf returns the port and epoch of a room.
func (s *chatServer) roomOf(name string) (port int, epoch string) {
	s.t.Helper()
	var o struct {
		Data obj `json:"data"`
	}
	if err := json.Unmarshal([]byte(s.call("GET", "/api/v1/room/"+name, "", http.StatusOK)), &o); err != nil {
		s.t.Fatal(err)
	}
	return o.Data.num("port"), o.Data.str("epoch")
}

// The server is killed while four clients speak as fast as they can, again and again:
// nothing that was acknowledged is lost, and the room stands again as it was.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	const kills, clients = 20, 4
	settings := []string{"DATA_DIR=" + t.TempDir(), "ROOM_PORTS=" + roomPorts(50), "LIMIT_MESSAGES=0", "LIMIT_BURST=0", "LIMIT_COMMANDS=0"}
	s := startChat(t, settings...)
	s.open("testroom")
	port, epoch := s.roomOf("testroom")
	all := &acks{seq: map[string]uint64{}}
	for kill := range kills {
		var speaking sync.WaitGroup
		for c := range clients {
			g := s.join(fmt.Sprint("127.0.0.1:", port), fmt.Sprint("guest", c))
			speaking.Go(func() { all.chatter(t, g, fmt.Sprint(kill, " ", c)) })
		}
		enough := all.count() + 20 + rand.IntN(200)
		eventually(t, "acks", func() bool { return all.count() >= enough })
		s.signal(syscall.SIGKILL)
		s.wait("kill -9")
		speaking.Wait()

		s = startChat(t, settings...)
		if p, e := s.roomOf("testroom"); p != port || e != epoch {
			t.Fatalf("want the room at port %d with epoch %s again, got %d and %s", port, epoch, p, e)
		}
		all.wantAllIn(s, "testroom")
		if t.Failed() {
			return
		}
	}
	t.Logf("%d messages acknowledged over %d kills, all in the log once", all.count(), kills)
	s.signal(syscall.SIGTERM)
	s.wantExit("the stop", 0)
}

// Rooms are there again after a stop in order, too; those that were closed are not.
func TestRoomsSurviveAStop(t *testing.T) {
	settings := []string{"DATA_DIR=" + t.TempDir(), "ROOM_PORTS=" + roomPorts(50)}
	s := startChat(t, settings...)
	address := s.open("testroom")
	s.call("PATCH", "/api/v1/room/testroom", `{"title":"Pasta","slow_mode":3}`, http.StatusOK)
	s.open("closed")
	s.call("DELETE", "/api/v1/room/closed", "", http.StatusOK)
	port, epoch := s.roomOf("testroom")
	s.signal(syscall.SIGTERM)
	s.wantExit("the stop", 0)

	s = startChat(t, settings...)
	s.wantPrinted("the start", `ready.*"rooms": 1`)
	if p, e := s.roomOf("testroom"); p != port || e != epoch {
		t.Errorf("want port %d and epoch %s, got %d and %s", port, epoch, p, e)
	}
	if room := s.call("GET", "/api/v1/room/testroom", "", http.StatusOK); !strings.Contains(room, `"title":"Pasta"`) || !strings.Contains(room, `"slow_mode":3`) {
		t.Errorf("want the settings, got %s", room)
	}
	s.join(address, "ann")
	s.call("GET", "/api/v1/room/closed", "", http.StatusNotFound)
	s.call("GET", "/api/v1/room/closed/log", "", http.StatusOK)
	if answer := s.call("POST", "/api/v1/room/testroom", "", http.StatusOK); !strings.Contains(answer, "testroom already exists") {
		t.Errorf("want it to exist, got %s", answer)
	}
}

// Two servers do not write to one journal.
func TestASecondServerOnTheSameData(t *testing.T) {
	data := "DATA_DIR=" + t.TempDir()
	s := startChat(t, data)
	second := run(t, buildServer, chatSettings(t, data))
	second.wantExit("the journal is in use", 1)
	second.wantPrinted("why", `cannot start.*in use`)
	s.call("POST", "/api/v1/room/testroom", "", http.StatusCreated)
}
