package room

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// silently is for tests in which errors are logged on purpose.
func silently(o *Options) { o.Logger = zap.NewNop() }

func TestRoomsTakePortsInOrderAndPassOverTakenOnes(t *testing.T) {
	inWorld(t, func(w *world) {
		w.net.taken["34001"] = true
		for i, want := range []int{34000, 34002, 34003} {
			if got := w.room("r" + strconv.Itoa(i)).port; got != want {
				w.Errorf("room %d has port %d, want %d", i, got, want)
			}
		}
		delete(w.net.taken, "34001")
		if got := w.room("later").port; got != 34001 {
			w.Errorf("port %d; the one that became free was passed over again", got)
		}
	})
}

func TestAFreedPortRests(t *testing.T) {
	inWorld(t, func(w *world) {
		w.room("a")
		w.wantClose("a")
		if got := w.room("b").port; got != 34001 {
			w.Errorf("b has port %d", got)
		}
		w.pass(portRest)
		if got := w.room("c").port; got != 34000 {
			w.Errorf("c has port %d", got)
		}
	})
}

func (w *world) wantClose(name string) {
	w.Helper()
	if err := w.Close(name); err != nil {
		w.Fatalf("close %s: %v", name, err)
	}
	synctest.Wait()
}

func TestCapacity(t *testing.T) {
	inWorld(t, func(w *world) {
		w.room("a")
		w.room("b")
		if capacity, rooms := w.Load(); capacity != 2 || rooms != 2 {
			w.Errorf("load: %d, %d", capacity, rooms)
		}
		if _, _, err := w.Create("c", SettingsPatch{}); !errors.Is(err, ErrNoMoreRooms) {
			w.Errorf("third of two rooms: %v", err)
		}
		if r, created, err := w.Create("a", SettingsPatch{}); err != nil || created || r.Name() != "a" {
			w.Errorf("a room that is there: %v %v", created, err)
		}
		if reasons := w.Obstacles(); len(reasons) != 1 || !strings.Contains(reasons[0], "2 rooms") {
			w.Errorf("obstacles: %q", reasons)
		}
		w.wantClose("a")
		w.room("c")
	}, func(o *Options) { o.MaxRooms = 2 })
}

func TestNoFreePort(t *testing.T) {
	inWorld(t, func(w *world) {
		w.room("a")
		w.wantClose("a")
		if _, _, err := w.Create("b", SettingsPatch{}); !errors.Is(err, ErrNoMoreRooms) {
			w.Errorf("the only port rests, yet %v", err)
		}
		if reasons := w.Obstacles(); len(reasons) != 1 || !strings.Contains(reasons[0], "port") {
			w.Errorf("obstacles: %q", reasons)
		}
	}, func(o *Options) { o.Ports = PortRange{34000, 34000} }, silently)
}

// A server whose free ports are all taken by other programs sends nobody there.
func TestPortsThatOthersHaveTaken(t *testing.T) {
	inWorld(t, func(w *world) {
		w.net.taken = map[string]bool{"34001": true, "34002": true}
		w.room("a")
		if _, _, err := w.Create("b", SettingsPatch{}); !errors.Is(err, ErrNoMoreRooms) {
			w.Fatalf("want no more rooms, got %v", err)
		}
		if got := w.Obstacles(); len(got) != 1 {
			w.Errorf("want the server not to be ready, got %q", got)
		}
		if capacity, rooms := w.Load(); capacity != rooms {
			w.Errorf("want balancers to hear of a full server, got %d rooms of %d", rooms, capacity)
		}
		w.net.taken = nil
		w.pass(portsPause)
		w.room("b")
	}, func(o *Options) { o.Ports, o.MaxRooms = PortRange{34000, 34002}, 3; o.Logger = zap.NewNop() })
}

func TestManyCallersMakeOneRoom(t *testing.T) {
	inWorld(t, func(w *world) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		made, ports := 0, map[int]bool{}
		for range 50 {
			wg.Go(func() {
				r, created, err := w.Create("same", SettingsPatch{})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					w.Error(err)
					return
				}
				ports[r.port] = true
				if created {
					made++
				}
			})
		}
		wg.Wait()
		if made != 1 || len(ports) != 1 {
			w.Errorf("%d made on %d ports", made, len(ports))
		}
	})
}

func TestRoomNames(t *testing.T) {
	for name, good := range map[string]bool{
		"a": true, "A.b_c-9": true, strings.Repeat("x", 64): true, "0": true,
		"": false, ".a": false, "-": false, strings.Repeat("x", 65): false, "a b": false, "a/b": false, "ä": false, "a\n": false, "..": false,
	} {
		if err := CheckName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAnIdleRoomCloses(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		w.pass(50 * time.Second)
		w.room("lobby") // asked for again
		w.pass(50 * time.Second)
		ann := r.join("ann")
		w.pass(10 * time.Minute)
		if _, err := w.Room("lobby"); err != nil {
			w.Fatalf("closed with somebody in it: %v", err)
		}
		ann.leave()
		w.pass(59 * time.Second)
		if _, err := w.Room("lobby"); err != nil {
			w.Fatalf("closed too soon: %v", err)
		}
		w.pass(5 * time.Second)
		if _, err := w.Room("lobby"); err == nil {
			w.Error("an idle room stays open")
		}
	}, func(o *Options) { o.IdleTimeout = time.Minute })
}

func TestClosingARoomSendsEverybodyAway(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann, unjoined := r.join("ann"), r.connect()
		w.wantClose("lobby")
		bye := ann.want("the goodbye", "closing")
		if bye.str("reason") != "room_closed" || bye["reconnect_after"] != nil {
			w.Errorf("closing: %v", bye)
		}
		ann.wantClosed("the goodbye", 4504)
		unjoined.wantClosed("who had not joined", 4504)
		w.pass(time.Second)
		if again := w.room("lobby"); again.epoch == r.epoch {
			w.Error("a new room has the epoch of the old one")
		}
		if _, err := r.Say(w.Context(), nil, "hello"); err == nil || !strings.HasPrefix(err.Error(), "room_not_found") {
			w.Errorf("a message for the closed room: %v", err)
		}
	})
}

// A join that waits for the actor when the room ends hears how it ends.
func TestAJoinBehindTheEndOfTheRoom(t *testing.T) {
	for range 20 {
		inWorld(t, func(w *world) {
			r := w.room("lobby")
			c := r.connect()
			j := jam{make(chan struct{})}
			r.post(j)
			synctest.Wait()
			c.send(obj{"type": "join"})
			synctest.Wait()
			closed := make(chan error)
			go func() { closed <- w.Close("lobby") }()
			synctest.Wait()
			close(j.until)
			if err := <-closed; err != nil {
				w.Fatal(err)
			}
			c.wantClosed("the room closes", 4504)
		})
	}
}

func TestAClosingRoomConfirmsNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		stuck := r.dial() // keeps the room in its parting for a while
		stuck.send(obj{"type": "join"})
		synctest.Wait()
		w.wantClose("lobby")
		synctest.Wait()
		if seq, err := r.Say(w.Context(), nil, "to nobody"); err == nil {
			w.Errorf("a message that nobody gets has seq %d", seq)
		}
	})
}

func TestDrainTellsEverybodyAnotherTimeToComeBack(t *testing.T) {
	inWorld(t, func(w *world) {
		var clients []*client
		for _, name := range []string{"a", "b"} {
			r := w.room(name)
			for range 300 {
				clients = append(clients, r.join(""))
			}
		}
		stuck := w.room("a").dial()
		stuck.send(obj{"type": "join"})
		ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second)
		defer cancel()
		if err := w.Drain(ctx); err != nil {
			w.Fatal(err)
		}
		times := map[int]bool{}
		for _, c := range clients {
			bye := c.want("the goodbye", "closing")
			if bye.str("reason") != "shutdown" {
				w.Fatalf("closing: %v", bye)
			}
			times[bye.num("reconnect_after")] = true
			c.wantClosed("the goodbye", 1001)
		}
		if len(times) != len(clients) {
			w.Errorf("%d times for %d clients", len(times), len(clients))
		}
		if _, _, err := w.Create("late", SettingsPatch{}); !errors.Is(err, ErrNoMoreRooms) {
			w.Errorf("a room while draining: %v", err)
		}
		if capacity, rooms := w.Load(); capacity != rooms {
			w.Errorf("load while draining: %d, %d", capacity, rooms)
		}
	})
}

func TestNotAccepting(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		w.SetAccepting(false)
		r.connect().wantClosed("a new connection", 4002)
		if _, _, err := w.Create("new", SettingsPatch{}); !errors.Is(err, ErrNoMoreRooms) {
			w.Errorf("a new room: %v", err)
		}
		if capacity, rooms := w.Load(); capacity != 1 || rooms != 1 {
			w.Errorf("load: %d, %d", capacity, rooms)
		}
		ann.say("still here")
		ann.wantMessage("those that are on stay", "still here")
		w.SetAccepting(true)
		r.join("bob")
	})
}

func TestConnectionLimits(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"server":  func(o *Options) { o.MaxConnections = 2 },
		"room":    func(o *Options) { o.MaxConnectionsPerRoom = 2 },
		"address": func(o *Options) { o.MaxConnectionsPerIP = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				r := w.room("lobby")
				r.join("ann")
				bob := r.join("bob")
				c := r.connect()
				if name == "room" {
					c.send(obj{"type": "join"})
					c.wantError("a third", "full")
				}
				c.wantClosed("a third", 4002)
				bob.leave()
				w.pass(closeGrace)
				r.join("carl")
			}, change)
		})
	}
}

func TestARoomsOwnConnectionLimit(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		r.set(`{"max_connections":1}`)
		r.join("ann")
		c := r.connect()
		c.send(obj{"type": "join"})
		c.wantError("a second", "full")
		c.wantClosed("a second", 4002)
	})
}

func TestRemoveUser(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		ann := r.join("ann")
		if n, err := r.RemoveUser(w.Context(), ann.welcome.obj("you").str("id")); n != 1 || err != nil {
			w.Errorf("removed %d: %v", n, err)
		}
		if bye := ann.want("the goodbye", "closing"); bye.str("reason") != "removed" || bye["reconnect_after"] != nil {
			w.Errorf("closing: %v", bye)
		}
		ann.wantClosed("the goodbye", 4503)
		if _, err := r.RemoveUser(w.Context(), "nobody"); err == nil {
			w.Error("nobody was removed")
		}
	})
}

func TestAnnouncements(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.room("a"), w.room("b")
		ann, bob := a.join("ann"), b.join("bob")
		if n, err := w.AnnounceAll(w.Context(), "maintenance at noon"); n != 2 || err != nil {
			w.Errorf("announced in %d rooms: %v", n, err)
		}
		for _, c := range []*client{ann, bob} {
			if got := c.want("to all", "announcement"); got.str("text") != "maintenance at noon" || got.str("scope") != "global" || got.obj("by").str("role") != "platform" || got.num("seq") != 1 {
				w.Errorf("announcement: %v", got)
			}
		}
		if err := a.Announce(w.Context(), "only here", ScopeRoom); err != nil {
			w.Error(err)
		}
		if got := ann.want("to one", "announcement"); got.str("scope") != "room" {
			w.Errorf("announcement: %v", got)
		}
		bob.wantIdle("not for this room")
		if _, err := w.AnnounceAll(w.Context(), "\x00"); err == nil {
			w.Error("a control character was announced")
		}
	})
}

func TestTheRoomAnswersByWhatTheCallerAccepts(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		for accept, want := range map[string]string{
			"":           "lobby",
			"*/*":        "lobby",
			"text/plain": "lobby",
			"image/png":  "lobby",
			"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8": "the page of /",
			"application/json, text/plain, */*":               `"name":"lobby"`,
			"text/html;q=0.5, application/json":               `"name":"lobby"`,
			"application/*":                                   `"name":"lobby"`,
		} {
			status, body := r.get("/", http.Header{"Accept": {accept}})
			if status != 200 || (body != want && (want == "lobby" || !strings.Contains(body, want))) {
				w.Errorf("Accept %q: %d %q", accept, status, body)
			}
		}
		if status, body := r.get("/assets/x.js", nil); status != 200 || body != "the page of /assets/x.js" {
			w.Errorf("an asset: %d %q", status, body)
		}
		if status, body := r.get("/nothing", nil); status != 404 || !strings.Contains(body, `"code":"not_found"`) {
			w.Errorf("no such path: %d %q", status, body)
		}
		if status, _ := r.get("/livez", nil); status != 200 {
			w.Errorf("livez: %d", status)
		}
		if status, _ := r.ask(http.MethodPost, "/", nil); status != 405 {
			w.Errorf("POST: %d", status)
		}
	}, func(o *Options) {
		o.Page = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "the page of "+r.URL.Path) })
	})
}

func TestThePublicStateHasAStrongTag(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		json := http.Header{"Accept": {"application/json"}}
		answer := r.roundTrip(http.MethodGet, "/", json)
		tag := answer.Header.Get("ETag")
		if !strings.HasPrefix(tag, `"`) {
			w.Fatalf("tag %q", tag)
		}
		json.Set("If-None-Match", `"x", `+tag)
		if status, body := r.get("/", json); status != 304 || body != "" {
			w.Errorf("the same state: %d %q", status, body)
		}
		r.set(`{"title":"new"}`)
		if status, body := r.get("/", json); status != 200 || !strings.Contains(body, `"title":"new"`) {
			w.Errorf("a new state: %d %q", status, body)
		}
	})
}

func TestOnlyPagesOfAllowedOriginsMayReadAnswers(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		for origin, want := range map[string]string{"https://good.example": "https://good.example", "https://evil.example": ""} {
			answer := r.roundTrip(http.MethodGet, "/", http.Header{"Origin": {origin}, "Accept": {"application/json"}})
			if got := answer.Header.Get("Access-Control-Allow-Origin"); got != want {
				w.Errorf("%s: allowed %q", origin, got)
			}
			answer = r.roundTrip(http.MethodGet, "/", http.Header{"Origin": {origin}})
			if got := answer.Header.Get("Access-Control-Allow-Origin"); got != "*" {
				w.Errorf("%s: the name is allowed for %q", origin, got)
			}
		}
	}, func(o *Options) { o.AllowedOrigins = Origins{"https://good.example"} })
}

// get asks the room's listener over HTTP.
func (r *testRoom) get(path string, h http.Header) (int, string) {
	r.w.Helper()
	return r.ask(http.MethodGet, path, h)
}

func (r *testRoom) ask(method, path string, h http.Header) (int, string) {
	r.w.Helper()
	answer := r.roundTrip(method, path, h)
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		r.w.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func (r *testRoom) roundTrip(method, path string, h http.Header) *http.Response {
	r.w.Helper()
	port := strconv.Itoa(r.port)
	req, err := http.NewRequestWithContext(r.w.Context(), method, "http://chat.example:"+port+path, http.NoBody)
	if err != nil {
		r.w.Fatal(err)
	}
	if h != nil {
		req.Header = h
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return r.w.net.dial(ctx, port) },
	}
	answer, err := transport.RoundTrip(req)
	if err != nil {
		r.w.Fatal(err)
	}
	return answer
}

func TestUnreservedPorts(t *testing.T) {
	rooms := PortRange{34000, 34999}
	for _, c := range []struct{ ephemeral, reserved, want string }{
		{"32768\t60999\n", "\n", "34000-34999"},
		{"32768\t60999\n", "34000-34999\n", ""},
		{"32768\t60999\n", "80,33000-34499\n", "34500-34999"},
		{"40000\t60999\n", "\n", ""},
		{"34900\t60999\n", "\n", "34900-34999"},
		{"nonsense", "", ""},
	} {
		got := rooms.unreserved(c.ephemeral, c.reserved)
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%q reserved %q: %q", c.ephemeral, c.reserved, got)
		}
	}
}
