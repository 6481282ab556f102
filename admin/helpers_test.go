package admin_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"chatserver/admin"
	"chatserver/cache"
	"chatserver/internal/clientip"
	"chatserver/internal/resttest"
	"chatserver/internal/serve"
	"chatserver/journal"
	"chatserver/room"
	"chatserver/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testKey opens the admin API of every test.
const testKey = "admin-0123456789abcdef"

// The short names of what every test handles.
type (
	obj   = resttest.Obj
	guest = resttest.Guest
)

// server is the admin API over rooms that listen on this machine.
type server struct {
	*testing.T
	*room.Registry
	*resttest.API
	handler http.Handler
	started time.Time
	level   zap.AtomicLevel
	logs    *observer.ObservedLogs // from level on, which is info
	stop    func()                 // what a shutdown calls; a test's own
	restart func() error           // what a restart calls; likewise
	journal *journal.Journal
	cache   *cache.Cache
	file    string // that the cache is read from
}

// newServer starts a server with room for three rooms. The test's end stops it.
func newServer(t *testing.T, change ...func(*admin.Options)) *server {
	t.Helper()
	s := &server{T: t, started: time.Now(), level: zap.NewAtomicLevelAt(zap.InfoLevel)}
	s.stop = func() { t.Error("the server was told to stop") }
	s.restart = func() error { t.Error("the server was told to restart"); return nil }
	core, logs := observer.New(s.level)
	s.logs = logs
	s.openStores(core)
	o := room.Options{
		Bind:           "127.0.0.1",
		Host:           "chat.example",
		Ports:          resttest.FreePorts(t, 10),
		MaxRooms:       3,
		History:        100,
		Guests:         room.GuestsChat,
		Limits:         room.Limits{Text: 500, Backlog: 256 << 10},
		AllowedOrigins: room.Origins{"*"},
		Journal:        s.journal,
		Snapshot:       s.cache.Snapshot,
		Logger:         zap.New(core),
	}
	rooms := room.NewRegistry(o)
	s.Registry = rooms
	options := admin.Options{
		Key:            testKey,
		Host:           "chat.example",
		Version:        "1.2.3",
		Started:        s.started,
		TrustedProxies: clientip.Trusted{},
		Dashboard:      web.Dashboard(),
		Assets:         web.Assets(),
		LogLevel:       s.level,
		Shutdown:       func() { s.stop() },
		Restart:        func(context.Context) error { return s.restart() },
		Parts:          admin.Parts{Journal: func() admin.JournalStatus { return admin.JournalStatus{} }},
		Metrics:        http.HandlerFunc(someMetrics),
		Logger:         o.Logger,
	}
	for _, f := range change {
		f(&options)
	}
	s.handler = admin.New(rooms, s.cache, options)
	s.API = resttest.Start(t, serve.New(s.handler, o.Logger), testKey, rooms.Drain)
	return s
}

// someMetrics stands for the metrics of a server.
func someMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	_, _ = w.Write([]byte("up 1\n"))
}

// openStores opens a journal, and a cache that is read from a file.
func (s *server) openStores(core zapcore.Core) {
	s.Helper()
	dir := s.TempDir()
	s.file = filepath.Join(dir, "cache.json")
	s.write(`{}`)
	var err error
	if s.journal, err = journal.Open(journal.Options{Dir: dir}); err != nil {
		s.Fatal(err)
	}
	s.cache = cache.New(cache.Options{Source: cache.File(s.file), Logger: zap.New(core.With(nil), zap.IncreaseLevel(zap.WarnLevel))})
	s.cache.Keep(s.journal, nil)
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.cache.Run(ctx) // ends with ctx
	}()
	s.Cleanup(func() {
		cancel()
		<-ended
		if err := s.journal.Close(context.WithoutCancel(ctx)); err != nil {
			s.Error(err)
		}
	})
	if err := s.cache.Refresh(ctx); err != nil {
		s.Fatal(err)
	}
}

// write writes what the cache is read from.
func (s *server) write(documents string) {
	s.Helper()
	if err := os.WriteFile(s.file, []byte(documents), 0o600); err != nil {
		s.Fatal(err)
	}
}

// open opens a room.
func (s *server) open(name string) *room.Room {
	s.Helper()
	r, created, err := s.Create(name, room.SettingsPatch{})
	if err != nil || !created {
		s.Fatalf("open room %s: created %v, %v", name, created, err)
	}
	return r
}

// state is the public state of a room that has done all that it was asked: it
// answers before it makes public what came of it.
func (s *server) state(r *room.Room) *room.State {
	s.Helper()
	if _, err := r.Set(s.Context(), room.SettingsPatch{}); err != nil {
		s.Fatal(err)
	}
	return r.State()
}

// connect connects to a room, but does not join.
func (s *server) connect(r *room.Room) *guest {
	s.Helper()
	return resttest.Dial(s.T, resttest.OwnPort(r))
}

// join joins a room as a guest.
func (s *server) join(r *room.Room, name string) *guest {
	s.Helper()
	return resttest.Join(s.T, resttest.OwnPort(r), name)
}
