package e2e_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// What browser_test.go says to a page, and what it wants to see there. A page is
// used as a person uses it, with mouse and keyboard, and waits are for what a
// person can see. (chromedp's own Poll needs eval, which the pages' policy forbids.)

// browser is a Chromium of the test's own.
type browser struct {
	ctx context.Context //nolint:containedctx // chromedp keeps the browser in it
}

// browserCommands are the names that Chromium goes by.
var browserCommands = []string{os.Getenv("CHROME"), "chromium", "chromium-browser", "google-chrome"}

// mouse gives every window a mouse that hovers and points finely, on a machine
// that has none too: the numbers are Blink's.
const mouse = "primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"

// startBrowser starts Chromium, perhaps with options more than usual; the test's end ends
// it.
func startBrowser(t *testing.T, more ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	path := ""
	for _, command := range browserCommands {
		if found, err := exec.LookPath(command); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("the pages are tested in Chromium: install chromium, or let CHROME name the program")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("lang", "en-US"),
		chromedp.Flag("blink-settings", mouse))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), append(options, more...)...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(context.WithoutCancel(ctx)) // the test's end closes it in order
	t.Cleanup(func() {
		defer stop()
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("close Chromium: %v", err)
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &browser{ctx}
}

// page is one person's browser window: it shares neither cookies nor storage with
// the others.
type page struct {
	t   *testing.T
	tab context.Context //nolint:containedctx // chromedp keeps the tab in it

	connected chan string // WebSockets, as they are opened

	mu         sync.Mutex
	origin     string   // of the document
	urls       []string // of all requests
	friends    []string // origins that it may speak to beside its own
	foreign    bool     // it is none of ours, and need have no policy
	strangers  []string // of requests to anybody but who served the document
	bare       []string // documents without a policy
	complaints []string // in the console
	tolerated  []*regexp.Regexp
}

// open opens a page in a window of its own, which looks as told. At the test's end
// the page must have been clean; see wantClean.
func (b *browser) open(t *testing.T, address string, looks ...chromedp.Action[chromedp.Void]) *page {
	t.Helper()
	p := &page{t: t}
	b.show(p, address, looks...)
	return p
}

// openForeign opens a page that is none of ours, and that may speak to these origins.
func (b *browser) openForeign(t *testing.T, address string, friends ...string) *page {
	t.Helper()
	p := &page{t: t, foreign: true, friends: friends}
	b.show(p, address)
	return p
}

func (b *browser) show(p *page, address string, looks ...chromedp.Action[chromedp.Void]) {
	t := p.t
	t.Helper()
	p.connected = make(chan string, 100)
	tab, closeTab := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.heard))
	p.tab = tab
	t.Cleanup(func() {
		p.wantClean()
		closeTab()
	})
	if err := chromedp.Do(tab); err != nil { // the tab lives as long as this context, which has no deadline
		t.Fatalf("open a window: %v", err)
	}
	focused := chromedp.Func(func(ctx context.Context, target *chromedp.Target) error { // though only one window can be
		_, err := cdp.Call(ctx, target, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	})
	p.do("open "+address, append(looks, focused, chromedp.Navigate(address))...)
}

// enter opens a room's page and joins under a name.
func (b *browser) enter(t *testing.T, address, name string, looks ...chromedp.Action[chromedp.Void]) *page {
	t.Helper()
	p := b.open(t, address, looks...)
	p.join(name)
	return p
}

// What the page's network and console do.

// heard takes the events of the tab, one after the other.
func (p *page) heard(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requested(e.Request.URL, e.Type == network.ResourceTypeDocument)
	case *network.EventWebSocketCreated:
		p.requested(e.URL, false)
		p.connected <- e.URL
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument && !hasPolicy(e.Response.Headers) {
			p.bare = append(p.bare, e.Response.URL)
		}
	case *runtime.EventExceptionThrown:
		p.complaints = append(p.complaints, fmt.Sprintf("exception: %s %s", e.ExceptionDetails.Text, exceptionText(e.ExceptionDetails)))
	case *runtime.EventConsoleAPICalled:
		if e.Type != runtime.ConsoleAPICalledTypeLog {
			p.complaints = append(p.complaints, fmt.Sprintf("console.%s: %s", e.Type, argumentsText(e.Args)))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level != log.EntryLevelVerbose {
			p.complaints = append(p.complaints, fmt.Sprintf("%s: %s (%s)", e.Entry.Level, e.Entry.Text, e.Entry.URL))
		}
	}
}

func (p *page) requested(address string, document bool) {
	if strings.HasPrefix(address, "data:") {
		return // it asks nobody
	}
	p.urls = append(p.urls, address)
	origin := ""
	if u, err := url.Parse(strings.TrimPrefix(address, "blob:")); err == nil { // which is of the page's own making
		origin = strings.Replace(u.Scheme, "ws", "http", 1) + "://" + u.Host
	}
	if document {
		p.origin = origin
	}
	if origin != p.origin && !slices.Contains(p.friends, origin) || !loopback.MatchString(origin) {
		p.strangers = append(p.strangers, address)
	}
}

// loopback is where all that pages may speak to is.
var loopback = regexp.MustCompile(`^https?://127\.0\.0\.1:\d+$`)

func hasPolicy(headers network.Headers) bool {
	for name, value := range headers {
		if strings.EqualFold(name, "Content-Security-Policy") && strings.HasPrefix(fmt.Sprint(value), "default-src 'none'; script-src 'self'") {
			return true
		}
	}
	return false
}

func exceptionText(e *runtime.ExceptionDetails) string {
	if e.Exception == nil {
		return ""
	}
	return e.Exception.Description
}

func argumentsText(args []*runtime.RemoteObject) string {
	var text []string
	for _, arg := range args {
		text = append(text, cmp.Or(string(arg.Value), arg.Description))
	}
	return strings.Join(text, " ")
}

// mayAsk lets the page speak to other origins than its own.
func (p *page) mayAsk(origins ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.friends = append(p.friends, origins...)
}

// mayLog tolerates lines in the console that match the pattern as a whole.
func (p *page) mayLog(pattern string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tolerated = append(p.tolerated, regexp.MustCompile("^(?:"+pattern+")$"))
}

// wantClean wants that the page has spoken to nobody but the listener that served
// it, was under a policy, and that nothing went wrong in it.
func (p *page) wantClean() {
	p.t.Helper()
	p.read(`""`) // what the page did before has been heard then
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.urls) == 0 || len(p.strangers) > 0 {
		p.t.Errorf("want requests to the page's own listener alone, of %d there were others: %q", len(p.urls), p.strangers)
	}
	if len(p.bare) > 0 && !p.foreign {
		p.t.Errorf("want a Content-Security-Policy with every page, there was none with %q", p.bare)
	}
	for _, line := range p.complaints {
		if !slices.ContainsFunc(p.tolerated, func(ok *regexp.Regexp) bool { return ok.MatchString(line) }) {
			p.t.Errorf("want a clean console, it has: %s", line)
		}
	}
}

// wantNoTrace wants that a secret is in no URL and in nothing that the browser keeps.
func (p *page) wantNoTrace(why, secret string) {
	p.t.Helper()
	kept := p.read(`[location.href, document.referrer, document.cookie, localStorage, sessionStorage, history.state]`)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, place := range append(slices.Clone(p.urls), kept) {
		if strings.Contains(place, secret) {
			p.t.Errorf("%s: want no trace of the secret, found it in %s", why, place)
		}
	}
}

// wantAway wants that no connection is opened for a while.
func (p *page) wantAway(why string, while time.Duration) {
	p.t.Helper()
	for len(p.connected) > 0 {
		<-p.connected
	}
	select {
	case address := <-p.connected:
		p.t.Errorf("%s: want no further connection, got one to %s", why, address)
	case <-time.After(while):
	}
}

// What a person does.

// gone is what Chromium says of a node that was drawn anew after it was found.
const gone = "Could not find node with given id"

// do carries out actions on the page, an action on a node that is drawn anew once more.
func (p *page) do(why string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, commandTimeout)
	defer cancel()
	err := chromedp.Do(ctx, actions...)
	for err != nil && len(actions) == 1 && strings.Contains(err.Error(), gone) {
		err = chromedp.Do(ctx, actions...)
	}
	if err != nil {
		p.t.Fatalf("%s: %v; the page shows\n%s", why, err, p.read(`[page.body, ...document.children].map((e) => e.innerText)`))
	}
}

func (p *page) click(selector string) {
	p.t.Helper()
	p.do("click "+selector, chromedp.Click(at(selector)))
}

// follow clicks a link and waits for the page behind it.
func (p *page) follow(selector string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, commandTimeout)
	defer cancel()
	answer, err := chromedp.RunResponse(ctx, chromedp.Click(at(selector)))
	if err != nil || answer.Status != 200 {
		p.t.Fatalf("follow %s: want a page, got %+v, %v", selector, answer, err)
	}
}

// fill puts a text into a field, in place of what is there: at once, as an input
// method does, for chromedp's keyboard has no keys for combining marks.
func (p *page) fill(selector, text string) {
	p.t.Helper()
	insert := chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})
	p.do("fill "+selector, chromedp.Click(at(selector)),
		chromedp.Evaluate[chromedp.Void](inside(`document.activeElement.select()`)), insert)
}

// enterKey presses Enter as a keyboard does. That of chromedp goes on with the
// character when the page has taken the key.
var enterKey = keyboard("Enter", 13)

// keyboard presses a key that writes nothing, by its name and its number on Windows.
func keyboard(name string, number int64) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		key := input.DispatchKeyEventParams{Key: name, Code: name, WindowsVirtualKeyCode: number, NativeVirtualKeyCode: number}
		down := input.DispatchKeyEventTypeRawKeyDown
		if name == "Enter" { // which a form and a button hear as a character
			down, key.Text = input.DispatchKeyEventTypeKeyDown, "\r"
		}
		for _, key.Type = range []input.DispatchKeyEventType{down, input.DispatchKeyEventTypeKeyUp} {
			if _, err := cdp.Call(ctx, target, input.DispatchKeyEvent, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// keys presses keys, one after the other.
func (p *page) keys(names ...string) {
	p.t.Helper()
	numbers := map[string]int64{"Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowDown": 40, "Delete": 46, "m": 77, "t": 84, "u": 85}
	for _, name := range names {
		p.do("press "+name, keyboard(name, numbers[name]))
	}
}

// join gives a name in the room's form, and waits until the chat is live.
func (p *page) join(name string) {
	p.t.Helper()
	p.fill("#name", name)
	p.click("#join-form button")
	p.wantText(name+" has joined", "#state", "Live")
	p.wantText("the page knows who "+name+" is", "#me", name)
}

// send types a message and presses Enter.
func (p *page) send(text string) {
	p.t.Helper()
	p.fill("#text", text)
	p.do("press Enter", enterKey)
}

// answer chooses the message with that text, to reply to it.
func (p *page) answer(text string) {
	p.t.Helper()
	p.do("choose "+text, chromedp.Click(inRow(text, ".text")))
	p.do("reply to "+text, chromedp.Click(inRow(text, ".reply")))
	p.wantText("what is typed now is an answer", "#reply-text", text)
}

// inRow is a part of the message with that text.
func inRow(text, part string) chromedp.JSPath {
	return chromedp.JSPath(inside(fmt.Sprintf(`[...document.querySelectorAll("#log .row")]
		.find((row) => row.querySelector(".text").textContent === %q)?.querySelector(%q)`, text, part)))
}

// What a person sees.

// inside makes a JavaScript expression see the chat of the page in the place of the document:
// what it looks up in document is looked up in the shadow root of <chat-room>, where there
// is one, and what that does not have (title, cookie) in the document itself.
func inside(expression string) string {
	return `((page) => {
		const root = page.querySelector("chat-room")?.shadowRoot ?? page;
		const document = new Proxy(root, { get(_, key) {
			const owner = key in root ? root : page;
			return typeof owner[key] === "function" ? owner[key].bind(owner) : owner[key];
		} });
		return (` + expression + `);
	})(globalThis.document)`
}

// at is the element that a selector chooses, in the chat of the page where there is one.
func at(selector string) chromedp.JSPath {
	return chromedp.JSPath(inside(fmt.Sprintf(`document.querySelector(%q)`, selector)))
}

// read returns the value of a JavaScript expression, as JSON.
func (p *page) read(expression string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, commandTimeout)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[string](`JSON.stringify(`+inside(expression)+`)`))
	if err != nil {
		return err.Error()
	}
	return value
}

// want waits until a JavaScript expression has a value. It is looked at again whenever the
// document changes, a picture has come, or the keyboard or the view go elsewhere in it; and
// every now and then, for what tells nobody, as a property does.
func (p *page) want(why, expression string, value any) {
	p.t.Helper()
	want, err := json.Marshal(value)
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.tab, commandTimeout)
	defer cancel()
	wait := fmt.Sprintf(`new Promise((done) => {
		const want = JSON.stringify(%s);
		const watched = new Set();
		const changes = new MutationObserver(look);
		const again = setInterval(look, 100);
		look();
		function look() {
			for (const root of [document, document.querySelector("chat-room")?.shadowRoot]) {
				if (!root || watched.has(root)) continue;
				watched.add(root);
				changes.observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
				for (const type of ["focusin", "load", "scroll"]) root.addEventListener(type, look, true);
			}
			try {
				if (JSON.stringify(%s) !== want) return;
			} catch { // what it looks at is not there yet
				return;
			}
			changes.disconnect();
			clearInterval(again);
			for (const root of watched) for (const type of ["focusin", "load", "scroll"]) root.removeEventListener(type, look, true);
			done();
		}
	})`, want, inside(expression))
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](wait, chromedp.EvalAwaitPromise)); err != nil {
		p.t.Fatalf("%s: want %s, got %s (%v)", why, want, p.read(expression), err)
	}
}

// wantText waits until an element shows a text; what is hidden shows none.
func (p *page) wantText(why, selector, text string) {
	p.t.Helper()
	p.want(why, fmt.Sprintf(`((e) => (e?.checkVisibility() ? e.textContent.trim() : ""))(document.querySelector(%q))`, selector), text)
}

// wantFits wants that nothing of the page stands out at the side.
func (p *page) wantFits(why string) {
	p.t.Helper()
	p.want(why, `[page.documentElement, ...page.querySelectorAll("body *"), ...document.querySelectorAll("*")]
		.filter((e) => e.checkVisibility() && !e.closest(".spoken"))
		.filter((e) => ((box) => box.right > innerWidth + 0.5 || box.left < -0.5)(e.getBoundingClientRect()))
		.map((e) => e.outerHTML)`, []string{})
}

// wantBox waits until a text is in the box for messages.
func (p *page) wantBox(why, text string) {
	p.t.Helper()
	p.want(why, `document.getElementById("text").value`, text)
}

// The lines of the chat: "Ann: hello" for a message that the server has confirmed,
// "! text" for an announcement, "* text" for a notice of the page, "~ Ann: hello" for a
// whisper, "? …" for what is not confirmed or not sent.
const chatLines = `[...document.querySelectorAll("#log > *, #unsent > *")].map((row) => {
	const text = row.querySelector(".text")?.textContent;
	if (row.matches(".announcement")) return "! " + text;
	if (row.matches(".notice")) return "* " + row.textContent;
	if (row.matches(".whisper")) return "~ " + row.querySelector(".head .name").textContent + ": " + text;
	if (row.matches(".pending, .unconfirmed")) return "? " + text;
	return row.querySelector(".head .name").textContent + ": " + text;
})`

// wantChat waits until the chat has these lines, and no others, in that order.
func (p *page) wantChat(why string, lines ...string) {
	p.t.Helper()
	p.want(why, chatLines, lines)
}
