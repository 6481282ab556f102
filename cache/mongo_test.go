package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"chatserver/internal/mongodb"
	"chatserver/internal/mongotest"
)

// platform is the platform's database, with a cache that reads it.
type platform struct {
	*testCache
	t  *testing.T
	db *mongo.Database
}

// readFrom returns a cache that reads the database at an address.
func readFrom(t *testing.T, addr string) *testCache {
	t.Helper()
	client, err := mongodb.New("mongodb://"+addr+"/", "chatserver")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return run(t, MongoDB(client))
}

func newPlatform(t *testing.T, server *mongotest.DB) *platform {
	t.Helper()
	return &platform{testCache: readFrom(t, server.Addr()), t: t, db: server.Connect("chatserver")}
}

func (p *platform) insert(collection string, docs ...any) {
	p.t.Helper()
	if _, err := p.db.Collection(collection).InsertMany(p.t.Context(), docs); err != nil {
		p.t.Fatal(err)
	}
}

func (p *platform) mustRefresh() *Snapshot {
	p.t.Helper()
	if err := p.Refresh(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	return p.Snapshot()
}

type d = bson.D

func TestMongoDBIsRead(t *testing.T) {
	p := newPlatform(t, mongotest.Start(t))
	if s := p.mustRefresh(); s.Version() == "" || s.Counts() != (Counts{}) {
		t.Errorf("an empty database gives version %q and %+v", s.Version(), s.Counts())
	}
	ann := bson.NewObjectID()
	p.insert("rooms",
		d{{Key: "_id", Value: "testroom"}, {Key: "title", Value: "T"}, {Key: "owner", Value: ann}, {Key: "moderators", Value: bson.A{"bob", ann}}, {Key: "slow_mode", Value: 3.0}, {Key: "max_connections", Value: int64(9)}, {Key: "history", Value: strings.Repeat("not read ", 20_000)}},
		d{{Key: "_id", Value: "other"}})
	p.insert("bans",
		d{{Key: "_id", Value: bson.NewObjectID()}, {Key: "user", Value: "mallory"}, {Key: "expires", Value: noon}},
		d{{Key: "_id", Value: 5}, {Key: "ip", Value: "2001:db8::/32"}, {Key: "room", Value: "testroom"}},
		d{{Key: "_id", Value: 6}, {Key: "kind", Value: "timeout"}, {Key: "user", Value: "mallory"}, {Key: "expires", Value: noon}})
	p.insert("words", d{{Key: "_id", Value: "Bad Word"}, {Key: "action", Value: "mask"}})
	p.insert("emotes", d{{Key: "_id", Value: ":a:"}, {Key: "url", Value: "https://a.example/"}})
	p.insert("announcements", d{{Key: "_id", Value: "a"}, {Key: "text", Value: "hello"}, {Key: "every", Value: int32(60)}, {Key: "from", Value: noon}})
	s := p.mustRefresh()
	if want := (Counts{2, 3, 1, 1, 1}); s.Counts() != want || s.LeftOut() != 0 {
		t.Errorf("counts are %+v, left out %d; want %+v", s.Counts(), s.LeftOut(), want)
	}
	if room := s.Room("testroom"); room.Owner != ann.Hex() || !slices.Equal(room.Moderators, []string{"bob", ann.Hex()}) || *room.SlowMode != 3 || *room.MaxConnections != 9 || room.Unique != nil {
		t.Errorf("testroom is %+v", room)
	}
	if ban, found := s.Sanctioned(KindBan, "a", "mallory", addr("192.0.2.1"), true, noon.Add(-1)); !found || !ban.Expires.Equal(noon) {
		t.Errorf("mallory's ban is %+v, %v", ban, found)
	}
	if timeout, found := s.Sanctioned(KindTimeout, "a", "mallory", addr("192.0.2.1"), true, noon.Add(-1)); !found || timeout.ID != "6" {
		t.Errorf("mallory's timeout is %+v, %v", timeout, found)
	}
	if ban, found := s.Sanctioned(KindBan, "testroom", "", addr("2001:db8::1"), true, noon); !found || ban.ID != "5" {
		t.Errorf("the address's ban is %+v, %v", ban, found)
	}
	if masked, _ := s.CheckWords("a", "bad word"); masked != "********" {
		t.Errorf("masked %q", masked)
	}
	if got := slices.Collect(s.Announcements()); len(got) != 1 || got[0].Every != time.Minute || !got[0].From.Equal(noon) {
		t.Errorf("announcements are %+v", got)
	}
	if p.mustRefresh() != s {
		t.Error("nothing new made a new snapshot")
	}
	if _, err := p.db.Collection("words").DeleteOne(t.Context(), d{}); err != nil {
		t.Fatal(err)
	}
	if again := p.mustRefresh(); again.Counts().Words != 0 || again.Version() == s.Version() {
		t.Error("a deletion was missed")
	}
	if st := p.Status(); st.Source != "mongodb" || st.LastError != "" {
		t.Errorf("status %+v", st)
	}
}

func TestMalformedDocumentsOfMongoDB(t *testing.T) {
	p := newPlatform(t, mongotest.Start(t))
	p.insert("rooms",
		d{{Key: "_id", Value: "good"}},
		d{{Key: "_id", Value: "bad name!\x1b[31m"}},
		d{{Key: "_id", Value: "huge"}, {Key: "title", Value: strings.Repeat("x", 1<<20)}},
		d{{Key: "_id", Value: "wrong"}, {Key: "slow_mode", Value: "often"}},
		d{{Key: "_id", Value: d{{Key: "nested", Value: d{{Key: "deep", Value: 1}}}}}},
		d{{Key: "_id", Value: "nul"}, {Key: "owner", Value: "a\x00b"}})
	p.insert("bans",
		d{{Key: "_id", Value: "good"}, {Key: "user", Value: "mallory"}},
		d{{Key: "_id", Value: strings.Repeat("long", 1000)}, {Key: "user", Value: int32(5)}})
	s := p.mustRefresh()
	if want := (Counts{Rooms: 1, Bans: 1}); s.Counts() != want || s.LeftOut() != 6 || p.Status().LeftOut != 6 {
		t.Errorf("counts are %+v, left out %d; want %+v and 6", s.Counts(), s.LeftOut(), want)
	}
	logged := p.logs.FilterMessage("a document is left out")
	if logged.Len() != 6 {
		t.Errorf("%d documents are logged; want 6", logged.Len())
	}
	for _, line := range logged.All() {
		if text := fmt.Sprint(line.ContextMap()); len(text) > 500 || strings.ContainsAny(text, "\x00\x1b") || strings.Contains(text, "often") {
			t.Errorf("the log has %q", text)
		}
	}
	p.mustRefresh()
	if n := p.count("a document is left out"); n != 6 {
		t.Errorf("documents are logged %d times; want once each", n)
	}
}

func TestPollingAloneOnAStandaloneServer(t *testing.T) {
	p := newPlatform(t, mongotest.Start(t))
	source, ok := p.source.(Watcher)
	if !ok {
		t.Fatal("MongoDB cannot be watched")
	}
	if err := source.Watch(t.Context(), func() { t.Error("told of a change") }); !errors.Is(err, ErrCannotWatch) {
		t.Errorf("Watch = %v; want ErrCannotWatch", err)
	}
}

func TestMongoDBDownAtStart(t *testing.T) {
	t.Parallel()
	server := mongotest.Start(t)
	server.Kill()
	c := readFrom(t, server.Addr())
	if err := c.Refresh(t.Context()); err == nil || c.Snapshot().Version() != "" || c.Status().LastError == "" {
		t.Errorf("Refresh = %v, %+v; want an error and an empty snapshot", err, c.Status())
	}
	server.Restart()
	<-c.Snapshot().Replaced() // without being asked
	if s := c.Status(); s.LoadedAt == nil {
		t.Errorf("status %+v; want it loaded", s)
	}
}

func TestMongoDBKilledAndRestarted(t *testing.T) {
	t.Parallel()
	server := mongotest.Start(t)
	p := newPlatform(t, server)
	p.insert("bans", d{{Key: "_id", Value: "1"}, {Key: "user", Value: "ann"}})
	s := p.mustRefresh()
	server.Kill()
	if err := p.Refresh(t.Context()); err == nil || p.Snapshot() != s || p.user() != "ann" {
		t.Errorf("Refresh = %v; want an error and the last snapshot", err)
	}
	server.Restart()
	p.db = server.Connect("chatserver")
	p.insert("bans", d{{Key: "_id", Value: "0"}, {Key: "user", Value: "bob"}})
	<-s.Replaced()  // without being asked
	p.mustRefresh() // the error of before is forgotten right after that
	if _, banned := p.Snapshot().Sanctioned(KindBan, "a", "bob", netip.Addr{}, true, noon); !banned || p.Status().LastError != "" {
		t.Errorf("bob is banned: %v, %+v", banned, p.Status())
	}
}

func (p *platform) manyBans(n int) {
	p.t.Helper()
	for from := 0; from < n; from += 1000 {
		docs := make([]any, 1000)
		for i := range docs {
			docs[i] = d{{Key: "_id", Value: fmt.Sprintf("ban-%06d", from+i)}, {Key: "user", Value: fmt.Sprintf("user-%d", from+i)}, {Key: "reason", Value: "spam"}}
		}
		p.insert("bans", docs...)
	}
}

func TestConnectionBreaksInMidAnswer(t *testing.T) {
	t.Parallel()
	server := mongotest.Start(t)
	between := newProxy(t, server.Addr())
	p := &platform{testCache: readFrom(t, between.Addr().String()), t: t, db: server.Connect("chatserver")}
	p.manyBans(6000) // more than a batch
	s := p.mustRefresh()
	p.insert("bans", d{{Key: "_id", Value: "a"}, {Key: "user", Value: "new"}})
	for _, bytes := range []int{0, 100, 50_000, 200_000} {
		between.pass(bytes, true)
		if err := p.Refresh(t.Context()); err == nil || p.Snapshot() != s {
			t.Errorf("after %d bytes: Refresh = %v; want an error and the last snapshot", bytes, err)
		}
	}
	between.pass(1<<40, true)
	<-s.Replaced()
	if n := p.Snapshot().Counts().Bans; n != 6001 {
		t.Errorf("%d bans; want 6001", n)
	}
}

// A server that goes silent in mid-answer is given up, and holds nothing up.
func TestServerGoesSilent(t *testing.T) {
	t.Parallel()
	server := mongotest.Start(t)
	between := newProxy(t, server.Addr())
	p := &platform{testCache: readFrom(t, between.Addr().String()), t: t, db: server.Connect("chatserver")}
	p.manyBans(6000)
	s := p.mustRefresh()
	p.insert("bans", d{{Key: "_id", Value: "a"}, {Key: "user", Value: "new"}})
	between.pass(100_000, false)
	begun := time.Now()
	if err := p.Refresh(t.Context()); err == nil || p.Snapshot() != s {
		t.Errorf("Refresh = %v; want an error and the last snapshot", err)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("the refresh took %v", took)
	}
	between.pass(1<<40, false)
	<-s.Replaced()
	if n := p.Snapshot().Counts().Bans; n != 6001 {
		t.Errorf("%d bans; want 6001", n)
	}
}

func TestServerThatTalksNonsense(t *testing.T) {
	t.Parallel()
	for _, nonsense := range []string{
		"HTTP/1.1 400 Bad Request\r\n\r\n",
		"\xff\xff\xff\x7f\x00\x00\x00\x00", // a message of 2 GiB
		"\x00\x00\x00\x00",
		strings.Repeat("\x05\x00\x00\x00", 1000),
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var serving sync.WaitGroup
		serving.Go(func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, nonsense)
				_ = c.Close()
			}
		})
		c := readFrom(t, ln.Addr().String())
		if err := c.Refresh(t.Context()); err == nil || len(err.Error()) > 1000 {
			t.Errorf("%.20q: Refresh = %v; want an error", nonsense, err)
		}
		c.stop()
		_ = ln.Close()
		serving.Wait()
	}
}

// fakeStream is a change stream: true is an event, false none within the time that
// the server waits, an error its end.
type fakeStream struct {
	steps  []any
	err    error
	id     int64
	closed bool
}

func (s *fakeStream) TryNext(context.Context) bool {
	if len(s.steps) == 0 {
		s.id = 0
		return false
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	if err, ok := step.(error); ok {
		s.err = err
		return false
	}
	return step.(bool)
}

func (s *fakeStream) ID() int64                   { return s.id }
func (s *fakeStream) Err() error                  { return s.err }
func (s *fakeStream) Close(context.Context) error { s.closed = true; return nil }

func TestFollow(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		steps []any
		calls int
		err   error
	}{
		{[]any{false, false, true, false, true, broken}, 3, broken},
		{[]any{broken}, 1, broken},
		{[]any{true, true}, 3, nil}, // then closed by the server
	} {
		s, calls := &fakeStream{steps: tt.steps, id: 1}, 0
		err := follow(t.Context(), s, func() { calls++ })
		if calls != tt.calls || err == nil || tt.err != nil && !errors.Is(err, tt.err) || !s.closed {
			t.Errorf("%v: %d calls, %v, closed: %v; want %d, %v", tt.steps, calls, err, s.closed, tt.calls, tt.err)
		}
	}
}

func TestCannotWatch(t *testing.T) {
	for code, want := range map[int32]bool{40573: true, 238: true, 115: true, 40324: true, 9: true, 13: false, 136: false, 286: false} {
		if got := cannotWatch(fmt.Errorf("opening: %w", mongo.CommandError{Code: code})); got != want {
			t.Errorf("code %d: %v; want %v", code, got, want)
		}
	}
	if cannotWatch(errors.New("down")) {
		t.Error("a server that is down is left alone for ever")
	}
}

func BenchmarkMongoDBLoad(b *testing.B) {
	server := mongotest.Start(b)
	db := server.Connect("chatserver")
	docs := manyDocuments(100_000, 10_000)
	for chunk := range slices.Chunk(docs.Bans, 5000) {
		var list []any
		for _, ban := range chunk {
			doc := d{{Key: "_id", Value: ban.ID}, {Key: "reason", Value: ban.Reason}, {Key: "by", Value: ban.By}}
			if ban.User != "" {
				doc = append(doc, bson.E{Key: "user", Value: ban.User})
			} else {
				doc = append(doc, bson.E{Key: "ip", Value: ban.Net.String()})
			}
			if ban.Room != "" {
				doc = append(doc, bson.E{Key: "room", Value: ban.Room})
			}
			list = append(list, doc)
		}
		if _, err := db.Collection("bans").InsertMany(b.Context(), list); err != nil {
			b.Fatal(err)
		}
	}
	for chunk := range slices.Chunk(docs.Words, 5000) {
		var list []any
		for _, word := range chunk {
			list = append(list, d{{Key: "_id", Value: word.Text}, {Key: "action", Value: "mask"}})
		}
		if _, err := db.Collection("words").InsertMany(b.Context(), list); err != nil {
			b.Fatal(err)
		}
	}
	client, err := mongodb.New(server.URI(), "chatserver")
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close(b.Context()) //nolint:errcheck // the process ends
	source := MongoDB(client)
	load := func() *Documents {
		got, err := source.Load(b.Context())
		if err != nil || len(got.Bans) != len(docs.Bans) {
			b.Fatalf("%d bans, %v", len(got.Bans), err)
		}
		return got
	}
	before := heap()
	s := NewSnapshot(load(), noon)
	held := heap() - before
	b.ReportAllocs()
	begun := processTime(b)
	for b.Loop() {
		load()
	}
	b.ReportMetric(held, "snapshot-MiB")
	b.ReportMetric((processTime(b)-begun).Seconds()*1000/float64(b.N), "cpu-ms/op")
	runtime.KeepAlive(s)
}

// heap returns how much memory is in use, in MiB.
func heap() float64 {
	var stats runtime.MemStats
	runtime.GC() //nolint:revive // what is left is what is measured
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc) / (1 << 20)
}

// processTime returns the CPU time that the process has taken.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	sample := []metrics.Sample{{Name: "/cpu/classes/user:cpu-seconds"}, {Name: "/cpu/classes/gc/total:cpu-seconds"}}
	runtime.GC() //nolint:revive // the metrics are brought up to date by it
	metrics.Read(sample)
	return time.Duration((sample[0].Value.Float64() + sample[1].Value.Float64()) * float64(time.Second))
}
