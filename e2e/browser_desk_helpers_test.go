package e2e_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
)

// What browser_desk_test.go does at the desk of moderators and producers, and sees there.

// moderate opens the page of testroom as a user with a token; parameters are those of its address.
func (b *browser) moderate(t *testing.T, s *chatServer, name, role, parameters string, looks ...chromedp.Action[chromedp.Void]) *page {
	t.Helper()
	p := b.open(t, s.api+"/r/testroom/"+parameters+"#token="+url.QueryEscape(s.mintFor("id-"+name, name, role)), looks...)
	p.want(name+" has joined", `document.host.dataset.state`, "live")
	if role != "consumer" {
		p.want(name+" has a desk", `document.getElementById("desk-toggle").checkVisibility()`, true)
	}
	return p
}

// joinAs joins testroom as a user with a token, without a browser.
func (s *chatServer) joinAs(address, name, role string) *guest {
	s.t.Helper()
	g := s.dial(address)
	g.send(obj{"type": "join", "token": s.mintFor("id-"+name, name, role)})
	g.want("joined", "welcome")
	return g
}

// labelled is the element of a kind with that text.
func labelled(selector, text string) chromedp.JSPath {
	return chromedp.JSPath(inside(fmt.Sprintf(`[...document.querySelectorAll(%q)].find((e) => e.textContent.trim() === %q)`, selector, text)))
}

// openMenu opens the menu of the message with that text.
func (p *page) openMenu(text string) {
	p.t.Helper()
	p.do("choose "+text, chromedp.Click(inRow(text, ".text")))
	p.do("all that can be done with "+text, chromedp.Click(inRow(text, ".more")))
}

// chooseAct chooses something in the menu of the message with that text.
func (p *page) chooseAct(text, item string) {
	p.t.Helper()
	p.openMenu(text)
	p.do(item, chromedp.Click(labelled(".menu button", item)))
}

// openDesk shows a section of the desk, as the tab of that name does.
func (p *page) openDesk(section string) {
	p.t.Helper()
	if p.read(`document.getElementById("desk")?.open ?? false`) == "false" {
		p.click("#desk-toggle")
	}
	p.click("#desk-tab-" + section)
	p.want("the section "+section, `[document.querySelector("#desk [aria-selected=true]").id, document.querySelectorAll("#desk-body > .section").length]`, []any{"desk-tab-" + section, 1})
}

// pressButton presses the button of the desk or of a question with that text.
func (p *page) pressButton(text string) {
	p.t.Helper()
	p.do("press "+text, chromedp.Click(labelled("#desk button, .sheet button", text)))
}

// undo presses the button beside the newest note of what was done.
func (p *page) undo() {
	p.t.Helper()
	p.do("undo", chromedp.Click(at("#toasts > :last-child .undo")))
}

// wantToast waits for a note of what was done.
func (p *page) wantToast(why, text string) {
	p.t.Helper()
	p.want(why, `[...document.querySelectorAll(".toast p")].at(-1)?.textContent`, text)
}

// wantSees waits until some line of the chat is as a regular expression says.
func (p *page) wantSees(why, line string) {
	p.t.Helper()
	p.want(why, fmt.Sprintf(`((sought) => (%s).some((line) => sought.test(line)))(new RegExp("^(?:" + %q + ")$"))`, chatLines, line), true)
}
