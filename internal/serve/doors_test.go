package serve_test

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"chatserver/internal/serve"
)

// inHouse runs a test against a server of h that has doors.
func inHouse(t *testing.T, h http.HandlerFunc, test func(w *world, d *serve.Doors)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, conns: make(chan net.Conn), shut: make(chan struct{})}
		server := serve.New(h, zap.NewNop())
		var heard sync.Map
		server.ConnState = func(_ net.Conn, state http.ConnState) { heard.Store(state, true) }
		d := serve.NewDoors(server)
		ended := make(chan error, 1)
		go func() { ended <- d.Serve(w) }()
		synctest.Wait()
		test(w, d)
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("want Serve to end as after Shutdown, got %v", err)
		}
		if _, ok := heard.Load(http.StateClosed); !ok {
			t.Error("the server's own ConnState hears nothing any more")
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Who has connected before gets an answer, and nobody comes in afterwards.
func TestShutDoors(t *testing.T) {
	var release chan struct{} // of the bubble
	slow := func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			<-release
		}
		ok(w, r)
	}
	inHouse(t, slow, func(w *world, d *serve.Doors) {
		release = make(chan struct{})
		idle, silent, busy := w.connect(), w.connect(), w.connect()
		idle.send("POST / HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 0\r\n\r\n")
		idle.wantStatus("an earlier request", http.StatusOK)
		busy.send(request(100))
		shut := make(chan struct{})
		go func() { defer close(shut); d.Shut(time.Minute) }()
		synctest.Wait()
		idle.wantClosed("who asks for nothing", 0)
		select {
		case <-w.shut:
		default:
			t.Error("the listener is open")
		}
		silent.send("POST / HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 0\r\n\r\n")
		silent.wantStatus("who had connected only", http.StatusOK)
		silent.wantClosed("afterwards", 0)
		select {
		case <-shut:
			t.Error("a request is under way, and the doors count as shut")
		default:
		}
		close(release)
		busy.wantStatus("a request under way", http.StatusOK)
		<-shut
		busy.wantClosed("afterwards", 0)
		d.Shut(time.Minute) // again does nothing
	})
}

// Somebody who says nothing holds up nobody for longer than wanted.
func TestShutDoorsOnSilence(t *testing.T) {
	inHouse(t, ok, func(w *world, d *serve.Doors) {
		silent := w.connect()
		synctest.Wait()
		d.Shut(time.Second)
		if took := time.Since(silent.begun); took != time.Second {
			t.Errorf("want a second of patience, it took %v", took)
		}
		silent.wantClosed("as ever", 5*time.Second)
	})
}

// Who has been silent for long, or waits for something that takes long, holds up nobody.
func TestShutDoorsDespiteOthers(t *testing.T) {
	var release chan struct{} // of the bubble
	waits := func(w http.ResponseWriter, r *http.Request) {
		serve.Linger(r.Context())
		<-release
		ok(w, r)
	}
	inHouse(t, waits, func(w *world, d *serve.Doors) {
		release = make(chan struct{})
		silent, waiting := w.connect(), w.connect()
		waiting.send(request(100))
		<-time.After(2 * time.Second)
		begun := time.Now()
		d.Shut(time.Second)
		if took := time.Since(begun); took != 0 {
			t.Errorf("want nobody to be waited for, it took %v", took)
		}
		close(release)
		waiting.wantStatus("in the end", http.StatusOK)
		silent.wantClosed("as ever", 5*time.Second)
	})
}

// Doors that are shut before anybody serves stay shut.
func TestShutDoorsBeforeServing(t *testing.T) {
	d := serve.NewDoors(serve.New(http.NotFoundHandler(), zap.NewNop()))
	d.Shut(time.Minute)
	if err := d.Serve(nil); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("want no serving, got %v", err)
	}
}
