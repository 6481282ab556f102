package journal_test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"chatserver/journal"
)

func TestRoomsAndLogsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	created := time.UnixMilli(time.Now().UnixMilli())
	s.must(func(done func(error)) error {
		return s.OpenRoom(journal.Room{Name: "a", Port: 34000, Epoch: "e1", Created: created, Settings: []byte(`{"title":"A"}`)}, done)
	})
	s.room("b")
	s.say("e1", 1, 600)
	s.must(func(done func(error)) error {
		return s.UpdateRoom(journal.Room{Epoch: "e1", Port: 34007, Settings: []byte(`{"title":"B"}`)}, done)
	})
	s.must(func(done func(error)) error { return s.CloseRoom("b-1", done) })
	secret := s.TokenSecret()
	s.close()

	s = open(t, dir)
	rooms := s.OpenRooms()
	if len(rooms) != 1 {
		t.Fatalf("open rooms: got %v, want the one that was not closed", rooms)
	}
	r := rooms[0]
	if r.Name != "a" || r.Epoch != "e1" || r.Port != 34007 || !r.Created.Equal(created) || string(r.Settings) != `{"title":"B"}` || r.Seq != 600 {
		t.Errorf("room came back as %+v", r)
	}
	if !bytes.Equal(s.TokenSecret(), secret) || len(secret) != 32 {
		t.Errorf("token secret changed from %x to %x", secret, s.TokenSecret())
	}
	s.wantLog("e1", 1, 600)
	s.say("e1", 601, 601)
	s.wantLog("e1", 1, 601)
}

func TestReadKeepsToItsBounds(t *testing.T) {
	s := openNew(t)
	s.room("other")
	epoch := s.room("a")
	s.say("other-1", 1, 3)
	s.say(epoch, 1, 700)
	for _, tt := range []struct {
		after, before uint64
		limit         int
		first, last   uint64
	}{
		{0, 0, 10, 1, 10},
		{690, 0, 100, 691, 700},
		{5, 8, 100, 6, 7},
		{5, 6, 100, 0, 0},
		{700, 0, 100, 0, 0},
		{1<<64 - 1, 0, 100, 0, 0},
		{0, 0, 700, 1, 700},
		{0, 0, 0, 0, 0},
	} {
		events, err := s.Read(epoch, tt.after, tt.before, tt.limit)
		wantSeqs(t, events, err, tt.first, tt.last)
	}
	for _, tt := range []struct {
		before      uint64
		limit       int
		first, last uint64
	}{
		{0, 100, 601, 700},
		{0, 1000, 1, 700},
		{301, 100, 201, 300},
		{1, 100, 0, 0},
		{9999, 1, 700, 700},
		{0, 0, 0, 0},
	} {
		events, err := s.Newest(epoch, tt.before, tt.limit)
		wantSeqs(t, events, err, tt.first, tt.last)
	}
	_, err := s.Read("nobody", 0, 0, 1)
	wantErr(t, err, journal.ErrNotFound)
	_, err = s.Newest("nobody", 0, 1)
	wantErr(t, err, journal.ErrNotFound)
}

// wantSeqs demands the events from first to last; none if last is 0.
func wantSeqs(t *testing.T, events []journal.Event, err error, first, last uint64) {
	t.Helper()
	var got, want []uint64
	for _, e := range events {
		got = append(got, e.Seq)
	}
	for seq := first; seq <= last && last > 0; seq++ {
		want = append(want, seq)
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got events %v, error %v, want %v", got, err, want)
	}
}

func TestEventsComeBackAsTheyWere(t *testing.T) {
	s := openNew(t)
	epoch := s.room("a")
	for i, want := range []journal.Event{
		{Time: 1, Type: "message", User: "u", Command: "c", Data: []byte(`{"text":"<&>\u2028"}`)},
		{Time: -5, Type: "", Data: []byte{0, 0xff}},
		{Time: 1 << 62, Type: "poll", User: strings.Repeat("ü", 64), Data: bytes.Repeat([]byte("x"), 100_000)},
	} {
		want.Epoch, want.Seq = epoch, uint64(i+1)
		s.must(func(done func(error)) error { return s.Append(want, done) })
		got, err := s.Newest(epoch, 0, 1)
		if err != nil || len(got) != 1 {
			t.Fatalf("event %d: %v", i, err)
		}
		if e := got[0]; e.Room != "a" || e.Epoch != epoch || e.Time != want.Time || e.Type != want.Type ||
			e.User != want.User || e.Command != want.Command || !bytes.Equal(e.Data, want.Data) {
			t.Errorf("event %d came back different", i)
		}
	}
}

func TestOrderIsKept(t *testing.T) {
	s := openNew(t)
	epoch := s.room("a")
	s.say(epoch, 1, 2)
	wantErr(t, s.Append(event(epoch, 2), nil), journal.ErrOrder)
	wantErr(t, s.Append(event(epoch, 4), nil), journal.ErrOrder)
	wantErr(t, s.Append(event("nobody", 1), nil), journal.ErrNotFound)
	wantErr(t, s.OpenRoom(journal.Room{Name: "a", Epoch: "new"}, nil), journal.ErrOrder)
	wantErr(t, s.OpenRoom(journal.Room{Name: "b", Epoch: epoch}, nil), journal.ErrOrder)
	wantErr(t, s.OpenRoom(journal.Room{Name: "b"}, nil), journal.ErrOrder)
	wantErr(t, s.UpdateRoom(journal.Room{Epoch: "nobody"}, nil), journal.ErrNotFound)
	if err := s.OpenRoom(journal.Room{Name: "b", Epoch: "b", Settings: []byte("{")}, nil); err == nil {
		t.Error("settings that are no JSON were taken")
	}
	s.must(func(done func(error)) error { return s.CloseRoom(epoch, done) })
	wantErr(t, s.CloseRoom(epoch, nil), journal.ErrOver)
	wantErr(t, s.Append(event(epoch, 3), nil), journal.ErrOver)
	s.wantLog(epoch, 1, 2)
}

func TestLivesOfARoom(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, epoch := range []string{"e1", "e2", "e3"} {
		s.must(func(done func(error)) error {
			return s.OpenRoom(journal.Room{Name: "a", Epoch: epoch, Created: time.Now()}, done)
		})
		s.say(epoch, 1, 2)
		if epoch != "e3" {
			s.must(func(done func(error)) error { return s.CloseRoom(epoch, done) })
		}
	}
	s.close()
	s = open(t, dir)
	var got []string
	for _, l := range s.Lives("a") {
		got = append(got, l.Epoch)
		if l.Closed.IsZero() != (l.Epoch == "e3") || l.First != 1 || l.Seq != 2 || l.Room != "a" {
			t.Errorf("life came back as %+v", l)
		}
		if same, err := s.Life(l.Epoch); err != nil || same != l {
			t.Errorf("the life alone came back as %+v, %v", same, err)
		}
		s.wantLog(l.Epoch, 1, 2)
	}
	if _, err := s.Life("e9"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("an unknown life: want ErrNotFound, got %v", err)
	}
	if want := []string{"e3", "e2", "e1"}; !slices.Equal(got, want) {
		t.Errorf("lives: got %v, want %v", got, want)
	}
	if lives := s.Lives("nobody"); lives != nil {
		t.Errorf("lives of an unknown room: %v", lives)
	}
}

func TestCommandsOfTheLastMinutes(t *testing.T) {
	s := openNew(t)
	epoch := s.room("a")
	start := time.UnixMilli(1_700_000_000_000)
	for seq := uint64(1); seq <= 1000; seq++ {
		e := event(epoch, seq)
		e.Time = start.Add(time.Duration(seq) * time.Second).UnixMilli()
		if seq%2 == 0 {
			e.Command = ""
		}
		if err := s.Append(e, nil); err != nil {
			t.Fatal(err)
		}
	}
	s.must(func(done func(error)) error { return s.Append(event(epoch, 1001), done) })
	commands, err := s.Commands(epoch, start.Add(401*time.Second))
	if err != nil || len(commands) != 301 {
		t.Fatalf("got %d commands, error %v, want those of events 401, 403 … 1001", len(commands), err)
	}
	for i, c := range commands {
		if want := uint64(401 + 2*i); c.Seq != want || c.User != "u1" || c.ID != event(epoch, want).Command {
			t.Fatalf("command %d is %+v, want that of event %d", i, c, want)
		}
	}
}

func TestSanctions(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	s.must(func(done func(error)) error { return s.PutSanction("b", []byte(`{"user":"u1"}`), done) })
	s.must(func(done func(error)) error { return s.PutSanction("a", []byte(`1`), done) })
	s.must(func(done func(error)) error { return s.PutSanction("a", []byte(`2`), done) })
	s.must(func(done func(error)) error { return s.PutSanction("c", []byte(`3`), done) })
	s.must(func(done func(error)) error { return s.DeleteSanction("c", done) })
	s.must(func(done func(error)) error { return s.DeleteSanction("never", done) })
	if err := s.PutSanction("", nil, nil); err == nil {
		t.Error("an empty id was taken")
	}
	for range 2 {
		var got []string
		for _, x := range s.Sanctions() {
			got = append(got, x.ID+" "+string(x.Value))
		}
		if want := []string{"a 2", `b {"user":"u1"}`}; !slices.Equal(got, want) {
			t.Errorf("sanctions: got %q, want %q", got, want)
		}
		s.close()
		s = open(t, dir)
	}
}

func TestSecondOpenerIsRefused(t *testing.T) {
	s := openNew(t)
	_, err := journal.Open(journal.Options{Dir: s.dir, Wait: time.Millisecond})
	wantErr(t, err, journal.ErrInUse)
	if !strings.Contains(err.Error(), file(s.dir)) || !strings.Contains(err.Error(), "another directory") {
		t.Errorf("the error should name the file and say what to do: %v", err)
	}
	s.say(s.room("a"), 1, 10)
	s.wantLog("a-1", 1, 10)
}

func TestDoneIsCalledInOrder(t *testing.T) {
	s := openNew(t)
	const rooms, events = 5, 200
	var got []uint64 // by the writer goroutine alone
	var all sync.WaitGroup
	all.Add(rooms * events)
	for i := range rooms {
		s.room(string(rune('a' + i)))
	}
	for n := range uint64(rooms * events) {
		epoch := string(rune('a'+n%rooms)) + "-1"
		if err := s.Append(event(epoch, n/rooms+1), func(err error) {
			if err != nil {
				t.Error(err)
			}
			got = append(got, n)
			all.Done()
		}); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	if !slices.IsSorted(got) {
		t.Error("acknowledgements came out of order")
	}
	if stats := s.Stats(); stats.Events != rooms*events || stats.Commits >= rooms*events/2 {
		t.Errorf("%d events took %d transactions: they were not gathered", stats.Events, stats.Commits)
	}
}

func TestSyncComesAfterWhatWasAccepted(t *testing.T) {
	s := openNew(t)
	epoch := s.room("a")
	for seq := uint64(1); seq <= 300; seq++ {
		if err := s.Append(event(epoch, seq), nil); err != nil {
			t.Fatal(err)
		}
	}
	s.must(s.Sync)
	s.wantLog(epoch, 1, 300)
}

func TestClosedJournalTakesNothing(t *testing.T) {
	s := openNew(t)
	epoch := s.room("a")
	waiting := s.write(func(done func(error)) error { return s.Append(event(epoch, 1), done) })
	s.close()
	if err := <-waiting; err != nil {
		t.Errorf("what waited at the close: %v", err)
	}
	s.close()
	wantErr(t, s.Append(event(epoch, 2), nil), journal.ErrClosed)
	wantErr(t, s.CloseRoom(epoch, nil), journal.ErrClosed)
	wantErr(t, s.PutSanction("x", nil, nil), journal.ErrClosed)
	wantErr(t, s.Sync(nil), journal.ErrClosed)
	_, err := s.Read(epoch, 0, 0, 1)
	wantErr(t, err, journal.ErrClosed)
	s = open(t, s.dir)
	s.wantLog(epoch, 1, 1)
}

func TestFullQueueRefusesAtOnce(t *testing.T) {
	stuck, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var armed bool
	s := openNew(t, func(o *journal.Options) {
		o.Queue = 10_000
		journal.FailCommits(o, func() error {
			if armed {
				once.Do(func() { close(stuck); <-goOn })
			}
			return nil
		})
	})
	epoch := s.room("a")
	armed = true
	first := s.write(func(done func(error)) error { return s.Append(event(epoch, 1), done) })
	<-stuck // the disk takes its time
	seq, last := uint64(1), make(chan error, 100)
	var err error
	for err == nil {
		seq++
		err = s.Append(event(epoch, seq), func(err error) { last <- err })
	}
	wantErr(t, err, journal.ErrFull)
	if stats := s.Stats(); stats.Queue < 10_000 || stats.Queue > 11_000 || stats.Waiting != int(seq-1) {
		t.Errorf("the queue holds %d bytes in %d writes after %d", stats.Queue, stats.Waiting, seq-1)
	}
	close(goOn)
	if err := <-first; err != nil {
		t.Error(err)
	}
	for range seq - 2 {
		if err := <-last; err != nil {
			t.Error(err)
		}
	}
	s.say(epoch, seq, seq) // it was refused, so it is still the next
	s.wantLog(epoch, 1, seq)
	if stats := s.Stats(); stats.Queue != 0 || stats.Waiting != 0 {
		t.Errorf("an idle queue holds %d bytes in %d writes", stats.Queue, stats.Waiting)
	}
}

// TestSlowReaderHoldsNoTransaction reads a log while the file grows and is mapped
// anew, which waits for every transaction that is open.
func TestSlowReaderHoldsNoTransaction(t *testing.T) {
	s := openNew(t)
	epoch := s.room("a")
	s.say(epoch, 1, 1000)
	size := s.Stats().FileSize
	next, newest := uint64(1), uint64(1000)
	for e, err := range s.All(epoch, 0, 0) {
		if err != nil || e.Seq != next {
			t.Fatalf("got event %d, error %v, want %d", e.Seq, err, next)
		}
		if n := s.OpenTransactions(); n != 0 {
			t.Fatalf("%d transactions are open while event %d is handled", n, e.Seq)
		}
		if next%100 == 0 && next <= 1000 {
			s.say(epoch, newest+1, newest+500)
			newest += 500
		}
		next++
	}
	if next != newest+1 {
		t.Errorf("the reader saw %d events of %d", next-1, newest)
	}
	if grown := s.Stats().FileSize; grown <= size {
		t.Errorf("the file did not grow beyond %d bytes: this test shows nothing", grown)
	}
}

func TestDirectoryThatCannotBe(t *testing.T) {
	dir := t.TempDir() + "/file"
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(journal.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a file in the directory's place: got error %v", err)
	}
}

// logged returns an option for a logger, and what that has logged.
func logged() (func(*journal.Options), *observer.ObservedLogs) {
	core, logs := observer.New(zap.InfoLevel)
	return func(o *journal.Options) { o.Logger = zap.New(core) }, logs
}
