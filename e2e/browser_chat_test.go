package e2e_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestChat uses what the chat has beside saying something.
func TestChat(t *testing.T) {
	b := startBrowser(t)
	t.Run("reactions and emotes", b.testReactions)
	t.Run("poll", b.testPoll)
	t.Run("history", b.testHistory)
	t.Run("far away", b.testFarAway)
	t.Run("close by", b.testCloseBy)
	t.Run("mentions", b.testMentions)
	t.Run("mentions kept", b.testMentionsKept)
	t.Run("whispers", b.testWhispers)
	t.Run("keyboard", b.testKeyboard)
	t.Run("slow mode", b.testSlowMode)
	t.Run("right to left", b.testRightToLeft)
	t.Run("overlay", b.testOverlay)
	t.Run("contrast", b.testContrast)
	t.Run("weight", b.testWeight)
	t.Run("flood", b.testFlood)
}

// enterAs opens a room's page as the user of a token.
func (b *browser) enterAs(t *testing.T, s *chatServer, id, name, role string) *page {
	t.Helper()
	p := b.open(t, s.api+"/r/testroom/#token="+s.mintFor(id, name, role))
	p.wantText(name+" is in", "#state", "Live")
	p.wantText("by that name", "#me", name)
	return p
}

// pictures serves one picture, and tells what it was told of who wants it.
func pictures(t *testing.T) (address string, referrers <-chan string) {
	t.Helper()
	pixel, err := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told <- r.Header.Get("Referer")
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(pixel) // the browser may be gone
	}))
	t.Cleanup(server.Close)
	return server.URL, told
}

// withEmotes is a setting by which the server knows emotes, whose pictures are there.
func withEmotes(t *testing.T, pictures string, codes ...string) string {
	t.Helper()
	var emotes []string
	for _, code := range codes {
		emotes = append(emotes, fmt.Sprintf(`{"_id":%q,"url":"%s/%s.png"}`, code, pictures, code))
	}
	file := filepath.Join(t.TempDir(), "cache.json")
	if err := os.WriteFile(file, []byte(`{"emotes":[`+strings.Join(emotes, ",")+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return "CACHE_FILE=" + file
}

func (b *browser) testReactions(t *testing.T) {
	t.Parallel()
	host, referrers := pictures(t)
	s := startChat(t, "LIMIT_BURST=0", withEmotes(t, host, "Kappa"))
	s.open("testroom")
	ann, ben := b.enter(t, s.api+"/r/testroom/", "Ann"), b.enter(t, s.api+"/r/testroom/", "Ben")
	both := func(check func(*page)) { check(ann); check(ben) }
	both(func(p *page) { p.mayAsk(host) })

	ann.send("look Kappa here, Kappa, xKappa")
	both(func(p *page) {
		p.want("a word is a picture, with the word for who does not see it", `((row) => [
			row.querySelector(".text").textContent,
			[...row.querySelectorAll("img")].map((e) => [e.alt, e.src, e.naturalWidth, e.clientHeight < 40])])(document.querySelector(".row"))`,
			[]any{"look  here, Kappa, xKappa", []any{[]any{"Kappa", host + "/Kappa.png", 1, true}}})
	})
	if told := <-referrers; told != "" {
		t.Errorf("want the picture's host told nothing of the room, it was told %q", told)
	}

	chips := `[...document.querySelectorAll("#log .chip")].map((e) => [e.querySelector("img")?.alt ?? "", e.textContent, e.ariaPressed])`
	ben.do("choose the message", chromedp.Click(chromedp.JSPath(inside(`document.querySelector("#log .row .text")`))))
	ben.click("#log .react")
	ben.want("something to choose from", `document.querySelectorAll(".picker button").length`, 33)
	ben.keys("Enter")
	ben.want("the first was taken by the keyboard", chips, [][]string{{"", "👍 1", "true"}})
	ben.want("and the keyboard is back", `document.activeElement.className`, "react")
	ann.want("Ann sees it", chips, [][]string{{"", "👍 1", "false"}})
	ann.click("#log .chip")
	both(func(p *page) { p.want("Ann is of the same opinion", chips, [][]string{{"", "👍 2", "true"}}) })
	ann.do("choose the message", chromedp.Click(chromedp.JSPath(inside(`document.querySelector("#log .row .text")`))))
	ann.click("#log .react")
	ann.click(`.picker [title="Kappa"]`)
	ben.want("an emote too", chips, [][]string{{"Kappa", " 1", "false"}, {"", "👍 2", "true"}})

	late := b.open(t, s.api+"/r/testroom/")
	late.mayAsk(host)
	late.join("Cleo")
	late.want("who comes later sees them", chips, [][]string{{"Kappa", " 1", "false"}, {"", "👍 2", "false"}})
	ann.do("choose the message", chromedp.Click(chromedp.JSPath(inside(`document.querySelector("#log .row .text")`))))
	ann.click("#log .more")
	ann.click(`.menu [role="menuitem"]`)
	for _, p := range []*page{ann, ben, late} {
		p.wantChat("she takes it back", "Ann: Message removed")
		p.want("nobody can react to what is gone", `document.querySelectorAll(".chip").length`, 0)
	}
}

func (b *browser) testPoll(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	address := s.open("testroom")
	ann, ben := b.enter(t, s.api+"/r/testroom/", "Ann"), b.enter(t, s.api+"/r/testroom/", "Ben")
	producer := s.dial(address)
	producer.send(obj{"type": "join", "token": s.mintFor("u1", "Mia", "producer")})
	producer.want("Mia is in", "welcome")
	producer.send(obj{"type": "poll", "question": "Tea?", "options": []string{"yes", "<b>no</b>"}, "seconds": 600})
	poll := producer.want("it is open", "poll").num("seq")

	card := `[...document.querySelectorAll("#poll .option")].map((e) => [e.textContent, e.ariaPressed])`
	stands := func(p *page, why string, yes, no []string) {
		t.Helper()
		p.want(why, card, [][]string{yes, no})
	}
	for _, p := range []*page{ann, ben} {
		p.wantText("the question", "#poll-question", "Tea?")
		stands(p, "the answers", []string{"yes0% · 0", "false"}, []string{"<b>no</b>0% · 0", "false"})
	}
	ann.do("go there", chromedp.Focus(at("#poll .option")))
	ann.keys("Tab", "Enter")
	stands(ann, "voted by the keyboard alone", []string{"yes0% · 0", "false"}, []string{"<b>no</b>100% · 1", "true"})
	ben.click("#poll .option")
	stands(ben, "and by the mouse", []string{"yes50% · 1", "true"}, []string{"<b>no</b>50% · 1", "false"})
	stands(ann, "live", []string{"yes50% · 1", "false"}, []string{"<b>no</b>50% · 1", "true"})
	ann.click("#poll .option")
	stands(ben, "one may change one's mind", []string{"yes100% · 2", "true"}, []string{"<b>no</b>0% · 0", "false"})
	late := b.enter(t, s.api+"/r/testroom/", "Cleo")
	stands(late, "who comes later can vote too", []string{"yes100% · 2", "false"}, []string{"<b>no</b>0% · 0", "false"})

	producer.send(obj{"type": "poll", "close": true})
	for _, p := range []*page{ann, ben, late} {
		p.wantText("how it ended", "#poll-state", "2 votes · The poll is over.")
		p.want("what has won", `[...document.querySelectorAll("#poll .best")].map((e) => e.firstChild.textContent)`, []string{"yes"})
		p.click("#poll .panel-head button")
		p.want("it can be put away", `document.getElementById("poll").checkVisibility()`, false)
	}
	if poll == 0 {
		t.Error("want a poll with a seq")
	}
}

// count says the numbers from one to another, and waits until that is done.
func (g *guest) count(from, to int) {
	g.t.Helper()
	const atOnce = 50 // it must not fall behind in what it hears
	for i := from; i <= to; i++ {
		said := obj{"type": "message", "text": strconv.Itoa(i)}
		if i%atOnce != 0 && i != to {
			g.send(said)
			continue
		}
		g.done(said)
	}
}

// done sends a command and waits until it is carried out.
func (g *guest) done(command obj) {
	g.t.Helper()
	command["id"] = fmt.Sprint("done-", command["text"])
	g.send(command)
	for done := false; !done; {
		line, err := g.Next()
		if err != nil {
			g.t.Fatal(err)
		}
		done = strings.Contains(string(line), `"ack"`)
	}
}

func (b *browser) testMentions(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	address := s.open("testroom")
	ann, ben := b.enter(t, s.api+"/r/testroom/", "Ann"), b.enter(t, s.api+"/r/testroom/", "Ben Bolt")
	s.join(address, "Bea")
	offered := `[...document.querySelectorAll("#mentions:not([hidden]) li")].map((e) => [e.querySelector("[dir]").textContent, e.ariaSelected])`

	ann.fill("#text", "hello @be")
	ann.want("whose names begin so", offered, [][]string{{"Bea", "true"}, {"Ben Bolt", "false"}})
	ann.keys("ArrowDown")
	ann.want("the next", offered, [][]string{{"Bea", "false"}, {"Ben Bolt", "true"}})
	ann.want("a screen reader hears of it", `document.getElementById(document.getElementById("text").getAttribute("aria-activedescendant")).textContent`, "BBen Bolt")
	ann.keys("Enter")
	ann.wantBox("taken, and not sent", "hello @Ben Bolt ")
	ann.want("the list is away", offered, [][]string{})
	ann.keys("Enter")
	both := "Ann: hello @Ben Bolt"
	ben.wantChat("it is said", both)
	ben.want("it is for him", `[document.querySelector("#log .row").classList.contains("for-me"), document.querySelector("#log .mention.me").textContent]`, []any{true, "@Ben Bolt"})
	ann.want("not for her", `[document.querySelector("#log .row").classList.contains("for-me"), document.querySelectorAll("#log .mention.me").length]`, []any{false, 0})

	for _, key := range []string{"ArrowLeft", "Home"} {
		ann.fill("#text", "not @b")
		ann.want("offered again", offered+`.length > 0`, true)
		ann.keys(key)
		ann.want("not where one has gone", offered, [][]string{})
	}
	ann.fill("#text", "not @b")
	ann.want("offered again", offered+`.length > 0`, true)
	ann.keys("Escape")
	ann.want("not wanted", offered, [][]string{})
	ann.keys("Enter")
	ben.send("write to ann@example.com, @Ann2 or @ann!")
	ann.want("her name alone is a mention", `[...document.querySelectorAll("#log .row:last-of-type .mention")].map((e) => e.textContent)`, []string{"@ann"})
}

// The server's answer adds names to those that are offered; what was chosen stays chosen.
func (b *browser) testMentionsKept(t *testing.T) {
	t.Parallel()
	chosen := make(chan struct{})
	s := newStandIn(t, func(ws *standInConn) {
		ws.say(welcomeAs("u1", 2), saidAs("u2", "Bea", "one", 1), saidAs("u3", "Ben", "two", 2))
		id := ws.read("who").str("id")
		<-chosen
		ws.say(fmt.Sprintf(`{"type":"people","id":%q,"count":2,"users":[{"id":"u4","name":"Bert","role":"consumer"},{"id":"u2","name":"Bea","role":"consumer"}]}`, id))
		ws.stay()
	})
	ann := b.open(t, s.URL+"/")
	ann.join("Ann")
	offered := `[...document.querySelectorAll("#mentions:not([hidden]) li")].map((e) => [e.querySelector("[dir]").textContent, e.ariaSelected])`
	ann.fill("#text", "@be")
	ann.want("who has spoken", offered, [][]string{{"Ben", "true"}, {"Bea", "false"}})
	ann.keys("ArrowDown")
	ann.want("the next", offered, [][]string{{"Ben", "false"}, {"Bea", "true"}})
	close(chosen)
	ann.want("who else is there", offered, [][]string{{"Ben", "false"}, {"Bea", "true"}, {"Bert", "false"}})
	ann.keys("Enter")
	ann.wantBox("the one that was chosen", "@Bea ")
}

func (b *browser) testWhispers(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	s.open("testroom")
	ann, ben := b.enterAs(t, s, "u1", "Ann", "consumer"), b.enterAs(t, s, "u2", "Ben", "consumer")
	cleo := b.enter(t, s.api+"/r/testroom/", "Cleo")
	ben.send("hello")
	ann.do("choose it", chromedp.Click(inRow("hello", ".text")))
	ann.click("#log .more")
	ann.click(`.menu [role="menuitem"]`)
	ann.wantText("to whom", "#reply-bar p", "Whispering to Ben")
	ann.send("psst")
	ben.wantChat("he hears it", "Ben: hello", "~ Ann: psst")
	ben.answer("psst")
	ben.send("what?")
	ann.wantChat("she hears the answer", "Ben: hello", "~ Ann: psst", "~ Ben: what?")
	ben.send("nothing")
	cleo.wantChat("nobody else has heard it", "Ben: hello", "Ben: nothing")

	stage := b.open(t, s.api+"/r/testroom/?view=overlay#token="+s.mintFor("u2", "Ben", "consumer"))
	stage.wantChat("what was said to all", "Ben: hello", "Ben: nothing")
	ann.answer("what?")
	ann.send("not on the air")
	ben.wantChat("he hears it", "Ben: hello", "~ Ann: psst", "~ Ben: what?", "Ben: nothing", "~ Ann: not on the air")
	cleo.send("goal!")
	stage.wantChat("the whole world sees only this", "Ben: hello", "Ben: nothing", "Cleo: goal!")

	for _, p := range []*page{stage, ben} {
		p.do("leave", chromedp.Evaluate[chromedp.Void](`document.querySelector("chat-room").remove()`))
	}
	cleo.wantText("Ben is gone", "#viewers", "2")
	ann.answer("what?")
	ann.send("are you there?")
	ann.wantText("he is not", "#note", "The message that you answered is gone.")
	ann.want("the text is back, and still for him alone", `[document.querySelector("#reply-bar p").textContent.trim(), document.getElementById("text").value]`, []string{"Whispering to Ben what?", "are you there?"})
	ann.do("press Enter", enterKey)
	ann.click("#reply-cancel")
	ann.fill("#text", "bye")
	ann.do("press Enter", enterKey)
	cleo.wantChat("nobody else has heard that either", "Ben: hello", "Ben: nothing", "Cleo: goal!", "Ann: bye")
}

// A keyboard is enough, and the way is short.
func (b *browser) testKeyboard(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	address := s.open("testroom")
	ben := s.join(address, "Ben")
	for _, text := range []string{"one https://example.com/", "two"} {
		ben.send(obj{"type": "message", "text": text})
	}
	ann := b.open(t, s.api+"/r/testroom/")
	ann.want("the form has the keyboard", `document.activeElement?.id`, "name")
	ann.do("type a name", chromedp.KeyEvent("Ann"))
	ann.keys("Enter")
	ann.want("then the box", `document.activeElement?.id`, "text")
	ann.wantText("in", "#state", "Live")
	ann.wantChat("what was said", "Ben: one https://example.com/", "Ben: two")

	focused := `((e) => e.dataset.seq ?? (e.className || e.id))(document.activeElement)`
	steps := []struct{ key, at string }{
		{"ArrowUp", "2"},
		{"ArrowUp", "1"},
		{"ArrowUp", "1"}, // there is none before
		{"ArrowDown", "2"},
		{"Home", "1"},
		{"Tab", ""},
		{"Tab", "react"},
		{"Tab", "reply"},
		{"Escape", "text"},
		{"ArrowUp", "2"},
		{"ArrowDown", "text"},
		{"ArrowUp", "2"},
		{"Enter", "text"},
	}
	for _, step := range steps {
		ann.keys(step.key)
		if step.at == "" {
			ann.want("the link in it", `document.activeElement.href`, "https://example.com/")
			ann.want("what can be done with the message", `!!document.activeElement.closest(".row").querySelector(".actions .react")`, true)
			continue
		}
		ann.want(step.key, focused, step.at)
	}
	ann.wantText("Enter answers", "#reply-text", "two")
	ann.keys("Escape")
	ann.want("no answer after all", `document.getElementById("reply-bar").hidden`, true)

	ann.do("say something", chromedp.KeyEvent("mine"))
	ann.keys("Enter")
	ann.wantChat("said", "Ben: one https://example.com/", "Ben: two", "Ann: mine")
	ann.keys("ArrowUp")
	ann.want("her own", focused, "3")
	ann.want("what can be done with it", `document.querySelector("#log .actions .more") !== null`, true)
	ann.keys("m")
	ann.want("the menu has the keyboard", `document.activeElement.textContent`, "Delete")
	ann.keys("Escape")
	ann.want("and gives it back", `document.activeElement.className`, "more")
	ann.keys("Enter")
	ann.want("once more", `document.activeElement.textContent`, "Delete")
	ann.keys("Enter")
	ann.wantChat("it is gone", "Ben: one https://example.com/", "Ben: two", "Ann: Message removed")
}

func (b *browser) testSlowMode(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	s.open("testroom")
	s.call("PATCH", "/api/v1/room/testroom", `{"slow_mode":2}`, http.StatusOK)
	ann := b.enter(t, s.api+"/r/testroom/", "Ann")
	ann.wantText("the mode", "#modes", "Slow mode: 2 seconds")
	ann.send("one")
	ann.want("the button counts", `/^[12] s$/.test(document.getElementById("send").textContent)`, true)
	ann.send("two")
	ann.wantBox("nothing is sent, nor lost", "two")
	ann.wantText("it may be sent", "#send", "Send")
	ann.keys("Enter")
	ann.wantChat("both are said", "* Slow mode is on: one message every 2 seconds.", "Ann: one", "Ann: two")

	s.call("PATCH", "/api/v1/room/testroom", `{"slow_mode":3600,"emotes_only":true}`, http.StatusOK)
	ben := b.enter(t, s.api+"/r/testroom/", "Ben")
	ben.send("hello")
	ben.wantText("what is wrong", "#note", "Only emotes may be sent at the moment.")
	ben.wantText("what was not said is not waited for", "#send", "Send")
	s.call("PATCH", "/api/v1/room/testroom", `{"emotes_only":false}`, http.StatusOK)
	ann.send("three")
	ann.want("an hour", `/^[0-9,]+ s$/.test(document.getElementById("send").textContent)`, true)
	s.call("PATCH", "/api/v1/room/testroom", `{"slow_mode":0}`, http.StatusOK)
	ann.wantText("it may be sent at once", "#send", "Send")
}
