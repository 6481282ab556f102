package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"chatserver/web"
)

// What browser_dashboard_test.go does with the operators' page.

// desk is an operator's screen.
var desk = chromedp.EmulateViewport(1440, 900)

// operate opens the dashboard of a server, and gives it the key.
func (b *browser) operate(t *testing.T, s *chatServer, looks ...chromedp.Action[chromedp.Void]) *page {
	t.Helper()
	p := b.open(t, s.admin+"/", append([]chromedp.Action[chromedp.Void]{desk}, looks...)...)
	p.unlock(testAdminKey)
	p.point(`document.body`, 0) // for rows wait for the mouse
	return p
}

// unlock gives a key that the server takes.
func (p *page) unlock(key string) {
	p.t.Helper()
	p.fill("#key", key)
	p.click("#unlock-form button")
	p.want("the key opens the page", `document.getElementById("unlock").open || document.getElementById("main").hidden`, false)
	p.want("nothing is left in the field", `document.getElementById("key").value`, "")
}

// Keys that do what a browser itself does with them.
var (
	escapeKey = press(input.DispatchKeyEventParams{Key: "Escape", Code: "Escape", WindowsVirtualKeyCode: 27, NativeVirtualKeyCode: 27})
	returnKey = press(input.DispatchKeyEventParams{Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, NativeVirtualKeyCode: 13, Text: "\r"})
)

func press(key input.DispatchKeyEventParams) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		for _, key.Type = range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
			if _, err := cdp.Call(ctx, target, input.DispatchKeyEvent, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// mayBeRefused tolerates what Chromium itself logs of calls that the server refuses.
func (p *page) mayBeRefused(status int) {
	p.mayLog(fmt.Sprintf(`error: Failed to load resource: the server responded with a status of %d \(.*\) \(.*/api/v1/.*\)`, status))
}

// choose chooses an option of a list.
func (p *page) choose(selector, value string) {
	p.t.Helper()
	p.do("choose "+value, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
		const list = document.querySelector(%q);
		list.value = %q;
		list.dispatchEvent(new Event("change", { bubbles: true }));
	}`, selector, value)))
}

// roomRows are the rows of the rooms: "name viewers".
const roomRows = `[...document.querySelectorAll("#rooms tbody tr")].map((row) =>
	row.querySelector("button").textContent + " " + row.querySelector("td").textContent)`

// wantRooms waits until the table shows these rooms, in that order.
func (p *page) wantRooms(why string, rows ...string) {
	p.t.Helper()
	p.want(why, roomRows, append([]string{}, rows...))
}

// openRoom opens the panel of a room.
func (p *page) openRoom(name string) {
	p.t.Helper()
	p.do("open "+name, chromedp.Click(chromedp.JSPath(fmt.Sprintf(
		`[...document.querySelectorAll("#rooms tbody button")].find((button) => button.textContent === %q)`, name))))
	p.wantText("the panel of "+name, "#room-name", name)
}

// column is a column of the table of bans.
func column(n int) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#bans tbody tr")].map((row) => row.children[%d].textContent)`, n)
}

// sort presses the head of a column of the rooms.
func (p *page) sort(label string) {
	p.t.Helper()
	p.do("sort by "+label, chromedp.Click(chromedp.JSPath(fmt.Sprintf(
		`[...document.querySelectorAll("#rooms thead button")].find((button) => button.textContent === %q)`, label))))
}

// point moves the mouse to the middle of an element's height, at a part of its width.
func (p *page) point(element string, at float64) {
	p.t.Helper()
	var place [2]float64
	where := p.read(fmt.Sprintf(`((box) => [box.left + %g * box.width, Math.min(box.top + box.height / 2, innerHeight - 1)])(%s.getBoundingClientRect())`, at, element))
	if err := json.Unmarshal([]byte(where), &place); err != nil {
		p.t.Fatalf("point at %s: %v, %s", element, err, where)
	}
	p.do("point at "+element, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, place[0], place[1]))
}

// asks counts the page's requests for figures.
func (p *page) asks() int { return p.asked("/api/v1/status") }

// wantAsks waits until there are more requests for figures than there were.
func (p *page) wantAsks(why string, than int) {
	p.t.Helper()
	eventually(p.t, why, func() bool { return p.asks() > than })
}

// wantQuiet wants no request for figures for a while.
func (p *page) wantQuiet(why string, while time.Duration) {
	p.t.Helper()
	before := p.asks()
	<-time.After(while)
	if after := p.asks(); after != before {
		p.t.Errorf("%s: want no further request, got %d", why, after-before)
	}
}

// wantForgotten wants a key to be nowhere: not in what wantNoTrace looks at, not in the
// document, its fields, or any global name.
func (p *page) wantForgotten(why, key string) {
	p.t.Helper()
	p.wantNoTrace(why, key)
	found := p.read(`[
		document.documentElement.outerHTML,
		...[...document.querySelectorAll("input, textarea, select")].map((field) => field.value),
		...Object.keys(window).map((name) => { try { return name + String(window[name]); } catch { return name; } }),
	].join()`)
	if found == "" || strings.Contains(found, key) {
		p.t.Errorf("%s: want the key nowhere in the page", why)
	}
}

// figuresStandIn is a dashboard whose server says what it is told to.
type figuresStandIn struct {
	*httptest.Server
	mu  sync.Mutex
	now figures
}

// figures are what a stand-in says; texts are JSON.
type figures struct {
	Draining           bool
	Database, Services string
	Rooms              []figuresRoom
}

type figuresRoom struct {
	Name        string `json:"name"`
	Epoch       string `json:"epoch"`
	Viewers     int    `json:"viewers"`
	MessageRate int    `json:"message_rate"`
	InboxDepth  int    `json:"inbox_depth"`
	InboxHigh   int    `json:"inbox_high"`
	InboxSize   int    `json:"inbox_size"`
	RefusedBusy int    `json:"refused_busy"`
	RefusedRate int    `json:"refused_rate_limited"`
	Skipped     int    `json:"skipped"`
	BytesOut    int    `json:"bytes_out"`
	Panics      int    `json:"panics"`
	Age         int    `json:"age"`
}

func newFiguresStandIn(t *testing.T) *figuresStandIn {
	t.Helper()
	s := &figuresStandIn{now: figures{Database: "null", Services: "[]"}}
	mux := http.NewServeMux()
	mux.Handle("/{$}", web.Dashboard())
	mux.Handle("/assets/", web.Assets())
	answer := func(path string, data func(f figures) string) {
		mux.HandleFunc("GET /api/v1/"+path, func(w http.ResponseWriter, _ *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if _, err := io.WriteString(w, `{"data":`+data(s.now)+`}`); err != nil {
				t.Error(err)
			}
		})
	}
	answer("bans", func(figures) string { return "[]" })
	answer("log-level", func(figures) string { return `{"level":"info"}` })
	answer("rooms", func(f figures) string {
		rooms, err := json.Marshal(append([]figuresRoom{}, f.Rooms...))
		if err != nil {
			t.Error(err)
		}
		return string(rooms)
	})
	answer("status", func(f figures) string {
		return fmt.Sprintf(`{"host":"chat-3.example","version":"1.0.0","started":"2026-11-24T09:00:10Z","accepting":true,"draining":%v,
			"rooms":{"open":%d,"capacity":1000},"viewers":0,
			"process":{"resident":1,"heap":1,"goroutines":1,"cpu_seconds":1,"open_files":1,"max_files":0},
			"machine":{"cpus":2,"load":[0,0,0],"memory_total":2,"memory_free":1},
			"journal":{"waiting":0,"lag":0,"size":1,"last_error":""},"database":%s,
			"cache":{"source":"none","version":"","age":1,"loaded_at":null,"counts":{},"left_out":0,"last_error":""},
			"loadbalancers":[],"services":%s}`, f.Draining, len(f.Rooms), f.Database, f.Services)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// tell changes what the stand-in says.
func (s *figuresStandIn) tell(change func(f *figures)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.now)
}
