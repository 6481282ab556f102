package cache

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// replicaSet stands in for a server with change streams, which the database of
// mongotest has not. It speaks as much of MongoDB's wire protocol as the driver
// needs to read the collections and to follow a change stream, as MongoDB's manual
// has it. It has a single ban, whose user a test sets.
type replicaSet struct {
	net.Listener
	t       *testing.T
	serving sync.WaitGroup

	mu       sync.Mutex
	moved    chan struct{} // closed at each event, and made anew
	user     string
	events   int // that happened
	told     int // that the stream has told of
	refuse   *refusal
	requests []bson.Raw // aggregate and getMore
	conns    []net.Conn
}

// refusal is an error that a command is answered with, once.
type refusal struct {
	command string
	code    int32
}

func newReplicaSet(t *testing.T, user string) *replicaSet {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &replicaSet{Listener: ln, t: t, user: user, moved: make(chan struct{})}
	s.serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			s.serving.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		s.event("")
		s.breakConnections()
		s.serving.Wait()
	})
	return s
}

// event sets the ban's user and lets the stream tell of it.
func (s *replicaSet) event(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user = user
	s.events++
	close(s.moved)
	s.moved = make(chan struct{})
}

// set changes the ban's user and tells nobody.
func (s *replicaSet) set(user string, refuse *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user, s.refuse = user, refuse
}

func (s *replicaSet) breakConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
}

// seen returns the requests of a kind.
func (s *replicaSet) seen(command string) []bson.Raw {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []bson.Raw
	for _, r := range s.requests {
		if r.Index(0).Key() == command {
			list = append(list, r)
		}
	}
	return list
}

// Operations of the wire protocol.
const (
	opReply = 1
	opQuery = 2004
	opMsg   = 2013
)

// serve answers requests one by one.
func (s *replicaSet) serve(conn net.Conn) {
	defer conn.Close()
	for {
		var header [16]byte // length, id, id of the request, operation
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			return
		}
		body := make([]byte, binary.LittleEndian.Uint32(header[:])-16)
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		prefix, op := []byte{0, 0, 0, 0, 0}, uint32(opMsg) // no flags, a section of kind 0
		switch binary.LittleEndian.Uint32(header[12:]) {
		case opMsg:
			body = body[5:]
		case opQuery: // the first hello: flags, a name, two numbers, the document
			body = body[4+slices.Index(body[4:], 0)+1+8:]
			prefix, op = make([]byte, 20), opReply // flags, cursor, start, count
			prefix[16] = 1
		}
		answer, err := bson.Marshal(s.answer(body))
		if err != nil {
			s.t.Error(err)
			return
		}
		out := binary.LittleEndian.AppendUint32(nil, uint32(16+len(prefix)+len(answer)))
		out = append(out, 1, 0, 0, 0)
		out = append(out, header[4:8]...)
		out = binary.LittleEndian.AppendUint32(out, op)
		if _, err := conn.Write(append(append(out, prefix...), answer...)); err != nil {
			return
		}
	}
}

// answer carries a command out.
func (s *replicaSet) answer(request bson.Raw) bson.D {
	command := request.Index(0).Key()
	s.mu.Lock()
	if s.refuse != nil && s.refuse.command == command {
		code := s.refuse.code
		s.refuse = nil
		s.mu.Unlock()
		return bson.D{{Key: "ok", Value: 0.0}, {Key: "code", Value: code}, {Key: "errmsg", Value: "refused by the test"}}
	}
	if command == "aggregate" || command == "getMore" {
		s.requests = append(s.requests, slices.Clone(request))
	}
	user := s.user
	s.mu.Unlock()
	switch command {
	case "hello", "isMaster", "ismaster":
		addr := s.Addr().String()
		return bson.D{
			{Key: "ok", Value: 1.0},
			{Key: "isWritablePrimary", Value: true},
			{Key: "ismaster", Value: true},
			{Key: "helloOk", Value: true},
			{Key: "setName", Value: "rs0"},
			{Key: "hosts", Value: bson.A{addr}},
			{Key: "me", Value: addr},
			{Key: "maxBsonObjectSize", Value: 16 << 20},
			{Key: "maxMessageSizeBytes", Value: 48_000_000},
			{Key: "maxWriteBatchSize", Value: 100_000},
			{Key: "minWireVersion", Value: 0},
			{Key: "maxWireVersion", Value: 21},
		}
	case "find":
		docs := bson.A{}
		if request.Lookup("find").StringValue() == "bans" {
			docs = append(docs, bson.D{{Key: "_id", Value: "1"}, {Key: "user", Value: user}})
		}
		return cursorOf(0, "firstBatch", docs)
	case "aggregate":
		return s.open(request)
	case "getMore":
		return s.await("nextBatch", time.Duration(request.Lookup("maxTimeMS").AsInt64())*time.Millisecond)
	default: // endSessions, killCursors
		return bson.D{{Key: "ok", Value: 1.0}}
	}
}

// open opens the change stream, after the event whose token the request has.
func (s *replicaSet) open(request bson.Raw) bson.D {
	s.mu.Lock()
	s.told = s.events
	if after, ok := request.Lookup("pipeline", "0", "$changeStream", "resumeAfter", "_data").StringValueOK(); ok {
		if _, err := fmt.Sscanf(after, "%d", &s.told); err != nil {
			s.t.Errorf("resumed after %q: %v", after, err)
		}
	}
	s.mu.Unlock()
	return s.await("firstBatch", 0)
}

// await answers with the events that the stream has not told of, and waits for them
// as long as the request allows.
func (s *replicaSet) await(batch string, most time.Duration) bson.D {
	s.mu.Lock()
	if s.told == s.events && most > 0 {
		moved := s.moved
		s.mu.Unlock()
		select {
		case <-time.After(most):
		case <-moved:
		}
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	events := bson.A{}
	for ; s.told < s.events; s.told++ {
		events = append(events, bson.D{{Key: "_id", Value: token(s.told + 1)}})
	}
	return cursorOf(7, batch, events, bson.E{Key: "postBatchResumeToken", Value: token(s.told)})
}

// token is a resume token.
func token(n int) bson.D { return bson.D{{Key: "_data", Value: fmt.Sprintf("%08d", n)}} }

func cursorOf(id int64, batch string, docs bson.A, more ...bson.E) bson.D {
	cursor := bson.D{{Key: "id", Value: id}, {Key: "ns", Value: "chatserver.$cmd.aggregate"}, {Key: batch, Value: docs}}
	return bson.D{{Key: "ok", Value: 1.0}, {Key: "cursor", Value: append(cursor, more...)}}
}

// watchedCache returns a cache that follows the changes of a replica set, and has no
// other cause for a refresh within 30 s.
func watchedCache(t *testing.T, s *replicaSet) *testCache {
	t.Helper()
	c := readFrom(t, s.Addr().String())
	for len(s.seen("getMore")) == 0 {
		<-time.After(10 * time.Millisecond)
	}
	if err := c.Refresh(t.Context()); err != nil || c.user() != "ann" {
		t.Fatalf("bans %q, %v; want ann", c.user(), err)
	}
	return c
}

func TestChangeStreamBringsAChange(t *testing.T) {
	t.Parallel()
	s := newReplicaSet(t, "ann")
	c := watchedCache(t, s)
	for _, user := range []string{"bob", "cleo", "dora"} {
		before := c.Snapshot()
		begun := time.Now()
		s.event(user)
		<-before.Replaced()
		if took := time.Since(begun); c.user() != user || took > 20*time.Second { // polling would take 30 s
			t.Errorf("bans %q after %v; want %s", c.user(), took, user)
		}
	}
	watch := s.seen("aggregate")[0]
	var stages []bson.Raw
	values, err := watch.Lookup("pipeline").Array().Values()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		stages = append(stages, v.Document())
	}
	if len(stages) != 3 || stages[0].Index(0).Key() != "$changeStream" || stages[1].Index(0).Key() != "$match" || stages[2].Index(0).Key() != "$project" {
		t.Errorf("the pipeline is %v", stages)
	}
	if watch.Lookup("aggregate").AsInt64() != 1 || watch.Lookup("$db").StringValue() != "chatserver" {
		t.Errorf("it watches %v of %v; want the whole database", watch.Lookup("aggregate"), watch.Lookup("$db"))
	}
}

// Nothing happens for longer than the client's timeout: the stream stays open.
func TestQuietChangeStreamStaysOpen(t *testing.T) {
	t.Parallel()
	s := newReplicaSet(t, "ann")
	c := watchedCache(t, s)
	begun := time.Now()
	for len(s.seen("getMore")) < 4 {
		<-time.After(100 * time.Millisecond)
		if time.Since(begun) > time.Minute {
			t.Fatal("the stream is not read")
		}
	}
	if n := len(s.seen("aggregate")); n != 1 {
		t.Errorf("the stream was opened %d times; want once", n)
	}
	before := c.Snapshot()
	s.event("bob")
	<-before.Replaced()
	if n := len(s.seen("aggregate")); n != 1 || c.user() != "bob" {
		t.Errorf("bans %q, %d streams; want bob by the same stream", c.user(), n)
	}
	if n := c.count("lost sight of changes; until that is mended they come with the regular refresh"); n != 0 {
		t.Errorf("lost sight of changes %d times", n)
	}
}

func TestLostChangeStreamFindsWhatItMissed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		lose func(*replicaSet)
	}{
		{"refused", func(s *replicaSet) {
			s.set("bob", &refusal{"getMore", 286}) // ChangeStreamHistoryLost, which cannot be resumed
		}},
		{"not authorized any more", func(s *replicaSet) { s.set("bob", &refusal{"getMore", 13}) }},
		{"connections broke", func(s *replicaSet) { s.event("bob"); s.breakConnections() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newReplicaSet(t, "ann")
			c := watchedCache(t, s)
			before := c.Snapshot()
			begun := time.Now()
			tt.lose(s)
			<-before.Replaced()
			if took := time.Since(begun); c.user() != "bob" || took > 20*time.Second { // polling would take 30 s
				t.Errorf("bans %q after %v; want bob", c.user(), took)
			}
		})
	}
}

func TestStandaloneMongoDBIsPolled(t *testing.T) {
	t.Parallel()
	s := newReplicaSet(t, "ann")
	s.set("ann", &refusal{"aggregate", 40573}) // only supported on replica sets
	c := readFrom(t, s.Addr().String())
	for c.count("changes come with the regular refresh") == 0 {
		<-time.After(10 * time.Millisecond)
	}
	if err := c.Refresh(t.Context()); err != nil || c.user() != "ann" {
		t.Errorf("bans %q, %v; want ann", c.user(), err)
	}
	if n := len(s.seen("getMore")); n != 0 {
		t.Errorf("a stream is read %d times; want none", n)
	}
}
