package journal_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"chatserver/journal"
)

// writeFormat1 writes a file as the version of format 1 did, with an open room a whose
// events are 11 to 410, for retention has removed those before.
func writeFormat1(t *testing.T, dir string) {
	t.Helper()
	db, err := bolt.Open(file(dir), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		put := func(bucket string, key, value []byte) {
			b, err := tx.CreateBucketIfNotExists([]byte(bucket))
			if err == nil {
				err = b.Put(key, value)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		put("journal", []byte("format"), []byte("1"))
		put("journal", []byte("secret"), journal.Seal([]byte("secret"), []byte(strings.Repeat("s", 32))))
		life := binary.BigEndian.AppendUint64(nil, 1)
		put("lives", life, journal.Seal(life, []byte(`{"room":"a","epoch":"a-1","port":34000,"created":1700000000000,"settings":{"title":"A"},"pruned":10,"sent":300}`)))
		put("sanctions", []byte("x"), journal.Seal([]byte("x"), append([]byte{1}, `{"user":"u1"}`...)))
		for seq := uint64(11); seq <= 410; seq++ {
			key, value := journal.EncodeEvent(1, event("a-1", seq))
			put("events", key, value)
		}
		return nil
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// formatOf reads what the file says of its format.
func formatOf(t *testing.T, dir string) (format string) {
	t.Helper()
	db, err := bolt.Open(file(dir), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bolt.Tx) error {
		format = string(tx.Bucket([]byte("journal")).Get([]byte("format")))
		return nil
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return format
}

func TestFormat1IsBroughtUpToDate(t *testing.T) {
	dir := t.TempDir()
	writeFormat1(t, dir)
	s := open(t, dir, forwarded)
	s.wantLag(110)
	if string(s.TokenSecret()) != strings.Repeat("s", 32) || len(s.Sanctions()) != 1 || string(s.Sanctions()[0].Value) != `{"user":"u1"}` {
		t.Errorf("the secret is %q, the sanctions are %v", s.TokenSecret(), s.Sanctions())
	}
	rooms := s.OpenRooms()
	if len(rooms) != 1 || rooms[0].Name != "a" || rooms[0].Port != 34000 || rooms[0].Seq != 410 || string(rooms[0].Settings) != `{"title":"A"}` {
		t.Fatalf("open rooms: %+v", rooms)
	}
	s.wantLog("a-1", 11, 410)
	s.wantRemoved("nothing was", "a-1")
	s.sayThat("a-1", 411, removes(20))
	s.vote("a-1", 411, "ann", 2)
	s.close()
	if got := formatOf(t, dir); got != "3" {
		t.Errorf("the format is %q now", got)
	}
	s = open(t, dir, forwarded)
	s.wantLog("a-1", 11, 411)
	s.wantRemoved("after a restart", "a-1", 20)
	s.wantVotes("after a restart", "a-1", 411, map[string]int{"ann": 2})
}

// TestDamagedFormat1 shows that an old file is checked before it is touched.
func TestDamagedFormat1(t *testing.T) {
	dir := t.TempDir()
	writeFormat1(t, dir)
	data, err := os.ReadFile(file(dir))
	if err != nil {
		t.Fatal(err)
	}
	data[leafOf(t, data, event("a-1", 200).Data, 1)*os.Getpagesize()+100] ^= 1
	if err := os.WriteFile(file(dir), data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = journal.Open(journal.Options{Dir: dir})
	wantErr(t, err, journal.ErrDamaged)
	if !strings.Contains(fmt.Sprint(err), "1 rooms' records") {
		t.Errorf("the error does not count what can be read: %v", err)
	}
	if got := formatOf(t, dir); got != "1" {
		t.Errorf("the format is %q now", got)
	}
}

// TestAFormatNeedsItsBuckets shows that a file which says that it is of a newer format has
// to be.
func TestAFormatNeedsItsBuckets(t *testing.T) {
	for _, format := range []string{"2", "3"} {
		dir := t.TempDir()
		writeFormat1(t, dir)
		setFormat(t, dir, format)
		_, err := journal.Open(journal.Options{Dir: dir})
		wantErr(t, err, journal.ErrDamaged)
		if !strings.Contains(fmt.Sprint(err), `bucket "removed" is missing`) {
			t.Errorf("format %s: got error %v", format, err)
		}
	}
}

// TestFormat2IsBroughtUpToDate shows that what format 2 brought is there in format 3.
func TestFormat2IsBroughtUpToDate(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	epoch := s.room("a")
	s.say(epoch, 1, 5)
	s.sayThat(epoch, 6, removes(2))
	s.vote(epoch, 4, "ann", 2)
	s.close()
	dropBucket(t, dir, "tickets")
	setFormat(t, dir, "2")

	s = open(t, dir)
	s.wantLog(epoch, 1, 6)
	s.wantRemoved("before", epoch, 2)
	s.wantVotes("before", epoch, 4, map[string]int{"ann": 2})
	s.must(func(done func(error)) error { return s.PutTicket("t", []byte("x"), done) })
	s.wantTickets("new", map[string]string{"t": "x"})
	s.close()
	if got := formatOf(t, dir); got != "3" {
		t.Errorf("the format is %q now", got)
	}
}
