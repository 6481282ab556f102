package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"chatserver/internal/fault"
	"chatserver/internal/token"
)

// mint asks for a token and returns it with its end.
func (s *server) mint(why, room, body string) (raw string, expires time.Time) {
	s.Helper()
	a := s.Call("POST", "/api/v1/room/"+room+"/token", body)
	data := a.Data(why, http.StatusOK)
	a.WantHeader(why, "Cache-Control", "no-store")
	expires, err := time.Parse(time.RFC3339, data.Str("expires"))
	if err != nil || len(data) != 2 {
		s.Errorf("%s: want a token and its end, got %s (%v)", why, a.Body, err)
	}
	return data.Str("token"), expires
}

// What is minted is a token for that room, open or not, and for no other.
func TestMint(t *testing.T) {
	s := newServer(t)
	s.open("open", "")
	for _, tt := range []struct {
		why, body string
		want      token.Claims
	}{
		{"the least", `{"user":"u7","name":"Bob"}`, token.Claims{User: "u7", Name: "Bob", Role: "consumer"}},
		{"all", `{"user":"u7","name":"Bob","role":"moderator","member":true,"ttl":60}`, token.Claims{User: "u7", Name: "Bob", Role: "moderator", Member: true}},
		{"a producer", `{"user":"u7","name":"Bob","role":"producer","member":false}`, token.Claims{User: "u7", Name: "Bob", Role: "producer"}},
		{"null is nothing", `{"user":"u7","name":"Bob","role":null,"member":null,"ttl":null}`, token.Claims{User: "u7", Name: "Bob", Role: "consumer"}},
		{"what is unknown is ignored", `{"user":"u7","name":"Bob","colour":"red","room":"*","exp":1}`, token.Claims{User: "u7", Name: "Bob", Role: "consumer"}},
		{"the forms of rooms", `{"user":" u7 ","name":"  Ｅｄ  "}`, token.Claims{User: "u7", Name: "Ed", Role: "consumer"}},
	} {
		for _, room := range []string{"open", "not-yet", "a.b_C-1"} {
			raw, expires := s.mint(tt.why, room, tt.body)
			got, err := s.tokens.Verify(t.Context(), raw, room)
			if err != nil || !got.Expires.Equal(expires) {
				t.Errorf("%s: want a good token until %v, got %v until %v", tt.why, expires, err, got.Expires)
			}
			want := tt.want
			want.Room, want.Expires = room, got.Expires
			if got != want {
				t.Errorf("%s: want %+v, got %+v", tt.why, want, got)
			}
			if _, err := s.tokens.Verify(t.Context(), raw, "another"); err == nil {
				t.Errorf("%s: the token is good for another room", tt.why)
			}
		}
	}
	if n := len(s.Rooms()); n != 1 {
		t.Errorf("want no room to be opened by that, got %d", n)
	}
}

// A token holds as long as was asked for, and less than a second more, since it ends
// at a whole one.
func TestTTL(t *testing.T) {
	s := newServer(t)
	for ttl, want := range map[string]time.Duration{
		"":            time.Hour,
		`,"ttl":null`: time.Hour, `,"ttl":1`: time.Second, `,"ttl":2592000`: 720 * time.Hour, `,"ttl":90.5`: 90500 * time.Millisecond, `,"ttl":1e3`: 1000 * time.Second,
		`,"ttl":"1s"`: time.Second, `,"ttl":"1h"`: time.Hour, `,"ttl":"1h30m"`: 90 * time.Minute, `,"ttl":"720h"`: 720 * time.Hour, `,"ttl":"1500ms"`: 1500 * time.Millisecond,
	} {
		before := time.Now()
		_, expires := s.mint(ttl, "testroom", `{"user":"u7","name":"Bob"`+ttl+`}`)
		after := time.Now()
		if expires.Before(before.Add(want)) || expires.After(after.Add(want+time.Second)) || expires.Nanosecond() != 0 {
			t.Errorf("%s: want it to hold for %v from %v on, got an end at %v", ttl, want, before, expires)
		}
	}
	for _, ttl := range []string{
		`0`, `-1`, `0.5`, `2592001`, `1e300`, `-1e300`, `true`, `[60]`, `{}`, `""`, `"60"`, `"1d"`, `"forever"`, `"0s"`, `"-1h"`, `"721h"`, `"999999999h"`, `"Xmarker"`,
	} {
		a := s.Call("POST", "/api/v1/room/testroom/token", `{"user":"u7","name":"Bob","ttl":`+ttl+`}`)
		p := a.WantProblem(ttl, http.StatusBadRequest, fault.BadField)
		if !strings.Contains(p.Str("detail"), "ttl must be 1 to 2592000 seconds") || p.Num("limit") != 2592000 || strings.Contains(a.Body, "Xmarker") {
			t.Errorf("%s: want what ttl may be, got %s", ttl, a.Body)
		}
	}
}

func TestRefusedTokens(t *testing.T) {
	s := newServer(t)
	for _, tt := range []struct {
		why, body string
		status    int
		code      fault.Code
		says      string
	}{
		{"no user", `{"name":"Bob"}`, http.StatusBadRequest, fault.BadField, "user must be 1 to 128 bytes"},
		{"an empty user", `{"user":" ","name":"Bob"}`, http.StatusBadRequest, fault.BadField, "user must be"},
		{"a user too long", `{"user":"` + strings.Repeat("x", 129) + `","name":"Bob"}`, http.StatusBadRequest, fault.BadField, "user must be"},
		{"a user too long in bytes", `{"user":"` + strings.Repeat("ä", 65) + `","name":"Bob"}`, http.StatusBadRequest, fault.BadField, "user must be"},
		{"a user of two lines", `{"user":"a\nb","name":"Bob"}`, http.StatusBadRequest, fault.BadField, "user"},
		{"the platform", `{"user":"platform","name":"Bob"}`, http.StatusBadRequest, fault.BadField, "user must be"},
		{"a guest", `{"user":"guest-nxvrj7tgr6sq","name":"Bob"}`, http.StatusBadRequest, fault.BadField, "user must be"},
		{"a user of another type", `{"user":7,"name":"Bob"}`, http.StatusBadRequest, fault.BadField, "user must be a string"},
		{"no name", `{"user":"u7"}`, http.StatusBadRequest, fault.BadName, "the name is empty"},
		{"a name that turns round", `{"user":"u7","name":"\u202eBob"}`, http.StatusBadRequest, fault.BadName, "bidirectional"},
		{"a name too long", `{"user":"u7","name":"` + strings.Repeat("x", 26) + `"}`, http.StatusBadRequest, fault.BadName, "25"},
		{"a role that is none", `{"user":"u7","name":"Bob","role":"admin"}`, http.StatusBadRequest, fault.BadField, "role must be"},
		{"the platform's role", `{"user":"u7","name":"Bob","role":"platform"}`, http.StatusBadRequest, fault.BadField, "role must be"},
		{"a member in words", `{"user":"u7","name":"Bob","member":"yes"}`, http.StatusBadRequest, fault.BadField, "member must be true or false"},
		{"no JSON", "hello", http.StatusBadRequest, fault.BadJSON, "JSON"},
		{"no body", "", http.StatusBadRequest, fault.BadJSON, "object"},
		{"an array", `["u7"]`, http.StatusBadRequest, fault.BadJSON, "object"},
		{"half a character", `{"user":"u\ud800","name":"Bob"}`, http.StatusBadRequest, fault.BadJSON, "surrogate"},
		{"too large", `{"user":"u7","name":"Bob","pad":"` + strings.Repeat("x", 8<<10) + `"}`, http.StatusRequestEntityTooLarge, fault.TooLarge, "8192"},
	} {
		a := s.Call("POST", "/api/v1/room/testroom/token", tt.body)
		p := a.WantProblem(tt.why, tt.status, tt.code)
		if !strings.Contains(p.Str("detail"), tt.says) || strings.Contains(a.Body, "eyJ") {
			t.Errorf("%s: want a word about %q and no token, got %s", tt.why, tt.says, a.Body)
		}
	}
	s.Call("POST", "/api/v1/room/*/token", `{"user":"u7","name":"Bob"}`).
		WantProblem("all rooms at once", http.StatusBadRequest, fault.BadRoomName)
}
