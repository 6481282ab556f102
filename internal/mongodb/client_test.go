package mongodb

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"

	"chatserver/internal/mongotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open returns a client that is closed when the test ends.
func open(t *testing.T, uri string) *Client {
	t.Helper()
	c, err := New(uri, "chatserver")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestNewRefuses(t *testing.T) {
	if _, err := New("mongodb://", "chatserver"); err == nil {
		t.Error("a bad URI passes")
	}
	if _, err := New("mongodb://localhost", "a b"); err == nil {
		t.Error("a bad name passes")
	}
}

func TestDatabaseAnswers(t *testing.T) {
	c := open(t, mongotest.Start(t).URI())
	db, err := c.Database()
	if err != nil {
		t.Fatal(err)
	}
	if err := db.RunCommand(t.Context(), bson.D{{Key: "ping", Value: 1}}).Err(); err != nil || db.Name() != "chatserver" {
		t.Errorf("ping of %s: %v", db.Name(), err)
	}
}

// A server that is not there must cost 2 s, not the 30 that the driver has.
func TestDownIsNoticedSoon(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close() // nothing listens there now
	c := open(t, "mongodb://operator:hunter2@"+ln.Addr().String()+"/")
	db, err := c.Database()
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	err = db.RunCommand(t.Context(), bson.D{{Key: "ping", Value: 1}}).Err()
	if err == nil {
		t.Fatal("a server that is not there answers")
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	if text := c.Error("cannot ping", err).Error(); strings.Contains(text, "hunter2") || !strings.Contains(text, "refused") {
		t.Errorf("the error is %q", text)
	}
}

func TestURIHasTheLastWord(t *testing.T) {
	o := clientOptions("mongodb://localhost/?timeoutMS=7000&serverSelectionTimeoutMS=9000")
	if *o.Timeout != 7*time.Second || *o.ServerSelectionTimeout != 9*time.Second || *o.ConnectTimeout != connectTimeout {
		t.Errorf("timeouts are %v, %v, %v", *o.Timeout, *o.ServerSelectionTimeout, *o.ConnectTimeout)
	}
}

func TestClosedClientSaysSo(t *testing.T) {
	c := open(t, "mongodb://localhost")
	for range 2 {
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Database(); err == nil {
		t.Error("a closed client gives a database")
	}
}
