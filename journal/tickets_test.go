package journal_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"chatserver/journal"
)

// wantTickets demands that exactly these tickets are kept.
func (s *store) wantTickets(why string, want map[string]string) {
	s.t.Helper()
	kept, err := s.Tickets()
	if err != nil {
		s.t.Fatalf("%s: %v", why, err)
	}
	got := make(map[string]string)
	for id, value := range kept {
		got[id] = string(value)
	}
	if !maps.Equal(got, want) {
		s.t.Errorf("%s: got %d tickets %.200v, want %d", why, len(got), got, len(want))
	}
}

// dropBucket takes a bucket out of a journal's file.
func dropBucket(t *testing.T, dir, bucket string) {
	t.Helper()
	db, err := bolt.Open(file(dir), 0o600, nil)
	if err == nil {
		err = db.Update(func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte(bucket)) })
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTicketsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	s.wantTickets("none", nil)
	want := make(map[string]string)
	for i := range 2500 { // several portions
		id := fmt.Sprint("ticket-", i)
		want[id] = fmt.Sprint("value ", i)
		if err := s.PutTicket(id, []byte(want[id]), nil); err != nil {
			t.Fatal(err)
		}
	}
	value := []byte("new")
	if err := s.PutTicket("ticket-7", value, nil); err != nil {
		t.Fatal(err)
	}
	copy(value, "xxx")
	want["ticket-7"] = "new"
	if err := s.PutTicket("ticket-8", nil, nil); err != nil {
		t.Fatal(err)
	}
	delete(want, "ticket-8")
	s.must(func(done func(error)) error { return s.PutTicket("nobody's", nil, done) })
	for range 2 {
		s.wantTickets("as they were put", want)
		s.close()
		s = open(t, dir)
	}
	for _, id := range []string{"", strings.Repeat("x", 257)} {
		if err := s.PutTicket(id, nil, nil); err == nil {
			t.Errorf("an id of %d bytes is taken", len(id))
		}
	}
}

// While the disk fails tickets wait for it: what they account for has happened.
func TestTicketsWaitForTheDisk(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var disk breakable
		s := open(t, dir, disk.option)
		disk.broken.Store(true)
		wantErr(t, <-s.write(func(done func(error)) error { return s.PutTicket("t", []byte("x"), done) }), journal.ErrUnavailable)
		wantErr(t, <-s.write(func(done func(error)) error { return s.PutTicket("u", []byte("y"), done) }), journal.ErrUnavailable)
		disk.broken.Store(false)
		<-time.After(2 * time.Second)
		s.must(func(done func(error)) error { return s.PutTicket("v", []byte("z"), done) })
		s.wantTickets("in the end", map[string]string{"t": "x", "u": "y", "v": "z"})
		s.close()
	})
}
