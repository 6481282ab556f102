package lbclient

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/internal/outbound"
)

const (
	lb1 = "lb1.example"
	lb2 = "lb2.example"
)

// All balancers hear of the server at start, and then at every heartbeat.
func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lb1, lb2)
		w.open(2) // before the start: told with it
		w.run()
		w.after(29 * time.Second)
		w.at(lb1).want("heartbeats", "0s 1000/2", "10s 1000/2", "20s 1000/2")
		w.at(lb2).want("heartbeats", "0s 1000/2", "10s 1000/2", "20s 1000/2")

		w.drain()
		w.after(30 * time.Second)
		w.at(lb1).want("the next heartbeat", "30s 2/2")
		w.wantStopped()
		if w.closed != 2 {
			t.Errorf("idle connections were closed %d times, want once for each balancer", w.closed)
		}
		w.after(time.Minute)
		w.at(lb1).want("after the end")
	})
}

// A room that opens is told at once, and more of them once a second, the last
// one never left out.
func TestUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lb1)
		w.run()
		w.after(500 * time.Millisecond)
		w.at(lb1).want("start", "0s 1000/0")

		w.open(1)
		w.at(lb1).want("the first room", "500ms 1000/1")
		for rooms := 2; rooms <= 20; rooms++ { // the last one 1.71 s after the first
			w.after(500*time.Millisecond + time.Duration(rooms-1)*90*time.Millisecond)
			w.open(rooms)
		}
		w.after(9500 * time.Millisecond)
		w.at(lb1).want("19 more", "1.5s 1000/12", "2.5s 1000/20")

		w.open(21)
		w.open(22)
		w.at(lb1).want("after a rest", "9.5s 1000/21")
		w.after(19 * time.Second)
		w.at(lb1).want("an update that a heartbeat told", "10s 1000/22")
	})
}

// A slow balancer is not told what is outdated by the time it listens again.
func TestNewestStateWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lb1)
		w.at(lb1).answers(http.StatusOK, 4*time.Second)
		w.run()
		for rooms := range 4 {
			w.after(time.Duration(rooms) * time.Second)
			w.open(rooms)
		}
		w.after(9 * time.Second)
		w.at(lb1).want("while it was slow", "0s 1000/0", "4s 1000/3")
	})
}

// A balancer that hangs is given up after 5 s, and slows no other.
func TestHangingBalancer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lb1, lb2)
		w.at(lb1).hangs()
		w.run()
		w.after(time.Second)
		w.open(1)
		w.at(lb2).want("the good one", "0s 1000/0", "1s 1000/1")
		w.after(9 * time.Second)
		w.at(lb1).want("the hanging one", "0s 1000/0", "5s 1000/1")
		w.after(12 * time.Second)
		w.at(lb1).want("the hanging one", "10s 1000/1")
		w.at(lb2).want("the good one", "10s 1000/1")
		w.wantStopped()
	})
}

// A balancer that fails is left alone, comes back, and the log says both.
func TestFailingBalancer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lb1, lb2)
		w.at(lb1).answers(http.StatusInternalServerError, time.Millisecond)
		w.run()
		w.after(39 * time.Second)
		w.at(lb1).want("four failures", "0s 1000/0", "10s 1000/0", "20s 1000/0", "30s 1000/0")
		w.wantLog("four failures")
		bad, good := w.client.Status()[0], w.client.Status()[1]
		if bad.URL != "https://"+lb1 || bad.State != outbound.StateDown || bad.Failures != 4 || bad.LastSuccess != nil ||
			good.URL != "https://"+lb2 || good.State != outbound.StateUp || good.LastError != "" || time.Since(*good.LastSuccess) != 9*time.Second {
			t.Errorf("after four failures of the first balancer the status is %+v and %+v", bad, good)
		}
		w.after(41 * time.Second)
		w.at(lb1).want("the fifth failure", "40s 1000/0")
		w.wantLog("the fifth failure", "warn service keeps failing and is left alone, https://lb1.example")

		w.at(lb1).answers(http.StatusOK, 0)
		w.open(1)
		w.after(79 * time.Second)
		w.at(lb1).want("left alone")
		w.wantLog("left alone")
		w.after(91 * time.Second)
		w.at(lb1).want("back again", "1m20s 1000/1", "1m30s 1000/1")
		w.wantLog("back again", "info service is back, https://lb1.example")

		w.at(lb2).want("the other one", "0s 1000/0", "10s 1000/0", "20s 1000/0", "30s 1000/0", "40s 1000/0",
			"41s 1000/1", "50s 1000/1", "1m0s 1000/1", "1m10s 1000/1", "1m20s 1000/1", "1m30s 1000/1")
	})
}

// The end of the server is no failure of the balancers.
func TestEndIsNotLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lb1, lb2)
		w.at(lb1).hangs()
		w.at(lb2).hangs()
		w.run()
		w.after(time.Second)
		w.wantStopped()
		if n := w.lines.Len(); n > 0 {
			t.Errorf("the log says %v", w.lines.All())
		}
	})
}

// Announce tells everybody at once, whatever was told a moment ago, and reports
// who did not hear it.
func TestAnnounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lb1, lb2)
		w.run()
		w.after(time.Second)
		w.open(3)
		w.drain()
		if err := w.client.Announce(t.Context()); err != nil {
			t.Errorf("Announce: %v", err)
		}
		w.at(lb1).want("drained", "0s 1000/0", "1s 1000/3", "1s 3/3")
		w.at(lb2).want("drained", "0s 1000/0", "1s 1000/3", "1s 3/3")

		w.at(lb1).answers(http.StatusUnauthorized, 2*time.Second)
		w.at(lb2).hangs()
		err := w.client.Announce(t.Context())
		const want = "load balancer https://lb1.example: answered 401 Unauthorized\n" +
			"load balancer https://lb2.example: no answer in time: context deadline exceeded"
		if err == nil || err.Error() != want {
			t.Errorf("Announce: %v\nwant %s", err, want)
		}
		if now := time.Since(w.start); now != 6*time.Second {
			t.Errorf("Announce took until %v, want 6s", now)
		}
	})
}

// Announce waits for a heartbeat under way, so that nothing older is told after
// it, but not longer than its context lasts.
func TestAnnounceTakesItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lb1)
		w.at(lb1).answers(http.StatusOK, 3*time.Second)
		w.run()
		w.drain()

		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := w.client.Announce(hasty)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), lb1) {
			t.Errorf("Announce without patience: %v, want a deadline that names the balancer", err)
		}
		if err := w.client.Announce(t.Context()); err != nil {
			t.Errorf("Announce: %v", err)
		}
		w.at(lb1).want("one by one", "0s 1000/0", "3s 0/0")
	})
}

// Announce needs no Run, and a balancer that is left alone is left alone.
func TestAnnounceAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lb1)
		w.at(lb1).answers(http.StatusInternalServerError, 0)
		for range 5 {
			if err := w.client.Announce(t.Context()); err == nil {
				t.Error("Announce: no error")
			}
		}
		if err := w.client.Announce(t.Context()); !errors.Is(err, outbound.ErrOpen) {
			t.Errorf("Announce: %v, want ErrOpen", err)
		}
		w.at(lb1).want("five failures", "0s 1000/0", "0s 1000/0", "0s 1000/0", "0s 1000/0", "0s 1000/0")
	})
}

// Without balancers there is nothing to do but to wait for the end.
func TestNoBalancers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run()
		w.open(1)
		if err := w.client.Announce(t.Context()); err != nil {
			t.Errorf("Announce: %v", err)
		}
		w.after(time.Hour)
		select {
		case err := <-w.ended:
			t.Errorf("Run ended before its context: %v", err)
		default:
		}
		w.wantStopped()
	})
}

// A client runs once at a time, and may run again.
func TestRunTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lb1)
		w.run()
		if err := w.client.Run(t.Context()); err == nil {
			t.Error("a second Run beside the first: no error")
		}
		w.wantStopped()
		w.after(time.Second)
		w.run()
		w.at(lb1).want("both runs", "0s 1000/0", "1s 1000/0")
	})
}

// What goes over the wire, byte for byte, to real servers with TLS.
func TestWire(t *testing.T) {
	type request struct{ method, uri, key, body string }
	got := make(chan request, 1)
	balancer := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Method, r.RequestURI, r.Header.Get("X-API-Key"), string(body)}
	}))
	balancer.Config.ErrorLog = log.New(io.Discard, "", 0) // it will not be trusted
	balancer.StartTLS()
	defer balancer.Close()

	for _, tt := range []struct {
		name, host, version string
		verify              bool
		uri                 string // empty: the balancer must not be told
	}{
		{"name", "chat.example", "1.0.0", false, "/register/chat.example%3A8080/1000/3/1.0.0"},
		{"IPv4", "192.0.2.1", "1.0.0", false, "/register/192.0.2.1%3A8080/1000/3/1.0.0"},
		{"IPv6", "2001:db8::1", "1.0.0", false, "/register/%5B2001%3Adb8%3A%3A1%5D%3A8080/1000/3/1.0.0"},
		{"odd version", "chat.example", "1.0.0-rc/2+b 7", false, "/register/chat.example%3A8080/1000/3/1.0.0-rc%2F2%2Bb%207"},
		{"self-signed in production", "chat.example", "1.0.0", true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, err := New(Options{
				URLs: []string{balancer.URL}, Key: testKey, Host: tt.host, Port: 8080, Version: tt.version,
				VerifyCertificates: tt.verify,
				Load:               func() (capacity, rooms int) { return 1000, 3 },
			})
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			err = client.Announce(t.Context())
			if tt.uri == "" {
				if err == nil || !strings.Contains(err.Error(), "certificate") {
					t.Errorf("Announce: %v, want its certificate refused", err)
				}
				return
			}
			if err != nil {
				t.Fatalf("Announce: %v", err)
			}
			if r, want := <-got, (request{http.MethodPut, tt.uri, testKey, ""}); r != want {
				t.Errorf("told %+v\nwant %+v", r, want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	_, err := New(Options{URLs: []string{"https://lb.example", "https://ann:hunter2@"}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"host", "port", "version", "load", "load balancer 2 of 2"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name the %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%q holds a password", err)
	}
}
