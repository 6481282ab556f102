package e2e_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
)

// How one moves about in a long log: a part of TestChat.

// rowTexts are the texts of all rows.
const rowTexts = `[...document.querySelectorAll("#log .row .text")].map((e) => e.textContent)`

// wantRows wants that the messages that are shown are numbered without a hole, from one to another.
func (p *page) wantRows(why string, first, last int) {
	p.t.Helper()
	p.want(why, fmt.Sprintf(`((texts) => [+texts[0], +texts.at(-1), texts.every((text, i) => +text === +texts[0] + i)])(%s)`, rowTexts), []any{first, last, true})
}

// scroll scrolls the messages to a place between 0 (the top) and 1.
func (p *page) scroll(to float64) {
	p.t.Helper()
	p.do("scroll", chromedp.Evaluate[chromedp.Void](inside(fmt.Sprintf(`((e) => (e.scrollTop = e.scrollHeight * %v))(document.getElementById("scroller"))`, to))))
}

// The reader goes back to the beginning of a long log and returns, and nothing is missing
// on the way.
func (b *browser) testHistory(t *testing.T) {
	t.Parallel()
	const all = 1500
	s := startChat(t, "LIMIT_BURST=0", "LIMIT_MESSAGES=0", "LIMIT_COMMANDS=0", "HISTORY=20")
	address := s.open("testroom")
	ben := s.join(address, "Ben")
	ben.count(1, all+1)
	ann := b.enter(t, s.api+"/r/testroom/", "Ann")
	ann.wantRows("what an arrival is shown", all-18, all+1)

	where := `((row) => [row.querySelector(".text").textContent, Math.round(row.getBoundingClientRect().top)])(
		[...document.querySelectorAll("#log .row")].find((row) => row.querySelector(".text").textContent === "1490"))`
	ann.scroll(0)
	before := ann.read(where)
	ann.want("what is before comes", `document.querySelectorAll("#log .row").length >= 80`, true)
	if after := ann.read(where); after != before {
		t.Errorf("want the reader to stay at the same place, %s, is at %s", before, after)
	}
	for top := "0"; top != `"1"`; {
		last := top
		ann.scroll(0)
		ann.want("more comes", fmt.Sprintf(`document.querySelector("#log .row .text").textContent !== %s || document.getElementById("older").textContent.includes("begins")`, last), true)
		top = ann.read(`document.querySelector("#log .row .text").textContent`)
	}
	ann.wantText("this is all", "#older", "This is where the chat begins.")
	ann.want("the page does not grow", `document.querySelectorAll("#log > *").length <= 600`, true)
	ann.wantRows("without a hole", 1, 600)

	ben.send(obj{"type": "message", "text": strconv.Itoa(all + 2)})
	ann.wantText("somebody speaks far below", "#jump", "1 new message")
	ann.wantRows("and what is read stays", 1, 600)
	for bottom := 600; bottom < all+2; {
		ann.scroll(1)
		ann.want("more comes", fmt.Sprintf(`+document.querySelector("#log .row:last-of-type .text").textContent > %d`, bottom), true)
		if _, err := fmt.Sscan(ann.read(`+document.querySelector("#log .row:last-of-type .text").textContent`), &bottom); err != nil {
			t.Fatal(err)
		}
		ann.want("the page does not grow", `document.querySelectorAll("#log > *").length <= 800`, true)
	}
	ann.want("down again, without a hole", fmt.Sprintf(`((texts) => texts.every((text, i) => +text === +texts[0] + i))(%s)`, rowTexts), true)

	ann.scroll(0)
	ann.want("up once more", `document.getElementById("jump").hidden`, false)
	ann.click("#jump")
	ben.send(obj{"type": "message", "text": strconv.Itoa(all + 3)})
	ann.want("and with one click to what is said now", `((scroller, last) => [last.querySelector(".text").textContent,
		last.getBoundingClientRect().bottom <= scroller.getBoundingClientRect().bottom + 1])(
		document.getElementById("scroller"), [...document.querySelectorAll("#log .row")].at(-1))`, []any{strconv.Itoa(all + 3), true})
}

// What is answered, or pinned, may be far back in the log.
func (b *browser) testFarAway(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0", "LIMIT_MESSAGES=0", "LIMIT_COMMANDS=0", "HISTORY=10")
	address := s.open("testroom")
	ben := s.join(address, "Ben")
	ben.count(1, 300)
	s.call("POST", "/api/v1/room/testroom/message", `{"text":"and now","user":{"id":"u9","name":"Dora"}}`, http.StatusOK)
	ben.done(obj{"type": "message", "text": "see there", "reply_to": 5})
	s.call("PATCH", "/api/v1/room/testroom", `{"pinned":7}`, http.StatusOK)
	ann := b.enter(t, s.api+"/r/testroom/", "Ann")
	ann.wantText("pinned, though it is not shown", "#pinned-text", "Ben: 7")
	chosen := `document.activeElement.querySelector(".text")?.textContent`
	ann.click("#log .quote")
	ann.want("what was answered", chosen, "5")
	ann.click("#jump")
	ann.want("back to the newest", `[...document.querySelectorAll("#log > *")].at(-1).textContent`, "A message was pinned.")
	ann.click("#pinned-text")
	ann.want("what is pinned", chosen, "7")
	s.call("PATCH", "/api/v1/room/testroom", `{"pinned":null}`, http.StatusOK)
	ann.want("no more", `document.getElementById("pinned").hidden`, true)
}

// What is answered, or pinned, may be right before what is shown, or among what is kept
// apart while one reads further up: all is shown once, and what is removed goes.
func (b *browser) testCloseBy(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0", "LIMIT_MESSAGES=0", "LIMIT_COMMANDS=0", "HISTORY=100")
	address := s.open("testroom")
	ben := s.join(address, "Ben")
	ben.count(1, 300)
	ben.done(obj{"type": "message", "text": "301", "reply_to": 5})
	ben.done(obj{"type": "message", "text": "302", "reply_to": 195})
	s.call("PATCH", "/api/v1/room/testroom", `{"pinned":290}`, http.StatusOK)
	wantOnce := func(p *page, why string) {
		t.Helper()
		p.want(why, fmt.Sprintf(`((texts) => [texts.at(-1), texts.every((text, i) => +text === +texts[0] + i)])(%s)`, rowTexts), []any{"302", true})
	}
	chosen := `document.activeElement.querySelector(".text")?.textContent`
	enter := func(name string) *page {
		t.Helper()
		p := b.enter(t, s.api+"/r/testroom/", name)
		wantOnce(p, "what an arrival is shown")
		p.want("from", rowTexts+`.length < 150`, true)
		return p
	}

	ann := enter("Ann")
	ann.click(`#log .quote[data-to="195"]`)
	ann.want("what was answered", chosen, "195")
	ann.scroll(1)
	wantOnce(ann, "on to the newest")

	cleo := enter("Cleo")
	cleo.click(`#log .quote[data-to="195"]`)
	cleo.want("what was answered", chosen, "195")
	cleo.click("#jump")
	wantOnce(cleo, "with one click to the newest")
	cleo.click(`#log .quote[data-to="5"]`)
	cleo.want("far away", chosen, "5")
	cleo.click("#pinned-text")
	cleo.want("what is pinned", chosen, "290")
	wantOnce(cleo, "it stands among the newest")

	ben.done(obj{"type": "delete", "seq": 210})
	for _, p := range []*page{ann, cleo} {
		p.want("what is removed is not read any more", fmt.Sprintf(`[%[1]s.includes("209"), %[1]s.includes("210")]`, rowTexts), []bool{true, false})
	}
}
