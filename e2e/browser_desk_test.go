package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestDesk moderates as moderators and producers do, in Chromium, and looks at what the
// others see of it. The helpers are in browser_desk_helpers_test.go.
func TestDesk(t *testing.T) {
	b := startBrowser(t)
	t.Run("moderation", b.testModeration)
	t.Run("ban", b.testBan)
	t.Run("rights", b.testRights)
	t.Run("settings", b.testSettings)
	t.Run("poll", b.testProducersPoll)
	t.Run("room", b.testRoomActs)
	t.Run("log", b.testActsLog)
	t.Run("graphs", b.testGraphs)
	t.Run("narrow", b.testNarrowDesk)
	t.Run("elsewhere", b.testDeskElsewhere)
}

// A message is removed, its author is timed out with a reason, and that is undone.
func (b *browser) testModeration(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	ann := b.enter(t, "http://"+s.open("testroom")+"/", "Ann")
	mia := b.moderate(t, s, "Mia", "moderator", "")
	ann.send("hello Mia")
	ann.send("buy my stuff")
	ann.send("cheap")

	mia.chooseAct("buy my stuff", "Remove message")
	ann.wantChat("removed for all", "Ann: hello Mia", "Ann: Message removed", "Ann: cheap")
	mia.wantToast("how it went", "The message of Ann was removed.")

	mia.do("choose a message", chromedp.Click(inRow("cheap", ".text")))
	mia.keys("t")
	mia.want("what is asked, where the keyboard is", `[document.querySelector(".sheet h2").textContent, document.activeElement.value]`, []string{"Time out Ann?", "600"})
	mia.do("another time", chromedp.Click(at(".choices label:last-child")))
	mia.fill(".own input", "30")
	mia.do("of days", chromedp.SetValue(at(".own select"), "86400"))
	mia.fill(".sheet .reason", "no advertising")
	mia.pressButton("Time out")
	mia.want("too long a time is told, and all is still there", `[...document.querySelectorAll(".sheet fieldset .problem, .sheet .reason")].map((e) => e.value ?? e.textContent)`,
		[]string{"Choose a time of at most 14 days.", "no advertising"})
	mia.do("an hour", chromedp.Click(labelled(".choices label", "1 hour")))
	mia.pressButton("Time out")
	ann.wantSees("everybody hears who and why", `\* Ann may not chat until .+ \(Mia\): no advertising`)
	mia.want("the keyboard is back at the message", `document.activeElement.dataset.seq`, "3")
	ann.send("may I?")
	ann.wantText("Ann hears why not", "#note", "A moderator has put you on a break.")
	ann.wantBox("it was not sent", "may I?")

	mia.keys("u")
	ann.wantSees("it is undone", `\* Ann may chat here again \(Mia\)\.`)
	mia.wantToast("it is undone", "It was undone.")

	mia.chooseAct("cheap", "Ban…")
	mia.want("the reason before is offered", `[...document.querySelectorAll(".sheet .presets button")].map((e) => e.textContent)`, []string{"no advertising"})
	mia.keys("Escape")
	mia.want("nothing is asked any more", `[document.querySelector(".sheet"), document.getElementById("stage").inert]`, []any{nil, false})
	mia.keys("Delete")
	ann.wantSees("by the key", `Ann: Message removed`)
	mia.want("two messages are gone", `document.querySelectorAll("#log .removed").length`, 2)
}

// A ban from the list of people ends the other's page; lifted, they are let in again.
func (b *browser) testBan(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	address := s.open("testroom")
	ann := b.moderate(t, s, "Ann", "consumer", "")
	mia := b.moderate(t, s, "Mia", "moderator", "")
	ann.want("Ann has loaded nothing of the desk", `performance.getEntriesByType("resource").filter(({ name }) => /desk|panel|chart/.test(name)).map(({ name }) => name)`, []string{})
	ann.want("Ann sees nothing of it", `document.getElementById("desk-toggle")`, nil)
	ann.send("it is me")
	ann.openMenu("it is me")
	ann.want("what Ann can do with it", `[...document.querySelectorAll(".menu button")].map((e) => e.textContent)`, []string{"Delete"})
	ann.keys("Escape")

	mia.click("#people-toggle")
	mia.click(`#people-list [data-user="id-Ann"]`)
	mia.do("Ban…", chromedp.Click(labelled(".menu button", "Ban…")))
	mia.fill(".sheet .reason", "spam")
	mia.pressButton("Ban")
	ann.wantText("Ann is out", "#why", "You are banned from this room.")
	ann.wantText("Ann is out", "#state", "Closed")
	mia.wantSees("everybody hears", `\* Ann was banned \(Mia\): spam`)
	mia.wantToast("how it went", "Ann was banned.")

	mia.openDesk("sanctions")
	mia.want("who is out, and why", `[...document.querySelectorAll("#desk-sanctioned li :is(.name, .badge, .reason)")].map((e) => e.textContent)`, []string{"Ann", "Banned", "spam"})
	mia.pressButton("Lift")
	mia.want("nobody is", `document.querySelectorAll("#desk-sanctioned li").length`, 0)
	ann.click("#retry")
	ann.wantText("Ann is in again", "#state", "Live")
	moe := s.joinAs(address, "Moe", "moderator")
	moe.send(obj{"type": "timeout", "user": "id-Ann", "seconds": 600})
	mia.want("what another moderator does is there too", `document.querySelector("#desk-sanctioned .name")?.textContent`, "Ann")
	moe.send(obj{"type": "timeout", "user": "id-Ann", "seconds": 1, "reason": "enough"})
	mia.wantSees("for a second", `\* Ann may not chat until .+ \(Moe\): enough`)
	mia.want("and gone when it is over", `document.querySelectorAll("#desk-sanctioned li").length`, 0)
}

// Nobody sanctions somebody of the same or a higher role, or is offered to.
func (b *browser) testRights(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	address := s.open("testroom")
	for name, role := range map[string]string{"Pia": "producer", "Moe": "moderator", "Ann": "consumer"} {
		s.joinAs(address, name, role).send(obj{"type": "message", "text": "I am " + name})
	}
	const unsanctioned = `((items) => ["Remove message", "Pin"].every((item) => items.includes(item)) && !["Time out…", "Ban…"].some((item) => items.includes(item)))([...document.querySelectorAll(".menu button")].map((e) => e.textContent))`
	mia := b.moderate(t, s, "Mia", "moderator", "")
	for _, name := range []string{"Pia", "Moe"} {
		mia.openMenu("I am " + name)
		mia.want("what Mia can do with "+name, unsanctioned, true)
		mia.keys("Escape")
	}
	mia.openMenu("I am Ann")
	mia.want("what Mia can do with Ann", `["Time out…", "Ban…"].every((item) => [...document.querySelectorAll(".menu button")].some((e) => e.textContent === item))`, true)
	mia.keys("Escape")
	mia.openDesk("poll")
	mia.want("polls are the producer's", `[document.querySelector("#desk-poll-form").hidden, document.querySelector("#desk-body").innerText]`,
		[]any{true, "No poll is open. The producer can open one."})

	pia := b.moderate(t, s, "Pia", "producer", "")
	pia.chooseAct("I am Moe", "Time out…")
	pia.pressButton("Time out")
	mia.wantSees("a producer may", `\* Moe may not chat until .+ \(Pia\)\.`)
}

// Two moderators change the settings at the same time: each sees what the other does, and
// loses nothing that was typed.
func (b *browser) testSettings(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	address := s.open("testroom")
	ear := s.join(address, "ear")
	mia, moe := b.moderate(t, s, "Mia", "moderator", ""), b.moderate(t, s, "Moe", "moderator", "")
	for _, p := range []*page{mia, moe} {
		p.openDesk("room")
		p.want("nothing is to be saved", `document.getElementById("desk-save").disabled`, true)
	}
	moe.fill("#desk-title", "by Moe")
	mia.fill("#desk-title", "by Mia")
	mia.do("slow mode", chromedp.Click(labelled("#desk .presets button", "30 seconds")))
	mia.click("#desk-members_only")
	mia.pressButton("Save")
	mia.wantToast("how it went", "The settings are saved.")
	ear.wantSettings("only what was changed", "title", "by Mia", "slow_mode", 30.0, "members_only", true)
	moe.want("what another has set", `[document.getElementById("desk-slow_mode").value, document.getElementById("desk-members_only").checked]`, []any{"30", true})
	moe.want("what was typed is still there, and what others have set it to", `[document.getElementById("desk-title").value, document.querySelector(".meanwhile:not([hidden]) span").textContent]`,
		[]string{"by Moe", "Mia has set this to “by Mia” meanwhile."})

	moe.fill("#desk-stream_url", "nonsense")
	moe.pressButton("Save")
	moe.wantText("what is wrong, beside the field", "#desk-stream_url-problem", "This is no address that begins with https:// or http://.")
	moe.want("where the keyboard is", `document.activeElement.id`, "desk-stream_url")
	moe.fill("#desk-stream_url", "https://10.1.2.3/"+strings.Repeat("é", 1500))
	moe.pressButton("Save")
	moe.want("what the server does not take, beside the field", `document.getElementById("desk-stream_url-problem").textContent.includes("stream_url must be")`, true)
	moe.want("what was typed is still there", `document.getElementById("desk-title").value`, "by Moe")
	moe.fill("#desk-stream_url", "")
	moe.pressButton("Save")
	ear.wantSettings("only what was changed", "title", "by Moe")
	moe.wantToast("how it went", "The settings are saved.")
	mia.want("Mia sees it", `document.getElementById("desk-title").value`, "by Moe")
	moe.undo()
	ear.wantSettings("it is undone", "title", "by Mia")
	moe.want("undone here too", `[document.getElementById("desk-title").value, document.getElementById("desk-save").disabled]`, []any{"by Mia", true})
}

// wantSettings wants a change of just these settings, pairs of key and value.
func (g *guest) wantSettings(why string, pairs ...any) {
	g.t.Helper()
	o := g.want(why, "settings")
	for _, key := range []string{"type", "seq", "time", "by"} {
		delete(o, key)
	}
	want := obj{}
	for i := 0; i < len(pairs); i += 2 {
		want[pairs[i].(string)] = pairs[i+1]
	}
	if fmt.Sprint(o) != fmt.Sprint(want) {
		g.t.Errorf("%s: want settings %v, got %v", why, want, o)
	}
}

// The producer opens a poll; how it stands is seen while people vote.
func (b *browser) testProducersPoll(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	address := s.open("testroom")
	ann, bob := s.join(address, "ann"), s.join(address, "bob")
	pia := b.moderate(t, s, "Pia", "producer", "")
	pia.openDesk("poll")
	pia.pressButton("Open the poll")
	pia.want("what is missing", `[...document.querySelectorAll("#desk-poll-form .problem")].map((e) => e.textContent).filter(Boolean).length`, 3)
	pia.fill("#desk-question", "Pasta or rice?")
	pia.pressButton("Add an answer")
	for i, option := range []string{"pasta", "rice", "neither"} {
		pia.fill(fmt.Sprintf("#desk-poll-form li:nth-child(%d) input", i+1), option)
	}
	pia.pressButton("Open the poll")
	poll := ann.want("the poll", "poll")
	if fmt.Sprint(poll["question"], poll["options"], poll.num("ends")-poll.num("time")) != "Pasta or rice?[pasta rice neither] 120000" {
		t.Errorf("want the poll as it was written, got %v", poll)
	}
	const standing = `[...document.querySelectorAll("#desk-poll li .count")].map((e) => e.textContent)`
	pia.want("nobody has voted", standing, []string{"0 · 0%", "0 · 0%", "0 · 0%"})
	ann.send(obj{"type": "vote", "poll": poll.num("poll"), "option": 1})
	bob.send(obj{"type": "vote", "poll": poll.num("poll"), "option": 1})
	pia.want("how it stands", standing, []string{"0 · 0%", "2 · 100%", "0 · 0%"})
	pia.want("how long it takes", `/^2 votes · [12]:\d\d left$/.test(document.getElementById("desk-poll-left").textContent)`, true)

	mia := b.moderate(t, s, "Mia", "moderator", "")
	mia.openDesk("poll")
	mia.want("who comes later sees how it stands", standing, []string{"0 · 0%", "2 · 100%", "0 · 0%"})
	mia.want("but cannot close it", `[...document.querySelectorAll("#desk-poll button")].some((e) => e.checkVisibility())`, false)
	s.join(address, "cy").send(obj{"type": "vote", "poll": poll.num("poll"), "option": 0})
	mia.want("live", standing, []string{"1 · 33%", "2 · 67%", "0 · 0%"})

	pia.pressButton("Close it now")
	for _, p := range []*page{pia, mia} {
		p.wantText("how it ended", "#desk-poll-left", "3 votes · The poll is over.")
		p.want("what has won", `[...document.querySelectorAll("#desk-poll .best .option-text")].map((e) => e.textContent)`, []string{"rice"})
	}
	pia.pressButton("New poll")
	pia.want("an empty form", `[document.activeElement.id, ...[...document.querySelectorAll("#desk-poll-form input[type=text]")].map((e) => e.value)]`, []string{"desk-question", "", "", ""})
}

// What concerns the room as a whole: a pin, an announcement, clearing the chat.
func (b *browser) testRoomActs(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	address := s.open("testroom")
	ann := b.enter(t, "http://"+address+"/", "Ann")
	mia := b.moderate(t, s, "Mia", "moderator", "")
	ann.send("the recipe is 200 g and two eggs")

	mia.chooseAct("the recipe is 200 g and two eggs", "Pin")
	ann.wantText("pinned for all", "#pinned-text", "Ann: the recipe is 200 g and two eggs")
	mia.wantSees("which is told in the chat", `\* A message was pinned\.`)
	mia.want("the menu is closed, and the keyboard at the message", `[document.querySelector(".menu"), document.activeElement?.closest(".row") !== null]`, []any{nil, true})
	mia.chooseAct("the recipe is 200 g and two eggs", "Unpin")
	ann.want("the pin is gone", `document.getElementById("pinned").hidden`, true)
	mia.wantToast("how it went", "The pin is gone.")
	mia.undo()
	ann.wantText("pinned again", "#pinned-text", "Ann: the recipe is 200 g and two eggs")

	mia.openDesk("room")
	mia.fill("#desk-announce", strings.Repeat("x", 501))
	mia.pressButton("Announce")
	mia.wantText("too long", "#desk-announce-problem", "1 character too many")
	mia.fill("#desk-announce", "back in five minutes")
	mia.pressButton("Announce")
	ann.wantSees("it is announced", "! back in five minutes")
	mia.want("the box is empty", `document.getElementById("desk-announce").value`, "")

	mia.pressButton("Clear the chat…")
	mia.want("asked once", `document.querySelector(".sheet h2").textContent`, "Clear the chat?")
	mia.pressButton("Go on")
	mia.want("asked twice, before anything else", `((sheets) => [sheets.length, sheets[0].querySelector("h2").textContent,
		sheets[0].contains(document.activeElement), document.getElementById("stage").inert])(document.querySelectorAll(".sheet"))`, []any{1, "Are you sure?", true, true})
	mia.pressButton("Cancel")
	mia.want("the keyboard is where it was", `document.activeElement.id`, "desk-clear")
	ann.wantSees("nothing has happened", "Ann: the recipe is 200 g and two eggs")
	mia.pressButton("Clear the chat…")
	mia.pressButton("Go on")
	mia.pressButton("Remove all messages")
	for _, p := range []*page{ann, mia} {
		p.want("all is gone", `document.querySelectorAll("#log .row").length`, 0)
		p.wantSees("everybody hears who did it", `\* Mia has cleared the chat\.`)
	}
}

// The log of acts goes as far back as the room's log, is filtered, and takes back what still holds.
func (b *browser) testActsLog(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0", "LIMIT_MESSAGES=0", "LIMIT_COMMANDS=0")
	address := s.open("testroom")
	moe, bot := s.joinAs(address, "Moe", "moderator"), s.join(address, "bot")
	moe.send(obj{"type": "set", "title": "first"})
	moe.send(obj{"type": "ban", "user": "u7", "reason": "long ago"})
	for i := range 250 {
		bot.send(obj{"type": "message", "text": fmt.Sprint("noise ", i)})
	}
	bot.send(obj{"type": "message", "id": "last", "text": "the end"})
	bot.until("all is in the log", "ack")

	mia := b.moderate(t, s, "Mia", "moderator", "")
	mia.chooseAct("the end", "Remove message")
	mia.wantToast("it is done", "The message of bot was removed.")
	moe.send(obj{"type": "set", "title": "second", "slow_mode": 10})
	mia.openDesk("acts")
	const acts = `[...document.querySelectorAll("#desk-acts li")].map((e) => [...e.querySelectorAll("strong, .what > p:not(.head)")].map((e) => e.textContent).join(" "))`
	all := []string{"Moe Title: “second” Slow mode: 10 seconds", "Mia removed a message of bot", "Moe banned u7 long ago", "Moe Title: “first”"}
	mia.want("the newest first, as far as the log goes", acts, all)
	mia.want("how far it goes", `document.querySelector(".lookback .muted").textContent`, "All since the log began.")
	mia.fill("#desk-filter", "bot")
	mia.want("what concerns somebody", acts, all[1:2])
	mia.fill("#desk-filter", "moe")
	mia.want("what somebody did", acts, []string{all[0], all[2], all[3]})
	mia.want("what can be taken back: not what was there before the log, nor what is gone anyway",
		`[...document.querySelectorAll("#desk-acts li button")].map((e) => e.ariaLabel)`, []string{"Lift: banned u7"})

	moe.send(obj{"type": "set", "title": "third"})
	mia.want("live", acts+`[0]`, "Moe Title: “third”")
	mia.do("take that back", chromedp.Click(at(`#desk-acts button`)))
	mia.want("as before", `document.getElementById("title").textContent`, "second")
	mia.fill("#desk-filter", "")
	mia.want("who took it back", acts+`[0]`, "Mia Title: “second”")
	mia.pressButton("Lift")
	mia.want("the ban is lifted", acts+`[0]`, "Mia lifted what u7 had")
}

// Figures are drawn, and told in words.
func (b *browser) testGraphs(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	address := s.open("testroom")
	ann := s.join(address, "ann")
	for i := range 7 {
		ann.send(obj{"type": "message", "text": fmt.Sprint("before the desk ", i)})
		ann.want("said", "message")
	}
	mia := b.moderate(t, s, "Mia", "moderator", "")
	mia.openDesk("figures")
	mia.wantText("how many watch", "#desk-viewers .now", "2")
	const drawn = `[...document.querySelectorAll("#desk-messages .bar title")].reduce((sum, e) => sum + parseInt(e.textContent.split(": ")[1]), 0)`
	mia.want("what was said before the desk was opened", drawn, 7)
	ann.send(obj{"type": "message", "text": "and one more"})
	mia.want("what is said now", drawn, 8)
	s.join(address, "bob")
	mia.wantText("somebody comes", "#desk-viewers .now", "3")
	mia.want("in words", `/^Now 3, at most 3 in the last 10 minutes\.$/.test(document.querySelector("#desk-viewers p").textContent)`, true)
	mia.click("#desk summary")
	mia.want("in numbers", `((cells) => [cells.length, cells.reduce((sum, e) => sum + (Number(e.textContent) || 0), 0)])([...document.querySelectorAll("#desk td:last-child")])`, []int{15, 8})
}

// On a small phone, and from right to left, everything can be seen and reached.
func (b *browser) testNarrowDesk(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	address := s.open("testroom")
	ann, moe := s.join(address, strings.Repeat("W", 25)), s.joinAs(address, "Moe", "moderator")
	ann.send(obj{"type": "message", "text": "hello"})
	moe.send(obj{"type": "timeout", "user": "u7", "seconds": 6000, "reason": strings.Repeat("x", 500)})
	moe.send(obj{"type": "set", "title": strings.Repeat("y", 200)})
	phone := chromedp.EmulateViewport(320, 568, chromedp.EmulateMobile, chromedp.EmulateTouch)
	for _, language := range []string{"en", "ar"} {
		pia := b.moderate(t, s, "Pia", "producer", "?lang="+language, phone)
		pia.want("the message is there", `document.querySelectorAll("#log .row").length`, 1)
		pia.wantFits("the chat in " + language)
		pia.do("tap the message", chromedp.Tap(inRow("hello", ".text")))
		pia.keys("t")
		pia.want("a sheet at the bottom", `((box) => [box.left, box.right, box.bottom])(document.querySelector(".sheet").getBoundingClientRect())`, []int{0, 320, 568})
		pia.do("another time", chromedp.Tap(at(".choices label:last-child")))
		pia.wantFits("the question in " + language)
		if language == "en" {
			pia.wantAccessible("the question")
		}
		pia.do("go", chromedp.Tap(at(".sheet .buttons button")))
		pia.want("what was done", `document.querySelectorAll(".toast").length`, 1)
		pia.wantFits("a note in " + language)
		pia.do("tap the desk", chromedp.Tap(at("#desk-toggle")))
		pia.want("it covers the chat", `[document.getElementById("chat").inert, document.getElementById("desk").getBoundingClientRect().width]`, []any{true, 320})
		for _, section := range []string{"room", "poll", "sanctions", "acts", "figures"} {
			pia.openDesk(section)
			pia.wantFits(section + " in " + language)
			if language == "en" {
				pia.wantAccessible(section)
			}
		}
		pia.do("tap the number of people", chromedp.Tap(at("#people-toggle")))
		pia.want("one panel at a time", `[...document.querySelectorAll(".panel")].map((e) => e.open)`, []bool{false, true})
		pia.keys("Escape")
		pia.want("back to the messages", `[document.getElementById("chat").inert, document.activeElement.id]`, []any{false, "people-toggle"})
	}
}

// On a page of another site, under a strict policy, the desk is the same.
func (b *browser) testDeskElsewhere(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	s.open("testroom")
	elsewhere := site(t, s.api, fmt.Sprintf(`<style nonce="own">chat-room { height: 500px }</style>
		<script type="module" src="%s/assets/chat-room.js"></script><chat-room room="testroom" lang="en"></chat-room>`, s.api))
	p := b.openForeign(t, elsewhere, s.api)
	p.want("nobody has joined", `document.getElementById("join").checkVisibility()`, true)
	p.do("log in", chromedp.Evaluate[chromedp.Void](inside(fmt.Sprintf(`void (document.host.token = %q)`, s.mintFor("pia", "Pia", "producer")))))
	for _, section := range []string{"room", "poll", "sanctions", "acts", "figures"} {
		p.openDesk(section)
	}
	p.want("what is drawn is styled", `getComputedStyle(document.querySelector("#desk .chart .line")).fill`, "none")
	p.openDesk("room")
	p.fill("#desk-title", "from elsewhere")
	p.pressButton("Save")
	p.wantText("it is set", "#title", "from elsewhere")
}
