package mongodb

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"chatserver/internal/mongotest"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// fixture is a sink, and a look at what it has written.
type fixture struct {
	*Sink
	t      *testing.T
	server *mongotest.DB
	db     *mongo.Database
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	server := mongotest.Start(t)
	return &fixture{Sink: NewSink(open(t, server.URI())), t: t, server: server, db: server.Connect("chatserver")}
}

// all returns a collection's documents in the order of a field.
func (f *fixture) all(collection, by string) []bson.M {
	f.t.Helper()
	cursor, err := f.db.Collection(collection).Find(f.t.Context(), bson.D{}, options.Find().SetSort(bson.D{{Key: by, Value: 1}}))
	if err != nil {
		f.t.Fatal(err)
	}
	var docs []bson.M
	if err := cursor.All(f.t.Context(), &docs); err != nil {
		f.t.Fatal(err)
	}
	return docs
}

// events returns events from one seq to another.
func events(from, to uint64) []Event {
	var list []Event
	for seq := from; seq <= to; seq++ {
		list = append(list, Event{Room: "a", Epoch: "e", Seq: seq, Time: noon, JSON: fmt.Appendf(nil, `{"type":"message","seq":%d,"time":5,"text":"text %d"}`, seq, seq)})
	}
	return list
}

func TestMessages(t *testing.T) {
	f := newFixture(t)
	event := Event{
		Room: "a", Epoch: "e", Seq: 7, Time: noon.Add(123 * time.Millisecond),
		JSON: []byte(`{"type":"message","seq":7,"time":1,"user":{"id":"ann","name":"Änn","role":"consumer","member":true},"text":"$set {\"$oid\":1}\u0000","reply_to":5,"tags":[1,2.5]}`),
	}
	if err := f.Messages(t.Context(), []Event{event, {Room: "a", Epoch: "e", Seq: 8, Time: noon, JSON: []byte("no JSON")}}); err != nil {
		t.Fatal(err)
	}
	docs := f.all("messages", "seq")
	for _, doc := range docs {
		delete(doc, "_id")
	}
	want := []bson.M{
		{
			"room": "a", "epoch": "e", "seq": int64(7), "time": bson.NewDateTimeFromTime(event.Time), "type": "message",
			"user": bson.D{{Key: "id", Value: "ann"}, {Key: "name", Value: "Änn"}, {Key: "role", Value: "consumer"}, {Key: "member", Value: true}},
			"text": "$set {\"$oid\":1}\x00", "reply_to": int32(5), "tags": bson.A{int32(1), 2.5},
		},
		{"room": "a", "epoch": "e", "seq": int64(8), "time": bson.NewDateTimeFromTime(noon), "unreadable": "no JSON"},
	}
	if !reflect.DeepEqual(docs, want) {
		t.Errorf("is   %#v\nwant %#v", docs, want)
	}
}

func TestMessagesMayBeWrittenAgain(t *testing.T) {
	f := newFixture(t)
	for _, list := range [][]Event{nil, events(1, 50), events(1, 50), events(40, 2100), {events(1, 1)[0], events(1, 1)[0]}} {
		if err := f.Messages(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	// Another sink, as after a restart of this server, writes the same again.
	if err := NewSink(f.client).Messages(t.Context(), events(2000, 2200)); err != nil {
		t.Fatal(err)
	}
	docs := f.all("messages", "seq")
	if len(docs) != 2200 {
		t.Fatalf("%d documents; want 2200", len(docs))
	}
	for i, doc := range docs {
		if doc["seq"] != int64(i+1) || doc["text"] != fmt.Sprintf("text %d", i+1) {
			t.Fatalf("document %d is %v", i, doc)
		}
	}
}

func TestMessagesSideBySide(t *testing.T) {
	f := newFixture(t)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			if err := f.Messages(t.Context(), events(1, 200)); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if n := len(f.all("messages", "seq")); n != 200 {
		t.Errorf("%d documents; want 200", n)
	}
}

// A server that was killed while nobody wrote leaves dead connections behind: the
// first write after it must not fail for that.
func TestWritesAfterASilentRestart(t *testing.T) {
	f := newFixture(t)
	if err := f.Messages(t.Context(), events(1, 1)); err != nil {
		t.Fatal(err)
	}
	f.server.Kill()
	f.server.Restart()
	if err := f.Messages(t.Context(), events(2, 2)); err != nil {
		t.Fatal(err)
	}
	f.server.Kill()
	f.server.Restart()
	if err := f.Sanctions(t.Context(), []Sanction{{ID: "1", User: "ann"}}); err != nil {
		t.Fatal(err)
	}
}

func TestKilledWhileWriting(t *testing.T) {
	f := newFixture(t)
	if err := f.Messages(t.Context(), events(1, 10)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		var err error
		for seq := uint64(11); err == nil && seq < 1_000_000; seq += 100 {
			err = f.Messages(t.Context(), events(seq, seq+99))
		}
		done <- err
	}()
	f.db.Collection("messages").FindOne(t.Context(), bson.D{{Key: "seq", Value: 11}})
	f.server.Kill()
	if err := <-done; err == nil {
		t.Fatal("a server that is down takes messages")
	}
	f.server.Restart()
	if err := f.Messages(t.Context(), events(1, 500)); err != nil {
		t.Fatal(err)
	}
	f.db = f.server.Connect("chatserver")
	docs := f.all("messages", "seq")
	for i, doc := range docs {
		if doc["seq"] != int64(i+1) {
			t.Fatalf("document %d has seq %v: one is missing or there twice", i, doc["seq"])
		}
	}
	if len(docs) < 500 {
		t.Errorf("%d documents; want 500 at least", len(docs))
	}
}

func TestSanctions(t *testing.T) {
	f := newFixture(t)
	theirs := bson.NewObjectID() // a ban of the platform's own
	if _, err := f.db.Collection("bans").InsertOne(t.Context(), bson.D{{Key: "_id", Value: theirs}, {Key: "user", Value: "old"}}); err != nil {
		t.Fatal(err)
	}
	steps := []Sanction{
		{ID: "1", User: "ann", Room: "a", Reason: "spam", By: "bob", Expires: noon},
		{ID: "2", IP: "192.0.2.0/24"},
		{ID: "3", User: "cleo"},
		{ID: "3", Lifted: true},
		{ID: "4", Lifted: true}, // nobody knows it
		{ID: theirs.Hex(), Lifted: true},
		{ID: "2", IP: "198.51.100.0/24", Reason: "again"},
		{ID: "5", Kind: "timeout", User: "dora", Room: "a", Expires: noon},
	}
	for range 2 {
		if err := f.Sanctions(t.Context(), steps); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Sanctions(t.Context(), nil); err != nil {
		t.Error(err)
	}
	want := []bson.M{
		{"_id": "1", "user": "ann", "room": "a", "reason": "spam", "by": "bob", "expires": bson.NewDateTimeFromTime(noon)},
		{"_id": "2", "ip": "198.51.100.0/24", "reason": "again"},
		{"_id": "5", "kind": "timeout", "user": "dora", "room": "a", "expires": bson.NewDateTimeFromTime(noon)},
	}
	if got := f.all("bans", "_id"); !reflect.DeepEqual(got, want) {
		t.Errorf("is   %v\nwant %v", got, want)
	}
}

func TestServer(t *testing.T) {
	f := newFixture(t)
	rooms := []Room{{Name: "a", Port: 34000, Epoch: "e", Viewers: 5}, {Name: "b", Port: 34001, Epoch: "f"}}
	for _, server := range []Server{
		{Host: "one.example:80", Rooms: rooms, Updated: noon},
		{Host: "two.example:80", Rooms: rooms[:1], Updated: noon},
		{Host: "two.example:80", Updated: noon.Add(time.Minute)},
	} {
		if err := f.Server(t.Context(), server); err != nil {
			t.Fatal(err)
		}
	}
	docs := f.all("servers", "_id")
	want := []bson.M{
		{
			"_id": "one.example:80", "updated": bson.NewDateTimeFromTime(noon),
			"rooms": bson.A{
				bson.D{{Key: "name", Value: "a"}, {Key: "port", Value: int32(34000)}, {Key: "epoch", Value: "e"}, {Key: "viewers", Value: int32(5)}},
				bson.D{{Key: "name", Value: "b"}, {Key: "port", Value: int32(34001)}, {Key: "epoch", Value: "f"}, {Key: "viewers", Value: int32(0)}},
			},
		},
		{"_id": "two.example:80", "updated": bson.NewDateTimeFromTime(noon.Add(time.Minute)), "rooms": bson.A{}},
	}
	if !reflect.DeepEqual(docs, want) {
		t.Errorf("is   %v\nwant %v", docs, want)
	}
}

func TestExceptDuplicates(t *testing.T) {
	duplicate, other := mongo.BulkWriteError{WriteError: mongo.WriteError{Code: 11000}}, mongo.BulkWriteError{WriteError: mongo.WriteError{Code: 121, Message: "not valid"}}
	down := errors.New("down")
	for _, tt := range []struct {
		name string
		err  error
		good bool
	}{
		{"none", nil, true},
		{"down", down, false},
		{"duplicates", mongo.BulkWriteException{WriteErrors: []mongo.BulkWriteError{duplicate, duplicate}}, true},
		{"another one too", mongo.BulkWriteException{WriteErrors: []mongo.BulkWriteError{duplicate, other}}, false},
		{"not on enough servers", mongo.BulkWriteException{WriteErrors: []mongo.BulkWriteError{duplicate}, WriteConcernError: &mongo.WriteConcernError{}}, false},
	} {
		if err := exceptDuplicates(tt.err); (err == nil) != tt.good {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestRepeatsOnceWhatMayHelp(t *testing.T) {
	s := NewSink(open(t, "mongodb://localhost"))
	broken := mongo.CommandError{Labels: []string{"NetworkError"}}
	for _, tt := range []struct {
		name     string
		outcomes []error // of the calls
		calls    int
		good     bool
	}{
		{"well", []error{nil}, 1, true},
		{"broken connection", []error{broken, nil}, 2, true},
		{"broken twice", []error{broken, broken, nil}, 2, false},
		{"two servers at once", []error{mongo.CommandError{Code: 11000}, nil}, 2, true},
		{"not valid", []error{mongo.CommandError{Code: 121}, nil}, 1, false},
	} {
		calls := 0
		err := s.write("cannot write", func() error { calls++; return tt.outcomes[calls-1] })
		if calls != tt.calls || (err == nil) != tt.good {
			t.Errorf("%s: %d calls, %v; want %d", tt.name, calls, err, tt.calls)
		}
	}
}

func TestIndexIsThere(t *testing.T) {
	f := newFixture(t)
	if err := f.Messages(t.Context(), events(1, 1)); err != nil {
		t.Fatal(err)
	}
	specs, err := f.db.Collection("messages").Indexes().ListSpecifications(t.Context())
	if err != nil || !slices.ContainsFunc(specs, func(s mongo.IndexSpecification) bool {
		return s.Name == "room_epoch_seq" && s.Unique != nil && *s.Unique
	}) {
		t.Errorf("the indexes are %v, %v", specs, err)
	}
}
