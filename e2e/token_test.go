package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"chatserver/internal/token"
	"chatserver/journal"
)

// mint has a server make a token for testroom.
func (s *chatServer) mint() string {
	s.t.Helper()
	answer := s.call("POST", "/api/v1/room/testroom/token", `{"user":"u7","name":"Bob","role":"moderator"}`, http.StatusOK)
	var made map[string]obj
	if err := json.Unmarshal([]byte(answer), &made); err != nil {
		s.t.Fatal(err)
	}
	return made["data"].str("token")
}

// wantSignedBy wants a token of testroom to be signed with the secret.
func wantSignedBy(t *testing.T, why, raw string, secret []byte) {
	t.Helper()
	keys, err := token.New(token.Options{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	c, err := keys.Verify(t.Context(), raw, "testroom")
	if err != nil || c.User != "u7" || c.Name != "Bob" || c.Role != token.Moderator {
		t.Errorf("%s: want a token for Bob, got %+v, %v", why, c, err)
	}
}

// Tokens are signed with TOKEN_SECRET or, without it, with a secret that the server made
// for itself and keeps.
func TestTokenSecret(t *testing.T) {
	const secret = "hunter2-hunter2-hunter2"
	given := startChat(t, "TOKEN_SECRET="+secret, "LOG_LEVEL=debug")
	raw := given.mint()
	wantSignedBy(t, "TOKEN_SECRET", raw, []byte(secret))
	given.signal(syscall.SIGTERM)
	given.wantExit("the stop", 0)
	if text := given.text(); strings.Contains(text, "hunter2") || strings.Contains(text, raw) {
		t.Error("the log holds the secret or a token")
	}

	data := t.TempDir()
	var minted []string
	for range 2 {
		own := startChat(t, "DATA_DIR="+data)
		minted = append(minted, own.mint())
		own.signal(syscall.SIGTERM)
		own.wantExit("the stop", 0)
	}
	j, err := journal.Open(journal.Options{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	kept := j.TokenSecret()
	if err := j.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantSignedBy(t, "before the restart", minted[0], kept)
	wantSignedBy(t, "after the restart", minted[1], kept)
}

// The platform's keys are read from TOKEN_JWKS_URL; a start without them is one.
func TestTokenKeySet(t *testing.T) {
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys.json" {
			_, _ = io.WriteString(w, `{"keys":[{"kid":"a","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
			return
		}
		http.NotFound(w, r)
	}))
	defer platform.Close()
	there := startChat(t, "TOKEN_JWKS_URL="+platform.URL+"/keys.json")
	there.wantPrinted("the keys", `INFO\s+new key set\s.*"keys": 1, "left_out": 0`)
	gone := startChat(t, "TOKEN_JWKS_URL="+platform.URL+"/gone")
	gone.wantPrinted("no keys", `WARN\s+key set cannot be read; the last keys stay in force\s.*answered 404 Not Found`)
	_ = gone.mint() // with the secret
	for _, s := range []*chatServer{there, gone} {
		s.signal(syscall.SIGTERM)
		s.wantExit("the stop", 0)
	}
}
