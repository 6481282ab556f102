package cache

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// cacheFile is a cache file that a test writes.
type cacheFile struct {
	t      *testing.T
	path   string
	source Source
}

func newCacheFile(t *testing.T, text string) *cacheFile {
	t.Helper()
	f := &cacheFile{t: t, path: filepath.Join(t.TempDir(), "cache.json")}
	f.source = File(f.path)
	f.write(text, time.Now().Add(-time.Hour))
	return f
}

// write puts a text into the file, as if at some time.
func (f *cacheFile) write(text string, at time.Time) {
	f.t.Helper()
	if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Chtimes(f.path, at, at); err != nil {
		f.t.Fatal(err)
	}
}

func (f *cacheFile) load() *Documents {
	f.t.Helper()
	docs, err := f.source.Load(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return docs
}

func TestSampleFile(t *testing.T) {
	source := File("../testdata/cache.json")
	docs, err := source.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := NewSnapshot(docs, noon)
	if want := (Counts{Rooms: 2, Bans: 4, Words: 3, Emotes: 2, Announcements: 2}); s.Counts() != want || s.LeftOut() != 0 {
		t.Errorf("counts are %+v, left out %v; want %+v", s.Counts(), docs.LeftOut, want)
	}
	if room := s.Room("testroom"); room.Owner != "ann" || !slices.Equal(room.Moderators, []string{"bob", "carla"}) || *room.SlowMode != 3 || *room.MembersOnly {
		t.Errorf("testroom is %+v", room)
	}
	if room := s.Room("quiet"); room.SlowMode != nil || !*room.MembersOnly {
		t.Errorf("quiet is %+v", room)
	}
	if ban, found := s.Sanctioned(KindBan, "any", "", netip.MustParseAddr("198.51.100.7"), true, noon); !found || ban.Reason != "a farm of bots" {
		t.Errorf("198.51.100.7 is banned by %+v, %v", ban, found)
	}
	if masked, _ := s.CheckWords("testroom", "Darn spoiler"); masked != "**** spoiler" {
		t.Errorf("masked %q", masked)
	}
	if _, blockedBy := s.CheckWords("quiet", "a spoiler"); blockedBy != "spoiler" {
		t.Errorf("blocked by %q", blockedBy)
	}
}

func TestFileIsReadAgainWhenItChanged(t *testing.T) {
	f := newCacheFile(t, `{"bans":[{"_id":"1","user":"ann"}]}`)
	first := f.load()
	if f.load() != first {
		t.Error("a file that did not change was read again")
	}
	hour := time.Now().Add(-time.Hour)
	f.write(`{"bans":[{"_id":"1","user":"bob"}]}`, hour.Add(time.Minute)) // of the same size
	second := f.load()
	if second.Bans[0].User != "bob" || second.version() == first.version() {
		t.Error("a change was missed")
	}
	other := filepath.Join(t.TempDir(), "other.json")
	if err := os.WriteFile(other, []byte(`{"bans":[{"_id":"1","user":"eve"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(other, hour, hour.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, f.path); err != nil {
		t.Fatal(err)
	}
	if f.load().Bans[0].User != "eve" {
		t.Error("another file of the same size and time was missed")
	}
}

// Clocks of file systems are coarse: a file that was written right before it was
// read may have been written again since, within the same tick.
func TestFreshFileIsReadAgain(t *testing.T) {
	f := newCacheFile(t, "{}")
	now := time.Now()
	f.write(`{"bans":[{"_id":"1","user":"ann"}]}`, now)
	f.load()
	f.write(`{"bans":[{"_id":"1","user":"bob"}]}`, now)
	if f.load().Bans[0].User != "bob" {
		t.Error("a change within the same tick was missed")
	}
}

func TestFileLeavesOutMalformedDocuments(t *testing.T) {
	f := newCacheFile(t, `{"bans":[{"_id":"1","user":"ann"},{"_id":"1","user":"bob"},5,null,[],"x",{"_id":"bad\u001b","user":5},`+
		`{"_id":"2","user":"`+strings.Repeat("x", maxDocument)+`"},{"_id":"3","user":"`+"\xff"+`"},`+
		strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+`,{"_id":"4","user":"cleo"}],"rooms":[]}`)
	docs := f.load()
	if len(docs.Bans) != 2 || docs.Bans[0].User != "ann" || docs.Bans[1].User != "cleo" {
		t.Errorf("bans are %+v; want ann and cleo", docs.Bans)
	}
	if len(docs.LeftOut) != 9 {
		t.Errorf("%d are left out: %+v; want 9", len(docs.LeftOut), docs.LeftOut)
	}
}

func TestFileThatCannotBeUsed(t *testing.T) {
	for _, tt := range []struct{ text, why string }{
		{"", "ends too early"},
		{"{", "ends too early"},
		{`{"bans":[{"_id":"1"`, "ends too early"},
		{"[]", "there should be an object with the collections"},
		{"5", "an object with the collections"},
		{`{"bans":{}}`, "an array of documents in bans"},
		{`{"bans":[}`, "no JSON at byte"},
		{`{"bans":[{]}`, "no JSON at byte"},
		{`{"bans":[],}`, "no JSON at byte"},
		{`{"ban":[]}`, `"ban" is no collection; those are rooms, bans, words, emotes, announcements`},
		{`{"bans":[],"bans":[]}`, "bans is there twice"},
		{`{"bans":[]} {}`, "something follows"},
		{`{"bans":[]} x`, "something follows"},
		{strings.Repeat("[", 100_000), "an object with the collections"},
		{`{"bans":` + strings.Repeat("[", 100_000), "no JSON at byte"},
	} {
		f := newCacheFile(t, tt.text)
		if _, err := f.source.Load(t.Context()); err == nil || !strings.Contains(err.Error(), tt.why) || !strings.Contains(err.Error(), "cache.json") {
			t.Errorf("%.40q: %v; want the path and %q", tt.text, err, tt.why)
		}
	}
}

func TestFileIsBounded(t *testing.T) {
	f := newCacheFile(t, "{}")
	if err := os.Truncate(f.path, maxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := f.source.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "it may have 67108864") {
		t.Errorf("a file of 64 MiB and a byte: %v", err)
	}
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "missing")} {
		if _, err := File(path).Load(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestFileComesIntoForce(t *testing.T) {
	f := newCacheFile(t, `{"bans":[{"_id":"1","user":"ann"}]}`)
	c := run(t, f.source)
	if err := c.Refresh(t.Context()); err != nil || c.user() != "ann" {
		t.Fatalf("bans %q, %v; want ann", c.user(), err)
	}
	f.write(`{"bans":[{"_id":"1","user":"bo`, time.Now())
	if err := c.Refresh(t.Context()); err == nil || c.user() != "ann" {
		t.Errorf("bans %q, %v; want ann still, and an error", c.user(), err)
	}
	f.write(`{"bans":[{"_id":"1","user":"bob"}]}`, time.Now())
	if err := c.Refresh(t.Context()); err != nil || c.user() != "bob" || c.Status().Source != "file" {
		t.Errorf("bans %q, %v; want bob", c.user(), err)
	}
}
