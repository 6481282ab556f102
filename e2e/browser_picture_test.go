package e2e_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Pictures of the pages. The four in README play scenes of their own; they are in the
// machine's own fonts, which want Inter and Noto Color Emoji, and colours of names differ
// from run to run: look at them before they are committed. `make pictures` is
//
//	CHATSERVER_PICTURES=docs/images go test -run TestPages/pictures ./e2e
//
// What TestAccess and TestDashboard/accessible look at, which is each page in each of its
// states, in both themes, wide and on a phone, is kept on demand. `make screenshots` is
//
//	CHATSERVER_SCREENSHOTS=screenshots go test -run 'TestAccess|TestDashboard/accessible' ./e2e

// The variables that name the folders; without them no picture is made.
const (
	pictureFolder    = "CHATSERVER_PICTURES"
	screenshotFolder = "CHATSERVER_SCREENSHOTS"
)

// sharpness is the pixels of README's pictures to one of the page's.
const sharpness = 1.5

func (b *browser) testPictures(t *testing.T) {
	t.Run("room", b.pictureRoom)
	t.Run("phone", b.picturePhone)
	t.Run("desk", b.pictureDesk)
	t.Run("dashboard", b.pictureDashboard)
}

// keep keeps a picture of what the page shows, if that is asked for.
func (p *page) keep(why string) {
	p.t.Helper()
	dir := os.Getenv(screenshotFolder)
	if dir == "" {
		return
	}
	name := strings.NewReplacer("/", " - ", ",", "", "_", " ").Replace(p.t.Name() + "/" + why)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".webp"), photograph(p.tab, p.t), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// evening is a room in which people talk before the camera.
type evening struct {
	t       *testing.T
	s       *chatServer
	address string
	others  map[string]*guest
	pages   []*page // that see what is said
	heard   int     // rows of the log
}

func newEvening(t *testing.T) *evening {
	t.Helper()
	s := startChat(t, "LIMIT_BURST=0")
	e := &evening{t: t, s: s, address: s.open("testroom"), others: map[string]*guest{}, heard: 1} // the title
	s.call("PATCH", "/api/v1/room/testroom", `{"title":"Fresh pasta, live from Bologna"}`, http.StatusOK)
	for _, name := range []string{"Cleo", "Davide", "Emre", "Fatou", "Greta"} {
		e.others[name] = s.join(e.address, name)
	}
	return e
}

// seen waits until all pages have one more row.
func (e *evening) seen(what string) {
	e.t.Helper()
	e.heard++
	for _, p := range e.pages {
		p.want(what, `document.querySelectorAll("#log > *").length`, e.heard)
	}
}

// mara is the producer, who speaks through the platform.
func (e *evening) mara(text string) {
	e.t.Helper()
	e.s.call("POST", "/api/v1/room/testroom/message", fmt.Sprintf(`{"text":%q,"user":{"id":"mara","name":"Mara","role":"producer"}}`, text), http.StatusOK)
	e.seen(text)
}

// guest has one of the others say something.
func (e *evening) guest(name, text string) {
	e.t.Helper()
	e.others[name].send(obj{"type": "message", "text": text})
	e.seen(text)
}

// person has who sits before a page say something, as an answer if answers is not empty.
func (e *evening) person(p *page, answers, text string) {
	e.t.Helper()
	if answers != "" {
		p.answer(answers)
	}
	p.send(text)
	e.seen(text)
}

// firstShare is the share of the votes that the first option of the poll has.
const firstShare = `document.querySelector("#poll .option").style.getPropertyValue("--share")`

// pictureRoom writes room.webp: a chat as two people see it.
func (b *browser) pictureRoom(t *testing.T) {
	t.Parallel()
	e := newEvening(t)
	size := chromedp.EmulateViewport(490, 640, chromedp.EmulateScale(sharpness))
	ann := b.enter(t, "http://"+e.address+"/", "Ann", size, theme("light"))
	ben := b.enter(t, e.s.api+"/r/testroom/", "Ben", size, theme("dark"))
	e.pages = []*page{ann, ben}
	e.mara("Welcome, everybody! Tonight it is tagliatelle, by hand.")
	e.person(ben, "", "First time here. How much flour for two?")
	e.guest("Fatou", "200 g and two eggs, since 1994 😄")
	e.person(ann, "First time here. How much flour for two?", "And leave it alone for half an hour. The resting is what makes it.")
	e.guest("Greta", "what she said ☝️")
	e.mara("Listen to @Ann! The recipe: https://example.com/tagliatelle")
	ben.answer("And leave it alone for half an hour. The resting is what makes it.")
	ben.fill("#text", "Half an hour, got it. Does it")
	for _, p := range e.pages {
		p.wantText("all are here", "#viewers", "7")
	}
	b.sideBySide(t, "room", 490, 640, ann, ben)
}

// picturePhone writes phone.webp: a stream with a poll, and a chat in Arabic.
func (b *browser) picturePhone(t *testing.T) {
	t.Parallel()
	const width, height = 390, 760
	e := newEvening(t)
	host := newStreamHost(t)
	host.begin("a", makeStreamOf(t, "gradients=size=640x360:rate=25:duration=30:c0=0xf6d365:c1=0xfda085:c2=0xd4652f:n=3:seed=7", 30))
	e.s.stream(host.at("a"))
	size := chromedp.EmulateViewport(width, height, chromedp.EmulateScale(sharpness), chromedp.EmulateMobile, chromedp.EmulateTouch)
	mara := e.s.joinAs(e.address, "Mara", "producer")
	left := b.openAsFriend(t, e.s.api+"/r/testroom/", host.URL, size, theme("light"))
	left.join("Ann")
	right := b.openAsFriend(t, e.s.api+"/r/testroom/?lang=ar&view=chat", host.URL, size, theme("dark"))
	right.wantText("the form", "#join-form h3", "انضم إلى الدردشة")
	right.fill("#name", "ليلى")
	right.click("#join-form button")
	right.want("in", `document.host.dataset.state`, "live")
	e.pages = []*page{left, right}
	for _, p := range e.pages {
		p.want("what was before", `document.querySelectorAll("#log > *").length`, e.heard)
	}
	e.guest("Fatou", "200 g and two eggs, since 1994 😄")
	e.guest("Davide", "I am hungry already")
	e.person(right, "", "مساء الخير من القاهرة! هل أستطيع استخدام السميد؟")
	e.guest("Emre", "@ليلى half of it, and a spoon of oil")
	e.person(left, "I am hungry already", "Me too, and it is not even in the water")
	for _, emoji := range []string{"❤️", "👍"} {
		for _, name := range []string{"Cleo", "Davide", "Greta"} {
			e.others[name].send(obj{"type": "react", "seq": 3, "emoji": emoji})
		}
	}
	mara.send(obj{"type": "poll", "question": "Which sauce?", "options": []string{"Ragù", "Butter and sage", "Lemon"}, "seconds": 90})
	id := mara.until("her poll", "poll").num("poll")
	for i, name := range []string{"Cleo", "Davide", "Emre", "Fatou", "Greta"} {
		e.others[name].send(obj{"type": "vote", "poll": id, "option": []int{0, 1, 0, 2, 0}[i]})
	}
	for _, p := range e.pages {
		p.want("reactions", `document.querySelectorAll("#log .chip").length`, 2)
		p.want("all votes", firstShare, "0.6")
	}
	left.wantPlays("the stream", 640)
	b.sideBySide(t, "phone", width, height, left, right)
}

// pictureDesk writes desk.webp: a producer reads the results of a poll.
func (b *browser) pictureDesk(t *testing.T) {
	t.Parallel()
	const width, height = 1200, 760
	e := newEvening(t)
	mia := b.moderate(t, e.s, "Mara", "producer", "", theme("light"), chromedp.EmulateViewport(width, height, chromedp.EmulateScale(sharpness)))
	e.pages = []*page{mia}
	mia.want("what was before", `document.querySelectorAll("#log > *").length`, e.heard)
	e.guest("Fatou", "200 g and two eggs, since 1994 😄")
	e.guest("Davide", "I am hungry already")
	e.guest("Cleo", "CHEAP WATCHES, write to me")
	e.guest("Emre", "is it true that salt comes last?")
	e.guest("Greta", "into the water, not into the dough")
	mia.openDesk("poll")
	mia.fill("#desk-question", "Which sauce?")
	mia.pressButton("Add an answer")
	for i, option := range []string{"Ragù", "Butter and sage", "Lemon"} {
		mia.fill(fmt.Sprintf("#desk-poll-form li:nth-child(%d) input", i+1), option)
	}
	mia.pressButton("Open the poll")
	id := e.others["Cleo"].until("her poll", "poll").num("poll")
	for i, name := range []string{"Cleo", "Davide", "Emre", "Fatou", "Greta"} {
		e.others[name].send(obj{"type": "vote", "poll": id, "option": []int{0, 1, 0, 2, 0}[i]})
	}
	mia.want("all votes", firstShare, "0.6")
	mia.click(".toast .link")
	mia.openMenu("CHEAP WATCHES, write to me")
	mia.want("what can be done", `document.querySelectorAll("[role=menuitem]").length > 3`, true)
	save(t, "desk", photograph(mia.tab, t))
}

// pictureDashboard watches an evening of some streams for a minute and a half, and writes
// dashboard.webp.
func (b *browser) pictureDashboard(t *testing.T) {
	t.Parallel()
	const samples = 45
	s := startChat(t, "HOST=chat-3.example", "LIMIT_BURST=0", "LIMIT_MESSAGES=12/30s", "LIMIT_COMMANDS=0")
	streams := []string{"pasta", "chess", "speedrun", "news", "guitar", "yoga", "astronomy", "football", "llamas", "painting", "bonsai", "modular-synths"}
	addresses, rooms := make([]string, len(streams)), make([][]*guest, len(streams))
	join := func(room int) {
		rooms[room] = append(rooms[room], s.join(addresses[room], fmt.Sprintf("guest%d", len(rooms[room]))))
	}
	for i, name := range streams {
		addresses[i] = s.open(name)
		for range 2 + 17*i%11 {
			join(i)
		}
	}
	p := b.operate(t, s, theme("light"), chromedp.EmulateViewport(1440, 860, chromedp.EmulateScale(sharpness)))
	for n := range samples {
		p.wantAsks("the next sample", n)
		for i, guests := range rooms {
			if n%(3+i) == 0 {
				join(i)
			}
			busy := 1 + math.Sin(float64(n)/6+float64(i))
			for j, g := range guests {
				if math.Mod(float64(7*n+3*j), 10) < 4*busy {
					g.send(obj{"type": "message", "text": fmt.Sprint("how nice, ", n, " times")})
				}
			}
		}
	}
	save(t, "dashboard", photograph(p.tab, t))
}

// theme makes a page light or dark.
func theme(scheme string) chromedp.Action[chromedp.Void] {
	return media("prefers-color-scheme", scheme)
}

// media has a page see a preference of its user.
func media(feature, value string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
		})
		return err
	})
}

// sideBySide writes one picture of two pages of a size: Chromium draws shadows and corners well.
func (b *browser) sideBySide(t *testing.T, name string, width, height int64, left, right *page) {
	t.Helper()
	tab, closeTab := chromedp.NewContext(b.ctx)
	defer closeTab()
	const gap = 28
	var document strings.Builder
	fmt.Fprintf(&document, `<style>
		body { display: flex; gap: %dpx; margin: 0; padding: %[1]dpx; background: #d3d6f3 }
		img { width: %dpx; border-radius: 12px; box-shadow: 0 12px 32px rgb(20 24 60 / 0.28) }
		</style>`, gap, width)
	for _, p := range []*page{left, right} {
		fmt.Fprintf(&document, `<img src="data:image/webp;base64,%s">`, base64.StdEncoding.EncodeToString(photograph(p.tab, t)))
	}
	err := chromedp.Do(tab, chromedp.EmulateViewport(2*width+3*gap, height+2*gap, chromedp.EmulateScale(sharpness)),
		chromedp.Navigate("data:text/html;base64,"+base64.StdEncoding.EncodeToString([]byte(document.String()))))
	if err != nil {
		t.Fatalf("lay out the picture: %v", err)
	}
	save(t, name, photograph(tab, t))
}

// save writes one of README's pictures.
func save(t *testing.T, name string, picture []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(os.Getenv(pictureFolder), name+".webp"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}

// photograph returns what a window shows, as WebP.
func photograph(tab context.Context, t *testing.T) (picture []byte) {
	t.Helper()
	quality := int64(90) // of 100: text stays sharp
	err := chromedp.Do(tab, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		got, err := cdp.Call(ctx, target, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{Format: cdppage.CaptureScreenshotFormatWebp, Quality: &quality})
		picture = got.Data
		return err
	}))
	if err != nil {
		t.Fatalf("photograph: %v", err)
	}
	return picture
}
