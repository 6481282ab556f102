package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestAccess has axe-core look for what keeps people from using a page, in each page's
// states and looks. The dashboard's are in browser_dashboard_test.go.
func TestAccess(t *testing.T) {
	b := startBrowser(t)
	for _, v := range []viewed{
		{"light", "en", []chromedp.Action[chromedp.Void]{theme("light"), wideScreen}},
		{"dark", "en", []chromedp.Action[chromedp.Void]{theme("dark"), wideScreen}},
		{"light, a phone", "en", []chromedp.Action[chromedp.Void]{theme("light"), smallPhone}},
		{"dark, a phone, from the right", "ar", []chromedp.Action[chromedp.Void]{theme("dark"), smallPhone}},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Run("landing", v.landing(b))
			t.Run("joining", v.joining(b))
			t.Run("chat", v.chat(b))
			t.Run("producer", v.producer(b))
			t.Run("stream", v.stream(b))
			t.Run("closed", v.closed(b))
		})
	}
}

var (
	wideScreen = chromedp.EmulateViewport(1280, 800)
	smallPhone = chromedp.EmulateViewport(320, 568, chromedp.EmulateMobile, chromedp.EmulateTouch)
)

// viewed is a way to look at the pages.
type viewed struct {
	name  string
	lang  string
	looks []chromedp.Action[chromedp.Void]
}

// at is an address of a page in the reader's language.
func (v viewed) at(address, query string) string { return address + "?lang=" + v.lang + query }

// enter joins the room in any language.
func (v viewed) enter(p *page, name string) {
	p.t.Helper()
	p.fill("#name", name)
	p.click("#join-form button")
	p.want(name+" has joined", `document.host.dataset.state`, "live")
}

func (v viewed) landing(b *browser) func(t *testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		s := startChat(t)
		p := b.open(t, v.at(s.api+"/", ""), v.looks...)
		p.want("it is there", `document.querySelector("h1").textContent !== ""`, true)
		p.wantAccessible("at first")
		p.mayLog(`error: Failed to load resource: the server responded with a status of (401|404) .*`)
		p.fill("#enter-name", "nowhere")
		p.click("#enter button")
		p.want("no such room", `document.querySelector("#enter-problem").textContent !== ""`, true)
		p.fill("#create-name", "testroom")
		p.fill("#key", "wrong")
		p.click("#create-button")
		p.want("a wrong key", `document.querySelector("#create-problem").textContent !== ""`, true)
		p.wantAccessible("with problems")
		p.fill("#key", testKey)
		p.click("#create-button")
		p.want("a list of rooms", `document.querySelectorAll("#rooms-list a").length`, 1)
		p.wantAccessible("with a room")
	}
}

func (v viewed) joining(b *browser) func(t *testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		s := startChat(t)
		s.open("testroom")
		p := b.open(t, v.at(s.api+"/r/testroom/", ""), v.looks...)
		p.wantText("the form", "#title", "testroom")
		p.wantAccessible("nobody yet")
		p.fill("#name", "\u202e")
		p.click("#join-form button")
		p.want("no name", `document.querySelector("#name-problem").textContent !== ""`, true)
		p.wantAccessible("a name that is refused")
		v.enter(p, "Ann")
		p.want("empty", `document.querySelector("#empty").checkVisibility()`, true)
		p.wantAccessible("nobody has said anything")
	}
}

// testroom has said all that a room can say, and at the end "enough said".
func (s *chatServer) fillRoom(address string) {
	s.t.Helper()
	mara := s.dial(address)
	mara.send(obj{"type": "join", "token": s.mintFor("mara", "Mara", "producer")})
	mara.want("the producer", "welcome")
	ben := s.join(address, "Ben")
	said := func(g *guest, o obj) int {
		s.t.Helper()
		g.send(o)
		return mara.want(o.str("text"), "message").num("seq")
	}
	first := said(ben, obj{"type": "message", "text": "hello all, see https://example.com/a?b=c"})
	ben.send(obj{"type": "message", "text": "and this"})
	slip := mara.want("Ben goes on", "message").num("seq")
	ben.send(obj{"type": "delete", "seq": slip})
	mara.want("he takes it back", "deleted")
	said(mara, obj{"type": "message", "text": "hello @Ann", "reply_to": first})
	for _, user := range []string{`"id":"max","name":"Max","role":"moderator"`, `"id":"mo","name":"Mo","member":true`} {
		s.call("POST", "/api/v1/room/testroom/message", `{"text":"hello","user":{`+user+`}}`, http.StatusOK)
		mara.want(user, "message")
	}
	s.call("POST", "/api/v1/room/testroom/message", `{"text":"from the back end"}`, http.StatusOK)
	mara.want("the platform", "message")
	if status, answer := ask(s.t, "POST", s.admin+"/api/v1/message", testAdminKey, `{"text":"to all rooms"}`); status != http.StatusOK {
		s.t.Fatalf("announce: want 200, got %d %s", status, answer)
	}
	mara.want("the operator", "announcement")
	mara.send(obj{"type": "announce", "text": "Listen!"})
	mara.want("she announces", "announcement")
	mara.send(obj{"type": "react", "seq": first, "emoji": "👍"})
	mara.want("her reaction", "reactions")
	mara.send(obj{"type": "poll", "question": "Tea?", "options": []string{"yes", "no, thank you"}, "seconds": 600})
	mara.want("her poll", "poll")
	mara.send(obj{"type": "timeout", "user": "nobody", "seconds": 600, "reason": "calm down"})
	mara.want("her sanction", "sanction")
	said(ben, obj{"type": "message", "text": "enough said"})
	mara.send(obj{"type": "set", "pinned": first, "slow_mode": 60, "title": "Cooking live"})
	mara.want("her settings", "settings")
}

// room opens testroom with all in it on a page of the main port, and enters as Ann.
func (v viewed) room(t *testing.T, b *browser, query string) (s *chatServer, p *page) {
	t.Helper()
	s = startChat(t, "LIMIT_BURST=0")
	s.fillRoom(s.open("testroom"))
	p = b.open(t, v.at(s.api+"/r/testroom/", query), v.looks...)
	return s, p
}

const lastSaid = `[...document.querySelectorAll("#log .row .text")].at(-1)?.textContent`

func (v viewed) chat(b *browser) func(t *testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		s, p := v.room(t, b, "")
		v.enter(p, "Ann")
		p.want("all is there", lastSaid, "enough said")
		p.wantAccessible("all kinds of rows")
		p.wantFits("all kinds of rows")
		p.send("mine")
		p.want("her own", lastSaid, "mine")
		p.openMenu("mine")
		p.want("a menu", `document.querySelectorAll("[role=menuitem]").length`, 1)
		p.wantAccessible("the menu of her own message")
		p.keys("Escape")
		p.answer("enough said")
		p.fill("#text", "@b")
		p.want("names to mention", `document.querySelectorAll("#mentions li").length`, 1)
		p.wantAccessible("names to mention")
		p.fill("#text", strings.Repeat("x", 501))
		p.do("press Enter", enterKey)
		p.want("too long", `document.querySelector("#counter").textContent !== ""`, true)
		p.wantAccessible("an answer that is too long")
		p.click("#people-toggle")
		p.want("who is here", `document.querySelectorAll("#people-list li").length`, 3)
		p.wantAccessible("the list of people")

		for _, view := range []string{"chat", "overlay"} {
			alone := b.open(t, v.at(s.api+"/r/testroom/", "&view="+view), v.looks...)
			if view == "chat" {
				v.enter(alone, "Zoe")
			}
			alone.want("all is there", lastSaid, "mine")
			alone.wantAccessible(view)
		}
	}
}

// The producer points at a message, opens what can be done with it, asks for one of that,
// and goes through the desk.
func (v viewed) producer(b *browser) func(t *testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		s := startChat(t, "LIMIT_BURST=0")
		s.fillRoom(s.open("testroom"))
		p := b.moderate(t, s, "Pia", "producer", "?lang="+v.lang, v.looks...)
		p.want("all is there", lastSaid, "enough said")
		p.do("choose a message", chromedp.Click(inRow("enough said", ".text")))
		p.wantAccessible("a message at hand")
		p.do("choose an emoji for it", chromedp.Click(inRow("enough said", ".react")))
		p.want("a choice", `document.querySelectorAll(".picker button").length > 0`, true)
		p.wantAccessible("the choice of emoji")
		p.keys("Escape")
		p.openMenu("enough said")
		p.want("a menu", `document.querySelectorAll("[role=menuitem]").length > 0`, true)
		p.wantAccessible("its menu")
		p.keys("Escape")
		p.keys("t")
		p.want("a question", `document.querySelectorAll(".sheet").length`, 1)
		p.wantAccessible("a question")
		p.do("do it", chromedp.Click(at(".sheet .buttons button")))
		p.want("a note of it", `document.querySelectorAll(".toast").length`, 1)
		p.wantAccessible("a note")
		for _, section := range []string{"room", "poll", "sanctions", "acts", "figures"} {
			p.openDesk(section)
			p.wantAccessible(section)
		}
	}
}

func (v viewed) stream(b *browser) func(t *testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		host, s := newStreamHost(t), startChat(t)
		s.open("testroom")
		s.stream(host.at("a"))
		note := func(looks ...chromedp.Action[chromedp.Void]) *page {
			p := b.openAsFriend(t, v.at(s.api+"/r/testroom/", ""), host.URL, append(looks, v.looks...)...)
			p.mayLog(`error: Failed to load resource: the server responded with a status of 404 .*`)
			p.want("it says so", `(globalThis.document.querySelector("stream-player [role=status]")?.textContent ?? "") !== ""`, true)
			return p
		}
		note().wantAccessible("a stream that has not started")
		note(withoutHLS()).wantAccessible("a browser that plays none")
		host.begin("a", makeStream(t, 320, 10))
		p := b.openAsFriend(t, v.at(s.api+"/r/testroom/", ""), host.URL, v.looks...)
		p.wantPlays("a stream", 320)
		p.wantAccessible("a stream that plays")
	}
}

func (v viewed) closed(b *browser) func(t *testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		s := startChat(t)
		s.open("testroom")
		p := b.open(t, v.at(s.api+"/r/testroom/", ""), v.looks...)
		v.enter(p, "Ann")
		p.send("bye")
		p.wantChat("said", "Ann: bye")
		s.call("DELETE", "/api/v1/room/testroom", "", http.StatusOK)
		p.want("closed", `document.querySelector("#why").textContent !== ""`, true)
		p.wantAccessible("closed")
	}
}

// openAsFriend opens a page of ours that may speak to another origin beside its own.
func (b *browser) openAsFriend(t *testing.T, address, friend string, looks ...chromedp.Action[chromedp.Void]) *page {
	t.Helper()
	p := &page{t: t, friends: []string{friend}}
	b.show(p, address, looks...)
	return p
}
