package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/css"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// How soon a page can be used, and how long its frames take in a flood. The figures go
// into docs/performance.md, "In the browser". They want a machine that does nothing else,
// and no race detector:
//
//	CHATSERVER_SPEED=docs/performance.md go test -timeout 30m -run TestPages/speed ./e2e

// speed is the variable that names the file; without it nothing is measured.
const speed = "CHATSERVER_SPEED"

// What is promised, of a browser that is not slowed down.
const (
	mostUntilUsable = 100 // ms, median
	mostOfAFrame    = 50  // ms
)

const (
	loads         = 20               // of a page, each with nothing in the cache
	floodFor      = 20 * time.Second // of which the frames are measured
	floodRate     = 200              // messages a second
	floodTalkers  = 20
	cheapPhone    = 4 // times slower
	mostRows      = 1000
	mostHeapGrows = 1 << 20 // bytes from one flood to the next
)

func (b *browser) testSpeed(t *testing.T) {
	var report strings.Builder
	s := startChat(t, "LIMIT_BURST=0", "LIMIT_MESSAGES=0", "LIMIT_COMMANDS=0")
	address := s.open("testroom")
	b.measureLoads(t, s, address, &report)
	b.measureFloods(t, s, address, &report)
	t.Log("\n" + report.String())
	name := os.Getenv(speed)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	part := regexp.MustCompile(`(?s)(<!-- speed: [^>]*from here -->\n).*(\n<!-- speed: to here -->)`)
	if !part.Match(text) {
		t.Fatalf("%s: want the two comments between which the figures stand", name)
	}
	machine := fmt.Sprintf("\n%s, on %s.\n\n%s", b.version(t), time.Now().UTC().Format(time.DateOnly), report.String())
	if err := os.WriteFile(name, part.ReplaceAll(text, []byte("${1}"+machine+"${2}")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// version names the browser.
func (b *browser) version(t *testing.T) string {
	t.Helper()
	agent, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`navigator.userAgent`))
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`Chrome/\d+`).FindString(agent)
}

// slow makes a page's machine so many times slower.
func slow(times float64) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: times})
		return err
	})
}

// usableWhen has a page note when a condition first holds, and when that was drawn, in
// globalThis.usable; times are from the arrival of the HTML's last byte.
func usableWhen(condition string) chromedp.Action[chromedp.Void] {
	return before(`globalThis.usable = new Promise((done) => {
		const changes = new MutationObserver(look);
		const watch = (node) => changes.observe(node, { subtree: true, childList: true, attributes: true, characterData: true });
		watch(document);
		document.addEventListener("chat-ready", ({ target }) => watch(target.shadowRoot), true);
		function look() {
			const usable = performance.now();
			const root = document.querySelector("chat-room")?.shadowRoot ?? document;
			if (!(` + condition + `)) return;
			changes.disconnect();
			const { responseEnd } = performance.getEntriesByType("navigation")[0];
			requestAnimationFrame(() => { // a task behind it comes when the frame is drawn
				const after = new MessageChannel();
				after.port1.onmessage = () => done([usable - responseEnd, performance.now() - responseEnd]);
				after.port2.postMessage(null);
			});
		}
	});`)
}

// measureLoads loads each page again and again.
func (b *browser) measureLoads(t *testing.T, s *chatServer, address string, report *strings.Builder) {
	t.Helper()
	remembered := before(`if (location.protocol === "http:") localStorage.setItem("chat.name", "Ann");`)
	report.WriteString("| page | usable | | and drawn | on a cheap phone |\n| --- | --- | --- | --- | --- |\n")
	for _, page := range []struct {
		name, address, condition string
		looks                    []chromedp.Action[chromedp.Void]
	}{
		{"a room: the name can be typed in", "http://" + address + "/", `root.activeElement?.id === "name"`, nil},
		{"a room, by a name that is known: the chat is live and takes messages", "http://" + address + "/", `root.host?.dataset.state === "live" && root.activeElement?.id === "text"`, []chromedp.Action[chromedp.Void]{remembered}},
		{"the landing page", s.api + "/", `root.querySelector("#enter button")?.textContent`, nil},
		{"the dashboard: the key can be typed in", s.admin + "/", `document.activeElement?.id === "key"`, nil},
	} {
		t.Run(page.name, func(t *testing.T) {
			looks := append([]chromedp.Action[chromedp.Void]{usableWhen(page.condition)}, page.looks...)
			usable, drawn := b.load(t, page.address, append(looks, slow(1))...)
			phone, _ := b.load(t, page.address, append(looks, slow(cheapPhone))...)
			fmt.Fprintf(report, "| %s | %s | %s | %s | %s |\n", page.name, spread(usable),
				kept(t, page.name, median(usable), mostUntilUsable), spread(drawn), spread(phone))
		})
	}
}

// load opens a page again and again in one window, with nothing of it in the cache. A
// window of its own each time would bring its own start into the figures, and what tests
// hear of a page slows it down.
func (b *browser) load(t *testing.T, address string, looks ...chromedp.Action[chromedp.Void]) (usable, drawn []float64) {
	t.Helper()
	p := b.open(t, address, looks...)
	p.await(`usable`)
	command := func(why string, call func(ctx context.Context, target *chromedp.Target) error) {
		p.do(why, chromedp.Func(call))
	}
	command("listen no more", func(ctx context.Context, target *chromedp.Target) error {
		var failed []error
		for _, disable := range []cdp.Command[cdp.Empty, cdp.Empty]{network.Disable, dom.Disable, css.Disable, log.Disable} {
			_, err := cdp.Call(ctx, target, disable, cdp.Empty{})
			failed = append(failed, err)
		}
		return errors.Join(failed...)
	})
	for range loads {
		p.do("leave", chromedp.Navigate("about:blank"))
		p.await(`new Promise((done) => requestIdleCallback(() => setTimeout(done, 100, [])))`)
		command("forget", func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, network.ClearBrowserCache, cdp.Empty{})
			return err
		})
		command("load "+address, func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, cdppage.Navigate, cdppage.NavigateParams{URL: address})
			return err
		})
		at := p.await(`usable`)
		usable, drawn = append(usable, at[0]), append(drawn, at[1])
	}
	if cached := p.read(`performance.getEntriesByType("resource").filter((file) => !file.transferSize).map((file) => file.name)`); cached != "[]" {
		t.Errorf("want nothing from the cache, got %s", cached)
	}
	return usable, drawn
}

// await returns numbers that a page promises.
func (p *page) await(promise string) []float64 {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, commandTimeout)
	defer cancel()
	numbers, err := chromedp.Run(ctx, chromedp.Evaluate[[]float64](promise, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", promise, err)
	}
	return numbers
}

func median(all []float64) float64 { return quantile(all, 0.5) }

func quantile(all []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// spread tells the median and, in brackets, the least and the greatest, of milliseconds.
func spread(all []float64) string {
	return fmt.Sprintf("%.0f ms (%.0f–%.0f)", median(all), slices.Min(all), slices.Max(all))
}

// kept is the verdict about a figure; a test's fault if it is a bad one.
func kept(t *testing.T, why string, ms, most float64) string {
	t.Helper()
	if ms > most {
		t.Errorf("%s: want at most %v ms, got %.1f ms", why, most, ms)
		return "**missed**"
	}
	return "met"
}

// frames is what a page has noted of a flood.
type frames struct {
	Intervals []float64 `json:"intervals"` // from one frame to the next, in ms
	Work      []float64 `json:"work"`      // of the main thread for each, in ms
	Long      []float64 `json:"long"`      // tasks of more than 50 ms
	Events    int       `json:"events"`    // that came
	Rows      int       `json:"rows"`      // that were there at the end
}

// noteFrames has the page note its frames for so long, and returns them. A frame's work
// is what the page's main thread does from its first callback until it is drawn.
func (p *page) noteFrames(length time.Duration) (noted frames) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, length+commandTimeout)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(`new Promise((done) => {
		const noted = { intervals: [], work: [], long: [], events: 0, rows: 0 };
		const chat = document.querySelector("chat-room");
		chat.client.addEventListener("event", () => noted.events++);
		const long = new PerformanceObserver((list) => noted.long.push(...list.getEntries().map((task) => task.duration)));
		long.observe({ type: "longtask" });
		const after = new MessageChannel();
		const begun = performance.now();
		let last = 0;
		let began = 0;
		after.port1.onmessage = () => noted.work.push(performance.now() - began);
		requestAnimationFrame(function frame(now) {
			if (last) noted.intervals.push(now - last);
			last = now;
			began = performance.now();
			after.port2.postMessage(null);
			if (began - begun < %d) return requestAnimationFrame(frame);
			long.disconnect();
			noted.rows = chat.shadowRoot.querySelectorAll("#log > *").length;
			done(JSON.stringify(noted));
		});
	})`, length.Milliseconds()), chromedp.EvalAwaitPromise))
	if err == nil {
		err = json.Unmarshal([]byte(answer), &noted)
	}
	if err != nil {
		p.t.Fatalf("note frames: %v", err)
	}
	return noted
}

// measure returns the bytes that live in the page's heap, and what its main thread has
// worked since it was opened.
func (p *page) measure() (heap int, worked time.Duration) {
	p.t.Helper()
	p.do("measure", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks}); err != nil {
			return err
		}
		if _, err := cdp.Call(ctx, target, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
			return err
		}
		got, err := cdp.Call(ctx, target, performance.GetMetrics, cdp.Empty{})
		for _, metric := range got.Metrics {
			switch metric.Name {
			case "JSHeapUsedSize":
				heap = int(metric.Value)
			case "TaskDuration":
				worked = time.Duration(metric.Value * float64(time.Second))
			}
		}
		return err
	}))
	return heap, worked
}

// measureFloods has people read while others talk.
func (b *browser) measureFloods(t *testing.T, s *chatServer, address string, report *strings.Builder) {
	t.Helper()
	report.WriteString("\n| reader | messages a second | frames a second | a frame: p99, longest | | work for a frame: p99, longest | long tasks | main thread busy | rows | heap | grown by |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, reader := range []struct {
		name string
		slow float64
		back bool // has scrolled up
	}{
		{"follows the newest", 1, false},
		{"has scrolled back", 1, true},
		{"on a cheap phone", cheapPhone, false},
	} {
		t.Run(reader.name, func(t *testing.T) {
			p := b.enter(t, "http://"+address+"/", "Ann", slow(reader.slow), chromedp.EmulateViewport(390, 844))
			flood := s.flood(address, floodTalkers, floodRate)
			defer flood.stop()
			p.noteFrames(floodFor / 4) // as many rows as there may be
			if reader.back {
				p.do("scroll back", chromedp.Evaluate[chromedp.Void](inside(`document.getElementById("scroller").scrollTop = 0`)))
			}
			heap, worked := p.measure()
			noted := p.noteFrames(floodFor)
			grown, total := p.measure()

			verdict := ""
			if reader.slow == 1 {
				verdict = kept(t, "a frame", slices.Max(noted.Intervals), mostOfAFrame)
			}
			rate := float64(noted.Events) / floodFor.Seconds()
			if rate < 0.98*floodRate || noted.Rows > mostRows || grown-heap > mostHeapGrows {
				t.Errorf("want %d messages a second, at most %d rows, and a heap that does not grow; got %.0f, %d, and from %d to %d bytes",
					floodRate, mostRows, rate, noted.Rows, heap, grown)
			}
			fmt.Fprintf(report, "| %s | %.0f | %.0f | %.0f ms, %.0f ms | %s | %.1f ms, %.1f ms | %d | %.0f %% | %d | %.1f MB | %.1f MB |\n",
				reader.name, rate, float64(len(noted.Intervals))/floodFor.Seconds(),
				quantile(noted.Intervals, 0.99), slices.Max(noted.Intervals), verdict, quantile(noted.Work, 0.99), slices.Max(noted.Work),
				len(noted.Long), 100*(total-worked).Seconds()/floodFor.Seconds(), noted.Rows, float64(heap)/1e6, float64(grown-heap)/1e6)
		})
	}
}
