package token_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/internal/fault"
	"chatserver/internal/token"
)

const (
	cannotRead = "warn: key set cannot be read; the last keys stay in force"
	readAgain  = "info: key set can be read again"
	newSet     = "info: new key set"
)

// A new key is found by the first token that names it, but not for each token that
// names one which is not there.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := newEdKey()
		p := &platform{}
		p.publishes(keySet(jwk("old", edKey())))
		k := newKeys(t, p)
		former, latter := sign(t, "EdDSA", "old", edKey(), claims(endless)), sign(t, "EdDSA", "new", next, claims(endless))
		stray := sign(t, "EdDSA", "stray", next, claims(endless))
		k.wantTaken("the first key", former)
		p.wantCalls(t, "the start", 1)
		k.wantLog("the start", newSet)

		p.publishes(keySet(jwk("old", edKey()), jwk("new", next)))
		k.wantRefused("a moment after the set was read", latter, "no key of the key set")
		p.wantCalls(t, "not twice within 10 s", 0)
		<-time.After(10 * time.Second)
		k.wantTaken("the second key", latter)
		k.wantTaken("the first key still", former)
		p.wantCalls(t, "an unknown key", 1)
		k.wantLog("an unknown key", newSet)

		<-time.After(10 * time.Second)
		for range 100 {
			k.wantRefused("a key that is not there", stray, "no key of the key set")
		}
		p.wantCalls(t, "a hundred unknown keys", 1)
		k.wantLog("nothing new in the set")

		p.publishes(keySet(jwk("new", next)))
		<-time.After(time.Hour - time.Second)
		k.wantTaken("a key that was taken back, until the set is read", former)
		p.wantCalls(t, "known keys need no reading", 0)
		<-time.After(2 * time.Second)
		synctest.Wait()
		p.wantCalls(t, "every hour", 1)
		k.wantRefused("a key that was taken back", former, "no key of the key set")
		k.wantTaken("the one that was not", latter)
	})
}

// A set without keys takes them all back.
func TestEmptySet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		p.publishes(allKeys())
		k := newKeys(t, p)
		raw := sign(t, "EdDSA", "ed", edKey(), claims(endless))
		k.wantTaken("there", raw)
		p.publishes(keySet())
		<-time.After(time.Hour)
		synctest.Wait()
		k.wantRefused("gone", raw, "no key of the key set")
		k.wantTaken("the secret's tokens hold", sign(t, "HS256", "", secret, claims()))
	})
}

// A start without the key set is one. Its tokens have to wait, those of the secret do
// not.
func TestStartWithoutTheSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		p.will(fails)
		k := newKeys(t, p)
		raw := sign(t, "EdDSA", "ed", edKey(), claims())
		k.wantUnavailable("the first failure", raw)
		k.wantUnavailable("within 10 s", raw)
		k.wantUnavailable("without a kid", sign(t, "EdDSA", "", edKey(), claims()))
		k.wantTaken("the secret's token", sign(t, "HS256", "", secret, claims()))
		k.wantRefused("what is wrong anyhow", sign(t, "HS512", "", secret, claims()), "algorithm")
		p.wantCalls(t, "not twice within 10 s", 1)
		<-time.After(time.Minute)
		synctest.Wait()
		p.wantCalls(t, "every 10 s", 6)
		k.wantLog("a minute", cannotRead)
		p.publishes(allKeys())
		<-time.After(10 * time.Second)
		synctest.Wait()
		p.wantCalls(t, "it came", 1)
		k.wantTaken("it came", raw)
		k.wantLog("it came", newSet, readAgain)
	})
}

// Whatever comes in place of the set, the last keys stay in force.
func TestOutage(t *testing.T) {
	for why, answer := range map[string]func(*http.Request) (*http.Response, error){
		"no connection":     fails,
		"no answer":         hangs,
		"an error":          answers(http.StatusInternalServerError, allKeys()),
		"nothing new":       answers(http.StatusNotModified, ""),
		"elsewhere":         answers(http.StatusFound, allKeys()),
		"a page":            answers(http.StatusOK, "<html>Welcome</html>"),
		"nothing":           answers(http.StatusOK, ""),
		"null":              answers(http.StatusOK, "null"),
		"a list":            answers(http.StatusOK, "[]"),
		"another object":    answers(http.StatusOK, `{"error":"busy"}`),
		"keys of another":   answers(http.StatusOK, `{"keys":{"a":1}}`),
		"keys of nothing":   answers(http.StatusOK, `{"keys":null}`),
		"two sets":          answers(http.StatusOK, allKeys()+allKeys()),
		"without an end":    answers(http.StatusOK, strings.Repeat(" ", 1<<20)+allKeys()),
		"deeper than sane":  answers(http.StatusOK, `{"keys":[`+strings.Repeat("[", 100_000)),
		"more than is sane": answers(http.StatusOK, `{"keys":[`+strings.Repeat("{},", 100)+`{}]}`),
	} {
		t.Run(why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &platform{}
				p.publishes(allKeys())
				k := newKeys(t, p)
				raw := sign(t, "EdDSA", "ed", edKey(), claims(endless))
				k.wantTaken("at first", raw)
				k.wantLog("at first", newSet)
				p.will(answer)
				<-time.After(time.Hour + time.Minute)
				k.wantTaken("meanwhile", raw)
				k.wantLog("meanwhile", cannotRead)
				k.wantUnavailable("a key that may be a new one", sign(t, "EdDSA", "new", edKey(), claims()))
				p.publishes(allKeys())
				<-time.After(20 * time.Second)
				k.wantTaken("afterwards", raw)
				k.wantLog("afterwards", readAgain)
				k.wantRefused("a key that is none", sign(t, "EdDSA", "new", edKey(), claims()), "no key of the key set")
			})
		})
	}
}

// Who waits for a set that does not come waits 3 s at most, many at once too.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		p.publishes(allKeys())
		k := newKeys(t, p)
		good, stray := sign(t, "EdDSA", "ed", edKey(), claims()), sign(t, "EdDSA", "stray", edKey(), claims())
		k.wantTaken("at first", good)
		p.wantCalls(t, "the start", 1)
		p.will(hangs)
		<-time.After(time.Minute)
		begun := time.Now()
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				<-time.After(time.Duration(i) * 100 * time.Millisecond)
				asked := time.Now()
				k.wantUnavailable("many", stray)
				if took := time.Since(asked); took > 3*time.Second {
					t.Errorf("want an answer within 3 s, it took %v", took)
				}
			})
		}
		<-time.After(time.Second)
		k.wantTaken("a known key waits for nobody", good)
		if took := time.Since(begun); took != time.Second {
			t.Errorf("want a known key to be found at once, it took %v", took-time.Second)
		}
		all.Wait()
		p.wantCalls(t, "they waited for one reading", 1)

		<-time.After(20 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		asked := time.Now()
		if _, err := k.Verify(ctx, stray, "testroom"); err == nil || time.Since(asked) > time.Second {
			t.Errorf("want an end with the caller's, got %v after %v", err, time.Since(asked))
		}
	})
}

// After the end of Run nothing is read, and nobody waits for it.
func TestAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{}
		p.publishes(allKeys())
		k, err := token.New(token.Options{Secret: secret, JWKSURL: "https://platform.example/", Transport: p})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- k.Run(ctx) }()
		synctest.Wait()
		p.will(hangs)
		<-time.After(time.Hour + time.Second) // a reading is under way
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("want Run to end with the context, got %v", err)
		}
		begun := time.Now()
		_, err = k.Verify(t.Context(), sign(t, "EdDSA", "stray", edKey(), claims()), "testroom")
		if fault.From(err).Code != fault.Unavailable || time.Since(begun) != 0 {
			t.Errorf("want unavailable at once, got %v after %v", err, time.Since(begun))
		}
		if _, err := k.Verify(t.Context(), sign(t, "EdDSA", "ed", edKey(), claims()), "testroom"); err != nil {
			t.Errorf("want known keys to go on holding, got %v", err)
		}
	})
}

// keyServer is a server of key sets on this machine, over TLS.
func keyServer(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestKeyServer(t *testing.T) {
	var asked atomic.Int32
	server := keyServer(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Method != http.MethodGet || r.URL.Path != "/keys.json" || len(r.Cookies()) > 0 || r.Header.Get("X-Api-Key") != "" {
			t.Errorf("want a plain GET, got %s %s %v", r.Method, r.URL, r.Header)
		}
		_, _ = io.WriteString(w, allKeys())
	})
	k := startKeys(t, token.Options{Secret: secret, JWKSURL: server.URL + "/keys.json", Transport: server.Client().Transport})
	for alg, key := range map[string]any{"RS256": rsaKey(), "ES256": ecKey(), "EdDSA": edKey()} {
		kid := map[string]string{"RS256": "rsa", "ES256": "ec", "EdDSA": "ed"}[alg]
		k.wantTaken(alg, sign(t, alg, kid, key, claims()))
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("want the set to be asked for once, got %d times", n)
	}
}

// Keys come from nobody whom the certificate does not name, and from nowhere else.
func TestKeyServersThatAreNotBelieved(t *testing.T) {
	other := keyServer(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was asked", r.Host) })
	for why, tt := range map[string]struct {
		answer  http.HandlerFunc
		trusted bool
		says    string
	}{
		"a certificate of nobody": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, allKeys()) }, false, "certificate"},
		"a redirect":              {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) }, true, "302"},
		"too much": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat(" ", 1<<20)+allKeys())
		}, true, "more than 1048576 bytes"},
		"a part": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10000")
			_, _ = io.WriteString(w, allKeys())
		}, true, "EOF"},
	} {
		t.Run(why, func(t *testing.T) {
			server := keyServer(t, tt.answer)
			o := token.Options{JWKSURL: strings.Replace(server.URL, "https://", "https://ann:hunter2@", 1) + "/?p=hunter2"}
			if tt.trusted {
				o.Transport = server.Client().Transport
			}
			k := startKeys(t, o)
			k.wantUnavailable(why, sign(t, "EdDSA", "ed", edKey(), claims()))
			lines := k.logs.TakeAll()
			if len(lines) != 1 {
				t.Fatalf("want one line in the log, got %v", lines)
			}
			fields := lines[0].ContextMap()
			said, _ := fields["error"].(string)
			if !strings.Contains(said, tt.says) || fields["url"] != server.URL+"/" || strings.Contains(said, "hunter2") {
				t.Errorf("want an error with %q and no secret, got %v", tt.says, fields)
			}
		})
	}
}
