package fault_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatserver/internal/fault"
)

// codes are all constants of the type Code, from the package's own source: name and
// word. One that stands for another has no word of its own.
func codes(t *testing.T) map[string]fault.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "fault.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]fault.Code{}
	for node := range ast.Preorder(file) {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			continue
		}
		kind, _ := spec.Type.(*ast.Ident)
		value, isText := spec.Values[0].(*ast.BasicLit)
		if kind == nil || kind.Name != "Code" || !isText {
			continue
		}
		word, err := strconv.Unquote(value.Value)
		if err != nil {
			t.Fatal(err)
		}
		all[spec.Names[0].Name] = fault.Code(word)
	}
	if len(all) < 20 {
		t.Fatalf("found %d codes in fault.go only", len(all))
	}
	return all
}

func TestEveryCodeHasAStatus(t *testing.T) {
	words := map[fault.Code]string{}
	snake := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	for name, code := range codes(t) {
		if !snake.MatchString(string(code)) {
			t.Errorf("%s is %q: a code is a snake_case word", name, code)
		}
		if other := words[code]; other != "" {
			t.Errorf("%s and %s are both %q", name, other, code)
		}
		words[code] = name
		switch status := code.Status(); {
		case status < 400 || http.StatusText(status) == "":
			t.Errorf("%s has status %d, which is no failure", name, status)
		case status == http.StatusInternalServerError && code != fault.Internal:
			t.Errorf("%s has no status: say in statuses what it is", name)
		}
	}
	if got := fault.Code("never_heard_of").Status(); got != http.StatusInternalServerError {
		t.Errorf("an unknown code is a fault of ours: want status 500, got %d", got)
	}
}

// What a caller did wrong, and what cannot be done now, are told apart by the status.
func TestStatuses(t *testing.T) {
	for code, want := range map[fault.Code]int{
		fault.BadRoomName: 400, fault.BadJSON: 400, fault.BadField: 400, fault.BadName: 400, fault.Empty: 400, fault.TooLong: 400,
		fault.Unauthorized: 401, fault.Forbidden: 403, fault.BadOrigin: 403, fault.RoomNotFound: 404, fault.NotFound: 404,
		fault.MethodNotAllowed: 405, fault.RequestTimeout: 408, fault.TooLarge: 413, fault.RateLimited: 429,
		fault.Internal: 500, fault.Full: 503, fault.NotAccepting: 503, fault.NotReady: 503, fault.Busy: 503,
	} {
		if got := code.Status(); got != want {
			t.Errorf("%s: want status %d, got %d", code, want, got)
		}
	}
}

func TestFrom(t *testing.T) {
	busy := &fault.Error{Code: fault.Busy, Detail: "wait", RetryAfter: time.Second}
	if got := fault.From(fmt.Errorf("room x: %w", fmt.Errorf("say: %w", busy))); got != busy {
		t.Errorf("want the fault in the chain, got %v", got)
	}
	if got := fault.From(errors.Join(errors.New("x"), busy)); got != busy {
		t.Errorf("want the fault among joined errors, got %v", got)
	}
	large := fault.From(fmt.Errorf("read: %w", &http.MaxBytesError{Limit: 8192}))
	if large.Code != fault.TooLarge || large.Limit != int64(8192) || !strings.Contains(large.Detail, "8192") {
		t.Errorf("want a body beyond its limit to be too_large with the limit, got %+v", large)
	}
	secret := errors.New("open /var/lib/chat/secret: permission denied")
	for _, err := range []error{secret, fmt.Errorf("do: %w", secret), nil} {
		got := fault.From(err)
		if got.Code != fault.Internal || strings.Contains(got.Error(), "secret") || got.Detail == "" {
			t.Errorf("%v: want an internal fault that keeps the cause to itself, got %v", err, got)
		}
	}
	if got, want := fault.New(fault.BadField, "%s must be %d", "x", 5).Error(), "bad_field: x must be 5"; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
}

// write answers with err.
func write(err error) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	fault.Write(w, err)
	return w
}

func TestWrite(t *testing.T) {
	for _, tt := range []struct {
		why    string
		err    error
		status int
		body   string
	}{
		{
			"the least", fault.New(fault.BadField, "title must be a string"), 400,
			`{"type":"about:blank","title":"Bad Request","status":400,"detail":"title must be a string","code":"bad_field"}`,
		},
		{
			"all there is", &fault.Error{
				Code: fault.NotReady, Detail: "later", Limit: 500, Value: 501,
				RetryAfter: 1500 * time.Millisecond, Reasons: []string{"a", "b"},
			}, 503,
			`{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"later","code":"not_ready",` +
				`"limit":500,"value":501,"retry_after":1500,"reasons":["a","b"]}`,
		},
		{
			"a value of nothing is one", &fault.Error{Code: fault.BadField, Detail: "x", Value: 0}, 400,
			`{"type":"about:blank","title":"Bad Request","status":400,"detail":"x","code":"bad_field","value":0}`,
		},
		{
			"markup is no markup", fault.New(fault.BadField, "<script>\u2028\x00"), 400,
			`{"type":"about:blank","title":"Bad Request","status":400,"detail":"\u003cscript\u003e\u2028\u0000","code":"bad_field"}`,
		},
	} {
		w := write(tt.err)
		if got := strings.TrimSuffix(w.Body.String(), "\n"); w.Code != tt.status || got != tt.body {
			t.Errorf("%s:\nwant %d %s\ngot  %d %s", tt.why, tt.status, tt.body, w.Code, got)
		}
		if h := w.Header(); h.Get("Content-Type") != fault.ContentType || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: want a problem document that no cache keeps, got %v", tt.why, h)
		}
	}
}

// Retry-After has whole seconds: rounded down, callers would come too early.
func TestRetryAfterRoundsUp(t *testing.T) {
	for after, want := range map[time.Duration]string{
		0: "", time.Millisecond: "1", 999 * time.Millisecond: "1", time.Second: "1",
		1001 * time.Millisecond: "2", 5 * time.Second: "5", 90 * time.Second: "90",
	} {
		w := write(&fault.Error{Code: fault.Busy, RetryAfter: after})
		if got := w.Header().Get("Retry-After"); got != want {
			t.Errorf("after %v: want Retry-After %q, got %q", after, want, got)
		}
	}
	short := write(&fault.Error{Code: fault.Busy, RetryAfter: 100 * time.Microsecond})
	var p fault.Problem
	if err := json.Unmarshal(short.Body.Bytes(), &p); err != nil || p.RetryAfter != 1 {
		t.Errorf("a time of less than a millisecond: want retry_after 1 beside Retry-After 1, got %s", short.Body)
	}
	for after, want := range map[time.Duration]int64{0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, time.Second: 1000} {
		if got := (&fault.Error{RetryAfter: after}).RetryMillis(); got != want {
			t.Errorf("after %v: want %d ms, got %d", after, want, got)
		}
	}
}

// A fault that cannot be told is a fault of ours, and still a problem document.
func TestWriteWhatJSONDoesNotKnow(t *testing.T) {
	w := write(&fault.Error{Code: fault.BadField, Value: func() {}})
	var p fault.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Code != fault.Internal || w.Code != p.Status {
		t.Errorf("want a problem document whose status is that of the answer, got %d %s", w.Code, w.Body)
	}
}
