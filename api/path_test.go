package api_test

import (
	"net/http"
	"testing"

	"chatserver/internal/fault"
	"chatserver/internal/resttest"
)

// The page of a room has relative links, which need the slash at the end.
func TestPathOfARoomGetsItsSlash(t *testing.T) {
	s := newServer(t)
	s.open("testroom", "")
	a := s.Call("GET", "/r/testroom", "", "X-API-Key", "")
	a.WantStatus("with the slash", http.StatusPermanentRedirect).WantHeader("there", "Location", "/r/testroom/")
	s.Call("GET", "/r/te%73troom", "").WantHeader("an escaped name", "Location", "/r/testroom/")
	s.Call("GET", "/r/testroom?embed=1&x=%26", "").WantHeader("with what was asked", "Location", "/r/testroom/?embed=1&x=%26")
	for _, path := range []string{"/r/nobody", "/r/nobody/", "/r/nobody/ws", "/r/nobody/assets/room.js"} {
		s.Call("GET", path, "").WantProblem("no such room", http.StatusNotFound, fault.RoomNotFound)
	}
	s.Call("GET", "/r/nobody/poll", "", "Origin", "https://shop.example").
		WantHeader("a page elsewhere hears that there is no room", "Access-Control-Allow-Origin", "*")
	for _, path := range []string{"/r/..", "/r/../", "/r/-x/", "/r/a%0d%0aSet-Cookie:x", "/r/a%0d%0aSet-Cookie:x/", "/r/%2f%2fevil.example"} {
		a := s.Call("GET", path, "")
		a.WantProblem("no name of a room", http.StatusBadRequest, fault.BadRoomName)
		a.WantHeader("it leads nowhere", "Location", "").WantHeader("nothing is smuggled in", "Set-Cookie", "")
	}
}

// Under its path a room answers as it does on its own port.
func TestPathOfARoom(t *testing.T) {
	s := newServer(t)
	r := s.open("testroom", `{"title":"Cats"}`)
	for _, tt := range []struct{ why, path, accept, contentType, body string }{
		{"curl", "/", "*/*", "text/plain; charset=utf-8", "testroom"},
		{"says nothing of it", "/", "", "text/plain; charset=utf-8", "testroom"},
		{"a browser", "/", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8", "a page at /"},
		{
			"a program", "/", "application/json", "application/json",
			`{"data":{"name":"testroom","title":"Cats","stream_url":"","viewers":0,"seq":0,"epoch":"` + r.State().Epoch +
				`","settings":{"title":"Cats","stream_url":"","slow_mode":0,"members_only":false,"emotes_only":false,"unique":false,"paid":false,"max_connections":0,"pinned":null}}}`,
		},
		{"what the page needs", "/assets/room.js", "*/*", "text/html; charset=utf-8", "a page at /assets/room.js"},
		{"no database, no emotes", "/emotes", "*/*", "application/json", `{"data":{"emotes":{}}}`},
		{"it lives", "/livez", "*/*", "text/plain; charset=utf-8", "ok"},
	} {
		a := s.Call("GET", "/r/testroom"+tt.path, "", "Accept", tt.accept, "X-API-Key", "")
		a.Want(tt.why, http.StatusOK, tt.body).WantHeader(tt.why, "Content-Type", tt.contentType)
	}
	a := s.Call("GET", "/r/testroom/", "", "Accept", "application/json")
	tag := a.Header.Get("ETag")
	s.Call("GET", "/r/testroom/", "", "Accept", "application/json", "If-None-Match", tag).
		Want("nothing is new", http.StatusNotModified, "")
	s.Call("GET", "/r/testroom/nothing", "").WantProblem("nothing there", http.StatusNotFound, fault.RouteNotFound)
	s.Call("POST", "/r/testroom/", "").WantProblem("no such method", http.StatusMethodNotAllowed, fault.MethodNotAllowed)
	for _, method := range []string{"POST", "PUT", "TRACE", "PROPFIND", "DANCE"} {
		s.Call(method, "/r/testroom/", "").WantHeader("the room says what it takes", "Allow", "GET, HEAD, OPTIONS")
	}
	a = s.Call("OPTIONS", "/r/testroom/", "", "Origin", "https://shop.example")
	a.Want("before a page of another origin asks", http.StatusNoContent, "").
		WantHeader("it may", "Access-Control-Allow-Origin", "https://shop.example")
	s.Call("GET", "/r/testroom/ws", "").WantProblem("no upgrade", http.StatusUpgradeRequired, fault.UpgradeRequired)
	s.Call("GET", "/r/te%73troom/%61ssets/x", "").Want("escapes", http.StatusOK, "a page at /assets/x")
}

// Somebody on the main port and somebody on the room's own port are in one room.
func TestChatByPathAndByPort(t *testing.T) {
	s := newServer(t)
	r := s.open("testroom", "")
	ann, bob := s.join(s.mainPort("testroom"), "ann"), s.join(resttest.OwnPort(r), "bob")
	wantSame := func(why, text, name string) {
		t.Helper()
		o := ann.Want(why, "message")
		bob.Want(why, "message")
		if ann.Raw != bob.Raw || o.Str("text") != text || o.Obj("user").Str("name") != name {
			t.Errorf("%s: want %q of %q in both, got\nby path %s\nby port %s", why, text, name, ann.Raw, bob.Raw)
		}
	}
	ann.Send(obj{"type": "message", "text": "hello from 443"})
	wantSame("by path", "hello from 443", "ann")
	bob.Send(obj{"type": "message", "text": "hello from 34000"})
	wantSame("by port", "hello from 34000", "bob")
	s.Call("POST", "/api/v1/room/testroom/message", `{"text":"hello all"}`)
	wantSame("by the API", "hello all", "")
	bob.Send(obj{"type": "message", "text": "a moment"})
	for why, c := range map[string]*guest{"by path": ann, "by port": bob} {
		if o := c.Want(why, "message"); o.Num("seq") != 4 {
			t.Errorf("%s: want seq 4, got %v", why, o)
		}
	}
}

// A server that takes nobody tells a browser so by a close code.
func TestPathWhileNotAccepting(t *testing.T) {
	s := newServer(t)
	r := s.open("testroom", "")
	ann := s.join(s.mainPort("testroom"), "ann")
	s.SetAccepting(false)
	for _, url := range []string{s.mainPort("testroom"), resttest.OwnPort(r)} {
		c := resttest.Dial(t, url)
		c.WantClosed("not accepting", 4002)
	}
	ann.Send(obj{"type": "message", "text": "still here"})
	ann.Want("who is in stays", "message")
}
