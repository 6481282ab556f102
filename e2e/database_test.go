package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"chatserver/internal/mongotest"
)

// These tests run the program beside a real database.

// withDatabase is the environment of a server that reads and writes the database at an
// address, and looks at it often.
func withDatabase(address, dataDir string) []string {
	return []string{"MONGO_URI=mongodb://" + address + "/?serverSelectionTimeoutMS=500", "MONGO_DATABASE=platform", "CACHE_REFRESH=200ms", "DATA_DIR=" + dataDir}
}

// insert puts a document into a collection.
func insert(t *testing.T, db *mongo.Database, collection string, doc bson.M) {
	t.Helper()
	if _, err := db.Collection(collection).InsertOne(t.Context(), doc); err != nil {
		t.Fatalf("insert into %s: %v", collection, err)
	}
}

// texts returns the texts of a room's messages in the database, in the order of seq.
func texts(t *testing.T, db *mongo.Database, room string) []string {
	t.Helper()
	found, err := db.Collection("messages").Find(t.Context(), bson.M{"room": room, "type": "message"})
	if err != nil {
		return nil // it may be down
	}
	var docs []struct {
		Seq  int
		Text string
	}
	if err := found.All(t.Context(), &docs); err != nil {
		return nil
	}
	bySeq := map[int]string{}
	most := 0
	for _, d := range docs {
		if bySeq[d.Seq] != "" {
			t.Errorf("event %d is there twice", d.Seq)
		}
		bySeq[d.Seq], most = d.Text, max(most, d.Seq)
	}
	var list []string
	for seq := 1; seq <= most; seq++ {
		if bySeq[seq] != "" {
			list = append(list, bySeq[seq])
		}
	}
	return list
}

// What the platform writes into its database holds in open rooms; what happens in
// rooms is found in the database.
func TestThePlatformsDatabase(t *testing.T) {
	db := mongotest.Start(t)
	platform := db.Connect("platform")
	insert(t, platform, "rooms", bson.M{"_id": "lobby", "title": "Pasta", "slow_mode": int32(0)})
	insert(t, platform, "words", bson.M{"_id": "darn", "action": "mask"})
	insert(t, platform, "words", bson.M{"_id": "malformed", "action": 5})
	s := startChat(t, withDatabase(db.Addr(), t.TempDir())...)
	s.wantPrinted("a malformed document", `left out.*"collection": "words".*"id": "malformed"`)
	address := s.open("lobby")
	if got := s.call("GET", "/api/v1/room/lobby", "", http.StatusOK); !strings.Contains(got, `"title":"Pasta"`) {
		t.Errorf("want the database's title, got %s", got)
	}
	ann, bob := s.join(address, "ann"), s.join(address, "bob")
	ann.send(obj{"type": "message", "text": "darn pasta"})
	bob.want("masked", "message")
	eventually(t, "the message is in the database, masked", func() bool {
		return fmt.Sprint(texts(t, platform, "lobby")) == "[**** pasta]"
	})
	eventually(t, "and so is what the server has open", func() bool {
		var doc struct {
			Rooms []struct {
				Name string
				Port int
			}
		}
		err := platform.Collection("servers").FindOne(t.Context(), bson.M{"_id": strings.TrimPrefix(s.api, "http://")}).Decode(&doc)
		return err == nil && len(doc.Rooms) == 1 && doc.Rooms[0].Name == "lobby"
	})

	made := s.ban(`{"ip":"192.0.2.0/24","reason":"by an operator"}`)
	eventually(t, "an operator's ban is in the database", func() bool {
		var doc struct{ IP, Reason string }
		err := platform.Collection("bans").FindOne(t.Context(), bson.M{"_id": made}).Decode(&doc)
		return err == nil && doc.IP == "192.0.2.0/24" && doc.Reason == "by an operator"
	})
	quiet := s.ban(`{"kind":"timeout","user":"u1","room":"lobby","expires":"2099-01-01T00:00:00Z"}`)
	eventually(t, "and so is a timeout, as one", func() bool {
		var doc struct{ Kind, User, Room string }
		err := platform.Collection("bans").FindOne(t.Context(), bson.M{"_id": quiet}).Decode(&doc)
		return err == nil && doc.Kind == "timeout" && doc.User == "u1" && doc.Room == "lobby"
	})
	if status, answer := ask(t, "DELETE", s.admin+"/api/v1/bans/"+made, testAdminKey, ""); status != http.StatusOK {
		t.Fatalf("lift: %d %s", status, answer)
	}
	eventually(t, "and goes out of it when it is lifted", func() bool {
		n, err := platform.Collection("bans").CountDocuments(t.Context(), bson.M{"_id": made})
		return err == nil && n == 0
	})

	insert(t, platform, "bans", bson.M{"_id": "b1", "ip": "127.0.0.1", "room": "lobby"})
	for _, g := range []*guest{ann, bob} {
		for {
			line, err := g.Next()
			if err != nil {
				break
			}
			if strings.Contains(string(line), `"reason":"banned"`) {
				g.wantClosed("banned by the platform", 4502)
				break
			}
		}
	}
	wantNoSecrets(t, s.process)
}

// ban sets a ban and returns its id.
func (s *chatServer) ban(body string) string {
	s.t.Helper()
	status, answer := ask(s.t, "POST", s.admin+"/api/v1/bans", testAdminKey, body)
	_, rest, _ := strings.Cut(answer, `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if status != http.StatusCreated || id == "" {
		s.t.Fatalf("ban: %d %s", status, answer)
	}
	return id
}

// chat has somebody say something in a room, and wants it to be acknowledged.
func (s *chatServer) chat(address, text string) {
	s.t.Helper()
	g := s.join(address, "")
	defer g.WS.Close()
	g.send(obj{"type": "message", "id": "1", "text": text})
	for {
		line, err := g.Next()
		if err != nil {
			s.t.Fatalf("%s: %v", text, err)
		}
		if strings.Contains(string(line), `"type":"ack"`) {
			return
		}
		if strings.Contains(string(line), `"type":"error"`) {
			s.t.Fatalf("%s: %s", text, line)
		}
	}
}

// Whatever becomes of the database, people chat as if nothing was, and the database
// gets it all, once, in order, as soon as it can.
func TestADatabaseInTrouble(t *testing.T) {
	db := mongotest.Start(t)
	way := newRoad(t, db.Addr())
	settings := append(withDatabase(way.addr, t.TempDir()), "ROOM_PORTS="+roomPorts(50))
	var want []string
	say := func(s *chatServer, address, text string) {
		s.chat(address, text)
		want = append(want, text)
	}
	arrives := func(why string) {
		t.Helper()
		platform := db.Connect("platform")
		eventually(t, why+": all is in the database", func() bool {
			return fmt.Sprint(texts(t, platform, "lobby")) == fmt.Sprint(want)
		})
	}

	db.Kill()
	s := startChat(t, settings...) // down at the start
	address := s.open("lobby")
	say(s, address, "down at the start")
	if _, ready := ask(t, "GET", s.api+"/readyz", "", ""); !strings.Contains(ready, `"ready":true`) || !strings.Contains(ready, `"age"`) {
		t.Errorf("want a server that is ready, and says how old its knowledge is, got %s", ready)
	}
	waits := func() (waiting int, reason string) {
		_, answer := ask(t, "GET", s.admin+"/api/v1/status", testAdminKey, "")
		var status struct {
			Data struct {
				Database obj `json:"database"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(answer), &status); err != nil {
			t.Fatal(err)
		}
		return status.Data.Database.num("waiting"), status.Data.Database.str("last_error")
	}
	eventually(t, "operators see what waits, and why", func() bool {
		waiting, reason := waits()
		return waiting == 1 && strings.HasPrefix(reason, "MongoDB: ")
	})
	db.Restart()
	arrives("it came")
	eventually(t, "operators see that nothing waits any more", func() bool {
		waiting, reason := waits()
		return waiting == 0 && reason == ""
	})

	insert(t, db.Connect("platform"), "rooms", bson.M{"_id": "lobby", "title": "Pasta"})
	eventually(t, "the title", func() bool {
		return strings.Contains(s.call("GET", "/api/v1/room/lobby", "", http.StatusOK), `"title":"Pasta"`)
	})
	db.Kill() // in flight
	for i := range 20 {
		say(s, address, fmt.Sprint("killed ", i))
	}
	if got := s.call("GET", "/api/v1/room/lobby", "", http.StatusOK); !strings.Contains(got, `"title":"Pasta"`) {
		t.Errorf("want the last snapshot to hold, got %s", got)
	}
	s.signal(syscall.SIGKILL) // and the server with it
	s.wait("kill -9")
	s = startChat(t, settings...)
	if got := s.call("GET", "/api/v1/room/lobby", "", http.StatusOK); !strings.Contains(got, `"title":"Pasta"`) {
		t.Errorf("want the database's title to survive a start without it, got %s", got)
	}
	say(s, address, "still down")
	db.Restart()
	arrives("it was killed")

	way.delay.Store(int64(300 * time.Millisecond)) // slow
	begun := time.Now()
	for i := range 5 {
		say(s, address, fmt.Sprint("slow ", i))
	}
	if took := time.Since(begun); took > 1200*time.Millisecond {
		t.Errorf("a slow database held up five messages for %v", took)
	}
	arrives("it is slow")
	way.delay.Store(0)

	way.nonsense.Store(true) // and mad
	way.cut()
	for i := range 5 {
		say(s, address, fmt.Sprint("mad ", i))
	}
	way.nonsense.Store(false)
	way.cut()
	arrives("it is well again")
	wantNoSecrets(t, s.process)
}

// road leads to the database, and can be made a bad one.
type road struct {
	addr     string
	delay    atomic.Int64 // nanoseconds, of each piece of an answer
	nonsense atomic.Bool  // in place of answers

	mu    sync.Mutex
	conns map[net.Conn]bool
}

func newRoad(t *testing.T, to string) *road {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{addr: ln.Addr().String(), conns: map[net.Conn]bool{}}
	var travelling sync.WaitGroup
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	travelling.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			travelling.Go(func() { r.travel(ctx, conn, to) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		cancel()
		r.cut()
		travelling.Wait()
	})
	return r
}

// travel carries bytes to and fro until either side has had enough.
func (r *road) travel(ctx context.Context, near net.Conn, to string) {
	defer near.Close()
	far, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer far.Close()
	r.mu.Lock()
	r.conns[near], r.conns[far] = true, true
	r.mu.Unlock()
	var there sync.WaitGroup
	there.Go(func() {
		_, _ = io.Copy(far, near) // ends with either
		_ = far.Close()
	})
	buf := make([]byte, 32<<10)
	for {
		n, err := far.Read(buf)
		if err != nil {
			break
		}
		select {
		case <-time.After(time.Duration(r.delay.Load())):
		case <-ctx.Done():
		}
		if r.nonsense.Load() {
			for i := range buf[:n] {
				buf[i] ^= 0x5a
			}
		}
		if _, err := near.Write(buf[:n]); err != nil {
			break
		}
	}
	_ = near.Close()
	there.Wait()
}

// cut ends all connections.
func (r *road) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.conns {
		_ = conn.Close()
	}
	clear(r.conns)
}
