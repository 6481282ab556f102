package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestPages uses the pages as people do, in Chromium. The helpers are in
// browser_helpers_test.go.
func TestPages(t *testing.T) {
	b := startBrowser(t)
	t.Run("landing", b.testLanding)
	t.Run("two people", b.testTwoPeople)
	t.Run("refused", b.testRefused)
	t.Run("platform", b.testPlatform)
	t.Run("restart", b.testRestart)
	t.Run("hand-over", b.testHandOver)
	t.Run("killed in mid-sentence", b.testKilledInMidSentence)
	t.Run("phone", b.testPhone)
	t.Run("tips", b.testTips)
	if os.Getenv(pictureFolder) != "" {
		t.Run("pictures", b.testPictures)
	}
	if os.Getenv(speed) != "" {
		t.Run("speed", b.testSpeed)
	}
}

func (b *browser) testLanding(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	p := b.open(t, s.api+"/")

	p.mayLog(`error: Failed to load resource: the server responded with a status of 404 \(Not Found\) \(` + s.api + `/r/nowhere/\)`)
	p.fill("#enter-name", "nowhere")
	p.click("#enter button")
	p.wantText("a room that is not open", "#enter-problem", "No room “nowhere” is open.")

	p.mayLog(`error: Failed to load resource: the server responded with a status of 401 \(Unauthorized\) \(` + s.api + `/api/v1/room.*\)`)
	p.fill("#create-name", "testroom")
	p.fill("#key", testAdminKey)
	p.click("#create-button")
	p.wantText("a wrong key", "#create-problem", "send this API's key in the header X-API-Key (unauthorized)")
	p.wantText("a wrong key opens nothing", "#result", "")

	p.fill("#key", testKey)
	p.click("#create-button")
	p.wantText("the room is open", "#result .good", "“testroom” is open.")
	p.wantText("no problem is left", "#create-problem", "")
	var room struct {
		Data struct {
			URL string `json:"url"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(s.call("GET", "/api/v1/room/testroom", "", http.StatusOK)), &room); err != nil {
		t.Fatal(err)
	}
	p.want("both ways into the room", `[...document.querySelectorAll("#result a")].map((a) => a.href)`,
		[]string{s.api + "/r/testroom/", room.Data.URL})
	p.wantText("it is among the open rooms", "#rooms-list a", "testroom")
	p.wantNoTrace("where the key was typed", testKey)

	p.follow("#result dd:last-of-type a")
	p.join("Ann")
	p.send("hello")
	p.wantChat("the link leads into the room", "Ann: hello")
	p.wantNoTrace("behind the link", testKey)
}

// Ann is at the room's own port, Ben under its path on the main port. No other
// origin is allowed there, for a page's own always is.
func (b *browser) testTwoPeople(t *testing.T) {
	t.Parallel()
	s := startChat(t, "ALLOWED_ORIGINS=https://elsewhere.example", "LIMIT_BURST=0")
	address := s.open("testroom")
	ann := b.enter(t, "http://"+address+"/", "Ann")
	ann.wantText("alone", "#viewers", "1")
	ben := b.enter(t, s.api+"/r/testroom/", "Ben")
	both := func(check func(*page)) { check(ann); check(ben) }
	both(func(p *page) { p.wantText("together", "#viewers", "2") })

	ann.send("hello Ben")
	ben.wantChat("across the two addresses", "Ann: hello Ben")
	ben.send("hello Ann 👋")
	ann.answer("hello Ann 👋")
	ann.send("nice to see you")
	lines := []string{"Ann: hello Ben", "Ben: hello Ann 👋", "Ann: nice to see you"}
	both(func(p *page) {
		p.wantChat("both see all in one order", lines...)
		p.wantText("what was answered", "#log .quote", "Ben hello Ann 👋")
	})

	hostile := []string{
		`<img src=x onerror="document.title='owned'"><b>bold</b><script>alert(1)</script>`,
		"javascript:alert(1) data:text/html,x //example.com https://user:pass@example.com/",
	}
	for _, text := range hostile {
		ben.send(text)
		lines = append(lines, "Ben: "+text)
		both(func(p *page) { p.wantChat("markup and odd addresses are text", lines...) })
	}
	both(func(p *page) {
		p.want("nothing came of them", `[document.title, document.querySelectorAll("#log :is(a, b, img, script)").length]`,
			[]any{"testroom · Live chat", 0})
	})

	ben.send("see https://example.com/a?b=c, please")
	both(func(p *page) {
		p.want("a web address is a link that gives nothing away",
			`[...document.querySelectorAll("#log a")].map((a) => [a.textContent, a.href, a.rel, a.target])`,
			[][]string{{"https://example.com/a?b=c", "https://example.com/a?b=c", "noopener noreferrer nofollow", "_blank"}})
	})

	ann.click("#people-toggle")
	ann.want("who is here", `[...document.querySelectorAll("#people-list li .name")].map((e) => e.textContent)`, []string{"Ann", "Ben"})
}

// What the server or the page does not take stays in the box, beside the reason.
func (b *browser) testRefused(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=1/5s", "LIMIT_TEXT=20")
	address := "http://" + s.open("testroom") + "/"
	ann := b.enter(t, address, "Ann")
	sendButton := `document.getElementById("send").disabled`

	ann.do("Enter with nothing in the box", enterKey)
	ann.send("twenty-one characters")
	ann.wantText("too long", "#counter", "1 character too many")
	ann.wantBox("too long", "twenty-one characters")
	ann.want("too long", sendButton, true)

	ann.send("one")
	ann.send("two")
	ann.wantText("too fast", "#note", "You are sending too fast.")
	ann.want("when it will do", `/^You can send again in [1-5] seconds?\.$/.test(document.getElementById("note-wait").textContent)`, true)
	ann.wantBox("too fast", "two")
	ann.want("too fast", sendButton, true)
	ann.wantChat("too fast", "Ann: one")

	ben := b.enter(t, address, "Ben")
	piled := "Z" + strings.Repeat("\u0301", 9)
	ben.send(piled)
	ben.want("the server's own words, where the page has none", `document.getElementById("note").textContent.includes("combining marks")`, true)
	ben.wantBox("not taken", piled)

	ann.wantText("the wait is over", "#note", "")
	ann.want("the wait is over", sendButton, false)
	ann.click("#send")
	ann.wantBox("taken", "")
	for _, p := range []*page{ann, ben} {
		p.wantChat("nothing got lost or was sent twice", "Ann: one", "Ann: two")
	}
}

// refusedConnections are what Chromium itself logs while it finds no server.
func (p *page) refusedConnections() {
	p.mayLog(`error: WebSocket connection to 'ws://[^']*' failed: Error in connection establishment: net::ERR_CONNECTION_REFUSED \(.*\)`)
	p.mayLog(`error: Failed to load resource: net::ERR_CONNECTION_REFUSED \(.*\)`)
}

// The platform's back end and the operator speak, and close the room.
func (b *browser) testPlatform(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	s.open("testroom")
	ann := b.enter(t, s.api+"/r/testroom/", "Ann")
	ann.wantText("before anything was said", "#empty", "No messages yet. Say hello!")

	admin := func(path, text string) {
		t.Helper()
		if status, answer := ask(t, "POST", s.admin+path, testAdminKey, `{"text":"`+text+`"}`); status != http.StatusOK {
			t.Fatalf("announce: want 200, got %d %s", status, answer)
		}
	}
	admin("/api/v1/room/testroom/message", "for this room")
	admin("/api/v1/message", "for all rooms")
	s.call("POST", "/api/v1/room/testroom/message", `{"text":"from the back end"}`, http.StatusOK)
	s.call("POST", "/api/v1/room/testroom/message", `{"text":"from her phone","user":{"id":"u7","name":"Mara","role":"producer"}}`, http.StatusOK)
	s.call("PATCH", "/api/v1/room/testroom", `{"title":"Cooking live","slow_mode":5}`, http.StatusOK)
	lines := []string{
		"! for this room", "! for all rooms", "Platform: from the back end", "Mara: from her phone",
		"* The title is now “Cooking live”.", "* Slow mode is on: one message every 5 seconds.",
	}
	ann.wantChat("what came from outside", lines...)
	ann.want("who speaks with what right", `[...document.querySelectorAll("#log .badge, #log .announcement strong")].map((e) => e.textContent)`,
		[]string{"Announcement", "Announcement to all rooms", "Official", "Producer"})
	ann.wantText("the title", "#title", "Cooking live")
	ann.wantText("the mode", "#modes", "Slow mode: 5 seconds")

	s.call("DELETE", "/api/v1/room/testroom", "", http.StatusOK)
	ann.wantText("closed", "#why", "This room is closed.")
	ann.wantText("closed", "#state", "Closed")
	ann.want("nothing can be written", `document.getElementById("text").disabled`, true)
	s.open("testroom")
	const firstRetry = time.Second // at the latest, after a connection that was lost
	ann.wantAway("closed is closed, also when there is a room again", firstRetry+firstRetry/5)
	ann.wantChat("what was said can be read on", lines...)

	ann.click("#retry")
	ann.wantText("asked to", "#state", "Live")
	ann.wantChat("the new room has a log of its own", "* The room was opened again. Earlier messages are gone.")
}

// The server stops and is started again: its rooms stand as they were, and who was
// there goes on.
func (b *browser) testRestart(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	settings := []string{"PORT=" + ports[0], "ROOM_PORTS=" + ports[1] + "-" + ports[1], "DATA_DIR=" + t.TempDir()}
	s := startChat(t, settings...)
	address := s.open("testroom")
	ann := b.enter(t, "http://"+address+"/", "Ann")
	ben := b.enter(t, s.api+"/r/testroom/", "Ben")
	both := func(check func(*page)) { check(ann); check(ben) }
	ann.send("before")
	both(func(p *page) {
		p.wantChat("before", "Ann: before")
		p.refusedConnections()
		p.mayAsk(s.api) // when the room's port does not answer
	})

	s.signal(syscall.SIGTERM)
	s.wantExit("the stop", 0)
	both(func(p *page) { p.wantText("why", "#why", "The server is being restarted.") })
	ann.send("meanwhile")
	ann.wantText("there is no server", "#note", "You are not connected. Your message stays here until you are.")
	ann.wantBox("it stays", "meanwhile")

	startChat(t, settings...)
	both(func(p *page) { p.wantText("back by itself", "#state", "Live") })
	ann.wantBox("it is still there", "meanwhile")
	ann.do("press Enter", enterKey)
	ben.wantChat("heard after the restart", "Ann: before", "Ann: meanwhile")
	ben.send("welcome back")
	both(func(p *page) {
		p.wantChat("all once, and nothing lost", "Ann: before", "Ann: meanwhile", "Ben: welcome back")
		p.wantText("both are back, once each", "#viewers", "2")
		p.wantText("no excuse is left", "#why", "")
	})
}

// The server is killed when a message has just been sent, again and again. What was said
// is there once for everybody; where that cannot be known, it is in the box again.
func (b *browser) testKilledInMidSentence(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	settings := []string{"PORT=" + ports[0], "ROOM_PORTS=" + ports[1] + "-" + ports[1], "DATA_DIR=" + t.TempDir(), "LIMIT_BURST=0", "LIMIT_MESSAGES=0"}
	s := startChat(t, settings...)
	address := s.open("testroom")
	mia := b.open(t, "http://"+address+"/#token="+s.mintFor("u1", "Mia", "moderator"))
	mia.wantText("a user", "#state", "Live")
	ben := b.enter(t, s.api+"/r/testroom/", "Ben")
	both := func(check func(*page)) { check(mia); check(ben) }
	both(func(p *page) { p.lostConnections(); p.mayAsk(s.api) })
	var lines []string
	for n := range 3 {
		for name, speaker := range map[string]*page{"Mia": mia, "Ben": ben} {
			text := fmt.Sprint("sentence ", n)
			speaker.send(text)
			s.signal(syscall.SIGKILL)
			s.wait("the kill")
			s = startChat(t, settings...)
			both(func(p *page) {
				p.do("look at once, not when it is due", chromedp.Evaluate[chromedp.Void](`dispatchEvent(new Event("online"))`))
				p.wantText("back", "#state", "Live")
			})
			said := fmt.Sprintf(`(%s).at(-1) === %q`, chatLines, name+": "+text)
			speaker.want("it is said, or can be said again", fmt.Sprintf(`%s || document.getElementById("text").value === %q`, said, text), true)
			if speaker.read(said) != "true" {
				speaker.do("press Enter", enterKey)
			}
			lines = append(lines, name+": "+text)
			both(func(p *page) {
				p.want("once and in order, for both", chatLines+`.filter((line) => !line.startsWith("* "))`, lines)
			})
		}
	}
}

// A small phone: no mouse, no keyboard, little space.
func (b *browser) testPhone(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	address := s.open("testroom")
	phone := chromedp.EmulateViewport(320, 568, chromedp.EmulateMobile, chromedp.EmulateTouch)
	b.open(t, s.api+"/", phone).wantFits("the landing page")

	ann := b.enter(t, "http://"+address+"/", strings.Repeat("W", 25), phone)
	ann.wantFits("an empty room, a long name")
	ben, long := s.join(address, "Ben"), strings.Repeat("x", 400)
	for _, text := range []string{long, "https://example.com/" + long, "short"} {
		ben.send(obj{"type": "message", "text": text})
	}
	ann.wantChat("all is there", "Ben: "+long, "Ben: https://example.com/"+long, "Ben: short")
	ann.wantFits("long words")

	ann.do("tap the message", chromedp.Tap(inRow("short", ".text")))
	ann.want("it is chosen", `document.activeElement.className`, "row joined")
	ann.do("tap Reply", chromedp.Tap(inRow("short", ".reply")))
	ann.wantText("what is typed now is an answer", "#reply-text", "short")
	ann.fill("#text", "hi")
	ann.do("tap Send", chromedp.Tap(at("#send")))
	ann.wantText("it was one", "#log .quote", "Ben short")

	ann.do("tap the number of people", chromedp.Tap(at("#people-toggle")))
	ann.want("who is here", `document.querySelectorAll("#people-list li").length`, 2)
	ann.wantFits("the list")
	ann.do("tap ×", chromedp.Tap(at("#people-close")))
	ann.want("back to the messages", `document.getElementById("people").open`, false)

	ann.do("the page is laid out anew, and then told of a scroll", chromedp.Evaluate[chromedp.Void](inside(`((scroller) => {
		scroller.style.paddingBottom = "200px";
		scroller.dispatchEvent(new Event("scroll"));
	})(document.getElementById("scroller"))`)))
	ann.want("nobody has scrolled away", `document.getElementById("jump").hidden`, true)
}
