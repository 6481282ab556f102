package outbound_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"chatserver/internal/outbound"
)

// A request arrives as it was meant: method, path byte for byte, header, body.
func TestRequest(t *testing.T) {
	type request struct{ method, uri, key, user, kind, body string }
	got := make(chan request, 1)
	server := newServer(t, (*httptest.Server).Start, func(_ http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		got <- request{
			r.Method, r.RequestURI, r.Header.Get("X-API-Key"), user + "/" + password,
			r.Header.Get("Content-Type"), string(data),
		}
	})
	host := strings.TrimPrefix(server.URL, "http://")

	for _, tt := range []struct {
		name, base, method, path string
		in                       any
		want                     request
	}{
		{
			"escaped colon", "http://" + host, http.MethodPut, "/register/chat.example%3A8080/1/2/1.0.0", nil,
			request{method: "PUT", uri: "/register/chat.example%3A8080/1/2/1.0.0", user: "/"},
		},
		{
			"base with a slash", "http://" + host + "/", http.MethodGet, "/a", nil,
			request{method: "GET", uri: "/a", user: "/"},
		},
		{
			"base with an escaped path", "http://" + host + "/a%2Fb/c", http.MethodGet, "/d%2Fe", nil,
			request{method: "GET", uri: "/a%2Fb/c/d%2Fe", user: "/"},
		},
		{
			"dots and doubled slashes stay", "http://" + host, http.MethodGet, "/a/..//%2e%2E/b", nil,
			request{method: "GET", uri: "/a/..//%2e%2E/b", user: "/"},
		},
		{
			"user in the base", "http://ann:secret@" + host, http.MethodGet, "/a", nil,
			request{method: "GET", uri: "/a", user: "ann/secret"},
		},
		{
			"body", "http://" + host, http.MethodPost, "/sessions",
			map[string]string{"user": "ann"},
			request{method: "POST", uri: "/sessions", user: "/", kind: "application/json", body: `{"user":"ann"}`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := newClient(t, outbound.Options{Base: tt.base})
			if err := client.Call(t.Context(), tt.method, tt.path, tt.in, nil); err != nil {
				t.Fatalf("Call: %v", err)
			}
			tt.want.key = testKey
			if r := <-got; r != tt.want {
				t.Errorf("arrived %+v\n   want %+v", r, tt.want)
			}
		})
	}
}

// A call that cannot be made is our own fault: nothing is sent, nothing counted.
func TestImpossibleCalls(t *testing.T) {
	for _, tt := range []struct {
		name, method, path string
		in                 any
	}{
		{"no slash", http.MethodGet, "rooms", nil},
		{"another host", http.MethodGet, "@evil.example/", nil},
		{"bad escape", http.MethodGet, "/100%", nil},
		{"space", http.MethodGet, "/a b", nil},
		{"query", http.MethodGet, "/a?b=c", nil},
		{"fragment", http.MethodGet, "/a#b", nil},
		{"line break", http.MethodGet, "/a\r\nX-API-Key: other", nil},
		{"bad method", "GET /", "/a", nil},
		{"no JSON", http.MethodPost, "/a", func() {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			logger, lines := newLog()
			service := &service{answer: status(http.StatusOK)}
			client := newClient(t, outbound.Options{Base: "https://credit.example", Transport: service, Logger: logger})
			for range 10 {
				if err := client.Call(t.Context(), tt.method, tt.path, tt.in, nil); err == nil || errors.Is(err, outbound.ErrOpen) {
					t.Fatalf("Call: %v, want an error of its own", err)
				}
			}
			service.wantCalls(t, "impossible", 0)
			if lines.Len() > 0 {
				t.Errorf("the log says %v", lines.All())
			}
		})
	}
}

// An answer's JSON is decoded, within limits.
func TestAnswer(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		fits       bool
	}{
		{"JSON", `{"session":"s1"}`, true},
		{"JSON at the limit", `{"session":"s1"}` + strings.Repeat(" ", 64<<10-16), true},
		{"JSON beyond the limit", `{"session":"s1"}` + strings.Repeat(" ", 64<<10-15), false},
		{"nothing", "", false},
		{"a page", "<html>\n<p>Welcome</p>", false},
		{"another type", `{"session":7}`, false},
		{"two values", `{"session":"s1"}{}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			service := &service{answer: body(http.StatusCreated, io.NopCloser(strings.NewReader(tt.body)))}
			client := newClient(t, outbound.Options{Base: "https://credit.example", Transport: service})
			var out struct{ Session string }
			err := client.Call(t.Context(), http.MethodPost, "/sessions", nil, &out)
			if fits := err == nil && out.Session == "s1"; fits != tt.fits {
				t.Errorf("Call: %v, decoded %+v; want it to fit: %t", err, out, tt.fits)
			}
		})
	}
}

// A status outside 2xx is an error that tells it.
func TestStatus(t *testing.T) {
	for code, text := range map[int]string{
		200: "", 204: "", 299: "",
		304: "credit service https://credit.example: answered 304 Not Modified",
		401: "credit service https://credit.example: answered 401 Unauthorized",
		503: "credit service https://credit.example: answered 503 Service Unavailable",
		599: "credit service https://credit.example: answered 599",
	} {
		service := &service{answer: status(code)}
		client := newClient(t, outbound.Options{Name: "credit service", Base: "https://credit.example/", Transport: service})
		err := client.Call(t.Context(), http.MethodGet, "/a", nil, nil)
		if text == "" {
			if err != nil {
				t.Errorf("%d: %v", code, err)
			}
			continue
		}
		var answer *outbound.StatusError
		if !errors.As(err, &answer) || answer.Status != code || err.Error() != text {
			t.Errorf("%d: %v, want %q", code, err, text)
		}
	}
}

// The key goes to the base URL and nowhere else.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := newServer(t, (*httptest.Server).Start, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a call was led astray: %s %s with %q", r.Method, r.URL, r.Header.Get("X-API-Key"))
	})
	for _, code := range []int{301, 302, 303, 307, 308} {
		server := newServer(t, (*httptest.Server).Start, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, code)
		})
		client := newClient(t, outbound.Options{Base: server.URL})
		var answer *outbound.StatusError
		err := client.Call(t.Context(), http.MethodPut, "/a", nil, nil)
		if !errors.As(err, &answer) || answer.Status != code {
			t.Errorf("Call: %v, want the status %d", err, code)
		}
	}
}

// Certificates that nobody vouches for are accepted where that is asked for.
func TestCertificates(t *testing.T) {
	server := newServer(t, (*httptest.Server).StartTLS, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})

	verifying := newClient(t, outbound.Options{Base: server.URL})
	var unknown x509.UnknownAuthorityError
	if err := verifying.Call(t.Context(), http.MethodPut, "/a", nil, nil); !errors.As(err, &unknown) {
		t.Errorf("verifying: %v, want an unknown authority", err)
	}
	trusting := newClient(t, outbound.Options{Base: server.URL, InsecureSkipVerify: true})
	if err := trusting.Call(t.Context(), http.MethodPut, "/a", nil, nil); err != nil {
		t.Errorf("trusting: %v", err)
	}
}

// One connection serves many calls, refused ones too.
func TestConnectionIsReused(t *testing.T) {
	var connections atomic.Int32
	start := func(s *httptest.Server) {
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		}
		s.Start()
	}
	server := newServer(t, start, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = io.WriteString(w, strings.Repeat("{}\n", 1000))
	})
	client := newClient(t, outbound.Options{Base: server.URL})
	for _, path := range []string{"/", "/refuse", "/", "/refuse", "/"} {
		_ = client.Call(t.Context(), http.MethodGet, path, nil, nil)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections were made, want 1", n)
	}
}

// A call ends in time, wherever the service stops, and its context ends it early.
func TestTimeout(t *testing.T) {
	endless := func(r *http.Request) (*http.Response, error) {
		reader, writer := io.Pipe()
		context.AfterFunc(r.Context(), func() { writer.CloseWithError(r.Context().Err()) })
		return body(http.StatusOK, reader)(r)
	}
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"before the answer": hang,
		"within the answer": endless,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := newClient(t, outbound.Options{Base: "https://credit.example", Transport: &service{answer: answer}, Timeout: 3 * time.Second})
				call := func(ctx context.Context) (time.Duration, error) {
					start := time.Now()
					err := client.Call(ctx, http.MethodGet, "/a", nil, new(struct{}))
					return time.Since(start), err
				}

				if took, err := call(t.Context()); !errors.Is(err, context.DeadlineExceeded) || took != 3*time.Second {
					t.Errorf("after %v: %v, want the timeout after 3s", took, err)
				}
				patience, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if took, err := call(patience); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
					t.Errorf("after %v: %v, want the deadline after 1s", took, err)
				}
				stopped, stop := context.WithCancelCause(t.Context())
				defer time.AfterFunc(2*time.Second, func() { stop(errors.New("the server stops")) }).Stop()
				if took, err := call(stopped); !errors.Is(err, context.Canceled) || took != 2*time.Second {
					t.Errorf("after %v: %v, want the end of the context after 2s", took, err)
				}
			})
		})
	}
}

// Whatever a service sends, the call ends, and its error fits one line of a log.
func TestHostileAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"no HTTP":              "\x1b[31m\x00red\r\n\r\n",
		"long status":          "HTTP/1.1 2" + strings.Repeat("9", 9000) + "\r\n\r\n",
		"status text":          "HTTP/1.1 500 \x1b[31m\u202e\r\n\r\n",
		"bad header":           "HTTP/1.1 200 OK\r\nno\x1b[31m\u202e colon\r\n\r\n",
		"endless header":       "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		"another protocol":     "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n",
		"redirect to nowhere":  "HTTP/1.1 302 Found\r\nLocation: http://%\x1b[31m" + strings.Repeat("x", 5000) + "\r\nContent-Length: 0\r\n\r\n",
		"half a body":          "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
		"JSON of a long kind":  "HTTP/1.1 200 OK\r\n\r\n{\"Seconds\":" + strings.Repeat("9", 9000) + "}",
		"JSON in a wrong form": "HTTP/1.1 200 OK\r\n\r\n{\"Seconds\":\"\\u202e\"}",
	} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			server := newServer(t, (*httptest.Server).Start, func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Errorf("Hijack: %v", err)
					return
				}
				defer conn.Close()
				_, _ = io.WriteString(conn, answer) // the client may leave before its end
				if strings.Contains(answer, " 101 ") {
					<-release // the client must go by itself
				}
			})
			defer close(release)

			client := newClient(t, outbound.Options{Base: server.URL})
			var out struct{ Seconds int8 }
			err := client.Call(t.Context(), http.MethodGet, "/a", nil, &out)
			if err == nil {
				t.Fatalf("no error, decoded %+v", out)
			}
			text := strings.TrimPrefix(err.Error(), "service "+server.URL+": ")
			if n := len([]rune(text)); n > 201 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("error of %d characters: %q", n, text)
			}
		})
	}
}

// An answer larger than the limit is not read to its end.
func TestEndlessAnswer(t *testing.T) {
	endless := body(http.StatusOK, io.NopCloser(zeros{}))
	client := newClient(t, outbound.Options{Base: "https://credit.example", Transport: &service{answer: endless}})
	if err := client.Call(t.Context(), http.MethodGet, "/a", nil, nil); err != nil {
		t.Errorf("Call that does not look at the answer: %v", err)
	}
	if err := client.Call(t.Context(), http.MethodGet, "/a", nil, new(struct{})); err == nil {
		t.Error("Call that looks at the answer: no error")
	}
}

// zeros reads as zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Neither key nor user nor path shows up where people read.
func TestSecretsStayInside(t *testing.T) {
	server := newServer(t, (*httptest.Server).StartTLS, nil)
	closed := httptest.NewServer(nil)
	closed.Close()

	for name, base := range map[string]string{
		"nobody listens":  strings.Replace(closed.URL, "://", "://ann:hunter2@", 1),
		"bad certificate": strings.Replace(server.URL, "://", "://ann:hunter2@", 1),
	} {
		t.Run(name, func(t *testing.T) {
			logger, lines := newLog()
			client := newClient(t, outbound.Options{Base: base, Logger: logger})
			wantSilent(t, "String", client.String(), "ann", "hunter2")
			for range 6 {
				err := client.Call(t.Context(), http.MethodDelete, "/sessions/s3cr3t", nil, nil)
				if err == nil {
					t.Fatal("no error")
				}
				wantSilent(t, "the error", err.Error(), "ann", "hunter2", "s3cr3t")
			}
			if lines.Len() != 1 {
				t.Fatalf("%d log lines, want 1", lines.Len())
			}
			for field, value := range lines.All()[0].ContextMap() {
				text, _ := value.(string)
				wantSilent(t, "the log's "+field, text, "ann", "hunter2", "s3cr3t")
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for _, base := range []string{
		"", "lb.example", "lb.example:2000", "//lb.example", "ftp://lb.example", "https://", "https://:2000",
		"https://lb.example?", "https://lb.example?a=b", "https://lb.example#a", "https://lb.example:port",
		"https://ann:hunter2/x@lb.example", "https://ann:hunter2@lb.example/%zz",
	} {
		if _, err := outbound.New(outbound.Options{Base: base}); err == nil {
			t.Errorf("%q is taken as a base", base)
		} else {
			wantSilent(t, "the error", err.Error(), "hunter2")
		}
	}
	if _, err := outbound.New(outbound.Options{Base: "https://lb.example", Key: testKey + "\r\nX-Other: 1"}); err == nil {
		t.Error("a key with a line break is taken")
	} else {
		wantSilent(t, "the error", err.Error())
	}
}
