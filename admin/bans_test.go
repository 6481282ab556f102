package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"chatserver/internal/fault"
)

func TestBansThrowOutAndKeepOut(t *testing.T) {
	s := newServer(t)
	lobby, other := s.open("lobby"), s.open("other")
	ann, bob := s.join(lobby, "ann"), s.join(other, "bob")

	expires := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	made := s.call("POST", "/api/v1/bans", `{"ip":"127.0.0.0/8","room":"lobby","reason":"spam","expires":"`+expires+`"}`).data("a ban", http.StatusCreated)
	if made.str("ip") != "127.0.0.0/8" || made.str("room") != "lobby" || made.str("reason") != "spam" || made.str("by") != "operator" || made.str("expires") != expires || made.str("id") == "" {
		t.Errorf("ban: %v", made)
	}
	if o := ann.want("thrown out", "closing"); o.str("reason") != "banned" || o["reconnect_after"] != nil {
		t.Errorf("closing: %v", o)
	}
	ann.wantClosed("thrown out", 4502)
	again := s.connect(lobby)
	again.send(obj{"type": "join", "name": "ann"})
	if e := again.want("she comes back", "error"); e.str("code") != "banned" {
		t.Errorf("error: %v", e)
	}
	again.wantClosed("she comes back", 4502)
	bob.send(obj{"type": "ping", "id": "p"})
	bob.want("the other room is not concerned", "pong")

	var list struct{ Data []obj }
	s.call("GET", "/api/v1/bans", "").into("the bans", &list)
	if len(list.Data) != 1 || list.Data[0].str("id") != made.str("id") {
		t.Errorf("bans: %v", list.Data)
	}
	s.call("DELETE", "/api/v1/bans/"+made.str("id"), "").data("lifted", http.StatusOK)
	s.call("DELETE", "/api/v1/bans/"+made.str("id"), "").wantProblem("lifted already", http.StatusNotFound, fault.NotFound)
	s.join(lobby, "ann")
}

func TestRefusedBans(t *testing.T) {
	s := newServer(t)
	for _, tt := range []struct{ why, body, names string }{
		{"nobody", `{"reason":"spam"}`, "user or ip"},
		{"no address", `{"ip":"somewhere"}`, "ip"},
		{"no room's name", `{"user":"u","room":"../x"}`, "room"},
		{"two lines", `{"user":"u","reason":"a\nb"}`, "reason"},
		{"no time", `{"user":"u","expires":"tomorrow"}`, "expires"},
		{"over", `{"user":"u","expires":"2020-01-01T00:00:00Z"}`, "expires"},
		{"a number", `{"user":5}`, "user"},
	} {
		p := s.call("POST", "/api/v1/bans", tt.body).wantProblem(tt.why, http.StatusBadRequest, fault.BadField)
		if !strings.Contains(p.str("detail"), tt.names) {
			t.Errorf("%s: want %s to be named, got %q", tt.why, tt.names, p.str("detail"))
		}
	}
	s.call("GET", "/api/v1/bans", "").want("none was set", http.StatusOK, `{"data":[]}`)
}

// A ban of the database can be lifted here, and holds no more until the database has
// it out.
func TestBansOfTheDatabase(t *testing.T) {
	s := newServer(t)
	s.write(`{"bans":[{"_id":"b1","ip":"127.0.0.1","reason":"from the database"},{"_id":"b2","user":"u2"},{"_id":"b3","user":"u3","expires":"2020-01-01T00:00:00Z"}]}`)
	s.call("POST", "/api/v1/cache/refresh", "").data("refreshed", http.StatusOK)
	lobby := s.open("lobby")
	ann := s.connect(lobby)
	ann.send(obj{"type": "join"})
	ann.want("banned by the database", "error")
	var list struct{ Data []obj }
	s.call("GET", "/api/v1/bans", "").into("those that hold", &list)
	if len(list.Data) != 2 {
		t.Errorf("bans: %v", list.Data)
	}
	s.call("DELETE", "/api/v1/bans/b1", "").data("lifted", http.StatusOK)
	s.join(lobby, "ann")
}

func TestCacheState(t *testing.T) {
	s := newServer(t)
	s.write(`{"rooms":[{"_id":"lobby","title":"From the database","slow_mode":5}],"words":[{"_id":"darn","action":"mask"},{"_id":"x","action":"shout"}],"emotes":[]}`)
	state := s.call("POST", "/api/v1/cache/refresh", "").data("refreshed", http.StatusOK)
	counts := state.obj("counts")
	if state.str("source") != "file" || state.str("version") == "" || state.str("loaded_at") == "" || state.num("left_out") != 1 || state.str("last_error") != "" ||
		counts.num("rooms") != 1 || counts.num("words") != 1 || counts.num("bans") != 0 {
		t.Errorf("state: %v", state)
	}
	if got := s.open("lobby").State().Settings; got.Title != "From the database" || got.SlowMode != 5 {
		t.Errorf("want the database's settings, got %+v", got)
	}
	s.write(`{"rooms":`)
	s.call("POST", "/api/v1/cache/refresh", "").wantProblem("broken", http.StatusServiceUnavailable, fault.Unavailable)
	after := s.call("GET", "/api/v1/cache", "").data("broken", http.StatusOK)
	if after.str("version") != state.str("version") || after.str("last_error") == "" {
		t.Errorf("want the last snapshot to stay in force, and why, got %v", after)
	}
}

// What the database says of a room applies while it is open, beneath what was set
// here; masked and blocked words hold for everybody but the platform.
func TestANewSnapshotReachesOpenRooms(t *testing.T) {
	s := newServer(t)
	lobby := s.open("lobby")
	ann := s.join(lobby, "ann")
	s.write(`{"rooms":[{"_id":"lobby","title":"New","unique":true}],"words":[{"_id":"darn","action":"mask"},{"_id":"buy now","action":"block"}]}`)
	s.call("POST", "/api/v1/cache/refresh", "").data("refreshed", http.StatusOK)
	if e := ann.want("told", "settings"); e.str("title") != "New" || e["unique"] == nil || e.obj("by").str("id") != "platform" {
		t.Errorf("settings: %v", e)
	}
	ann.send(obj{"type": "message", "text": "Darn it"})
	if m := ann.want("masked", "message"); m.str("text") != "**** it" {
		t.Errorf("message: %v", m)
	}
	ann.send(obj{"type": "message", "text": "Buy  NOW!"})
	if e := ann.want("blocked", "error"); e.str("code") != "blocked_word" {
		t.Errorf("error: %v", e)
	}
}
