package room

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/cache"
)

// source is a platform's database of which a test says what it holds.
type source struct {
	docs atomic.Pointer[cache.Documents]
}

func (*source) Name() string { return "test" }

func (s *source) Load(context.Context) (*cache.Documents, error) { return s.docs.Load(), nil }

// follow runs a cache of the documents for a world, until the test ends.
func (s *source) follow(t *testing.T) *cache.Cache {
	t.Helper()
	c := cache.New(cache.Options{Source: s, Refresh: time.Second})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.Run(ctx) }() // ends with ctx
	t.Cleanup(func() { cancel(); <-ended })
	return c
}

func (s *source) say(docs cache.Documents) {
	docs.Hash = sha256.Sum256(fmt.Append(nil, docs, time.Now()))
	s.docs.Store(&docs)
}

func TestWhenAnnouncementsAreSaid(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }
	for _, tt := range []struct {
		why   string
		a     cache.Announcement
		first bool  // it stands in the first snapshot after a start
		want  []int // minutes from now at which it is said, within an hour
	}{
		{"at once", cache.Announcement{}, false, []int{0}},
		{"known before the start", cache.Announcement{}, true, nil},
		{"later", cache.Announcement{From: at(10)}, false, []int{10}},
		{"later, after a restart", cache.Announcement{From: at(10)}, true, []int{10}},
		{"came late", cache.Announcement{From: at(-10)}, false, []int{0}},
		{"said before the restart", cache.Announcement{From: at(-10)}, true, nil},
		{"again and again", cache.Announcement{Every: 20 * time.Minute}, false, []int{0, 20, 40, 60}},
		{"again, after a restart", cache.Announcement{Every: 20 * time.Minute}, true, []int{20, 40, 60}},
		{"by its own clock", cache.Announcement{From: at(-5), Every: 20 * time.Minute}, true, []int{15, 35, 55}},
		{"until", cache.Announcement{Every: 20 * time.Minute, Until: at(25)}, false, []int{0, 20}},
		{"over", cache.Announcement{From: at(-60), Until: at(-30)}, false, nil},
		{"over before its time", cache.Announcement{From: at(-70), Every: 60 * time.Minute, Until: at(-30)}, false, nil},
	} {
		tt.a.ID, tt.a.Text = "a", "hello"
		p := announcer{}
		p.follow(cache.NewSnapshot(&cache.Documents{Announcements: []cache.Announcement{tt.a}}, now), now, tt.first)
		var said []int
		for minute := range 61 {
			for range p.due(at(minute)) {
				said = append(said, minute)
			}
		}
		if !slices.Equal(said, tt.want) {
			t.Errorf("%s: want it said at %v, it is at %v", tt.why, tt.want, said)
		}
	}
}

func TestAnnouncementsOfTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &source{}
		db.say(cache.Documents{})
		cached := db.follow(t)
		inThisBubble(t, func(w *world) {
			ctx, cancel := context.WithCancel(w.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); w.FollowAnnouncements(ctx) }()
			defer func() { cancel(); <-ended }()
			ann, bob := w.room("a").join("ann"), w.room("b").join("bob")
			w.pass(time.Second)
			db.say(cache.Documents{Announcements: []cache.Announcement{{ID: "x", Text: "Good evening", Every: time.Minute}}})
			w.pass(1500 * time.Millisecond)
			for range 3 {
				for _, c := range []*client{ann, bob} {
					if e := c.want("announced", "announcement"); e.str("text") != "Good evening" || e.str("scope") != "global" {
						w.Errorf("announcement: %v", e)
					}
				}
				w.pass(time.Minute)
			}
			db.say(cache.Documents{})
			w.pass(2 * time.Second)
			ann.clear()
			w.pass(10 * time.Minute)
			ann.wantIdle("it was taken out")
		}, func(o *Options) { o.Snapshot = cached.Snapshot })
	})
}

func TestASnapshotReachesOpenRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &source{}
		db.say(cache.Documents{})
		cached := db.follow(t)
		title := "From the database"
		inThisBubble(t, func(w *world) {
			r := w.room("lobby")
			ann := r.join("ann")
			id := ann.welcome.obj("you").str("id")
			r.set(`{"slow_mode":7}`)
			ann.want("set here", "settings")
			slow := 3
			db.say(cache.Documents{
				Rooms: []cache.Room{{Name: "lobby", Title: &title, SlowMode: &slow}},
				Bans:  []cache.Ban{{ID: "b", User: id, Room: "elsewhere"}},
			})
			w.pass(2 * time.Second)
			if e := ann.want("the database's", "settings"); e.str("title") != title || e["slow_mode"] != nil {
				w.Errorf("settings: %v", e)
			}
			if s := r.State().Settings; s.Title != title || s.SlowMode != 7 {
				w.Errorf("want what was set here over the database's, got %+v", s)
			}
			db.say(cache.Documents{Bans: []cache.Ban{{ID: "b", User: id, Room: "lobby"}}})
			w.pass(2 * time.Second)
			if o := ann.want("thrown out", "closing"); o.str("reason") != "banned" {
				w.Errorf("closing: %v", o)
			}
			ann.wantClosed("thrown out", codeBanned)
		}, func(o *Options) { o.Snapshot = cached.Snapshot })
	})
}

func TestWordsOfTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &source{}
		db.say(cache.Documents{Words: []cache.Word{{Text: "darn", Mask: true}, {Text: "spam"}}})
		cached := db.follow(t)
		inThisBubble(t, func(w *world) {
			w.pass(time.Second)
			r := w.room("lobby")
			ann := r.join("ann")
			ann.say("DARN it")
			ann.wantMessage("masked", "**** it")
			ann.say("no spam please", "1")
			if e := ann.wantError("blocked", "blocked_word"); e.str("id") != "1" || strings.Contains(e.str("message"), "spam") {
				w.Errorf("error: %v", e)
			}
			if _, err := r.Say(w.Context(), &User{ID: "u1", Name: "Uma", Role: Consumer}, "spam"); err == nil {
				w.Error("a named user may say it")
			}
			if _, err := r.Say(w.Context(), nil, "spam"); err != nil {
				w.Errorf("the platform may say what it likes: %v", err)
			}
		}, func(o *Options) { o.Snapshot = cached.Snapshot })
	})
}
