package api_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"chatserver/internal/fault"
	"chatserver/internal/rest"
	"chatserver/internal/resttest"
	"chatserver/room"
)

// noMoreRooms is the answer that callers of the predecessor check for.
const noMoreRooms = `{"data":{"port":0,"message":"No more rooms can be created"}}`

const noSettings = `{"title":"","stream_url":"","slow_mode":0,"members_only":false,"emotes_only":false,"unique":false,"paid":false,"max_connections":0,"pinned":null}`

func TestCreate(t *testing.T) {
	s := newServer(t)
	created := s.Call("POST", "/api/v1/room/testroom", "")
	r, err := s.Room("testroom")
	if err != nil {
		t.Fatal(err)
	}
	created.Want("created", http.StatusCreated, fmt.Sprintf(`{"data":{"port":%d,"message":"Room created"}}`, r.Port()))
	created.WantHeader("created", "Content-Type", "application/json")
	exists := fmt.Sprintf(`{"data":{"port":%d,"message":"testroom already exists"}}`, r.Port())
	s.Call("POST", "/api/v1/room/testroom", "").Want("again", http.StatusOK, exists)
	s.Call("POST", "/api/v1/room/te%73troom", "").Want("by an escaped name", http.StatusOK, exists)
	s.Call("POST", "/api/v1/room/%74%65%73%74%72%6F%6F%6D", "").Want("all of it escaped", http.StatusOK, exists)

	got, err := s.Client.Get("http://127.0.0.1:" + strconv.Itoa(r.Port()) + "/")
	if err != nil {
		t.Fatalf("the room does not answer at its port: %v", err)
	}
	got.Body.Close()
	if got.StatusCode != http.StatusOK {
		t.Errorf("the room answers %s at its port", got.Status)
	}
}

// Many callers at the same moment make one room.
func TestCreateAtOnce(t *testing.T) {
	s := newServer(t)
	const callers = 20
	answers := make([]resttest.Answer, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() { answers[i] = s.Call("POST", "/api/v1/room/testroom", "") })
	}
	all.Wait()
	created, ports := 0, map[int]bool{}
	for _, a := range answers {
		if a.Status == http.StatusCreated {
			created++
		}
		ports[a.Data("at once", a.Status).Num("port")] = true
	}
	if created != 1 || len(ports) != 1 || len(s.Rooms()) != 1 {
		t.Errorf("want one room on one port, got %d times 201, ports %v, %d rooms", created, ports, len(s.Rooms()))
	}
}

func TestNames(t *testing.T) {
	s := newServer(t, func(o *room.Options) { o.MaxRooms = 10 })
	for _, name := range []string{"a", "0", "A-z_0.9", "a..", strings.Repeat("x", 64)} {
		s.Call("POST", "/api/v1/room/"+name, "").WantStatus("a good name", http.StatusCreated)
	}
	for _, name := range []string{
		"..", ".", "%2e%2e", "%2E", "-a", "_a", ".a", "a%20b", "%20", "a+b", "a%2Fb", "a%5Cb", "%2e%2e%2f%2e%2e%2fetc",
		"a%00", "%00", "a%0D%0AX-Evil:%201", "a%0A", "a%09b", "%7F", "%1B%5B2J", "%E2%80%AEmoor", "a%E2%80%8Bb", "%C3%A4",
		"%D0%B0", "%EF%BC%A1", "%FF%FE", "a%25", "%25%30%30", "a;b", "a=b", "a:b", "%3Cscript%3E", "a%27b", "%7B%7D", strings.Repeat("x", 65), strings.Repeat("x", 2000),
	} {
		for _, call := range []struct{ method, path, body string }{
			{"POST", "", ""},
			{"GET", "", ""},
			{"PATCH", "", "{}"},
			{"DELETE", "", ""},
			{"POST", "/message", `{"text":"hello"}`},
			{"POST", "/token", `{"user":"u7","name":"Bob"}`},
		} {
			a := s.Call(call.method, "/api/v1/room/"+name+call.path, call.body)
			p := a.WantProblem("a bad name", http.StatusBadRequest, fault.BadRoomName)
			a.WantHeader("nothing is smuggled in", "X-Evil", "")
			if p.Num("limit") != 64 || strings.Contains(a.Body, "moor") || strings.Contains(a.Body, "Evil") {
				t.Errorf("%s: want the limit 64 and nothing of the name, got %s", a.Asked, a.Body)
			}
		}
	}
	if n := len(s.Rooms()); n != 5 {
		t.Errorf("want the 5 rooms of good names, got %d", n)
	}
}

// Whatever keeps a room from being made, callers get what they know.
func TestNoMoreRooms(t *testing.T) {
	wantNone := func(s *server, why string) {
		t.Helper()
		a := s.Call("POST", "/api/v1/room/another", "")
		a.Want(why, http.StatusServiceUnavailable, noMoreRooms).WantHeader(why, "Retry-After", "5")
		a.WantHeader(why, "Content-Type", "application/json")
	}
	full := newServer(t)
	for _, name := range []string{"a", "b", "c"} {
		full.open(name, "")
	}
	wantNone(full, "no capacity")
	full.Call("POST", "/api/v1/room/a", "").WantStatus("one that is there", http.StatusOK)
	full.Call("POST", "/api/v1/room/..", "").WantProblem("a bad name all the same", http.StatusBadRequest, fault.BadRoomName)

	closed := newServer(t)
	port := closed.open("testroom", "").Port()
	closed.SetAccepting(false)
	wantNone(closed, "not accepting")
	closed.Call("POST", "/api/v1/room/testroom", "").
		Want("one that is there", http.StatusOK, fmt.Sprintf(`{"data":{"port":%d,"message":"testroom already exists"}}`, port))
	closed.SetAccepting(true)
	closed.open("another", "")

	draining := newServer(t)
	draining.BeginDrain()
	wantNone(draining, "draining")
	draining.SetAccepting(true)
	wantNone(draining, "nothing ends the draining")

	resting := newServer(t, func(o *room.Options) { o.Ports, o.MaxRooms = resttest.FreePorts(t, 1), 1 })
	resting.open("testroom", "")
	resting.Call("DELETE", "/api/v1/room/testroom", "").WantStatus("closed", http.StatusOK)
	wantNone(resting, "the port is not used again for a minute")

	ports := resttest.FreePorts(t, 1)
	other, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(ports.First)))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	taken := newServer(t, func(o *room.Options) { o.Ports, o.MaxRooms = ports, 1 })
	wantNone(taken, "another program has the port")
}

func TestCreateWithSettings(t *testing.T) {
	s := newServer(t)
	const settings = `{"title":"Cats & <dogs>","stream_url":"https://example.com/live.m3u8","slow_mode":5,"members_only":true,"unique":true,"max_connections":2}`
	r := s.open("testroom", settings)
	want := room.Settings{
		Title: "Cats & <dogs>", StreamURL: "https://example.com/live.m3u8",
		SlowMode: 5, MembersOnly: true, Unique: true, MaxConnections: 2,
	}
	if got := r.State().Settings; got != want {
		t.Errorf("want settings %+v, got %+v", want, got)
	}
	s.Call("POST", "/api/v1/room/testroom", `{"title":"Birds"}`).WantStatus("exists", http.StatusOK)
	if got := r.State().Settings; got != want {
		t.Errorf("want the settings of a room that exists to stay, got %+v", got)
	}
	for _, body := range []string{"null", "{}", " \n"} {
		s.Call("DELETE", "/api/v1/room/plain", "")
		if got := s.open("plain", body).State().Settings; got != (room.Settings{}) {
			t.Errorf("body %q: want no settings, got %+v", body, got)
		}
	}
}

func TestOwnerAndModerators(t *testing.T) {
	s := newServer(t)
	s.open("testroom", `{"owner":"u1","moderators":["u2","u3"],"title":"Cats"}`)
	shown := func(why, want string) {
		t.Helper()
		a := s.Call("GET", "/api/v1/room/testroom", "")
		a.WantStatus(why, http.StatusOK)
		if !strings.Contains(a.Body, want) {
			t.Errorf("%s: want %s, got %s", why, want, a.Body)
		}
	}
	shown("created so", `,"owner":"u1","moderators":["u2","u3"],`)
	s.Call("PATCH", "/api/v1/room/testroom", `{"moderators":[]}`).Want("they are no settings", http.StatusOK,
		`{"data":`+strings.Replace(noSettings, `"title":""`, `"title":"Cats"`, 1)+`}`)
	shown("changed", `,"owner":"u1","moderators":[],`)
	s.Call("PATCH", "/api/v1/room/testroom", `{"owner":""}`).WantStatus("nobody", http.StatusOK)
	shown("changed", `,"owner":"","moderators":[],`)
	for _, call := range [][2]string{{"PATCH", "/api/v1/room/testroom"}, {"POST", "/api/v1/room/another"}} {
		for _, wrong := range []string{`{"owner":"guest-abc"}`, `{"moderators":"u1"}`, `{"moderators":[""]}`} {
			s.Call(call[0], call[1], wrong).WantProblem("no ids of users", http.StatusBadRequest, fault.BadField)
		}
	}
	if a := s.Call("GET", "/r/testroom/", "", "Accept", "application/json"); strings.Contains(a.Body, "owner") {
		t.Errorf("everybody is told: %s", a.Body)
	}
}

func TestShowAndList(t *testing.T) {
	s := newServer(t)
	s.Call("GET", "/api/v1/rooms", "").Want("none yet", http.StatusOK, `{"data":[]}`)
	b := s.open("b", `{"title":"Birds"}`)
	a := s.open("a", "")
	s.join(resttest.OwnPort(b), "ann")
	s.Call("POST", "/api/v1/room/b/message", `{"text":"hello"}`).WantStatus("said", http.StatusOK)
	s.state(b)
	line := func(r *room.Room, viewers int, title string) string {
		return fmt.Sprintf(`{"name":%q,"port":%d,"url":"http://chat.example:%d/","viewers":%d,"title":%q,"created":%q`,
			r.Name(), r.Port(), r.Port(), viewers, title, r.Created().UTC().Format(time.RFC3339Nano))
	}
	s.Call("GET", "/api/v1/rooms", "").Want("by order of name", http.StatusOK,
		`{"data":[`+line(a, 0, "")+`},`+line(b, 1, "Birds")+`}]}`)

	got := s.Call("GET", "/api/v1/room/b", "")
	shown := got.Data("one room", http.StatusOK)
	if start := `{"data":` + line(b, 1, "Birds"); !strings.HasPrefix(got.Body, start) {
		t.Errorf("want one room to be shown as in the list:\nwant %s…\ngot  %s", start, got.Body)
	}
	counters := shown.Obj("counters")
	if shown.Num("seq") != 1 || shown.Str("epoch") != b.State().Epoch || shown.Obj("settings").Str("title") != "Birds" ||
		counters.Num("bytes_out") == 0 || counters.Num("inbox_size") == 0 {
		t.Errorf("want seq 1, its epoch, settings and counters, got %s", got.Body)
	}
	s.Call("GET", "/api/v1/room/c", "").WantProblem("not open", http.StatusNotFound, fault.RoomNotFound)
}

func TestPatch(t *testing.T) {
	s := newServer(t)
	r := s.open("testroom", `{"slow_mode":5}`)
	ann := s.join(resttest.OwnPort(r), "ann")
	const set = `{"data":{"title":"Cats","stream_url":"","slow_mode":0,"members_only":false,"emotes_only":false,"unique":true,"paid":false,"max_connections":0,"pinned":null}}`
	const change = `{"title":" Cats ","slow_mode":0,"unique":true,"members_only":false}`
	s.Call("PATCH", "/api/v1/room/testroom", change).Want("all settings", http.StatusOK, set)
	event := ann.Want("those who are in hear of it", "settings")
	delete(event, "time")
	if want := `{"by":{"id":"platform","role":"platform"},"seq":1,"slow_mode":0,"title":"Cats","type":"settings","unique":true}`; event.JSON() != want {
		t.Errorf("want of what changed the event %s, got %s", want, event.JSON())
	}
	for _, nothing := range []string{change, "{}", "null", ""} {
		s.Call("PATCH", "/api/v1/room/testroom", nothing).Want("nothing new", http.StatusOK, set)
	}
	if seq := s.state(r).Seq; seq != 1 {
		t.Errorf("want no event where nothing changed, got seq %d", seq)
	}
	s.Call("PATCH", "/api/v1/room/nobody", "{}").WantProblem("not open", http.StatusNotFound, fault.RoomNotFound)
}

func TestClose(t *testing.T) {
	s := newServer(t)
	old := s.open("testroom", "")
	ann, bob := s.join(resttest.OwnPort(old), "ann"), s.join(s.mainPort("testroom"), "bob")
	s.Call("DELETE", "/api/v1/room/testroom", "").
		Want("closed", http.StatusOK, `{"data":{"name":"testroom","message":"Room closed"}}`)
	for why, c := range map[string]*guest{"by port": ann, "by path": bob} {
		c.Want(why, "closing")
		if c.Raw != `{"type":"closing","reason":"room_closed"}` {
			t.Errorf("%s: want the closing of a room that does not come back, got %s", why, c.Raw)
		}
		c.WantClosed(why, 4504)
	}
	for _, call := range []struct{ method, path, body string }{
		{"GET", "", ""},
		{"PATCH", "", "{}"},
		{"DELETE", "", ""},
		{"POST", "/message", `{"text":"hello"}`},
	} {
		s.Call(call.method, "/api/v1/room/testroom"+call.path, call.body).
			WantProblem("closed", http.StatusNotFound, fault.RoomNotFound)
	}
	s.Call("GET", "/api/v1/rooms", "").Want("none left", http.StatusOK, `{"data":[]}`)
	if again := s.open("testroom", ""); again.State().Epoch == old.State().Epoch || again.Port() == old.Port() {
		t.Errorf("want another epoch and another port for the new room, got %s and %d", again.State().Epoch, again.Port())
	}
}

// A room that is closed ends, also when the caller does not wait for the answer.
func TestCloseByACallerWhoHangsUp(t *testing.T) {
	const rooms = 16
	s := newServer(t, func(o *room.Options) { o.MaxRooms, o.Ports = rooms, resttest.FreePorts(t, rooms) })
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	for i := range rooms {
		path := fmt.Sprintf("/api/v1/room/room-%d", i)
		s.Call("POST", path, "").WantStatus("open", http.StatusCreated)
		req := httptest.NewRequestWithContext(gone, "DELETE", path, http.NoBody)
		req.Header.Set(rest.KeyHeader, testKey)
		s.handler.ServeHTTP(httptest.NewRecorder(), req)
	}
	ctx, cancel := context.WithTimeout(t.Context(), resttest.Patience)
	defer cancel()
	if err := s.Drain(ctx); err != nil || len(s.Rooms()) > 0 {
		t.Errorf("want all rooms to end, %d are open: %v", len(s.Rooms()), err)
	}
}

// What is wrong with a body is said in words, and nothing is done.
func TestBodies(t *testing.T) {
	s := newServer(t)
	r := s.open("testroom", "")
	const most = 8 << 10
	pad := func(body string, size int) string { return body + strings.Repeat(" ", size-len(body)) }
	settings := []struct {
		why, body string
		status    int
		code      fault.Code
		says      string
	}{
		{"no JSON", "hello", http.StatusBadRequest, fault.BadJSON, "JSON"},
		{"half an object", `{"title":`, http.StatusBadRequest, fault.BadJSON, ""},
		{"an array", `["title"]`, http.StatusBadRequest, fault.BadJSON, "object"},
		{"a number", "5", http.StatusBadRequest, fault.BadJSON, "object"},
		{"two objects", `{}{"title":"x"}`, http.StatusBadRequest, fault.BadJSON, "one object"},
		{"something behind it", `{} x`, http.StatusBadRequest, fault.BadJSON, ""},
		{"a NUL", "{}\x00", http.StatusBadRequest, fault.BadJSON, ""},
		{"unknown setting", `{"colour":"red"}`, http.StatusBadRequest, fault.BadField, "colour"},
		{"a title of another type", `{"title":5}`, http.StatusBadRequest, fault.BadField, "title"},
		{"a time in words", `{"slow_mode":"5s"}`, http.StatusBadRequest, fault.BadField, "slow_mode"},
		{"half a second", `{"slow_mode":0.5}`, http.StatusBadRequest, fault.BadField, "slow_mode"},
		{"a negative time", `{"slow_mode":-1}`, http.StatusBadRequest, fault.BadField, "slow_mode"},
		{"too long a time", `{"slow_mode":21601}`, http.StatusBadRequest, fault.BadField, "slow_mode"},
		{"a huge number", `{"max_connections":1e99}`, http.StatusBadRequest, fault.BadField, "max_connections"},
		{"a negative number", `{"max_connections":-1}`, http.StatusBadRequest, fault.BadField, "max_connections"},
		{"a switch in words", `{"unique":"yes"}`, http.StatusBadRequest, fault.BadField, "unique"},
		{"a script as URL", `{"stream_url":"javascript:alert(1)"}`, http.StatusBadRequest, fault.BadField, "stream_url"},
		{"half a URL", `{"stream_url":"//example.com/x"}`, http.StatusBadRequest, fault.BadField, "stream_url"},
		{"a title of two lines", `{"title":"a\nb"}`, http.StatusBadRequest, fault.BadField, "title"},
		{"a title that turns round", `{"title":"a\u202eb"}`, http.StatusBadRequest, fault.BadField, "title"},
		{"a title too long", `{"title":"` + strings.Repeat("x", 201) + `"}`, http.StatusBadRequest, fault.BadField, "title"},
		{"too large", pad("{}", most+1), http.StatusRequestEntityTooLarge, fault.TooLarge, "8192"},
		{"far too large", pad("{}", 64*most), http.StatusRequestEntityTooLarge, fault.TooLarge, "8192"},
		{"deeper than sane", strings.Repeat("[", most), http.StatusBadRequest, fault.BadJSON, ""},
	}
	for _, tt := range settings {
		for _, call := range []struct{ method, path string }{{"POST", "/api/v1/room/another"}, {"PATCH", "/api/v1/room/testroom"}} {
			p := s.Call(call.method, call.path, tt.body).WantProblem(tt.why, tt.status, tt.code)
			if !strings.Contains(p.Str("detail"), tt.says) {
				t.Errorf("%s: want a word about %q, got %v", tt.why, tt.says, p)
			}
			if tt.code == fault.TooLarge && p.Num("limit") != most {
				t.Errorf("%s: want the limit %d, got %v", tt.why, most, p)
			}
		}
	}
	if state := s.state(r); len(s.Rooms()) != 1 || state.Settings != (room.Settings{}) || state.Seq != 0 {
		t.Errorf("a bad body did something: %d rooms, %+v", len(s.Rooms()), state)
	}
	s.Call("PATCH", "/api/v1/room/testroom", pad("{}", most)).
		Want("as large as may be", http.StatusOK, `{"data":`+noSettings+`}`)
}
