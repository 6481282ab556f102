package room

import (
	"net"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestSilentPeersHoldUpNobodyForLong(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		places := w.turnstile.places
		var silent []net.Conn
		for range turnstilePlaces {
			c, err := w.net.dial(w.Context(), strconv.Itoa(r.port))
			if err != nil {
				w.Fatal(err)
			}
			silent = append(silent, c)
		}
		synctest.Wait()
		if len(places) != turnstilePlaces {
			w.Errorf("%d places are taken, want all", len(places))
		}
		before := time.Now()
		r.dial()
		if took := time.Since(before); took != turnstileWait {
			w.Errorf("let in after %v, want %v", took, turnstileWait)
		}
		for _, c := range silent {
			_ = c.Close()
		}
		synctest.Wait()
		before = time.Now()
		r.dial()
		status, _ := r.get("/livez", nil)
		took := time.Since(before)
		synctest.Wait()
		if status != http.StatusOK || took != 0 || len(places) != 0 {
			w.Errorf("status %d after %v; %d places are taken", status, took, len(places))
		}
	})
}

// TestJoinsDoNotCrowdOutMessages has many more at the door than the inbox could hold.
func TestJoinsDoNotCrowdOutMessages(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		j := jam{make(chan struct{})}
		r.post(j)
		for range inboxSize + 10 {
			r.dial().send(obj{"type": "join"})
		}
		synctest.Wait()
		ann.say("hello", "1")
		synctest.Wait()
		if n := len(r.inbox); n != 1 {
			w.Errorf("%d commands wait, want the message alone", n)
		}
		close(j.until)
		ann.wantMessage("before all have joined", "hello")
		w.pass(time.Second)
		if got := r.State().Viewers; got != inboxSize+11 {
			w.Errorf("%d viewers", got)
		}
	})
}
