package admin_test

import (
	"maps"
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
	made := s.Call("POST", "/api/v1/bans", `{"ip":"127.0.0.0/8","room":"lobby","reason":"spam","expires":"`+expires+`"}`).Data("a ban", http.StatusCreated)
	if made.Str("ip") != "127.0.0.0/8" || made.Str("room") != "lobby" || made.Str("reason") != "spam" || made.Str("by") != "operator" || made.Str("expires") != expires || made.Str("id") == "" {
		t.Errorf("ban: %v", made)
	}
	if o := ann.Want("thrown out", "closing"); o.Str("reason") != "banned" || o["reconnect_after"] != nil {
		t.Errorf("closing: %v", o)
	}
	ann.WantClosed("thrown out", 4502)
	again := s.connect(lobby)
	again.Send(obj{"type": "join", "name": "ann"})
	if e := again.Want("she comes back", "error"); e.Str("code") != "banned" {
		t.Errorf("error: %v", e)
	}
	again.WantClosed("she comes back", 4502)
	bob.Send(obj{"type": "ping", "id": "p"})
	bob.Want("the other room is not concerned", "pong")

	var list struct{ Data []obj }
	s.Call("GET", "/api/v1/bans", "").Into("the bans", &list)
	if len(list.Data) != 1 || list.Data[0].Str("id") != made.Str("id") {
		t.Errorf("bans: %v", list.Data)
	}
	s.Call("DELETE", "/api/v1/bans/"+made.Str("id"), "").Data("lifted", http.StatusOK)
	s.Call("DELETE", "/api/v1/bans/"+made.Str("id"), "").WantProblem("lifted already", http.StatusNotFound, fault.NotFound)
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
		{"no kind", `{"user":"u","kind":"shout"}`, "kind"},
	} {
		p := s.Call("POST", "/api/v1/bans", tt.body).WantProblem(tt.why, http.StatusBadRequest, fault.BadField)
		if !strings.Contains(p.Str("detail"), tt.names) {
			t.Errorf("%s: want %s to be named, got %q", tt.why, tt.names, p.Str("detail"))
		}
	}
	s.Call("GET", "/api/v1/bans", "").WantJSON("none was set", http.StatusOK, `{"data":[]}`)
}

// A timeout stands in the list as one, and keeps nobody out.
func TestTimeoutsAmongBans(t *testing.T) {
	s := newServer(t)
	s.write(`{"bans":[{"_id":"t1","kind":"timeout","ip":"127.0.0.1","room":"lobby"},{"_id":"b1","kind":"ban","user":"u1"}]}`)
	s.Call("POST", "/api/v1/cache/refresh", "").Data("refreshed", http.StatusOK)
	s.join(s.open("lobby"), "ann")
	made := s.Call("POST", "/api/v1/bans", `{"kind":"timeout","user":"u2","room":"lobby","expires":"2099-01-01T00:00:00Z"}`).Data("a timeout", http.StatusCreated)
	if made.Str("kind") != "timeout" || made.Str("user") != "u2" {
		t.Errorf("timeout: %v", made)
	}
	again := s.Call("POST", "/api/v1/bans", `{"kind":"timeout","user":"u2","room":"lobby","expires":"2098-01-01T00:00:00Z"}`).Data("in its place", http.StatusCreated)
	ban := s.Call("POST", "/api/v1/bans", `{"kind":"ban","user":"u2","room":"lobby"}`).Data("a ban", http.StatusCreated)
	if ban["kind"] != nil {
		t.Errorf("want a ban without kind, got %v", ban)
	}
	var list struct{ Data []obj }
	s.Call("GET", "/api/v1/bans", "").Into("those that hold", &list)
	kinds := map[string]any{}
	for _, b := range list.Data {
		kinds[b.Str("id")] = b["kind"]
	}
	want := map[string]any{"t1": "timeout", "b1": nil, again.Str("id"): "timeout", ban.Str("id"): nil}
	if !maps.Equal(kinds, want) {
		t.Errorf("bans by id and kind: %v; want %v", kinds, want)
	}
	s.Call("DELETE", "/api/v1/bans/"+again.Str("id"), "").Data("lifted", http.StatusOK)
	s.Call("DELETE", "/api/v1/bans/t1", "").Data("lifted", http.StatusOK)
}

// A ban of the database can be lifted here, and holds no more until the database has
// it out.
func TestBansOfTheDatabase(t *testing.T) {
	s := newServer(t)
	s.write(`{"bans":[{"_id":"b1","ip":"127.0.0.1","reason":"from the database"},{"_id":"b2","user":"u2"},{"_id":"b3","user":"u3","expires":"2020-01-01T00:00:00Z"}]}`)
	s.Call("POST", "/api/v1/cache/refresh", "").Data("refreshed", http.StatusOK)
	lobby := s.open("lobby")
	ann := s.connect(lobby)
	ann.Send(obj{"type": "join"})
	ann.Want("banned by the database", "error")
	var list struct{ Data []obj }
	s.Call("GET", "/api/v1/bans", "").Into("those that hold", &list)
	if len(list.Data) != 2 {
		t.Errorf("bans: %v", list.Data)
	}
	s.Call("DELETE", "/api/v1/bans/b1", "").Data("lifted", http.StatusOK)
	s.join(lobby, "ann")
}

func TestCacheState(t *testing.T) {
	s := newServer(t)
	s.write(`{"rooms":[{"_id":"lobby","title":"From the database","slow_mode":5}],"words":[{"_id":"darn","action":"mask"},{"_id":"x","action":"shout"}],"emotes":[]}`)
	state := s.Call("POST", "/api/v1/cache/refresh", "").Data("refreshed", http.StatusOK)
	counts := state.Obj("counts")
	if state.Str("source") != "file" || state.Str("version") == "" || state.Str("loaded_at") == "" || state.Num("left_out") != 1 || state.Str("last_error") != "" ||
		counts.Num("rooms") != 1 || counts.Num("words") != 1 || counts.Num("bans") != 0 {
		t.Errorf("state: %v", state)
	}
	if got := s.open("lobby").State().Settings; got.Title != "From the database" || got.SlowMode != 5 {
		t.Errorf("want the database's settings, got %+v", got)
	}
	s.write(`{"rooms":`)
	s.Call("POST", "/api/v1/cache/refresh", "").WantProblem("broken", http.StatusServiceUnavailable, fault.Unavailable)
	after := s.Call("GET", "/api/v1/cache", "").Data("broken", http.StatusOK)
	if after.Str("version") != state.Str("version") || after.Str("last_error") == "" {
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
	s.Call("POST", "/api/v1/cache/refresh", "").Data("refreshed", http.StatusOK)
	if e := ann.Want("told", "settings"); e.Str("title") != "New" || e["unique"] == nil || e.Obj("by").Str("id") != "platform" {
		t.Errorf("settings: %v", e)
	}
	ann.Send(obj{"type": "message", "text": "Darn it"})
	if m := ann.Want("masked", "message"); m.Str("text") != "**** it" {
		t.Errorf("message: %v", m)
	}
	ann.Send(obj{"type": "message", "text": "Buy  NOW!"})
	if e := ann.Want("blocked", "error"); e.Str("code") != "blocked_word" {
		t.Errorf("error: %v", e)
	}
}
