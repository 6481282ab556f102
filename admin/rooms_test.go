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
	s.Call("GET", "/api/v1/rooms", "").WantJSON("none yet", http.StatusOK, `{"data":[]}`)
	b, a := s.open("b"), s.open("a")
	s.join(b, "ann").Send(obj{"type": "message", "text": "hello"})
	bob := s.join(b, "bob")
	bob.Want("said before or after he came", "message")

	s.state(b)
	var list struct{ Data []obj }
	s.Call("GET", "/api/v1/rooms", "").Into("the rooms", &list)
	if len(list.Data) != 2 || list.Data[0].Str("name") != a.Name() || list.Data[1].Str("name") != b.Name() {
		t.Fatalf("want the rooms a and b, got %v", list.Data)
	}
	shown := s.Call("GET", "/api/v1/room/b", "").Data("one room", http.StatusOK)
	for _, view := range []obj{list.Data[1], shown} {
		want := []string{
			"age", "bytes_out", "created", "epoch", "inbox_depth", "inbox_high", "inbox_size", "message_rate", "name", "panics",
			"port", "producer", "refused_busy", "refused_rate_limited", "seq", "skipped", "url", "viewers",
		}
		if names := slices.Sorted(maps.Keys(view)); !slices.Equal(names, want) {
			t.Errorf("want the members %v, got %v", want, names)
		}
		if view.Num("viewers") != 2 || view.Num("seq") != 1 || view.Num("port") != b.Port() || view.Str("epoch") != b.State().Epoch ||
			view.Str("url") != b.URL() || view["producer"] != nil || view.Num("bytes_out") < 100 {
			t.Errorf("want 2 viewers, one message, its port, epoch and URL, no producer, and traffic, got %v", view)
		}
		created, err := time.Parse(time.RFC3339, view.Str("created"))
		if age := time.Since(b.Created()); err != nil || !created.Equal(b.Created().Round(0)) || view.Num("age") > int(age.Seconds()) {
			t.Errorf("want it created at %v with an age in seconds, got %v, %v", b.Created(), view["created"], view["age"])
		}
	}
	s.Call("GET", "/api/v1/room/nobody", "").WantProblem("not open", http.StatusNotFound, fault.RoomNotFound)
	s.Call("GET", "/api/v1/room/-", "").WantProblem("a bad name", http.StatusBadRequest, fault.BadRoomName)
}

func TestRoomShutdown(t *testing.T) {
	s := newServer(t)
	ann := s.join(s.open("testroom"), "ann")
	a := s.Call("DELETE", "/api/v1/room/te%73troom/shutdown", "")
	a.WantJSON("open", http.StatusAccepted, `{"data":{"name":"testroom","message":"Shutting down"}}`)
	if !strings.HasPrefix(a.Body, `{"data":{"name":`) {
		t.Errorf("want the name before the message, got %s", a.Body)
	}
	if o := ann.Want("told", "closing"); o.Str("reason") != "room_closed" || o["reconnect_after"] != nil {
		t.Errorf("want the closing of a room that does not come back, got %v", o)
	}
	ann.WantClosed("gone", 4504)
	const gone = `{"data":{"name":"testroom","message":"Either shutdown already or doesn't exist"}}`
	s.Call("DELETE", "/api/v1/room/testroom/shutdown", "").WantJSON("again", http.StatusOK, gone)
	s.Call("DELETE", "/api/v1/room/nobody/shutdown", "").
		WantJSON("never there", http.StatusOK, strings.Replace(gone, "testroom", "nobody", 1))
	for _, name := range []string{"..", "%00", "a%0D%0AX:%20y", strings.Repeat("x", 65)} {
		s.Call("DELETE", "/api/v1/room/"+name+"/shutdown", "").
			WantProblem("a bad name", http.StatusBadRequest, fault.BadRoomName)
	}
}

// wantAnnouncement wants an announcement next, with all that belongs to it.
func wantAnnouncement(t *testing.T, g *guest, why, text, scope string, seq int) {
	t.Helper()
	o := g.Want(why, "announcement")
	by := o.Obj("by")
	if o.Str("text") != text || o.Str("scope") != scope || o.Num("seq") != seq || o.Num("time") == 0 ||
		by.Str("id") != "platform" || by.Str("role") != "platform" || len(by) != 2 {
		t.Errorf("%s: want %q for %s with seq %d by the platform, got %v", why, text, scope, seq, o)
	}
}

func TestAnnouncements(t *testing.T) {
	s := newServer(t)
	s.Call("POST", "/api/v1/message", `{"text":"hello"}`).WantJSON("to nobody", http.StatusOK, `{"data":{"rooms":0}}`)
	a, b := s.join(s.open("a"), "ann"), s.join(s.open("b"), "bob")
	s.Call("POST", "/api/v1/message", `{"text":" hello\r\nall "}`).WantJSON("to all", http.StatusOK, `{"data":{"rooms":2}}`)
	wantAnnouncement(t, a, "to all", "hello\nall", "global", 1)
	wantAnnouncement(t, b, "to all", "hello\nall", "global", 1)
	s.Call("POST", "/api/v1/room/a/message", `{"text":"hello a"}`).WantJSON("to one", http.StatusOK, `{"data":{"rooms":1}}`)
	wantAnnouncement(t, a, "to one", "hello a", "room", 2)
	s.Call("POST", "/api/v1/message", `{"text":"bye"}`).WantJSON("to all", http.StatusOK, `{"data":{"rooms":2}}`)
	wantAnnouncement(t, b, "the other one did not hear it", "bye", "global", 2)
	s.Call("DELETE", "/api/v1/room/a/shutdown", "").WantStatus("closed", http.StatusAccepted)
	s.Call("POST", "/api/v1/message", `{"text":"one less"}`).WantJSON("to all", http.StatusOK, `{"data":{"rooms":1}}`)
	s.Call("POST", "/api/v1/room/a/message", `{"text":"hello a"}`).WantProblem("closed", http.StatusNotFound, fault.RoomNotFound)
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
			s.Call("POST", path, tt.body).WantProblem(tt.why, tt.status, tt.code)
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
		s.Call("POST", "/api/v1/message", body).WantProblem(body, http.StatusBadRequest, code)
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
		p := s.Call(tt.method, tt.path, tt.body).WantProblem(tt.body, http.StatusBadRequest, fault.BadField)
		if detail := p.Str("detail"); !strings.Contains(detail, tt.field) || strings.Contains(detail, "Go ") {
			t.Errorf("%s: want %s to be named, and no word of the program's own, got %q", tt.body, tt.field, detail)
		}
	}
}

func TestRemoveUser(t *testing.T) {
	s := newServer(t)
	r := s.open("testroom")
	ann, bob := s.join(r, "ann"), s.join(r, "bob")
	s.Call("DELETE", "/api/v1/room/testroom/user/"+ann.ID, "").
		WantJSON("in the room", http.StatusOK, `{"data":{"user":"`+ann.ID+`","connections":1}}`)
	if o := ann.Want("told", "closing"); o.Str("reason") != "removed" || o["reconnect_after"] != nil {
		t.Errorf("want a closing of somebody who was removed and shall not come back, got %v", o)
	}
	ann.WantClosed("gone", 4503)
	bob.Send(obj{"type": "message", "text": "still here"})
	bob.Want("the others stay", "message")
	for _, id := range []string{"guest-nobody", "ann", "%00", "..", "a%2Fb", "%E2%80%AE", strings.Repeat("x", 2000)} {
		s.Call("DELETE", "/api/v1/room/testroom/user/"+id, "").WantProblem("nobody", http.StatusNotFound, fault.NotFound)
	}
	s.Call("DELETE", "/api/v1/room/nobody/user/"+bob.ID, "").WantProblem("no room", http.StatusNotFound, fault.RoomNotFound)
}
