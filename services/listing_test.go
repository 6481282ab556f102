package services

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// directory is a listing, the service behind it and the rooms that are open, in a bubble.
type directory struct {
	*fake
	listing *Listing
	stop    context.CancelFunc
	ended   chan error

	mu    sync.Mutex
	rooms map[string]Room
}

func newDirectory(t *testing.T) *directory {
	t.Helper()
	d := &directory{fake: newFake(t), ended: make(chan error, 1), rooms: map[string]Room{}}
	var err error
	d.listing, err = NewListing(ListingOptions{URL: "https://listing.example", Key: testKey, Rooms: d.open, transport: d.fake})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// open returns the rooms that are open.
func (d *directory) open() map[string]Room {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.rooms)
}

// run lets the listing run until halt, or the test's end.
func (d *directory) run() {
	ctx, stop := context.WithCancel(d.t.Context())
	d.stop = stop
	go func() { d.ended <- d.listing.Run(ctx) }()
	synctest.Wait()
}

func (d *directory) halt() {
	d.t.Helper()
	d.stop()
	begun := time.Now()
	if err := <-d.ended; err != nil || time.Since(begun) > 0 {
		d.t.Errorf("Run ended after %v: %v", time.Since(begun), err)
	}
}

// set opens or changes a room.
func (d *directory) set(name string, viewers int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, known := d.rooms[name]
	d.rooms[name] = Room{Viewers: viewers}
	if !known {
		d.listing.Update()
	}
}

// close closes a room.
func (d *directory) close(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.rooms, name)
	d.listing.Update()
}

// put is the call that tells of a room.
func put(at, name string, viewers int) string {
	return fmt.Sprintf(`%s PUT /rooms/%s {"host":"","port":0,"url":"","title":"","viewers":%d,"producer":null,"stream_url":"","created":"0001-01-01T00:00:00Z"}`, at, name, viewers)
}

// The listing is told of all that a room is, under an escaped name.
func TestListedRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(t)
		d.rooms["a.b_c-1"] = Room{
			Host: "chat.example", Port: 34000, URL: "http://chat.example:34000/", Title: "Cooking", Viewers: 3,
			Producer: &User{"u1", "Ann", "producer"}, StreamURL: "https://cdn.example/a.m3u8", Created: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC),
		}
		d.run()
		d.want("the start", `0s PUT /rooms/a.b_c-1 {"host":"chat.example","port":34000,"url":"http://chat.example:34000/","title":"Cooking","viewers":3,`+
			`"producer":{"id":"u1","name":"Ann","role":"producer"},"stream_url":"https://cdn.example/a.m3u8","created":"2026-11-24T09:00:00Z"}`)
		d.halt()
		if d.closed != 1 {
			t.Errorf("idle connections were closed %d times, want once", d.closed)
		}
	})
}

// A room is told of at once when it opens and closes, within half a second when it
// changes, but every 5 s at most, and every 30 s in any case.
func TestWhenTheListingIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(t)
		d.run()
		d.at(1100 * time.Millisecond)
		d.set("a", 0)
		d.want("a room opens", put("1.1s", "a", 0))
		for n := 1; n <= 60; n++ {
			d.at(1100*time.Millisecond + time.Duration(n)*200*time.Millisecond) // until 13.1 s
			d.set("a", n)
		}
		d.at(18 * time.Second)
		d.want("it changes all the time", put("6.5s", "a", 26), put("11.5s", "a", 51), put("16.5s", "a", 60))
		d.at(46 * time.Second)
		d.want("it is as it was")
		d.at(49 * time.Second)
		d.want("it is as it was", put("46.5s", "a", 60))
		d.at(60200 * time.Millisecond)
		d.set("a", 61)
		d.at(61 * time.Second)
		d.want("it changes after a rest", put("1m0.5s", "a", 61))
		d.close("a")
		d.want("it closes", "1m1s DELETE /rooms/a")
		d.set("a", 7)
		d.at(61100 * time.Millisecond)
		d.want("it opens again", put("1m1.05s", "a", 7))
		d.close("a")
		d.at(10 * time.Minute)
		d.want("it closes", "1m1.1s DELETE /rooms/a")
		if len(d.listing.known) > 0 {
			t.Errorf("it is still known: %v", d.listing.known)
		}
		d.halt()
	})
}

// Calls for one room come one after the other, so that the list is right in the end.
func TestOrderForOneRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(t)
		d.takesTime(2 * time.Second)
		d.run()
		d.set("a", 0)
		d.at(time.Second)
		d.close("a")
		d.at(2500 * time.Millisecond)
		d.want("it closes while it is told of", put("0s", "a", 0), "2s DELETE /rooms/a")
		d.at(3 * time.Second)
		d.set("a", 1)
		d.at(10 * time.Second)
		d.want("it opens while its end is told", put("4s", "a", 1))
		d.halt()
	})
}

// A listing that fails is told again after 5 s, of the newest only; of the end of a room
// for 5 minutes.
func TestListingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(t)
		d.says(http.StatusBadRequest, "") // which does not open the circuit
		d.run()
		d.set("a", 0)
		d.at(2 * time.Second)
		d.set("a", 1)
		d.at(8 * time.Second)
		d.want("refused", put("0s", "a", 0), put("5s", "a", 1))
		d.says(http.StatusOK, "")
		d.at(20 * time.Second)
		d.want("well again", put("10s", "a", 1))
		d.says(http.StatusInternalServerError, "")
		d.close("a")
		d.at(20 * time.Minute)
		calls := d.heard()
		if n := len(calls); n < 10 || n > 60 || !strings.HasPrefix(calls[0], "20s DELETE") {
			t.Errorf("%d calls, want some for 5 minutes: %v", n, calls)
		}
		d.halt()
	})
}

// A room that the listing does not know any more is off the list.
func TestUnlistedRoomCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(t)
		d.run()
		d.set("a", 0)
		synctest.Wait()
		d.says(http.StatusNotFound, "")
		d.close("a")
		d.at(time.Minute)
		d.want("told once", put("0s", "a", 0), "50ms DELETE /rooms/a")
		d.halt()
	})
}

// Many rooms are no burst: a few calls at a time. A listing that hangs holds up nobody,
// costs no memory for what is over, and hears of all rooms once it is back.
func TestManyRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rooms = 1000
		d := newDirectory(t)
		for n := range rooms {
			d.rooms[fmt.Sprint("room-", n)] = Room{}
		}
		d.takesTime(10 * time.Millisecond)
		d.run()
		d.at(2 * time.Second)
		if n := len(d.heard()); n != rooms || d.most != maxCalls {
			t.Errorf("%d calls within 2 s, up to %d at a time; want %d and %d", n, d.most, rooms, maxCalls)
		}
		d.takesTime(-1)
		for n := range rooms / 2 {
			d.close(fmt.Sprint("room-", n))
			d.set(fmt.Sprint("late-", n), 0)
		}
		d.at(time.Minute)
		d.heard()
		if d.most != maxCalls {
			t.Errorf("%d calls at a time, want %d", d.most, maxCalls)
		}
		d.takesTime(time.Millisecond)
		d.at(80 * time.Second)
		puts, deletes := map[string]int{}, map[string]int{}
		for _, call := range d.heard() {
			switch f := strings.Fields(call); f[1] {
			case "PUT":
				puts[f[2]]++
			case "DELETE":
				deletes[f[2]]++
			}
		}
		if len(puts) != rooms || len(deletes) != rooms/2 {
			t.Errorf("told of %d rooms and the end of %d, want %d and %d", len(puts), len(deletes), rooms, rooms/2)
		}
		d.halt()
	})
}

// successor is a listing that goes on from a directory's, which is halted, with the same rooms
// and the same service. What is carried goes through JSON, as it does between processes.
func (d *directory) successor() *directory {
	d.t.Helper()
	d.halt()
	data, err := json.Marshal(d.listing.Carry())
	if err != nil {
		d.t.Fatal(err)
	}
	var told map[string]time.Time
	if err := json.Unmarshal(data, &told); err != nil {
		d.t.Fatal(err)
	}
	next := &directory{fake: d.fake, ended: make(chan error, 1), rooms: d.open()}
	next.listing, err = NewListing(ListingOptions{URL: "https://listing.example", Key: testKey, Rooms: next.open, transport: d.fake})
	if err != nil {
		d.t.Fatal(err)
	}
	next.listing.TakeOver(told)
	return next
}

// Whoever takes a listing's place tells the end of rooms that it owes, for no longer than
// that would have, and of no room that is open.
func TestListingTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(t)
		for _, name := range []string{"fails", "hangs", "reopened", "stays", "late", "told"} {
			d.rooms[name] = Room{}
		}
		d.run()
		d.close("told")
		d.at(time.Second)
		d.says(http.StatusServiceUnavailable, "")
		d.close("fails")
		d.close("reopened")
		d.at(2 * time.Second)
		d.takesTime(-1)
		d.close("hangs")
		d.set("unheard", 0)
		d.at(3 * time.Second)
		d.heard()
		d.rooms = map[string]Room{"reopened": {}, "stays": {}} // after its last look
		next := d.successor()
		d.says(http.StatusOK, "")
		d.takesTime(0)
		next.run()
		d.want("the successor", put("3s", "reopened", 0), put("3s", "stays", 0),
			"3s DELETE /rooms/fails", "3s DELETE /rooms/hangs", "3s DELETE /rooms/late", "3s DELETE /rooms/unheard")
		next.at(20 * time.Second)
		d.want("nothing is owed")

		d.says(http.StatusBadRequest, "") // which does not open the circuit
		next.close("stays")
		d.at(3 * time.Minute)
		last := next.successor()
		last.run()
		d.at(20*time.Second + goneFor - time.Second)
		if calls := d.heard(); !slices.ContainsFunc(calls, func(call string) bool { return strings.HasPrefix(call, "5m15s DELETE /rooms/stays") }) {
			t.Errorf("it is told for less than 5 minutes: %v", calls)
		}
		d.at(20*time.Second + goneFor + time.Second)
		d.says(http.StatusOK, "")
		d.heard()
		d.at(6 * time.Minute)
		for _, call := range d.heard() {
			if strings.Contains(call, "DELETE") {
				t.Errorf("it is told for more than 5 minutes: %s", call)
			}
		}
		last.halt()
	})
}

// A stop takes all rooms off the list; a listing that hangs costs no more than the time
// that there is.
func TestFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(t)
		d.run()
		d.set("a", 0)
		d.set("b", 0)
		synctest.Wait()
		d.heard()
		d.halt()
		if err := d.listing.Farewell(t.Context()); err != nil {
			t.Error(err)
		}
		d.want("the stop", "0s DELETE /rooms/a", "0s DELETE /rooms/b")

		d.takesTime(-1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := d.listing.Farewell(ctx)
		if err == nil || !strings.Contains(err.Error(), "2 rooms stay") || time.Since(d.begun) != time.Second {
			t.Errorf("Farewell took %v: %v", time.Since(d.begun), err)
		}
	})
}

func TestListingRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(t)
		d.run()
		if err := d.listing.Run(t.Context()); err == nil {
			t.Error("it runs twice")
		}
		d.halt()
	})
}
