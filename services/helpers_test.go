package services

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testKey is what a service wants of the server.
const testKey = "key-0123456789"

// fake is a service in a bubble. It keeps what it is asked for, and answers as it is told.
type fake struct {
	t     *testing.T
	begun time.Time

	mu     sync.Mutex
	calls  []string // when, what, under which key
	now    int      // under way
	most   int      // that ever were
	closed int      // times that idle connections were closed
	answer func(*http.Request, string) (status int, body string)
	takes  time.Duration // for an answer; negative: it never comes
}

func newFake(t *testing.T) *fake {
	t.Helper()
	return &fake{t: t, begun: time.Now(), answer: func(*http.Request, string) (int, string) { return http.StatusOK, "{}" }}
}

// says has the service answer everything with that.
func (f *fake) says(status int, body string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = func(*http.Request, string) (int, string) { return status, body }
}

// takesTime has the service take so long for an answer; negative: it hangs.
func (f *fake) takesTime(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.takes = d
}

// RoundTrip implements http.RoundTripper.
func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := ""
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		sent = string(data)
	}
	if key := r.Header.Get("X-API-Key"); key != testKey {
		f.t.Errorf("%s %s has the key %q", r.Method, r.URL, key)
	}
	f.mu.Lock()
	call := fmt.Sprint(time.Since(f.begun), " ", r.Method, " ", r.URL.EscapedPath(), " ", sent)
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		call += " once " + key
	}
	f.calls = append(f.calls, strings.TrimSpace(call))
	f.now++
	f.most = max(f.most, f.now)
	answer, takes := f.answer, f.takes
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.now--
	}()
	var over <-chan time.Time // never, unless it takes a time
	if takes >= 0 {
		over = time.After(takes)
	}
	select {
	case <-over:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	status, body := answer(r, sent)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// CloseIdleConnections counts how often it is asked to.
func (f *fake) CloseIdleConnections() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
}

// want fails the test unless these calls came since the last time, in any order of those
// of the same moment.
func (f *fake) want(why string, want ...string) {
	f.t.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	got := slices.Sorted(slices.Values(f.calls))
	slices.Sort(want)
	f.calls = nil
	if !slices.Equal(got, want) {
		f.t.Errorf("%s: the service heard\n%s\nwant\n%s", why, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// heard returns the calls since the last time.
func (f *fake) heard() []string {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

// at waits until so long after the beginning.
func (f *fake) at(d time.Duration) {
	<-time.After(d - time.Since(f.begun))
	synctest.Wait()
}
