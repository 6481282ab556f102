package outbound_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/internal/outbound"
)

// What operators see of a service is what its newest call says of it.
func TestServiceStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCircuit(t, outbound.Options{Failed: func(status int) bool { return status >= 500 }})
		want := func(why string, want outbound.Status) {
			t.Helper()
			want.URL = "https://listing.example"
			got := c.client.Status()
			if at := want.LastSuccess; at != nil && (got.LastSuccess == nil || !got.LastSuccess.Equal(*at)) {
				t.Errorf("%s: the last success was at %v, want %v", why, got.LastSuccess, at)
			}
			got.LastSuccess, want.LastSuccess = nil, nil
			if got != want {
				t.Errorf("%s: got %+v, want %+v", why, got, want)
			}
		}
		want("before the first call", outbound.Status{State: outbound.StateUnknown})
		if c.client.Status().LastSuccess != nil {
			t.Error("a success without a call")
		}
		c.answer = fail(errors.New("connection\nrefused"))
		c.calls(2)
		want("two failures", outbound.Status{State: outbound.StateDown, Failures: 2, LastError: "connection\ufffdrefused", Failed: 2})
		c.answer = status(http.StatusNotFound)
		c.calls(1)
		well := time.Now()
		want("a refusal, which is no failure", outbound.Status{State: outbound.StateUp, LastSuccess: &well, Succeeded: 1, Failed: 2})
		<-time.After(time.Second)
		c.answer = status(http.StatusBadGateway)
		c.calls(7) // two of them are not made
		down := outbound.Status{State: outbound.StateDown, LastSuccess: &well, Failures: 5, LastError: "answered 502 Bad Gateway", Succeeded: 1, Failed: 7}
		want("left alone", down)
		<-time.After(30*time.Second + moment)
		c.answer = hang
		ctx, cancel := context.WithTimeout(t.Context(), moment)
		defer cancel()
		if err := c.client.Call(ctx, http.MethodPut, "/", nil, nil); err == nil {
			t.Error("a call that hangs ended well")
		}
		down.Failures, down.Failed, down.LastError = 6, 8, "no answer in time: context deadline exceeded"
		want("the attempt failed", down)
	})
}

// No password of a base URL is shown.
func TestServiceStatusKeepsSecrets(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	client := newClient(t, outbound.Options{Base: strings.Replace(closed.URL, "://", "://ann:hunter2@", 1)})
	_ = client.Call(t.Context(), http.MethodPut, "/s3cr3t", nil, nil)
	got := client.Status()
	if got.URL != closed.URL || got.State != outbound.StateDown {
		t.Errorf("got %+v, want %s to be down", got, closed.URL)
	}
	wantSilent(t, "the status", got.URL+got.LastError, "ann", "hunter2", "s3cr3t")
}
