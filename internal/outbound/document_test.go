package outbound_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/internal/outbound"
)

// newDocument returns a document as o says, without its idle connections once the test
// is over.
func newDocument(t *testing.T, o outbound.DocumentOptions) *outbound.Document {
	t.Helper()
	d, err := outbound.NewDocument(o)
	if err != nil {
		t.Fatalf("NewDocument: %v", err)
	}
	t.Cleanup(d.CloseIdleConnections)
	return d
}

// A document is asked for as its URL says, query and user included.
func TestDocument(t *testing.T) {
	server := newServer(t, (*httptest.Server).Start, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		_, _ = io.WriteString(w, r.Method+" "+r.RequestURI+" "+user+"/"+password)
	})
	host := strings.TrimPrefix(server.URL, "http://")
	for url, want := range map[string]string{
		"http://" + host:                              "GET / /",
		"http://" + host + "/a%2Fb/keys?p=1":          "GET /a%2Fb/keys?p=1 /",
		"http://ann:hunter2@" + host + "/keys":        "GET /keys ann/hunter2",
		"http://" + host + "/keys?p=hunter2#fragment": "GET /keys?p=hunter2 /",
	} {
		d := newDocument(t, outbound.DocumentOptions{URL: url})
		if got, err := d.Get(t.Context()); err != nil || string(got) != want {
			t.Errorf("%s: want %q, got %q, %v", url, want, got, err)
		}
		wantSilent(t, "the document's name", d.String(), "hunter2", "ann")
	}
}

func TestNoDocument(t *testing.T) {
	for _, url := range []string{"", "keys.json", "/keys.json", "ftp://host/hunter2", "https://", "https://:443/", "https://ann:hunter2@host:port/"} {
		_, err := outbound.NewDocument(outbound.DocumentOptions{URL: url})
		if err == nil {
			t.Errorf("%q: want it to be refused", url)
			continue
		}
		wantSilent(t, "the error", err.Error(), "hunter2")
	}
}

// What is not the document is an error that says why, and holds no secret.
func TestDocumentThatCannotBeRead(t *testing.T) {
	full := strings.Repeat("x", 100)
	for _, tt := range []struct {
		why    string
		answer func(*http.Request) (*http.Response, error)
		says   string // "": it can be read
	}{
		{"as large as may be", body(http.StatusOK, io.NopCloser(strings.NewReader(full))), ""},
		{"too large", body(http.StatusOK, io.NopCloser(strings.NewReader(full+"x"))), "more than 100 bytes"},
		{"not there", status(http.StatusNotFound), "answered 404 Not Found"},
		{"elsewhere", status(http.StatusFound), "answered 302 Found"},
		{"nothing new", status(http.StatusNoContent), "answered 204 No Content"},
		{"no connection", fail(errors.New("no route\nto host")), "no route\uFFFDto host"},
	} {
		service := &service{answer: tt.answer}
		d := newDocument(t, outbound.DocumentOptions{
			Name: "key set", URL: "https://ann:hunter2@platform.example/keys?p=hunter2", MaxBytes: 100, Transport: service,
		})
		got, err := d.Get(t.Context())
		service.wantCalls(t, tt.why, 1)
		if tt.says == "" {
			if err != nil || string(got) != full {
				t.Errorf("%s: got %q, %v", tt.why, got, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), "key set https://platform.example/keys: ") || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: want an error with %q, got %v", tt.why, tt.says, err)
			continue
		}
		wantSilent(t, "the error", err.Error(), "hunter2")
	}
}

func TestRedirectedDocument(t *testing.T) {
	server := newServer(t, (*httptest.Server).Start, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/keys" {
			t.Errorf("%s was asked for", r.URL)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
	})
	d := newDocument(t, outbound.DocumentOptions{URL: server.URL + "/keys"})
	_, err := d.Get(t.Context())
	if answer, ok := errors.AsType[*outbound.StatusError](err); !ok || answer.Status != http.StatusMovedPermanently {
		t.Errorf("want the redirect as an error, got %v", err)
	}
}

// Whose certificate nobody knows is not believed.
func TestDocumentOfAStranger(t *testing.T) {
	server := newServer(t, (*httptest.Server).StartTLS, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "{}")
	})
	d := newDocument(t, outbound.DocumentOptions{URL: server.URL})
	if got, err := d.Get(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("want an error about the certificate, got %q, %v", got, err)
	}
}

func TestDocumentInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDocument(t, outbound.DocumentOptions{URL: "https://platform.example", Timeout: 3 * time.Second, Transport: &service{answer: hang}})
		begun := time.Now()
		if _, err := d.Get(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 3*time.Second {
			t.Errorf("want the deadline's error after 3 s, got %v after %v", err, time.Since(begun))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := d.Get(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("want the cancellation, got %v", err)
		}
	})
}
