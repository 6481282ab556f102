package admin_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"chatserver/internal/fault"
	"chatserver/internal/rest"
	"chatserver/room"
)

func TestRooms(t *testing.T) {
	s := newServer(t)
	s.call("GET", "/api/v1/rooms", "").want("none yet", http.StatusOK, `{"data":[]}`)
	b, a := s.open("b"), s.open("a")
	s.join(b, "ann").send(obj{"type": "message", "text": "hello"})
	bob := s.join(b, "bob")
	bob.want("said before or after he came", "message")

	s.state(b)
	var list struct{ Data []obj }
	s.call("GET", "/api/v1/rooms", "").into("the rooms", &list)
	if len(list.Data) != 2 || list.Data[0].str("name") != a.Name() || list.Data[1].str("name") != b.Name() {
		t.Fatalf("want the rooms a and b, got %v", list.Data)
	}
	shown := s.call("GET", "/api/v1/room/b", "").data("one room", http.StatusOK)
	for _, view := range []obj{list.Data[1], shown} {
		want := []string{
			"age", "bytes_out", "created", "epoch", "inbox_depth", "inbox_high", "inbox_size", "message_rate", "name", "panics",
			"port", "producer", "refused_busy", "refused_rate_limited", "seq", "skipped", "url", "viewers",
		}
		if names := slices.Sorted(maps.Keys(view)); !slices.Equal(names, want) {
			t.Errorf("want the members %v, got %v", want, names)
		}
		if view.num("viewers") != 2 || view.num("seq") != 1 || view.num("port") != b.Port() || view.str("epoch") != b.State().Epoch ||
			view.str("url") != b.URL() || view["producer"] != nil || view.num("bytes_out") < 100 {
			t.Errorf("want 2 viewers, one message, its port, epoch and URL, no producer, and traffic, got %v", view)
		}
		created, err := time.Parse(time.RFC3339, view.str("created"))
		if age := time.Since(b.Created()); err != nil || !created.Equal(b.Created().Round(0)) || view.num("age") > int(age.Seconds()) {
			t.Errorf("want it created at %v with an age in seconds, got %v, %v", b.Created(), view["created"], view["age"])
		}
	}
	s.call("GET", "/api/v1/room/nobody", "").wantProblem("not open", http.StatusNotFound, fault.RoomNotFound)
	s.call("GET", "/api/v1/room/-", "").wantProblem("a bad name", http.StatusBadRequest, fault.BadRoomName)
}

func TestRoomShutdown(t *testing.T) {
	s := newServer(t)
	ann := s.join(s.open("testroom"), "ann")
	a := s.call("DELETE", "/api/v1/room/te%73troom/shutdown", "")
	a.want("open", http.StatusAccepted, `{"data":{"name":"testroom","message":"Shutting down"}}`)
	if !strings.HasPrefix(a.body, `{"data":{"name":`) {
		t.Errorf("want the name before the message, got %s", a.body)
	}
	if o := ann.want("told", "closing"); o.str("reason") != "room_closed" || o["reconnect_after"] != nil {
		t.Errorf("want the closing of a room that does not come back, got %v", o)
	}
	ann.wantClosed("gone", 4504)
	const gone = `{"data":{"name":"testroom","message":"Either shutdown already or doesn't exist"}}`
	s.call("DELETE", "/api/v1/room/testroom/shutdown", "").want("again", http.StatusOK, gone)
	s.call("DELETE", "/api/v1/room/nobody/shutdown", "").
		want("never there", http.StatusOK, strings.Replace(gone, "testroom", "nobody", 1))
	for _, name := range []string{"..", "%00", "a%0D%0AX:%20y", strings.Repeat("x", 65)} {
		s.call("DELETE", "/api/v1/room/"+name+"/shutdown", "").
			wantProblem("a bad name", http.StatusBadRequest, fault.BadRoomName)
	}
}

// wantAnnouncement wants an announcement next, with all that belongs to it.
func (c *client) wantAnnouncement(why, text, scope string, seq int) {
	c.t.Helper()
	o := c.want(why, "announcement")
	by := o.obj("by")
	if o.str("text") != text || o.str("scope") != scope || o.num("seq") != seq || o.num("time") == 0 ||
		by.str("id") != "platform" || by.str("role") != "platform" || len(by) != 2 {
		c.t.Errorf("%s: want %q for %s with seq %d by the platform, got %v", why, text, scope, seq, o)
	}
}

func TestAnnouncements(t *testing.T) {
	s := newServer(t)
	s.call("POST", "/api/v1/message", `{"text":"hello"}`).want("to nobody", http.StatusOK, `{"data":{"rooms":0}}`)
	a, b := s.join(s.open("a"), "ann"), s.join(s.open("b"), "bob")
	s.call("POST", "/api/v1/message", `{"text":" hello\r\nall "}`).want("to all", http.StatusOK, `{"data":{"rooms":2}}`)
	a.wantAnnouncement("to all", "hello\nall", "global", 1)
	b.wantAnnouncement("to all", "hello\nall", "global", 1)
	s.call("POST", "/api/v1/room/a/message", `{"text":"hello a"}`).want("to one", http.StatusOK, `{"data":{"rooms":1}}`)
	a.wantAnnouncement("to one", "hello a", "room", 2)
	s.call("POST", "/api/v1/message", `{"text":"bye"}`).want("to all", http.StatusOK, `{"data":{"rooms":2}}`)
	b.wantAnnouncement("the other one did not hear it", "bye", "global", 2)
	s.call("DELETE", "/api/v1/room/a/shutdown", "").wantStatus("closed", http.StatusAccepted)
	s.call("POST", "/api/v1/message", `{"text":"one less"}`).want("to all", http.StatusOK, `{"data":{"rooms":1}}`)
	s.call("POST", "/api/v1/room/a/message", `{"text":"hello a"}`).wantProblem("closed", http.StatusNotFound, fault.RoomNotFound)
}

func TestRefusedAnnouncements(t *testing.T) {
	s := newServer(t)
	r := s.open("testroom")
	for _, tt := range []struct {
		why, body string
		status    int
		code      fault.Code
	}{
		{"no body", "", 400, fault.BadJSON},
		{"no JSON", "hello", 400, fault.BadJSON},
		{"text alone", `"hello"`, 400, fault.BadJSON},
		{"no text", `{}`, 400, fault.BadField},
		{"nothing", `null`, 400, fault.BadField},
		{"empty", `{"text":""}`, 400, fault.Empty},
		{"nothing to be seen", `{"text":" \u200b "}`, 400, fault.Empty},
		{"too long", `{"text":"` + strings.Repeat("x", 501) + `"}`, 400, fault.TooLong},
		{"a control character", `{"text":"a\u0007"}`, 400, fault.BadField},
		{"a bidirectional override", `{"text":"a\u202eb"}`, 400, fault.BadField},
		{"six lines", `{"text":"1\n2\n3\n4\n5\n6"}`, 400, fault.BadField},
		{"too large", `{"text":"` + strings.Repeat("x", 8<<10) + `"}`, 413, fault.TooLarge},
	} {
		for _, path := range []string{"/api/v1/message", "/api/v1/room/testroom/message"} {
			s.call("POST", path, tt.body).wantProblem(tt.why, tt.status, tt.code)
		}
	}
	if seq := s.state(r).Seq; seq != 0 {
		t.Errorf("a refused announcement is in the room: seq %d", seq)
	}
}

// What is wrong with an announcement does not depend on who is there to hear it.
func TestRefusedAnnouncementToNobody(t *testing.T) {
	s := newServer(t)
	for body, code := range map[string]fault.Code{`{"text":""}`: fault.Empty, `{"text":"a\u0007"}`: fault.BadField} {
		s.call("POST", "/api/v1/message", body).wantProblem(body, http.StatusBadRequest, code)
	}
}

// An announcement gets to all rooms or to none, also if the caller does not wait.
func TestAnnouncementByACallerWhoHangsUp(t *testing.T) {
	s := newServer(t)
	rooms := []*room.Room{s.open("a"), s.open("b"), s.open("c")}
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	const calls = 8
	for range calls {
		req := httptest.NewRequestWithContext(gone, "POST", "/api/v1/message", strings.NewReader(`{"text":"hello"}`))
		req.Header.Set(rest.KeyHeader, testKey)
		s.handler.ServeHTTP(httptest.NewRecorder(), req)
	}
	for _, r := range rooms {
		if seq := s.state(r).Seq; seq != calls {
			t.Errorf("room %s took %d announcements of %d", r.Name(), seq, calls)
		}
	}
}

// A field of the wrong type is named in the caller's words, as in the other API.
func TestFieldsAreNamed(t *testing.T) {
	s := newServer(t)
	s.open("testroom")
	for _, tt := range []struct{ method, path, body, field string }{
		{"POST", "/api/v1/message", `{"text":5}`, "text"},
		{"POST", "/api/v1/room/testroom/message", `{"text":{}}`, "text"},
		{"PUT", "/api/v1/accepting", `{"accepting":"no"}`, "accepting"},
		{"PUT", "/api/v1/log-level", `{"level":5}`, "level"},
	} {
		p := s.call(tt.method, tt.path, tt.body).wantProblem(tt.body, http.StatusBadRequest, fault.BadField)
		if detail := p.str("detail"); !strings.Contains(detail, tt.field) || strings.Contains(detail, "Go ") {
			t.Errorf("%s: want %s to be named, and no word of the program's own, got %q", tt.body, tt.field, detail)
		}
	}
}

func TestRemoveUser(t *testing.T) {
	s := newServer(t)
	r := s.open("testroom")
	ann, bob := s.join(r, "ann"), s.join(r, "bob")
	s.call("DELETE", "/api/v1/room/testroom/user/"+ann.id, "").
		want("in the room", http.StatusOK, `{"data":{"user":"`+ann.id+`","connections":1}}`)
	if o := ann.want("told", "closing"); o.str("reason") != "removed" || o["reconnect_after"] != nil {
		t.Errorf("want a closing of somebody who was removed and shall not come back, got %v", o)
	}
	ann.wantClosed("gone", 4503)
	bob.send(obj{"type": "message", "text": "still here"})
	bob.want("the others stay", "message")
	for _, id := range []string{"guest-nobody", "ann", "%00", "..", "a%2Fb", "%E2%80%AE", strings.Repeat("x", 2000)} {
		s.call("DELETE", "/api/v1/room/testroom/user/"+id, "").wantProblem("nobody", http.StatusNotFound, fault.NotFound)
	}
	s.call("DELETE", "/api/v1/room/nobody/user/"+bob.id, "").wantProblem("no room", http.StatusNotFound, fault.RoomNotFound)
}
