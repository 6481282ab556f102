package api_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"chatserver/internal/fault"
	"chatserver/internal/resttest"
)

// said takes away from an event what a test cannot know.
func said(event obj) string {
	delete(event, "time")
	return event.JSON()
}

func TestSay(t *testing.T) {
	s := newServer(t)
	r := s.open("testroom", "")
	ann := s.join(resttest.OwnPort(r), "ann")
	for i, tt := range []struct{ why, body, user, text string }{
		{"the platform", `{"text":"hello"}`, `{"id":"platform","role":"platform"}`, `"hello"`},
		{"no user", `{"text":"hello","user":null}`, `{"id":"platform","role":"platform"}`, `"hello"`},
		{"a user", `{"user":{"id":"u1","name":"Ann","role":"producer"},"text":"hi"}`, `{"id":"u1","name":"Ann","role":"producer"}`, `"hi"`},
		{"a moderator", `{"user":{"id":"u2","name":"Bob","role":"moderator"},"text":"hi"}`, `{"id":"u2","name":"Bob","role":"moderator"}`, `"hi"`},
		{"a member", `{"user":{"id":"u3","name":"Cy","role":"consumer","member":true},"text":"hi"}`, `{"id":"u3","member":true,"name":"Cy","role":"consumer"}`, `"hi"`},
		{"without a role one consumes", `{"user":{"id":"u4","name":"Di"},"text":"hi"}`, `{"id":"u4","name":"Di","role":"consumer"}`, `"hi"`},
		{"a name takes its form", `{"user":{"id":" u5 ","name":"  Ｅｄ  "},"text":"hi"}`, `{"id":"u5","name":"Ed","role":"consumer"}`, `"hi"`},
		{"text is trimmed", `{"text":" a\r\nb \n"}`, `{"id":"platform","role":"platform"}`, `"a\nb"`},
		{"text is kept", `{"text":"<b>&amp; \"q\" 👍🏽"}`, `{"id":"platform","role":"platform"}`, `"\u003cb\u003e\u0026amp; \"q\" 👍🏽"`},
		{"what is unknown is ignored", `{"text":"hello","colour":"red"}`, `{"id":"platform","role":"platform"}`, `"hello"`},
		{"500 characters", `{"text":"` + strings.Repeat("ä", 500) + `"}`, `{"id":"platform","role":"platform"}`, `"` + strings.Repeat("ä", 500) + `"`},
	} {
		seq := strconv.Itoa(i + 1)
		s.Call("POST", "/api/v1/room/testroom/message", tt.body).Want(tt.why, http.StatusOK, `{"data":{"seq":`+seq+`}}`)
		want := `{"seq":` + seq + `,"text":` + tt.text + `,"type":"message","user":` + tt.user + `}`
		if got := said(ann.Want(tt.why, "message")); got != want {
			t.Errorf("%s: those in the room heard\n%s\nwant\n%s", tt.why, got, want)
		}
	}
}

// Settings that bind users bind neither the platform nor whom it speaks for.
func TestSayInARoomThatIsClosedToUsers(t *testing.T) {
	s := newServer(t)
	s.open("testroom", `{"members_only":true,"slow_mode":60,"unique":true}`)
	for _, body := range []string{`{"text":"hello"}`, `{"text":"hello"}`, `{"text":"hello","user":{"id":"u1","name":"Ann"}}`, `{"text":"hello","user":{"id":"u1","name":"Ann"}}`} {
		s.Call("POST", "/api/v1/room/testroom/message", body).WantStatus(body, http.StatusOK)
	}
}

func TestRefusedMessages(t *testing.T) {
	s := newServer(t)
	r := s.open("testroom", "")
	user := func(fields string) string { return `{"text":"hello","user":{` + fields + `}}` }
	for _, tt := range []struct {
		why, body string
		status    int
		code      fault.Code
		says      string
	}{
		{"a role that is none", user(`"id":"u1","name":"Ann","role":"admin"`), http.StatusBadRequest, fault.BadField, "user.role"},
		{"the platform's role", user(`"id":"u1","name":"Ann","role":"platform"`), http.StatusBadRequest, fault.BadField, "user.role"},
		{"the platform's id", user(`"id":"platform","name":"Ann"`), http.StatusBadRequest, fault.BadField, "user.id"},
		{"the platform's id with spaces", user(`"id":" platform ","name":"Ann"`), http.StatusBadRequest, fault.BadField, "user.id"},
		{"no id", user(`"name":"Ann"`), http.StatusBadRequest, fault.BadField, "user.id"},
		{"an empty id", user(`"id":" ","name":"Ann"`), http.StatusBadRequest, fault.BadField, "user.id"},
		{"an id too long", user(`"id":"` + strings.Repeat("x", 129) + `","name":"Ann"`), http.StatusBadRequest, fault.BadField, "user.id"},
		{"an id too long in bytes", user(`"id":"` + strings.Repeat("ä", 65) + `","name":"Ann"`), http.StatusBadRequest, fault.BadField, "user.id"},
		{"an id of two lines", user(`"id":"a\nb","name":"Ann"`), http.StatusBadRequest, fault.BadField, "user.id"},
		{"no name", user(`"id":"u1"`), http.StatusBadRequest, fault.BadName, "name"},
		{"a name of a control character", user(`"id":"u1","name":"A\u0007nn"`), http.StatusBadRequest, fault.BadName, "control"},
		{"a name that turns round", user(`"id":"u1","name":"\u202eAnn"`), http.StatusBadRequest, fault.BadName, "bidirectional"},
		{"a name too long", user(`"id":"u1","name":"` + strings.Repeat("x", 26) + `"`), http.StatusBadRequest, fault.BadName, "25"},
		{"no text", `{}`, http.StatusBadRequest, fault.BadField, "text"},
		{"an empty text", `{"text":""}`, http.StatusBadRequest, fault.Empty, ""},
		{"nothing to be seen", `{"text":" \n\u200b "}`, http.StatusBadRequest, fault.Empty, ""},
		{"too long", `{"text":"` + strings.Repeat("ä", 501) + `"}`, http.StatusBadRequest, fault.TooLong, "500"},
		{"six lines", `{"text":"1\n2\n3\n4\n5\n6"}`, http.StatusBadRequest, fault.BadField, "lines"},
		{"a control character", `{"text":"a\u0000b"}`, http.StatusBadRequest, fault.BadField, "text"},
		{"a bidirectional override", `{"text":"a\u202eb"}`, http.StatusBadRequest, fault.BadField, "text"},
		{"a pile of marks", `{"text":"a\u0301\u0301\u0301\u0301"}`, http.StatusBadRequest, fault.BadField, "text"},
		{"no JSON", `hello`, http.StatusBadRequest, fault.BadJSON, "object"},
		{"no body", ``, http.StatusBadRequest, fault.BadJSON, "object"},
		{"an array", `["hello"]`, http.StatusBadRequest, fault.BadJSON, "object"},
		{"two objects", `{"text":"a"}{"text":"b"}`, http.StatusBadRequest, fault.BadJSON, ""},
		{"too large", `{"text":"` + strings.Repeat("x", 8<<10) + `"}`, http.StatusRequestEntityTooLarge, fault.TooLarge, "8192"},
	} {
		p := s.Call("POST", "/api/v1/room/testroom/message", tt.body).WantProblem(tt.why, tt.status, tt.code)
		if !strings.Contains(p.Str("detail"), tt.says) {
			t.Errorf("%s: want a word about %q, got %q", tt.why, tt.says, p.Str("detail"))
		}
		if tt.code == fault.TooLong && (p.Num("limit") != 500 || p.Num("value") != 501) {
			t.Errorf("%s: want limit 500 and value 501, got %v", tt.why, p)
		}
	}
	s.Call("POST", "/api/v1/room/nobody/message", `{"text":"hello"}`).
		WantProblem("not open", http.StatusNotFound, fault.RoomNotFound)
	if seq := s.state(r).Seq; seq != 0 {
		t.Errorf("a refused message is in the room: seq %d", seq)
	}
}

// A field of the wrong type is named, as in the chat and in settings.
func TestFieldsOfMessagesAreNamed(t *testing.T) {
	s := newServer(t)
	s.open("testroom", "")
	for field, body := range map[string]string{
		"text":    `{"text":5}`,
		"user":    `{"text":"a","user":"ann"}`,
		"user.id": `{"text":"a","user":{"id":5,"name":"Ann"}}`,
	} {
		p := s.Call("POST", "/api/v1/room/testroom/message", body).
			WantProblem(body, http.StatusBadRequest, fault.BadField)
		if !strings.Contains(p.Str("detail"), field) {
			t.Errorf("%s: want %s to be named, got %q", body, field, p.Str("detail"))
		}
	}
}

// Half a character is refused as in the chat, not replaced by another one.
func TestHalfCharacters(t *testing.T) {
	s := newServer(t)
	r := s.open("testroom", "")
	for _, tt := range []struct{ method, path, body string }{
		{"POST", "/api/v1/room/testroom/message", `{"text":"a\ud800"}`},
		{"PATCH", "/api/v1/room/testroom", `{"title":"a\ud800"}`},
		{"POST", "/api/v1/room/testroom/message", "{\"text\":\"a\xff\"}"},
		{"PATCH", "/api/v1/room/testroom", "{\"title\":\"a\xff\"}"},
	} {
		s.Call(tt.method, tt.path, tt.body).WantProblem(tt.body, http.StatusBadRequest, fault.BadJSON)
	}
	if seq := s.state(r).Seq; seq != 0 {
		t.Errorf("half a character is in the room: seq %d", seq)
	}
}
