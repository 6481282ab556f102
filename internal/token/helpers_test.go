package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"chatserver/internal/fault"
	"chatserver/internal/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// obj is a JSON object.
type obj = map[string]any

// secret is the server's own.
var secret = []byte("secret-0123456789abcdef")

// The platform's keys; no test makes its own, for that takes time. That of Ed25519 is
// the same in every process, since fuzzing takes several.
var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	edKey  = sync.OnceValue(func() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, 32)) })
)

func newEdKey() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return must(key, err)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// jwk is the public half of a key as a key set has it.
func jwk(kid string, key crypto.Signer, more ...obj) obj {
	o := obj{"kid": kid}
	switch k := key.Public().(type) {
	case *rsa.PublicKey:
		o["kty"], o["n"], o["e"] = "RSA", b64(k.N.Bytes()), "AQAB"
	case *ecdsa.PublicKey:
		point := must(k.Bytes())[1:]
		o["kty"], o["crv"] = "EC", k.Params().Name
		o["x"], o["y"] = b64(point[:len(point)/2]), b64(point[len(point)/2:])
	case ed25519.PublicKey:
		o["kty"], o["crv"], o["x"] = "OKP", "Ed25519", b64(k)
	}
	for _, m := range more {
		maps.Copy(o, m)
	}
	return o
}

// allKeys is a set with a key of each kind: rsa, ec and ed.
func allKeys() string {
	return keySet(jwk("rsa", rsaKey()), jwk("ec", ecKey()), jwk("ed", edKey()))
}

func keySet(keys ...obj) string {
	if keys == nil {
		keys = []obj{}
	}
	return string(must(json.Marshal(obj{"keys": keys})))
}

// missing takes a claim away.
var missing = struct{}{}

// endless is until the end of the year 9999, beyond which there are no dates.
var endless = obj{"exp": 253402300799, "iat": 1}

// claims are those of a good token for testroom, but for the changes.
func claims(changes ...obj) obj {
	c := obj{
		"sub": "u7", "name": "Bob", "role": "moderator", "room": "testroom",
		"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
	}
	for _, change := range changes {
		maps.Copy(c, change)
	}
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == missing })
	return c
}

// sign makes a token by an algorithm's name. A kid of "" is none.
func sign(tb testing.TB, alg, kid string, key any, c obj, header ...obj) string {
	tb.Helper()
	t := jwt.NewWithClaims(jwt.GetSigningMethod(alg), jwt.MapClaims(c))
	if kid != "" {
		t.Header["kid"] = kid
	}
	for _, h := range header {
		maps.Copy(t.Header, h)
	}
	raw, err := t.SignedString(key)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// signText makes an HS256 token of a header and a payload as they stand.
func signText(header, payload string) string {
	text := b64([]byte(header)) + "." + b64([]byte(payload))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return text + "." + b64(mac.Sum(nil))
}

// platform is where the key set stands: it answers as told and counts.
type platform struct {
	mu     sync.Mutex
	answer func(*http.Request) (*http.Response, error)
	calls  int
}

// RoundTrip implements http.RoundTripper.
func (p *platform) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.calls++
	answer := p.answer
	p.mu.Unlock()
	return answer(r)
}

// will changes the answer.
func (p *platform) will(answer func(*http.Request) (*http.Response, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// publishes answers with a key set from now on.
func (p *platform) publishes(set string) { p.will(answers(http.StatusOK, set)) }

// wantCalls wants n calls since the last time.
func (p *platform) wantCalls(t *testing.T, why string, n int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls != n {
		t.Errorf("%s: want the key set to be read %d times, got %d", why, n, p.calls)
	}
	p.calls = 0
}

// answers returns an answer of a status and a text.
func answers(status int, text string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
	}
}

// fails does not even connect.
func fails(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }

// hangs answers when the caller has had enough.
func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// keys are keys under test, with what they log.
type keys struct {
	*token.Keys
	tb   testing.TB
	logs *observer.ObservedLogs
}

// newKeys returns keys with the secret and, unless p is nil, the key set of p. They run
// until the test ends.
func newKeys(tb testing.TB, p *platform) *keys {
	tb.Helper()
	o := token.Options{Secret: secret}
	if p != nil {
		o.JWKSURL, o.Transport = "https://platform.example/keys.json", p
	}
	return startKeys(tb, o)
}

func startKeys(tb testing.TB, o token.Options) *keys {
	tb.Helper()
	core, logs := observer.New(zap.DebugLevel)
	o.Logger = zap.New(core)
	k, err := token.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = k.Run(tb.Context())
	}()
	tb.Cleanup(func() { <-ended })
	return &keys{k, tb, logs}
}

// wantTaken wants a token to be accepted for testroom.
func (k *keys) wantTaken(why, raw string) token.Claims {
	k.tb.Helper()
	c, err := k.Verify(k.tb.Context(), raw, "testroom")
	if err != nil {
		k.tb.Errorf("%s: want the token to be taken, got %v", why, err)
	}
	return c
}

// wantRefused wants a token to be refused for testroom, with a word about why that
// repeats nothing of the token.
func (k *keys) wantRefused(why, raw, says string) {
	k.tb.Helper()
	c, err := k.Verify(k.tb.Context(), raw, "testroom")
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != fault.Unauthorized || c != (token.Claims{}) {
		k.tb.Errorf("%s: want no claims and unauthorized, got %+v, %v", why, c, err)
		return
	}
	if !strings.HasPrefix(f.Detail, "the token") && !strings.HasPrefix(f.Detail, "no key") && !strings.HasPrefix(f.Detail, "several keys") || !strings.Contains(f.Detail, says) {
		k.tb.Errorf("%s: want a word about %q, got %q", why, says, f.Detail)
	}
	for part := range strings.SplitSeq(raw, ".") {
		if len(part) > 8 && strings.Contains(f.Detail, part[:8]) {
			k.tb.Errorf("%s: the error repeats the token: %q", why, f.Detail)
		}
	}
	if strings.Contains(f.Detail, "Xmarker") {
		k.tb.Errorf("%s: the error repeats what stands in the token: %q", why, f.Detail)
	}
}

// wantUnavailable wants that it cannot be told of a token whether it is good.
func (k *keys) wantUnavailable(why, raw string) {
	k.tb.Helper()
	_, err := k.Verify(k.tb.Context(), raw, "testroom")
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != fault.Unavailable || f.RetryAfter != 10*time.Second {
		k.tb.Errorf("%s: want unavailable and to come back after 10 s, got %v", why, err)
	}
}

// wantLog wants these messages in the log since the last time.
func (k *keys) wantLog(why string, want ...string) {
	k.tb.Helper()
	var said []string
	for _, line := range k.logs.TakeAll() {
		said = append(said, line.Level.String()+": "+line.Message)
	}
	if got := strings.Join(said, "\n"); got != strings.Join(want, "\n") {
		k.tb.Errorf("%s: want in the log %q, got %q", why, want, said)
	}
}
