package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// How the chat looks where it is not as usual: the rest of TestChat.

// In Arabic, on a small phone: all is there, and nothing stands out at the side.
func (b *browser) testRightToLeft(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	address := s.open("testroom")
	phone := chromedp.EmulateViewport(320, 568, chromedp.EmulateMobile, chromedp.EmulateTouch)
	b.open(t, s.api+"/?lang=ar", phone).wantFits("the landing page")
	ann := b.open(t, s.api+"/r/testroom/?lang=ar", phone)
	ann.wantText("the form", "#join-form h3", "انضم إلى الدردشة")
	ann.wantFits("the form")
	ann.fill("#name", "\u202e")
	ann.click("#join-form button")
	ann.wantText("a name that is refused", "#name-problem", "غيّر اسمك من فضلك: حتى 25 حرفًا ظاهرًا، وبينها مسافات مفردة.")
	ann.fill("#name", "ليلى")
	ann.click("#join-form button")
	ann.wantText("in", "#state", "مباشر")
	ann.want("one begins to type at the right", `((style) => [style.direction, style.unicodeBidi])(getComputedStyle(document.getElementById("text")))`, []string{"rtl", "isolate"})
	ann.want("the page is Arabic", `[page.documentElement.lang, page.documentElement.dir, getComputedStyle(document.getElementById("log")).direction]`, []string{"ar", "rtl", "rtl"})

	ben, long := s.join(address, "Ben"), strings.Repeat("x", 300)
	for _, text := range []string{long, "hello @ليلى", "https://example.com/" + long} {
		ben.send(obj{"type": "message", "text": text})
	}
	producer := s.dial(address)
	producer.send(obj{"type": "join", "token": s.mintFor("u1", "Mia", "producer")})
	producer.send(obj{"type": "react", "seq": 2, "emoji": "👍"})
	producer.send(obj{"type": "set", "pinned": 1, "slow_mode": 3})
	producer.send(obj{"type": "poll", "question": long[:100], "options": []string{"نعم", long[:50]}, "seconds": 90})
	ann.want("a poll", `document.querySelectorAll("#poll .option").length`, 2)
	ann.want("a reaction", `document.querySelectorAll("#log .chip").length`, 1)
	ann.want("what happened, in words", `[...document.querySelectorAll("#log .notice")].slice(0, 2).map((e) => e.textContent)`,
		[]string{"الوضع البطيء مفعّل: رسالة واحدة كل 3 ثوانٍ.", "ثُبّتت رسالة."})
	ann.wantFits("a poll, a pin, long words")
	ann.do("tap a message", chromedp.Tap(inRow("hello @ليلى", ".text")))
	ann.do("tap the sign for reactions", chromedp.Tap(inRow("hello @ليلى", ".react")))
	ann.want("a choice", `document.querySelectorAll(".picker button").length`, 32)
	ann.wantFits("the choice of emoji")
	ann.do("tap the number of people", chromedp.Tap(at("#people-toggle")))
	ann.want("who is here", `document.querySelectorAll("#people-list li").length`, 3)
	ann.wantFits("the list of people")
}

// Laid over a picture it shows what is said, and nothing else.
func (b *browser) testOverlay(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0", "LIMIT_MESSAGES=0", "LIMIT_COMMANDS=0")
	address := s.open("testroom")
	s.call("PATCH", "/api/v1/room/testroom", `{"title":"Cooking"}`, http.StatusOK)
	ben := s.join(address, "Ben")
	p := b.open(t, s.api+"/r/testroom/?view=overlay", chromedp.EmulateViewport(640, 360))
	p.want("it comes in by itself", `document.host.dataset.state`, "live")
	ben.send(obj{"type": "message", "text": "hello"})
	p.wantChat("what is said", "* The title is now “Cooking”.", "Ben: hello")
	p.want("nothing to press or to type in", `[...document.querySelectorAll("button, input, textarea, header, time")].filter((e) => e.checkVisibility()).map((e) => e.outerHTML)`, []string{})
	p.want("the picture shows through", `[page.documentElement, page.body, document.host, ...document.querySelectorAll("#container, #stage, #chat, #scroller, #log, .row")]
		.map((e) => getComputedStyle(e).backgroundColor).filter((c) => c !== "rgba(0, 0, 0, 0)")`, []string{})
	p.want("large, and with an outline", `((style) => [parseFloat(style.fontSize) >= 24, parseFloat(style.webkitTextStrokeWidth) > 1])(getComputedStyle(document.querySelector(".row .text")))`, []bool{true, true})
	for i := range 30 {
		ben.send(obj{"type": "message", "text": strconv.Itoa(i)})
	}
	p.want("the newest is seen", `((last) => [last.querySelector(".text").textContent, last.getBoundingClientRect().bottom <= innerHeight])([...document.querySelectorAll(".row")].at(-1))`, []any{"29", true})
	if loaded := p.asked("/assets/people.js") + p.asked("/assets/row-actions.js"); loaded > 0 {
		t.Errorf("want nothing loaded that is for people")
	}
}

// Names can be read, whatever their colour, wherever they stand.
func (b *browser) testContrast(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	s.open("testroom")
	for _, scheme := range []string{"light", "dark"} {
		p := b.open(t, s.api+"/r/testroom/", theme(scheme))
		p.want("it is there", `document.getElementById("container") !== null`, true)
		worst := p.read(`(() => {
			const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
			const luminance = (colour) => {
				pen.fillStyle = colour;
				pen.fillRect(0, 0, 1, 1);
				const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
				return 0.2126 * r + 0.7152 * g + 0.0722 * b;
			};
			const style = getComputedStyle(document.host);
			const property = (name) => style.getPropertyValue("--chat-" + name).trim();
			const grounds = ["surface", "bg", "tint"].map((name) => luminance(property(name)));
			let worst = 21;
			for (let hue = 0; hue < 360; hue++) {
				const name = luminance("oklch(" + property("name-lightness") + " " + property("name-chroma") + " " + hue + ")");
				for (const ground of grounds) worst = Math.min(worst, (Math.max(name, ground) + 0.05) / (Math.min(name, ground) + 0.05));
			}
			return worst;
		})()`)
		var ratio float64
		if _, err := fmt.Sscan(worst, &ratio); err != nil || ratio < 4.5 {
			t.Errorf("%s: want a contrast of at least 4.5 for every name, the worst is %s", scheme, worst)
		}
	}
}

// What a consumer's page loads until it chats weighs little, and is there at once.
func (b *browser) testWeight(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	s.open("testroom")
	ann := b.enter(t, s.api+"/r/testroom/", "Ann")
	ann.send("hello")
	ann.wantChat("it chats", "Ann: hello")
	loaded := ann.read(`performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"))
		.filter((e) => !/[/](ws|emotes)$/.test(e.name)).map((e) => [e.name.split("/").at(-1), e.decodedBodySize])`)
	var files [][2]any
	if err := json.Unmarshal([]byte(loaded), &files); err != nil {
		t.Fatal(err)
	}
	const most = 100_000 // bytes before compression
	total := 0
	for _, file := range files {
		total += int(file[1].(float64))
	}
	if total > most || total < most/2 {
		t.Errorf("want at most %d bytes, and all that is needed, got %d: %s", most, total, loaded)
	}
	t.Logf("%d bytes in %d files", total, len(files))
}

// Many messages a second are drawn together, and the page does not grow.
func (b *browser) testFlood(t *testing.T) {
	t.Parallel()
	const all = 2000
	s := startChat(t, "LIMIT_BURST=0", "LIMIT_MESSAGES=0", "LIMIT_COMMANDS=0")
	address := s.open("testroom")
	ann := b.enter(t, s.api+"/r/testroom/", "Ann")
	ann.do("count", chromedp.Evaluate[chromedp.Void](inside(`((log) => {
		globalThis.seen = { changes: 0, frames: 0, most: 0 };
		let pending = false;
		new MutationObserver((records) => {
			seen.changes += records.some((r) => r.addedNodes.length) ? 1 : 0;
			seen.most = Math.max(seen.most, log.children.length);
			if (!pending) requestAnimationFrame(() => (pending = false, seen.frames++));
			pending = true;
		}).observe(log, { childList: true });
	})(document.getElementById("log"))`)))
	began := ann.cpu()
	s.join(address, "Ben").count(1, all)
	ann.want("all has come", `document.querySelector("#log .row:last-of-type .text")?.textContent`, strconv.Itoa(all))
	frames := 0.0
	if _, err := fmt.Sscan(ann.read(`seen.frames`), &frames); err != nil || frames == 0 {
		t.Fatalf("want some frames, got %v, %v", frames, err)
	}
	const most = 50 * time.Millisecond
	perFrame := time.Duration(float64(ann.cpu()-began) / frames)
	t.Logf("%v of the page's processor time a frame, %.0f frames for %d messages", perFrame, frames, all)
	if perFrame > most {
		t.Errorf("want at most %v of processor time a frame, it is %v", most, perFrame)
	}
	ann.want("at most one change a frame", `seen.changes <= seen.frames + 1`, true)
	ann.want("few rows, however many messages", `seen.most <= 250`, true)
	ann.want("at the end", `((e) => e.scrollHeight - e.scrollTop - e.clientHeight < 2)(document.getElementById("scroller"))`, true)
	ann.want("a screen reader is not flooded", `document.querySelectorAll("#spoken p").length <= 3`, true)
}

// cpu is the processor time that the page's main thread has used.
func (p *page) cpu() (used time.Duration) {
	p.t.Helper()
	p.do("ask for the processor time", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		domain := performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks}
		if _, err := cdp.Call(ctx, target, performance.Enable, domain); err != nil {
			return err
		}
		got, err := cdp.Call(ctx, target, performance.GetMetrics, cdp.Empty{})
		for _, metric := range got.Metrics {
			if metric.Name == "TaskDuration" {
				used = time.Duration(metric.Value * float64(time.Second))
			}
		}
		return err
	}))
	return used
}
