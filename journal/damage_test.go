package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"chatserver/journal"
)

// sample writes a journal of several rooms, closes it and returns its bytes. Its
// events are in the logs a-1 to d-1, from 1 to 400 each; every third of a-1 is removed,
// and in b-1 there is a poll.
func sample(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir)
	for _, name := range []string{"a", "b", "c", "d"} {
		s.say(s.room(name), 1, 400)
	}
	big := event("a-1", 401)
	big.Data = make([]byte, 20_000) // goes on over several pages
	for seq := uint64(3); seq <= 400; seq += 3 {
		big.Removes = append(big.Removes, seq)
	}
	s.must(func(done func(error)) error { return s.Append(big, done) })
	for user := range 200 {
		s.vote("b-1", 7, fmt.Sprint("user", user), user%3)
	}
	// A damaged first page can undo the last transaction, but not more.
	s.must(func(done func(error)) error { return s.PutSanction("x", []byte("{}"), done) })
	s.close()
	data, err := os.ReadFile(file(dir))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// openBytes opens a journal whose file has that content.
func openBytes(t *testing.T, data []byte) (*journal.Journal, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(file(dir), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return journal.Open(journal.Options{Dir: dir})
}

func TestTruncatedFileIsRefused(t *testing.T) {
	data := sample(t)
	page := os.Getpagesize()
	lengths := []int{1, 15, 80, page - 1, page, page + 1, 2*page - 1, 2 * page, 3 * page, len(data)/2 + 7}
	for length := 4 * page; length < len(data)-8*page; length += len(data) / 40 {
		lengths = append(lengths, length)
	}
	seen := false
	for _, length := range lengths {
		j, err := openBytes(t, data[:length])
		if err == nil { // nothing but free pages was cut off
			wantSample(t, j)
			continue
		}
		nothing := errors.Is(err, journal.ErrNotJournal) && (length <= 2*page || strings.Contains(err.Error(), "it is cut short"))
		if !errors.Is(err, journal.ErrDamaged) && !nothing { // what is left may show nothing of ours
			t.Errorf("cut to %d of %d bytes: got error %v", length, len(data), err)
		}
		seen = seen || strings.Contains(err.Error(), "events and 4 rooms")
	}
	if !seen {
		t.Error("no error counted what can still be read")
	}
	if j, err := openBytes(t, nil); err != nil {
		t.Errorf("an empty file is what a crash at the first start leaves: %v", err)
	} else {
		_ = j.Close(t.Context())
	}
}

// wantSample demands what sample wrote, and closes the journal.
func wantSample(t *testing.T, j *journal.Journal) {
	t.Helper()
	defer func() { _ = j.Close(t.Context()) }()
	for _, name := range []string{"a", "b", "c", "d"} {
		events, err := j.Read(name+"-1", 0, 0, 400)
		if err != nil || len(events) != 400 {
			t.Fatalf("room %s: got %d events, error %v", name, len(events), err)
		}
		for i, e := range events {
			if e.Seq != uint64(i+1) || !bytes.Equal(e.Data, event(name+"-1", e.Seq).Data) || e.Removed != (name == "a" && e.Seq%3 == 0) {
				t.Fatalf("room %s: event %d came back as %d, removed %v, %s", name, i+1, e.Seq, e.Removed, e.Data)
			}
		}
	}
	votes, err := j.Votes("b-1", 7)
	for user := range 200 {
		if option, ok := votes[fmt.Sprint("user", user)]; err != nil || !ok || option != user%3 {
			t.Fatalf("user %d voted for %d, %v, error %v", user, option, ok, err)
		}
	}
}

// TestFlippedBytes flips bits all over the file: either Open notices, or the byte
// did not matter and everything is there.
func TestFlippedBytes(t *testing.T) {
	data := sample(t)
	random := rand.New(rand.NewPCG(1, 2))
	noticed := 0
	const tries = 400
	for n := range tries {
		at, bit := random.IntN(len(data)), byte(1)<<random.IntN(8)
		if n%2 == 0 { // the start of a page tells what it is
			at = at/os.Getpagesize()*os.Getpagesize() + random.IntN(48)
		}
		data[at] ^= bit
		j, err := openBytes(t, data)
		switch {
		case err == nil:
			wantSample(t, j)
		case errors.Is(err, journal.ErrDamaged):
			noticed++
		default:
			t.Errorf("bit %#x of byte %d: got error %v", bit, at, err)
		}
		data[at] ^= bit
	}
	if noticed < tries/10 {
		t.Errorf("only %d of %d flips were noticed: the test does not hit what matters", noticed, tries)
	}
}

// TestScrambledPages replaces whole pages, by others or by noise.
func TestScrambledPages(t *testing.T) {
	data := sample(t)
	page := os.Getpagesize()
	random := rand.New(rand.NewPCG(3, 4))
	for id := 2; id < len(data)/page; id++ {
		scrambled := append([]byte(nil), data...)
		target := scrambled[id*page : (id+1)*page]
		switch id % 3 {
		case 0:
			other := random.IntN(len(data) / page)
			copy(target, data[other*page:])
		case 1:
			for i := range target {
				target[i] = byte(random.Uint32())
			}
		case 2:
			clear(target)
		}
		j, err := openBytes(t, scrambled)
		if err == nil {
			wantSample(t, j)
		} else if !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("page %d: got error %v", id, err)
		}
	}
}

func TestFileOfAnotherKindIsRefused(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other.db")
	db, err := bolt.Open(other, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte("something"))
		if err != nil {
			return err
		}
		return b.Put([]byte("key"), []byte("value"))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"text":       []byte(strings.Repeat("Nobody expects a journal here.\n", 1000)),
		"short text": []byte("hello"),
		"zeros":      make([]byte, 100_000),
		"bbolt":      foreign,
	} {
		_, err := openBytes(t, content)
		if !errors.Is(err, journal.ErrNotJournal) {
			t.Errorf("%s: got error %v", name, err)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(file(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = journal.Open(journal.Options{Dir: dir})
	wantErr(t, err, journal.ErrNotJournal)
}

// setFormat changes what the file says of its format.
func setFormat(t *testing.T, dir, format string) {
	t.Helper()
	db, err := bolt.Open(file(dir), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("journal")).Put([]byte("format"), []byte(format)) })
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestUnknownFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir).close()
	for format, want := range map[string]error{
		"4":                    journal.ErrFormat,
		"1000000":              journal.ErrFormat,
		"0":                    journal.ErrDamaged,
		"":                     journal.ErrDamaged,
		"one":                  journal.ErrDamaged,
		"99999999999999999999": journal.ErrDamaged,
	} {
		setFormat(t, dir, format)
		_, err := journal.Open(journal.Options{Dir: dir})
		if !errors.Is(err, want) {
			t.Errorf("format %q: got error %v", format, err)
		}
	}
	setFormat(t, dir, "3")
	open(t, dir)
}

// TestDamageBehindTheCheck is what comes up on a disk that decays, or in a huge
// file, whose leaves Open does not all read: the read fails, others do not.
func TestDamageBehindTheCheck(t *testing.T) {
	dir := t.TempDir()
	data := sample(t)
	if err := os.WriteFile(file(dir), data, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	id := leafOf(t, data, event("b-1", 200).Data, 2)
	f, err := os.OpenFile(file(dir), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(make([]byte, 8), int64(id*os.Getpagesize())) // the page's own number
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}

	_, err = s.Read("b-1", 0, 0, 400)
	wantErr(t, err, journal.ErrDamaged)
	s.wantLog("d-1", 1, 400)
	s.say("d-1", 401, 401)
	s.close()
	wantErr(t, journal.CheckFile(file(dir), time.Hour), journal.ErrDamaged)
	if err := journal.CheckFile(file(dir), 0); err != nil {
		t.Errorf("without time for the leaves: %v", err)
	}
	s = open(t, dir, func(o *journal.Options) { o.Check = -1 })
	s.wantLog("d-1", 1, 401)
	s.close()
	_, err = journal.Open(journal.Options{Dir: dir})
	wantErr(t, err, journal.ErrDamaged)
}

// leafOf finds the page in use that holds an event of a life.
func leafOf(t *testing.T, data, event []byte, life byte) int {
	t.Helper()
	size := os.Getpagesize()
	for id := 2; id < len(data)/size; id++ {
		page := data[id*size : (id+1)*size]
		const leaf = 2
		isLeaf := binary.NativeEndian.Uint64(page) == uint64(id) && binary.NativeEndian.Uint16(page[8:]) == leaf
		key := append([]byte{0, 0, 0, 0, 0, 0, 0, life}, 0, 0, 0, 0, 0, 0, 0, 200)
		if isLeaf && bytes.Contains(page, event) && bytes.Contains(page, key) {
			return id
		}
	}
	t.Fatal("found no such page")
	return 0
}

func FuzzDecodeEvent(f *testing.F) {
	for _, e := range []journal.Event{{}, event("a", 7), {Seq: 1, Time: -1, Type: "t", User: "u", Command: "c"}} {
		key, value := journal.EncodeEvent(1, e)
		f.Add(key, value, true)
		f.Add(key, value, false)
	}
	f.Fuzz(func(t *testing.T, key, value []byte, seal bool) {
		if seal { // past the checksum
			value = journal.Seal(key, value)
		}
		e, err := journal.DecodeEvent(key, value)
		if err != nil {
			return
		}
		again, err := journal.DecodeEvent(journal.EncodeEvent(binary.BigEndian.Uint64(key), e))
		if err != nil || again.Seq != e.Seq || again.Time != e.Time || again.Type != e.Type || again.User != e.User ||
			again.Command != e.Command || !bytes.Equal(again.Data, e.Data) {
			t.Errorf("event %+v came back as %+v, error %v", e, again, err)
		}
	})
}
