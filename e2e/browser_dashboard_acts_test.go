package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// What operators do on the dashboard; browser_dashboard_test.go has what they see.

// Announcements go to all rooms or to one; what is refused stays where it was typed.
func (b *browser) testDashboardAnnounce(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_TEXT=20")
	ann, ben := s.join(s.open("a"), "Ann"), s.join(s.open("b"), "Ben")
	p := b.operate(t, s)
	p.mayBeRefused(http.StatusBadRequest)

	p.fill("#announce-text", "Maintenance at noon")
	p.click("#announce button")
	p.wantText("how many heard it", "#announce .good", "Said in 2 rooms.")
	p.want("it was said", `document.getElementById("announce-text").value`, "")
	for _, g := range []*guest{ann, ben} {
		if o := g.want("an announcement", "announcement"); o.str("text") != "Maintenance at noon" || o.str("scope") != "global" {
			t.Errorf("want the announcement to all, got %v", o)
		}
	}

	const long = "twenty-one characters"
	p.fill("#announce-text", long)
	p.click("#announce button")
	p.want("why not", `/at most 20.* \(too_long\)$/.test(document.querySelector("#announce .problem").textContent)`, true)
	p.want("it is still there", `document.getElementById("announce-text").value`, long)

	p.openRoom("b")
	p.fill("#room-announce-text", "You are live")
	p.click("#room-announce button")
	p.wantText("said", "#room-announce .good", "Said.")
	if o := ben.want("an announcement", "announcement"); o.str("text") != "You are live" || o.str("scope") != "room" {
		t.Errorf("want the announcement to the room, got %v", o)
	}
	s.call("POST", "/api/v1/room/a/message", `{"text":"hello"}`, http.StatusOK)
	ann.want("the other room did not hear it", "message")
}

// A user is removed at once, a room is closed when that was asked for twice.
func (b *browser) testDashboardCloseRoom(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	address := s.open("testroom")
	ann := s.join(address, "Ann")
	welcomed := s.dial(address)
	welcomed.send(obj{"type": "join", "name": "Ben"})
	you, _ := welcomed.want("joined", "welcome")["you"].(map[string]any)
	ben, _ := you["id"].(string)
	p := b.operate(t, s)
	p.openRoom("testroom")

	p.mayBeRefused(http.StatusNotFound)
	p.fill("#room-user", "nobody")
	p.click("#room-remove button")
	p.want("nobody", `/ \(not_found\)$/.test(document.querySelector("#room-remove .problem").textContent)`, true)
	p.want("it can be mended", `document.getElementById("room-user").value`, "nobody")
	p.fill("#room-user", ben)
	p.click("#room-remove button")
	p.wantText("removed", "#room-remove .good", "Removed: 1 connection closed.")
	welcomed.want("told", "closing")
	welcomed.wantClosed("gone", 4503)

	p.click("#room-close")
	p.wantText("it is asked again", "#confirm-heading", "Close testroom?")
	p.wantText("what it means", "#confirm-text", "1 viewer is in it. They are told that it is closed, and do not come back. A room of this name that is opened later has a new log.")
	p.click("#confirm-cancel")
	p.want("only asked", `document.getElementById("confirm").open`, false)
	s.call("GET", "/api/v1/room/testroom", "", http.StatusOK)
	p.click("#room-close")
	p.click("#confirm-do")
	if o := ann.want("told", "closing"); o.str("reason") != "room_closed" {
		t.Errorf("want the room to be closed, got %v", o)
	}
	ann.wantClosed("gone", 4504)
	p.wantRooms("it is gone")
	p.want("and so is its panel", `[document.getElementById("room").open, document.getElementById("confirm").open]`, []bool{false, false})

	s.open("testroom")
	p.wantRooms("opened again", "testroom 0")
	p.openRoom("testroom")
	s.call("DELETE", "/api/v1/room/testroom", "", http.StatusOK)
	p.wantText("somebody else closed it", "#room-gone", "This room is closed. What is shown is the last that was known.")
}

func (b *browser) testDashboardSwitches(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cache.json")
	write := func(documents string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(documents), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"words":[{"_id":"one","action":"block"}]}`)
	s := startChat(t, "CACHE_FILE="+file, "CACHE_REFRESH=1h")
	p := b.operate(t, s)
	state := func(why, badge string) {
		t.Helper()
		p.wantText(why, "#states", badge)
	}
	state("at first", "Accepting")
	p.click("#accepting-button")
	p.wantText("stopped", "#accepting .good", "From now on they are refused.")
	state("stopped", "Not accepting")
	s.call("POST", "/api/v1/room/testroom", "", http.StatusServiceUnavailable)
	p.wantText("the way back", "#accepting-button", "Accept again")
	p.click("#accepting-button")
	state("on again", "Accepting")
	s.open("testroom")

	p.wantText("the level", "#level-now", "Now info.")
	p.choose("#level-choice", "debug")
	p.click("#level button")
	p.wantText("another level", "#level-now", "Now debug.")
	if status, answer := ask(t, "GET", s.admin+"/api/v1/log-level", testAdminKey, ""); answer != `{"data":{"level":"debug"}}` {
		t.Errorf("want debug, got %d %s", status, answer)
	}

	holds := `[...document.querySelectorAll("#cache-facts dd")].map((e) => e.textContent).find((text) => text.includes("words"))`
	p.want("the snapshot", holds, "rooms 0, bans 0, words 1, emotes 0, announcements 0")
	write(`{"words":[{"_id":"one","action":"block"},{"_id":"two","action":"mask"}]}`)
	p.click("#cache button")
	p.wantText("refreshed", "#cache > .good", "Refreshed.")
	p.want("what is new", holds, "rooms 0, bans 0, words 2, emotes 0, announcements 0")
	p.mayBeRefused(http.StatusServiceUnavailable)
	write(`{`)
	p.click("#cache button")
	p.want("it fails", `/^the cache could not be refreshed.* \(unavailable\)$/.test(document.querySelector("#cache > .problem").textContent)`, true)
	p.want("the last error is told", `[...document.querySelectorAll("#cache-facts dt")].some((e) => e.textContent === "Last error")`, true)
}

func (b *browser) testDashboardBans(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	address := s.open("testroom")
	ann := s.join(address, "Ann")
	p := b.operate(t, s)
	p.wantText("none yet", "#bans .count", "Nobody is banned.")
	listed := func() (bans []obj) {
		t.Helper()
		_, answer := ask(t, "GET", s.admin+"/api/v1/bans", testAdminKey, "")
		var list struct {
			Data []obj `json:"data"`
		}
		if err := json.Unmarshal([]byte(answer), &list); err != nil {
			t.Fatal(err)
		}
		return list.Data
	}

	p.mayBeRefused(http.StatusBadRequest)
	p.choose("#ban-kind", "ip")
	p.fill("#ban-value", "127.0.0.300")
	p.fill("#ban-reason", "a farm of bots")
	p.fill("#ban-room", "testroom")
	p.click("#ban button")
	p.want("why not", `/^ip is .* \(bad_field\)$/.test(document.querySelector("#ban .problem").textContent)`, true)
	p.want("nothing is lost", `["value", "reason", "room"].map((field) => document.getElementById("ban-" + field).value)`,
		[]string{"127.0.0.300", "a farm of bots", "testroom"})
	if bans := listed(); len(bans) != 0 {
		t.Errorf("want no ban, got %v", bans)
	}

	p.fill("#ban-value", "127.0.0.0/24")
	p.choose("#ban-expires", "24")
	p.click("#ban button")
	p.wantText("banned", "#ban .good", "127.0.0.0/24 is banned in testroom.")
	ann.want("told", "closing")
	ann.wantClosed("banned", 4502)
	p.want("it is listed", column(0), []string{"127.0.0.0/24"})
	p.want("with why", column(3), []string{"a farm of bots"})
	bans := listed()
	if len(bans) != 1 {
		t.Fatalf("want one ban, got %v", bans)
	}
	ends, err := time.Parse(time.RFC3339, bans[0].str("expires"))
	if left := time.Until(ends); err != nil || left < 23*time.Hour || left > 24*time.Hour || bans[0].str("room") != "testroom" || bans[0].str("reason") != "a farm of bots" {
		t.Errorf("want the ban as it was typed, for a day, got %v", bans[0])
	}

	p.choose("#ban-kind", "user")
	p.fill("#ban-value", "u7")
	p.do("in all rooms", chromedp.Evaluate[chromedp.Void](`document.getElementById("ban-room").value = ""`))
	p.choose("#ban-expires", "")
	p.click("#ban button")
	p.wantText("another", "#ban .good", "u7 is banned in all rooms.")
	p.want("both are listed", column(0), []string{"127.0.0.0/24", "u7"})
	p.fill("#bans input[type=search]", "bots")
	p.want("found by its reason", column(0), []string{"127.0.0.0/24"})
	p.click("#bans tbody button")
	p.wantText("lifted", "#bans > .good", "The ban of 127.0.0.0/24 in testroom is lifted.")
	p.want("it is gone", column(0), []string{})
	if bans := listed(); len(bans) != 1 || bans[0].str("user") != "u7" {
		t.Errorf("want the other ban alone, got %v", bans)
	}
	s.join(address, "Ann")
}

// A restart is asked for twice, the second time after a pause. What comes of it when the
// server does not do it stands beside the button.
func (b *browser) testDashboardRestart(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	var asked atomic.Int64
	refusing := newGateway(t, strings.TrimPrefix(s.admin, "http://"), func(r *http.Request) bool {
		is := r.Method == http.MethodPost && r.URL.Path == "/api/v1/restart"
		if is {
			asked.Add(1)
		}
		return is
	})
	p := b.open(t, refusing.url+"/")
	p.unlock(testAdminKey)
	p.mayBeRefused(http.StatusForbidden)
	p.click("#restart")
	p.wantText("it is asked again", "#confirm-heading", "Restart 127.0.0.1?")
	p.want("the button has to wait", `/^Restart \([123]\)$/.test(document.getElementById("confirm-do").textContent)`, true)
	p.click("#confirm-do")
	p.wantText("too early", "#confirm .problem", "Wait for the button.")
	if n := asked.Load(); n != 0 {
		t.Errorf("want no restart before the pause is over, got %d", n)
	}
	p.wantText("the pause is over", "#confirm-do", "Restart")
	p.click("#confirm-do")
	p.wantText("what came of it", "#confirm .problem", "The server answered with status 403.")
	if n := asked.Load(); n != 1 {
		t.Errorf("want one restart to be asked for, got %d", n)
	}
	p.click("#confirm-cancel")
	p.want("left", `document.getElementById("confirm").open`, false)
}

// A shutdown is asked for twice, the second time by the server's name.
func (b *browser) testDashboardShutdown(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	ann := s.join(s.open("testroom"), "Ann")
	p := b.operate(t, s)
	p.refusedConnections()
	p.click("#shutdown")
	p.wantText("it is asked again", "#confirm-heading", "Shut down 127.0.0.1?")
	p.wantText("by its name", "#confirm-label", "Type 127.0.0.1 to go on")
	p.fill("#confirm-word", "127.0.0.2")
	p.do("press Enter", returnKey)
	p.wantText("another name", "#confirm .problem", "Type 127.0.0.1, or cancel.")
	p.want("another name", `document.getElementById("confirm-do").ariaDisabled`, "true")
	if status, answer := ask(t, "GET", s.admin+"/api/v1/status", testAdminKey, ""); status != http.StatusOK || !strings.Contains(answer, `"draining":false`) {
		t.Errorf("want a server that runs, got %d %s", status, answer)
	}
	p.fill("#confirm-word", "127.0.0.1")
	p.click("#confirm-do")
	if o := ann.want("told", "closing"); o.str("reason") != "shutdown" {
		t.Errorf("want the farewell of a shutdown, got %v", o)
	}
	ann.wantClosed("gone", 1001)
	s.wantExit("told twice", 0)
	p.wantText("what was done", "#news", "The server was told to shut down.")
	p.wantText("it is gone", "#states", "Unreachable")
	p.wantForgotten("after the end", testAdminKey)
}
