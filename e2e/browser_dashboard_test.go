package e2e_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestDashboard uses the operators' page as they do, in Chromium.
func TestDashboard(t *testing.T) {
	b := startBrowser(t)
	t.Run("key", b.testDashboardKey)
	t.Run("rooms", b.testDashboardRooms)
	t.Run("many rooms", b.testDashboardManyRooms)
	t.Run("graphs", b.testDashboardGraphs)
	t.Run("announce", b.testDashboardAnnounce)
	t.Run("close a room", b.testDashboardCloseRoom)
	t.Run("switches", b.testDashboardSwitches)
	t.Run("bans", b.testDashboardBans)
	t.Run("services", b.testDashboardServices)
	t.Run("trouble", b.testDashboardTrouble)
	t.Run("come back", b.testDashboardComesBack)
	t.Run("hidden", b.testDashboardHidden)
	t.Run("restart", b.testDashboardRestart)
	t.Run("shutdown", b.testDashboardShutdown)
	t.Run("phone", b.testDashboardPhone)
	t.Run("accessible", b.testDashboardAccessible)
}

// The key is typed once, and is nowhere but in the page's memory.
func (b *browser) testDashboardKey(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	s.open("testroom")
	p := b.open(t, s.admin+"/")
	locked := func(why string) {
		t.Helper()
		p.want(why, `[document.getElementById("unlock").open, document.getElementById("main").hidden, document.activeElement.id]`, []any{true, true, "key"})
	}
	locked("at first")
	if n := p.asks(); n != 0 {
		t.Errorf("want nothing asked without a key, got %d requests", n)
	}
	for range 2 { // a browser lets a page refuse the first one alone
		p.do("press Escape", escapeKey)
		locked("the question cannot be left")
	}

	p.mayBeRefused(http.StatusUnauthorized)
	for _, wrong := range []string{"wrong", testKey, "schlüssel 🔑"} {
		p.fill("#key", wrong)
		p.do("press Enter", returnKey)
		p.wantText("a wrong key", "#unlock-form .problem", "This is not the key of this server: send this API's key in the header X-API-Key (unauthorized)")
		p.want("it can be mended", `document.getElementById("key").value`, wrong)
		locked("a wrong key opens nothing")
	}
	p.unlock(testAdminKey)
	p.wantRooms("the key opens it", "testroom 0")
	p.wantText("whose page it is", "#host", "127.0.0.1")
	p.wantForgotten("after it was typed", testAdminKey)
	if n := p.asked("/"); n != 1 {
		t.Errorf("want the page loaded once, got %d", n)
	}

	p.follow("#forget")
	locked("forgotten")
	p.unlock(testAdminKey)
	p.do("load the page again", chromedp.Reload())
	locked("loaded anew")
	p.wantForgotten("loaded anew", testAdminKey)
}

// Rooms come, change and go by themselves, and stand in the order that was asked for.
func (b *browser) testDashboardRooms(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	p := b.operate(t, s)
	p.wantText("none yet", "#rooms .count", "No room is open.")

	cooking := s.open("cooking")
	p.wantRooms("one", "cooking 0")
	s.join(cooking, "Ann")
	p.wantRooms("its viewers", "cooking 1")
	address := s.open("testroom")
	mara := s.dial(address)
	mara.send(obj{"type": "join", "token": s.mintFor("u7", "Mara", "producer")})
	mara.want("joined", "welcome")
	s.join(address, "Ben")
	p.wantRooms("most viewers first", "testroom 2", "cooking 1")
	mara.send(obj{"type": "message", "text": "hello"})
	p.want("messages a second, and the producer", `[...document.querySelectorAll("#rooms tbody tr")[0].children].map((cell) => cell.dataset.label + " " + cell.textContent)
		.filter((text) => /^(Messages|Producer)/.test(text))`, []string{"Messages/s 0.1", "Producer Mara"})

	p.sort("Room")
	p.wantRooms("by name", "cooking 1", "testroom 2")
	p.want("the head says so", `[...document.querySelectorAll("#rooms th[aria-sort]")].map((head) => head.textContent + " " + head.ariaSort)`, []string{"Room ascending"})
	p.sort("Room")
	p.wantRooms("the other way round", "testroom 2", "cooking 1")
	p.fill("#rooms input[type=search]", "mara")
	p.wantRooms("found by its producer", "testroom 2")
	p.wantText("what the filter leaves out", "#rooms .count", "1–1 of 1 (2 in all)")
	p.fill("#rooms input[type=search]", "yoga")
	p.wantText("nothing is left", "#rooms .count", "Nothing passes the filter.")
	p.fill("#rooms input[type=search]", "o")
	p.click("#rooms .check input")
	p.wantText("none has trouble", "#rooms .count", "Nothing passes the filter.")
	p.click("#rooms .check input")

	s.call("DELETE", "/api/v1/room/testroom", "", http.StatusOK)
	p.wantRooms("closed", "cooking 1")
}

// Of many rooms those of one page are drawn, and the order waits for who points at them.
func (b *browser) testDashboardManyRooms(t *testing.T) {
	t.Parallel()
	const rooms, most = 130, 50
	s := startChat(t, "ROOM_PORTS="+roomPorts(rooms+50), "MAX_ROOMS="+strconv.Itoa(rooms))
	var addresses []string
	for i := range rooms {
		addresses = append(addresses, s.open(fmt.Sprintf("room-%d", i+1)))
	}
	p := b.operate(t, s)
	first := `[document.querySelectorAll("#rooms tbody tr").length, document.querySelector("#rooms tbody button")?.textContent]`
	p.want("the first page", first, []any{most, "room-1"})
	p.wantText("the first page", "#rooms .count", "1–50 of 130")
	p.click("#rooms .pager button:last-child")
	p.click("#rooms .pager button:last-child")
	p.want("the last page", first, []any{rooms - 2*most, "room-101"})
	p.want("there is no further one", `document.querySelector("#rooms .pager button:last-child").disabled`, true)
	p.click("#rooms .pager button:nth-last-child(2)")
	p.want("one back", first, []any{most, "room-51"})

	p.fill("#rooms input[type=search]", "room-1")
	p.do("point at the first room", chromedp.Evaluate[chromedp.Void](`document.querySelector("#rooms tbody button").focus()`))
	s.join(addresses[12], "Ann")
	p.wantText("it comes", "#rooms .held", "The order waits while you are in the list.")
	p.want("the order waits", `((rows) => [rows[0], rows.filter((row) => row.endsWith(" 1"))])(`+roomRows+`)`, []any{"room-1 0", []string{"room-13 1"}})
	p.do("look elsewhere", chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`))
	p.point(`document.body`, 0)
	p.want("the order is as asked for", `(`+roomRows+`)[0]`, "room-13 1")
}

// Graphs say in words what they show, and what they have shown.
func (b *browser) testDashboardGraphs(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_COMMANDS=1/10s")
	address := s.open("testroom")
	s.join(address, "Ann")
	p := b.operate(t, s)
	graph := func(label string) string {
		return fmt.Sprintf(`((figure) => [figure.querySelector("svg").ariaLabel, figure.querySelectorAll("path.line[d*=L]").length])(
			[...document.querySelectorAll("#graphs figure")].find((figure) => figure.querySelector(".label").textContent === %q))`, label)
	}
	p.want("a line, and in words", graph("Viewers"), []any{"Viewers: now 1; from 1 to 1 within 1 min", 1})
	p.want("all have values", `[...document.querySelectorAll("#graphs figure")].filter((figure) => !/\d/.test(figure.querySelector(".value").textContent)).length`, 0)
	p.want("each has a name and a text", `[...document.querySelectorAll("#graphs figure svg")].filter((svg) => svg.role !== "img" || !/: now .+; from .+ to .+ within/.test(svg.ariaLabel)).length`, 0)
	p.want("a line for the room", `document.querySelectorAll("#rooms tbody .spark path[d*=L]").length`, 2)

	s.join(address, "Ben")
	p.want("what changed", graph("Viewers")+`[0]`, "Viewers: now 2; from 1 to 2 within 1 min")
	flood := s.join(address, "Cy")
	for range 3 {
		flood.send(obj{"type": "ping"})
	}
	p.want("what was refused", `/^[0-9.]+ \/ 0$/.test(`+shown("Refused and skipped")+`) && !/now 0 /.test(`+graph("Refused and skipped")+`[0])`, true)
	p.want("that somebody is too fast is no trouble of the room", `document.querySelector("#rooms tbody .badge").textContent`, "")

	p.point(`document.querySelector("#graphs .plot")`, 0.95)
	p.want("what was where the pointer is", `/^[123] \([234] s ago\)$/.test(`+shown("Viewers")+`)`, true)
	p.point(`document.body`, 0)
	p.want("what is", shown("Viewers"), "3")
}

// shown is what a graph of the totals says now.
func shown(label string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#graphs figure")].find((figure) => figure.querySelector(".label").textContent === %q).querySelector(".value").textContent`, label)
}

// Load balancers and the stores are told of as they are.
func (b *browser) testDashboardServices(t *testing.T) {
	t.Parallel()
	up := run(t, buildLoadBalancer, nil, "-addr", "127.0.0.1:0", "-key", balancerKey)
	address := up.wantPrinted("a load balancer", `listening on https://(\S+)`)[1]
	s := startChat(t, "LOADBALANCERS=https://"+address+",https://127.0.0.1:1", "LOADBALANCER_KEY="+balancerKey, "LOADBALANCER_INTERVAL=50ms")
	p := b.operate(t, s)
	p.want("one is up, one is not", `[...document.querySelectorAll("#others li")].map((item) => [...item.children].slice(0, 2).map((e) => e.textContent)).sort()`,
		[][]string{{"Down", "https://127.0.0.1:1"}, {"Up", "https://" + address}})
	p.want("why", `document.querySelector("#others .badge.bad").parentElement.querySelector(".problem").textContent.includes("refused")`, true)
	p.want("the stores", `[...document.querySelectorAll("#stores dt, #stores dd")].filter((_, i) => i !== 3).map((e) => e.textContent)`,
		[]string{"Journal", "0 writes waiting", "Journal's size", "Database", "none"})
}

// What seldom is so: a server that is told, not run.
func (b *browser) testDashboardTrouble(t *testing.T) {
	t.Parallel()
	s := newFiguresStandIn(t)
	badges := func(badge string) string {
		return fmt.Sprintf(`[...document.querySelectorAll("#rooms tbody tr")].filter((row) => row.querySelector(".badge").textContent === %q).map((row) => row.querySelector("button").textContent)`, badge)
	}
	before := figuresRoom{Name: "anew", InboxSize: 512, RefusedBusy: 4, Skipped: 4}
	s.tell(func(f *figures) { f.Rooms = []figuresRoom{before} })
	p := b.open(t, s.URL+"/", desk)
	p.unlock(testAdminKey)
	p.point(`document.body`, 0)
	p.wantRooms("what was before counts for nothing", "anew 0")
	p.want("what was before counts for nothing", badges("Trouble"), []string{})
	p.wantText("whose page it is", "#host", "chat-3.example")
	s.tell(func(f *figures) {
		f.Draining = true
		f.Database = `{"waiting":1200,"lag":75.5,"last_error":"no server <b>answers</b>"}`
		f.Services = `[{"name":"listing","url":"https://listing.example","state":"unknown","last_success":null,"failures":0,"last_error":""},
			{"name":"credit","url":"https://credit.example","state":"down","last_success":"2026-11-24T09:00:00Z","failures":3,"last_error":"answered 500"}]`
		f.Rooms = []figuresRoom{
			before,
			{Name: "busy", InboxSize: 512, RefusedBusy: 4},
			{Name: "calm", InboxSize: 512},
			{Name: "fast", InboxSize: 512, RefusedRate: 9},
			{Name: "full", InboxSize: 512, InboxDepth: 300},
			{Name: "ill", InboxSize: 512, Panics: 2},
			{Name: "slow", InboxSize: 512, Skipped: 7},
		}
	})
	p.want("who has trouble", badges("Trouble"), []string{"busy", "full", "slow"})
	p.want("and faults", badges("2 panics"), []string{"ill"})
	p.wantText("it stops", "#states", "Draining")
	p.want("the database is behind", `[...document.querySelectorAll("#stores dd")].map((e) => e.textContent).slice(2)`,
		[]string{"1,200 events waiting, the oldest 1 min old", "no server <b>answers</b>"})
	p.want("and on a graph", shown("Lag"), "0 ms / 1 min")
	p.want("services", `[...document.querySelectorAll("#others li")].map((item) => [item.querySelector(".badge").textContent, item.querySelector("strong").textContent, item.querySelector(".problem").textContent])`,
		[][]string{{"Not asked yet", "listing · https://listing.example", ""}, {"Down", "credit · https://credit.example", "answered 500"}})

	s.tell(func(f *figures) { f.Rooms[0].RefusedBusy = 1 })
	p.want("a counter that began anew", badges("Trouble"), []string{"anew", "busy", "full", "slow"})
	s.tell(func(f *figures) { f.Rooms[0].Epoch, f.Rooms[0].RefusedBusy, f.Rooms[0].Skipped = "another", 0, 0 })
	p.want("another room of that name", badges("Trouble"), []string{"busy", "full", "slow"})
	p.click("#rooms .check input")
	p.wantRooms("those alone", "busy 0", "full 0", "ill 0", "slow 0")
}

// A server that is gone is told of; when it is back the page goes on, and asks for the key
// if that is another one. Nothing that was typed is lost.
func (b *browser) testDashboardComesBack(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	settings := []string{"PORT=" + ports[0], "ADMIN_PORT=" + ports[1], "DATA_DIR=" + t.TempDir()}
	s := startChat(t, settings...)
	s.open("testroom")
	p := b.operate(t, s)
	p.refusedConnections()
	p.mayBeRefused(http.StatusUnauthorized)
	p.wantRooms("before", "testroom 0")
	p.fill("#announce-text", "half a sentence")
	kept := func(why string) {
		t.Helper()
		p.want(why, `document.getElementById("announce-text").value`, "half a sentence")
	}

	stop := func(s *chatServer) {
		t.Helper()
		s.signal(syscall.SIGTERM)
		s.wantExit("the stop", 0)
	}
	stop(s)
	p.wantText("gone", "#states", "Unreachable")
	p.want("since when", `/^No figures since \d\d:\d\d:\d\d: The server cannot be reached\. .* of \d\d:\d\d:\d\d\.$/.test(document.getElementById("lost").textContent)`, true)
	p.click("#announce button")
	p.wantText("nobody hears it", "#announce .problem", "The server cannot be reached.")
	kept("nobody heard it")
	s = startChat(t, settings...)
	p.wantText("back by itself", "#states", "Accepting")
	p.wantText("no excuse is left", "#lost", "")
	p.want("what has happened", `/^The server was started anew at /.test(document.getElementById("news").textContent)`, true)
	p.wantRooms("its rooms are there", "testroom 0")
	stop(s)
	p.wantText("gone again", "#states", "Unreachable")

	const other = "other-0123456789abcdef"
	s = startChat(t, append(settings, "ADMIN_KEY="+other)...)
	p.want("the key is asked for", `document.getElementById("unlock").open`, true)
	p.wantText("why", "#unlock-why", "The server does not take the key any more: send this API's key in the header X-API-Key (unauthorized). Nothing that was typed is lost.")
	p.unlock(other)
	p.wantText("on again", "#states", "Accepting")
	kept("after both")
	p.click("#announce button")
	p.wantText("said at last", "#announce .good", "Said in 1 room.")
	p.wantForgotten("the old key", testAdminKey)
	p.wantForgotten("the new key", other)
	wantNoSecrets(t, s.process)
}

// A page that nobody sees asks for nothing.
func (b *browser) testDashboardHidden(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	p := b.operate(t, s, before(`
		let hidden = false;
		Object.defineProperty(document, "hidden", { get: () => hidden });
		globalThis.hide = (is) => { hidden = is; document.dispatchEvent(new Event("visibilitychange")); };
	`))
	p.wantAsks("while it is seen", p.asks()+1)
	p.do("another tab is in front", chromedp.Evaluate[chromedp.Void](`hide(true)`))
	const interval = 2 * time.Second
	p.wantQuiet("unseen", interval+interval/2)
	n := p.asks()
	p.do("the tab is in front again", chromedp.Evaluate[chromedp.Void](`hide(false)`))
	p.wantAsks("seen again", n)
}

// On a small phone the tables are cards, and nothing stands out.
func (b *browser) testDashboardPhone(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	long := strings.Repeat("x", 60)
	for _, name := range []string{"a", "b", "c", long} {
		s.open(name)
	}
	reason := strings.Repeat("w", 400)
	if status, answer := ask(t, "POST", s.admin+"/api/v1/bans", testAdminKey, `{"user":"`+strings.Repeat("u", 200)+`","reason":"`+reason+`"}`); status != http.StatusCreated {
		t.Fatalf("ban: %d %s", status, answer)
	}
	phone := chromedp.EmulateViewport(320, 568, chromedp.EmulateMobile, chromedp.EmulateTouch)
	locked := b.open(t, s.admin+"/", phone)
	locked.wantFits("the question for the key")
	for _, scheme := range []string{"light", "dark"} {
		p := b.operate(t, s, phone, theme(scheme))
		p.want("all rooms", `document.querySelectorAll("#rooms tbody tr").length`, 4)
		p.want("the ban", column(3), []string{reason})
		p.wantFits(scheme)
		p.choose("#rooms .sort select", "0")
		p.want("sorted without heads", `[`+roomRows+`.at(-1), document.querySelector("#rooms thead").checkVisibility()]`, []any{long + " 0", false})
		p.openRoom(long)
		p.wantFits("the panel")
		p.click("#room-dismiss")
	}
}

// Nothing keeps people from using the page: neither of its themes, nor a small screen, nor
// any of its states.
func (b *browser) testDashboardAccessible(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LOADBALANCERS=https://127.0.0.1:1", "LOADBALANCER_INTERVAL=50ms")
	s.join(s.open("testroom"), "Ann")
	if status, answer := ask(t, "POST", s.admin+"/api/v1/bans", testAdminKey, `{"user":"u7","reason":"spam"}`); status != http.StatusCreated {
		t.Fatalf("ban: %d %s", status, answer)
	}
	for name, looks := range map[string][]chromedp.Action[chromedp.Void]{
		"light":          {theme("light"), desk},
		"dark":           {theme("dark"), desk},
		"light, a phone": {theme("light"), chromedp.EmulateViewport(320, 568, chromedp.EmulateMobile, chromedp.EmulateTouch)},
		"dark, a phone":  {theme("dark"), chromedp.EmulateViewport(320, 568, chromedp.EmulateMobile, chromedp.EmulateTouch)},
	} {
		p := b.open(t, s.admin+"/", looks...)
		p.mayBeRefused(http.StatusUnauthorized)
		p.mayBeRefused(http.StatusNotFound)
		p.fill("#key", "wrong")
		p.click("#unlock-form button")
		p.want("a wrong key", `document.querySelector("#unlock-form .problem").textContent !== ""`, true)
		p.wantAccessible(name + ", the question for the key")
		p.unlock(testAdminKey)
		p.wantRooms(name, "testroom 1")
		p.want("the ban", column(0), []string{"u7"})
		p.want("a balancer is down", `document.querySelectorAll("#others .badge.bad").length`, 1)
		p.wantAccessible(name)
		p.openRoom("testroom")
		p.fill("#room-user", "nobody")
		p.click("#room-remove button")
		p.want("a problem", `document.querySelector("#room-remove .problem").textContent !== ""`, true)
		p.wantAccessible(name + ", a room")
		p.click("#room-close")
		p.wantAccessible(name + ", a second question")
		p.click("#confirm-cancel")
		p.click("#room-dismiss")
		p.click("#shutdown")
		p.wantAccessible(name + ", a shutdown")
		p.click("#confirm-cancel")
		p.do("the server is gone, and news are there", chromedp.Evaluate[chromedp.Void](`
			document.body.classList.add("stale");
			for (const id of ["lost", "news"]) {
				document.getElementById(id).hidden = false;
				document.getElementById(id).textContent = "something";
			}`))
		p.wantAccessible(name + ", stale")
	}
}
