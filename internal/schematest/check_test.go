package schematest

import (
	"net/http"
	"strings"
	"testing"
)

// wantComplaint wants an error with that word, or none for an empty one.
func wantComplaint(t *testing.T, why string, err error, word string) {
	t.Helper()
	switch {
	case word == "" && err != nil:
		t.Errorf("%s: want no complaint, got %v", why, err)
	case word != "" && (err == nil || !strings.Contains(err.Error(), word)):
		t.Errorf("%s: want a complaint about %q, got %v", why, word, err)
	}
}

func TestChat(t *testing.T) {
	chat := LoadChat(t)
	const head = `"seq":2,"time":1795510838030`
	for _, tt := range []struct{ why, object, complaint string }{
		{"as described", `{"type":"ack","id":"1","seq":5}`, ""},
		{"a message", `{"type":"message",` + head + `,"user":{"id":"u7","name":"Bob","role":"consumer"},"text":"hello"}`, ""},
		{"a removed one", `{"type":"message",` + head + `,"user":{"id":"u7","name":"Bob","role":"consumer"},"redacted":true}`, ""},
		{"a removed one with its text", `{"type":"message",` + head + `,"user":{"id":"u7","name":"Bob","role":"consumer"},"text":"hello","redacted":true}`, "additional properties"},
		{"a member too many", `{"type":"pong","at":5}`, "'at' not allowed"},
		{"a member too few", `{"type":"viewers"}`, "count"},
		{"a member of another type", `{"type":"viewers","count":"1"}`, "integer"},
		{"a member of a member", `{"type":"people","count":1,"users":[{"id":"u7","name":"Bob","role":"consumer","ip":"192.0.2.1"}]}`, "'ip' not allowed"},
		{"an unknown code", `{"type":"error","code":"no_such_code","message":"x"}`, "/code"},
		{"a number of an event out of bounds", `{"type":"skipped","from":0,"to":3}`, "/from"},
		{"a command", `{"type":"who"}`, `no "who"`},
		{"an unknown type", `{"type":"wave"}`, `no "wave"`},
		{"no type", `{"count":1}`, `no ""`},
		{"no object", `[]`, `no ""`},
		{"no JSON", `{"type":`, "no JSON"},
	} {
		wantComplaint(t, tt.why, chat.Message([]byte(tt.object)), tt.complaint)
	}
	wantComplaint(t, "an event of the log", chat.Event([]byte(`{"type":"cleared",`+head+`,"by":{"id":"platform","role":"platform"}}`)), "")
	wantComplaint(t, "none", chat.Event([]byte(`{"type":"pong"}`)), `no "pong"`)
	for _, tt := range []struct{ why, object, complaint string }{
		{"as described", `{"type":"timeout","user":"u7","seconds":1}`, ""},
		{"a member that nobody knows", `{"type":"ping","colour":"red"}`, ""},
		{"a member too few", `{"type":"timeout","user":"u7"}`, "seconds"},
		{"too long", `{"type":"timeout","user":"u7","seconds":1209601}`, "/seconds"},
		{"a long id", `{"type":"ping","id":"` + strings.Repeat("x", 65) + `"}`, "/id"},
		{"nothing to set", `{"type":"set"}`, "missing"},
		{"neither opened nor closed", `{"type":"poll","question":"x"}`, "missing"},
		{"one option", `{"type":"poll","question":"x","options":["a"],"seconds":5}`, "/options"},
		{"what the server says", `{"type":"ack","id":"1"}`, `no "ack"`},
	} {
		wantComplaint(t, tt.why, chat.Command([]byte(tt.object)), tt.complaint)
	}
}

// problem is a problem document.
func problem(status, code string) string {
	return `{"type":"about:blank","title":"x","status":` + status + `,"detail":"x","code":"` + code + `"}`
}

func TestAPI(t *testing.T) {
	api := LoadAPI(t, files[1])
	const (
		asJSON    = "application/json"
		asProblem = "application/problem+json"
		live      = `{"data":{"live":true}}`
		said      = `{"data":{"seq":1}}`
		log       = `{"data":{"room":"a","epoch":"e","first":1,"seq":0,"events":[]}}`
	)
	for _, tt := range []struct {
		why, method, target, sent string
		status                    int
		media, answer, complaint  string
	}{
		{"as described", "GET", "/livez", "", 200, asJSON, live, ""},
		{"with parameters of the media type", "GET", "/livez", "", 200, asJSON + "; charset=utf-8", live, ""},
		{"HEAD of GET", "HEAD", "/livez", "", 200, asJSON, "", ""},
		{"another status", "GET", "/livez", "", 201, asJSON, live, "no status 201"},
		{"another media type", "GET", "/livez", "", 200, "text/plain", live, "text/plain"},
		{"no media type", "GET", "/livez", "", 200, "", live, "media type"},
		{"a member too many", "GET", "/livez", "", 200, asJSON, `{"data":{"live":true,"since":5}}`, "'since' not allowed"},
		{"a member too many outside", "GET", "/livez", "", 200, asJSON, `{"data":{"live":true},"meta":{}}`, "'meta' not allowed"},
		{"a member too few", "GET", "/livez", "", 200, asJSON, `{"data":{}}`, "live"},
		{"no JSON", "GET", "/livez", "", 200, asJSON, `{"data"`, "no JSON"},
		{"a code of this status", "GET", "/api/v1/room/a", "", 404, asProblem, problem("404", "room_not_found"), ""},
		{"a code of another status", "GET", "/api/v1/room/a", "", 404, asProblem, problem("404", "banned"), "/code"},
		{"another status inside", "GET", "/api/v1/room/a", "", 404, asProblem, problem("400", "room_not_found"), "/status"},
		{"words come before parameters", "POST", "/api/v1/room/a/message", `{"text":"x"}`, 200, asJSON, said, ""},
		{"a body that should have been refused", "POST", "/api/v1/room/a/message", `{"text":5}`, 200, asJSON, said, "/text"},
		{"no body", "POST", "/api/v1/room/a/message", " ", 200, asJSON, said, "without a body"},
		{"a body that was refused", "POST", "/api/v1/room/a/message", `{"text":5}`, 400, asProblem, problem("400", "bad_field"), ""},
		{"a body that need not be", "PATCH", "/api/v1/room/a", "", 404, asProblem, problem("404", "room_not_found"), ""},
		{"a query", "GET", "/api/v1/room/a/log?after=5&x=y", "", 200, asJSON, log, ""},
		{"a query that should have been refused", "GET", "/api/v1/room/a/log?after=now", "", 200, asJSON, log, "after"},
		{"an escaped name", "GET", "/api/v1/room/a%2Fb", "", 400, asProblem, problem("400", "bad_room_name"), ""},
		{"no such path", "GET", "/api/v1/nothing", "", 404, asProblem, problem("404", "not_found"), ""},
		{"no such path, but an answer", "GET", "/api/v1/nothing", "", 200, asJSON, live, "/api/v1/nothing"},
		{"no such path, but no problem", "GET", "/api/v1/nothing", "", 404, asJSON, `{}`, "missing"},
		{"no such method", "PUT", "/livez", "", 405, asProblem, problem("405", "method_not_allowed"), ""},
		{"no such method, but an answer", "PUT", "/livez", "", 200, asJSON, live, "PUT"},
		{"before a page asks", "OPTIONS", "/r/a/", "", 204, "", "", ""},
		{"an escape below a room", "GET", "/r/a/%6civez", "", 200, "text/plain", "ok", ""},
		{"an escape elsewhere", "GET", "/%6civez", "", 200, asJSON, live, "/%6civez"},
		{"a header too few", "GET", "/r/a", "", 308, "", "", "Location"},
		{"a body where there is none", "GET", "/r/a/", "", 304, "", "x", "a body"},
	} {
		header := http.Header{}
		if tt.media != "" {
			header.Set("Content-Type", tt.media)
		}
		err := api.Check(Exchange{Method: tt.method, Target: tt.target, Sent: tt.sent, Status: tt.status, Header: header, Answer: tt.answer})
		wantComplaint(t, tt.why, err, tt.complaint)
	}
}

// A document that is broken is told so, not passed over.
func TestBrokenDocuments(t *testing.T) {
	for why, text := range map[string]string{
		"no JSON":             `{`,
		"no object":           `[]`,
		"no schema of faults": `{"paths":{}}`,
		"no schema":           `{"components":{"schemas":{"Problem":{"type":"text"}}}}`,
	} {
		if _, err := readAPI("broken.json", []byte(text)); err == nil {
			t.Errorf("%s: want an error of the API", why)
		}
	}
	const operation = `"operations":{"o":{"action":"send","channel":{"$ref":"#/channels/webSocket"},"messages":[{"$ref":"#/components/messages/M"}]}},"channels":{"webSocket":{}}`
	for why, text := range map[string]string{
		"no JSON":    `{`,
		"no message": `{` + operation + `}`,
		"no type":    `{` + operation + `,"components":{"messages":{"M":{"payload":{"type":"object"}}}}}`,
	} {
		if _, err := readChat([]byte(text)); err == nil {
			t.Errorf("%s: want an error of the chat", why)
		}
	}
}
