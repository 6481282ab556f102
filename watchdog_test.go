//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"chatserver/internal/handover"
	"chatserver/internal/systemd"
	"chatserver/journal"
	"chatserver/metrics"
	"chatserver/room"
)

// kennel is a watchdog with whoever is to hear from it.
type kennel struct {
	*testing.T
	*watchdog
	socket *net.UnixConn
	logs   *observer.ObservedLogs
}

// every is how often the watchdog of a test asks.
const every = 200 * time.Millisecond

func newKennel(t *testing.T) *kennel {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	core, logs := observer.New(zap.InfoLevel)
	manager := systemd.Of([]string{"NOTIFY_SOCKET=" + path, fmt.Sprint("WATCHDOG_USEC=", (3 * every).Microseconds())}, 1)
	k := &kennel{T: t, watchdog: newWatchdog(manager, zap.New(core)), socket: socket, logs: logs}
	t.Cleanup(k.begin())
	return k
}

// hears tells whether there is a sign of life within the time.
func (k *kennel) hears(within time.Duration) bool {
	k.Helper()
	if err := k.socket.SetReadDeadline(time.Now().Add(within)); err != nil {
		k.Fatal(err)
	}
	said := make([]byte, 100)
	n, err := k.socket.Read(said)
	if err == nil && string(said[:n]) != systemd.Alive {
		k.Errorf("want signs of life, got %q", said[:n])
	}
	return err == nil
}

// forget forgets what was on its way.
func (k *kennel) forget() {
	k.Helper()
	for k.hears(time.Millisecond) {
	}
}

// wantFed wants some signs of life.
func (k *kennel) wantFed(why string) {
	k.Helper()
	k.forget()
	for range 2 {
		if !k.hears(20 * time.Second) {
			k.Fatalf("%s: no sign of life", why)
		}
	}
}

// wantUnfed wants the log to say why there are no signs of life, and none to come.
func (k *kennel) wantUnfed(why, says string) {
	k.Helper()
	patience := time.NewTimer(20 * time.Second)
	defer patience.Stop()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for told := false; !told; {
		for _, line := range k.logs.TakeAll() {
			got := fmt.Sprint(line.ContextMap()["error"])
			told = told || strings.HasPrefix(line.Message, "the watchdog is not fed") && strings.Contains(got, says)
		}
		select {
		case <-again.C:
		case <-patience.C:
			k.Fatalf("%s: the log does not say %q", why, says)
		}
	}
	k.forget()
	if k.hears(4 * every) {
		k.Errorf("%s: want no signs of life any more", why)
	}
}

func TestWatchdogAsks(t *testing.T) {
	k := newKennel(t)
	k.wantFed("before anything serves")
	var mu sync.Mutex
	var ill error
	k.follow(func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		return ill
	})
	set := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		ill = err
	}
	k.wantFed("all is well")
	set(errors.New("it is ill"))
	k.wantUnfed("it is ill", "it is ill")
	k.trust(time.Hour)
	k.wantFed("the server stops, which takes a while")
	k.trust(-time.Second)
	k.wantUnfed("it takes too long", "it is ill")
	set(nil)
	k.wantFed("it is well again")
	k.follow(func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	k.wantUnfed("it hangs", "deadline exceeded")
	k.follow(func(context.Context) error { return nil })
	k.wantFed("it is well again")
	k.leave()
	k.forget()
	if k.hears(4 * every) {
		t.Error("want silence once another process is the main one")
	}
}

// gatedJournal is a journal whose Append waits at a gate, which would be a fault of ours:
// it holds up the room's actor.
type gatedJournal struct {
	*journal.Journal
	gate *sync.Mutex
}

func (j gatedJournal) Append(e journal.Event, done func(error)) error {
	j.gate.Lock()
	defer j.gate.Unlock()
	return j.Journal.Append(e, done)
}

// startHere starts a server in this process, with a gate that holds up rooms.
func startHere(t *testing.T) (s *server, gate *sync.Mutex) {
	t.Helper()
	first := 15000 + rand.IntN(17000)
	cfg, faults := parseConfig(environment("PORT=0", "ADMIN_PORT=0", "BIND=127.0.0.1", "ADMIN_BIND=127.0.0.1",
		"DATA_DIR="+t.TempDir(), fmt.Sprintf("ROOM_PORTS=%d-%d", first, first+20)))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	s = &server{cfg: cfg, log: zap.NewNop(), level: zap.NewAtomicLevel(), metrics: metrics.New(version), trace: untraced, sockets: handover.NewSockets(), stop: func(error) {}}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.stops.run(context.Background(), zap.NewNop()) //nolint:usetesting // the test's is done
		s.running.Wait()
	})
	gate = new(sync.Mutex)
	o := s.roomOptions()
	o.Journal = gatedJournal{s.journal, gate}
	s.rooms = room.NewRegistry(o)
	s.rooms.Start(nil)
	return s, gate
}

// The watchdog is fed only as long as the API, every room and the journal answer.
func TestWatchdogLooksEverywhere(t *testing.T) {
	s, gate := startHere(t)
	if _, _, err := s.rooms.Create("well", room.SettingsPatch{}); err != nil {
		t.Fatal(err)
	}
	stuck, _, err := s.rooms.Create("stuck", room.SettingsPatch{})
	if err != nil {
		t.Fatal(err)
	}
	k := newKennel(t)
	k.follow(s.alive)
	k.wantFed("all is well")

	gate.Lock()
	said := make(chan error, 1)
	go func() {
		_, err := stuck.Say(t.Context(), nil, "hello")
		said <- err
	}()
	k.wantUnfed("a room's actor hangs", "room stuck does not answer")
	gate.Unlock()
	if err := <-said; err != nil {
		t.Error(err)
	}
	k.wantFed("it goes on")

	release := make(chan struct{})
	if err := s.journal.Sync(func(error) { <-release }); err != nil {
		t.Fatal(err)
	}
	k.wantUnfed("the journal's writer hangs", "the journal does not answer")
	close(release)
	k.wantFed("it goes on")

	s.apiFront.doors.Shut(0)
	k.wantUnfed("nobody answers at the API's port", "the API does not answer")
}
