package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"chatserver/room"
)

// What proxies say is believed of trusted ones alone, and told in any case.
func TestClient(t *testing.T) {
	for why, tt := range map[string]struct {
		trusted, address, scheme string
	}{
		"a trusted proxy": {"127.0.0.1", "203.0.113.7", "https"},
		"another peer":    {"none", "127.0.0.1", "http"},
		"two of the list": {"127.0.0.1,203.0.113.7", "192.0.2.1", "https"},
	} {
		s := newServer(t, func(o *room.Options) {
			if err := o.TrustedProxies.UnmarshalText([]byte(tt.trusted)); err != nil {
				t.Fatal(err)
			}
		})
		for _, path := range []string{"/api/v1/client", "/r/nowhere/client"} {
			begun := time.Now()
			got := s.Call("GET", path, "", "X-Forwarded-For", "192.0.2.1, 203.0.113.7", "X-Forwarded-Proto", "https").Data(why, http.StatusOK)
			for name, want := range map[string]string{
				"address": tt.address, "scheme": tt.scheme, "peer": "127.0.0.1", "host": strings.TrimPrefix(s.URL, "http://"), "forwarded_for": "192.0.2.1, 203.0.113.7",
			} {
				if got.Str(name) != want {
					t.Errorf("%s: want %s %q, got %s", why, name, want, got.JSON())
				}
			}
			if at, err := time.Parse(time.RFC3339Nano, got.Str("time")); err != nil || at.Before(begun.Add(-time.Millisecond)) || at.After(time.Now()) {
				t.Errorf("%s: want the time, got %v, %v", why, at, err)
			}
		}
	}
}
