package e2e_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestEmbed shows the chat on pages that are not ours.
func TestEmbed(t *testing.T) {
	b := startBrowser(t)
	t.Run("element", b.testElement)
	t.Run("API", b.testElementAPI)
	t.Run("logging out", b.testLoggingOut)
	t.Run("main port", b.testMainPort)
	t.Run("lost on the way", b.testLostOnTheWay)
	t.Run("late", b.testLate)
	t.Run("documented", b.testEmbeddingDocumented)
}

// site is a page of another origin, with the strictest policy that a chat can live under.
func site(t *testing.T, chat, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", fmt.Sprintf(
			"default-src 'none'; script-src %[1]s 'nonce-own'; connect-src %[1]s ws%[2]s; style-src 'nonce-own'; img-src data:; require-trusted-types-for 'script'; trusted-types chat-room",
			chat, chat[len("http"):]))
		_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><title>elsewhere</title><link rel="icon" href="data:,">%s`, body)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

func (b *browser) testElement(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	address := s.open("testroom")
	ben := s.join(address, "Ben")
	ben.send(obj{"type": "message", "text": "hello there"})
	elsewhere := site(t, s.api, fmt.Sprintf(`<style nonce="own">
			html { font-size: 62.5%% }
			chat-room { --chat-accent: rgb(1, 2, 3); height: 300px }
			chat-room::part(message) { background: rgb(4, 5, 6) }
		</style>
		<script nonce="own">
			const begin = setTimeout, end = clearTimeout;
			globalThis.timers = new Set();
			globalThis.setTimeout = (handle, ...rest) => {
				const timer = begin((...given) => (timers.delete(timer), handle(...given)), ...rest);
				timers.add(timer);
				return timer;
			};
			globalThis.clearTimeout = (timer) => (timers.delete(timer), end(timer));
		</script>
		<script type="module" src="%s/assets/chat-room.js"></script>
		<chat-room room="testroom" name="Ann" theme="light"></chat-room>`, s.api))
	p := b.openForeign(t, elsewhere, s.api)
	p.wantText("a name alone leads to the server of the script", "#state", "Live")
	p.wantText("by the name of the attribute", "#me", "Ann")
	p.wantChat("what was said", "Ben: hello there")
	p.send("hello Ben")
	p.wantChat("it speaks", "Ben: hello there", "Ann: hello Ben")
	p.want("a property and a part of the page's own", `[
		getComputedStyle(document.getElementById("jump")).backgroundColor,
		getComputedStyle(document.querySelector(".row")).backgroundColor,
		document.host.clientHeight]`, []any{"rgb(1, 2, 3)", "rgb(4, 5, 6)", 300})
	p.want("nothing leaks into the page", `[page.title, page.documentElement.lang, page.styleSheets.length]`, []any{"elsewhere", "en", 1})

	cleo := b.enter(t, "http://"+address+"/", "Cleo")
	cleo.wantText("all are there", "#viewers", "3")
	p.do("move the element, and then take it away", chromedp.Evaluate[chromedp.Void](`((chat) => {
		globalThis.before = chat.client;
		document.documentElement.append(chat);
	})(document.querySelector("chat-room"))`))
	p.want("it stays as it is", `[document.host.client === before, document.host.dataset.state]`, []any{true, "live"})
	p.click("#people-toggle")
	p.want("who is here", `document.querySelectorAll("#people-list li").length`, 3)
	p.do("take it away", chromedp.Evaluate[chromedp.Void](`document.querySelector("chat-room").remove()`))
	cleo.wantText("it leaves the room with its element", "#viewers", "2")
	p.want("it waits for nothing any more", `timers.size`, 0)
}

// What a page can do with the element: tokens, events, the client, another room.
func (b *browser) testElementAPI(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	s.open("testroom")
	s.open("other")
	s.call("PATCH", "/api/v1/room/testroom", `{"title":"Cooking live"}`, http.StatusOK)
	var tokens []string
	for _, room := range []string{"testroom", "other", "other"} {
		tokens = append(tokens, strconv.Quote(s.mintIn(room, "u1", "Mia", "consumer")))
	}
	elsewhere := site(t, s.api, fmt.Sprintf(`<ul id="heard"></ul>
		<script type="module" src="%s/assets/chat-room.js"></script>
		<script type="module" nonce="own">
			const chat = document.createElement("chat-room");
			const hear = (line) => document.getElementById("heard").append(Object.assign(document.createElement("li"), { textContent: line }));
			chat.addEventListener("chat-ready", () => {
				hear("ready " + chat.strings.live);
				chat.client.addEventListener("message", ({ detail }) => hear(detail.user.name + " says " + detail.text));
			});
			chat.addEventListener("chat-state", ({ detail }) => detail.name === "live" && chat.client.message("hello " + chat.client.room).catch(() => {}));
			chat.addEventListener("chat-info", ({ detail }) => detail.you && detail.viewers && (document.title = detail.title + " " + detail.you.name));
			let times = 0;
			const tokens = %s; // of each room
			chat.token = async () => (hear("token"), tokens[times++]);
			chat.setAttribute("room", "testroom");
			chat.setAttribute("view", "chat");
			chat.setAttribute("lang", "en");
			chat.setAttribute("theme", "dark");
			document.documentElement.append(chat);
		</script>`, s.api, "["+strings.Join(tokens, ",")+"]"))
	p := b.openForeign(t, elsewhere, s.api)
	heard := `[...page.querySelectorAll("#heard li")].map((e) => e.textContent)`
	p.want("a token, events, the client", heard, []string{"ready Live", "token", "Mia says hello testroom"})
	p.want("what is known of the room", `page.title`, "Cooking live Mia")
	p.want("a theme, whatever the system's", `getComputedStyle(document.querySelector("#container")).backgroundColor`, "rgb(16, 18, 23)")
	p.want("the page has the title", `getComputedStyle(document.querySelector(".titles h2")).clipPath`, "inset(50%)")
	p.want("nobody took the keyboard", `page.activeElement === page.body`, true)

	p.do("another room", chromedp.Evaluate[chromedp.Void](`document.querySelector("chat-room").setAttribute("room", "other")`))
	p.want("it begins anew", heard, []string{"ready Live", "token", "Mia says hello testroom", "ready Live", "token", "Mia says hello other"})
	p.do("another language", chromedp.Evaluate[chromedp.Void](`document.querySelector("chat-room").setAttribute("lang", "ar-EG")`))
	p.wantText("in Arabic", "#state", "مباشر")
	p.want("with its own digits", `document.getElementById("viewers").textContent`, "١")
}

// Who logs out leaves, and the next person is somebody else.
func (b *browser) testLoggingOut(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	ben := b.enter(t, "http://"+s.open("testroom")+"/", "Ben")
	p := b.moderate(t, s, "Mia", "moderator", "")
	ben.wantText("both are in", "#viewers", "2")
	p.do("log out", chromedp.Evaluate[chromedp.Void](`document.querySelector("chat-room").token = ""`))
	p.want("somebody is asked for a name", `[document.host.dataset.state, document.getElementById("join").hidden]`, []any{"idle", false})
	ben.wantText("Mia is gone", "#viewers", "1")
	p.click("#join-form button")
	p.want("a guest is in", `[document.host.dataset.state, document.host.client.you.role, document.host.client.you.id.startsWith("guest-")]`, []any{"live", "consumer", true})
}

// A room on a port that cannot be reached any more is gone on with at the main port, whose
// address needs no slash.
func (b *browser) testMainPort(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	way := newGateway(t, s.open("testroom"), nil)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><title>elsewhere</title><link rel="icon" href="data:,">
			<script type="module" src="%s/assets/chat-room.js"></script>
			<chat-room room="%s/" main="%[1]s" name="Ann"></chat-room>`, s.api, way.url)
	}))
	t.Cleanup(elsewhere.Close)
	p := b.openForeign(t, elsewhere.URL+"/", s.api, way.url)
	p.want("at its port", `[document.host.dataset.state, document.host.client.url]`, []string{"live", way.url + "/"})
	p.lostConnections()
	way.cut(true)
	p.want("on at the main port", `[document.host.dataset.state, document.host.client.url]`, []string{"live", s.api + "/r/testroom/"})
}

// What could not be loaded is loaded again: at once what there is nothing without, the rest
// when it is wanted again. Some browsers remember an address that failed; so that it is as
// with them, what fails here does so under its first address for ever.
func (b *browser) testLostOnTheWay(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	lost := []string{"strings-en", "transport-events", "transport-polling", "session", "people", "desk-panel", "desk-poll"}
	way := newGateway(t, s.open("testroom"), func(r *http.Request) bool {
		name, is := strings.CutPrefix(r.URL.RequestURI(), "/assets/")
		return noUpgrades(r) || is && slices.Contains(lost, strings.TrimSuffix(name, ".js"))
	})
	p := b.open(t, way.url+"/#token="+s.mintFor("u1", "Mia", "moderator"))
	p.lostConnections()
	p.mayLog(`exception: Uncaught \(in promise\) TypeError: Failed to fetch dynamically imported module: .*`)
	p.want("there are texts, and a way in without WebSocket", `document.host.dataset.state`, "live")
	for _, part := range []struct{ button, module, what string }{
		{"#people-toggle", "people", "#people-list li"},
		{"#desk-toggle", "desk-panel", "#desk-tab-poll"},
		{"#desk-tab-poll", "desk-poll", "#desk-poll-form"},
	} {
		p.click(part.button)
		p.do("wait until it is known to be lost", chromedp.Evaluate[chromedp.Void](
			`import(new URL("assets/`+part.module+`.js", location)).catch(() => {})`, chromedp.EvalAwaitPromise))
		p.click(part.button)
		p.want(part.module+" the second time", `document.querySelectorAll("`+part.what+`").length`, 1)
	}
}

// A part that has come when its chat was gone is none of the next one's.
func (b *browser) testLate(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	asked, gone := make(chan string, 2), make(chan struct{}) // each part is asked for once
	way := newGateway(t, s.open("testroom"), func(r *http.Request) bool {
		if r.URL.Path == "/assets/people.js" || r.URL.Path == "/assets/desk-panel.js" {
			asked <- r.URL.Path
			<-gone
		}
		return false
	})
	release := sync.OnceFunc(func() { close(gone) })
	t.Cleanup(release)
	p := b.open(t, way.url+"/#token="+s.mintFor("u1", "Mia", "moderator"))
	for _, button := range []string{"#people-toggle", "#desk-toggle"} {
		p.click(button)
		select {
		case <-asked:
		case <-time.After(commandTimeout):
			t.Fatalf("want what %s opens to be asked for", button)
		}
	}
	p.do("begin anew", chromedp.Evaluate[chromedp.Void](`document.querySelector("chat-room").setAttribute("view", "chat")`))
	p.want("another chat", `getComputedStyle(document.querySelector(".titles h2")).clipPath`, "inset(50%)")
	release()
	p.click("#desk-toggle")
	p.want("one desk", `[...document.querySelectorAll("#desk")].map((e) => e.open)`, []bool{true})
	p.click("#people-toggle")
	p.want("one list", `[...document.querySelectorAll("#people")].map((e) => [e.open, e.querySelectorAll("li").length])`, []any{[]any{true, 1}})
	p.want("still one desk", `document.querySelectorAll("#desk").length`, 1)
}

// The page that docs/embedding.md tells to copy works as it stands.
func (b *browser) testEmbeddingDocumented(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	s.open("testroom")
	docs, err := os.ReadFile("docs/embedding.md")
	if err != nil {
		t.Fatal(err)
	}
	_, html, _ := strings.Cut(string(docs), "```html\n")
	html, _, _ = strings.Cut(html, "```\n")
	html = strings.ReplaceAll(html, "https://chat.example", s.api)
	html = strings.Replace(html, "<head>", `<head><link rel="icon" href="data:,">`, 1) // else the browser looks for one
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(html)) // the browser may be gone
	}))
	t.Cleanup(server.Close)
	p := b.openForeign(t, server.URL+"/", s.api)
	p.mayAsk(s.api)
	p.join("Ann")
	p.send("hello")
	p.wantChat("it chats", "Ann: hello")
	p.want("the page hears of it", `page.getElementById("now").textContent`, "testroom: 1 watching")
	p.want("and has its own colours", `[getComputedStyle(document.querySelector("header")).backgroundColor, getComputedStyle(document.getElementById("send")).backgroundColor,
		document.host.clientWidth]`, []any{"rgb(232, 245, 241)", "rgb(236, 238, 243)", 400})
}

// Whatever a page may set is in docs/embedding.md, and nothing else is.
func TestEmbeddingNamesAll(t *testing.T) {
	docs, err := os.ReadFile("docs/embedding.md")
	if err != nil {
		t.Fatal(err)
	}
	style, err := os.ReadFile("web/assets/chat-room.css")
	if err != nil {
		t.Fatal(err)
	}
	found := func(pattern string, texts ...string) map[string]bool {
		names := map[string]bool{}
		for _, text := range texts {
			for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
				names[match[1]] = true
			}
		}
		return names
	}
	_, tables, _ := strings.Cut(string(docs), "## Style\n")
	tables, _, _ = strings.Cut(tables, "\n## ")
	properties, parts, _ := strings.Cut(tables, "Parts, for")
	documented := found("`(--chat-[a-z-]+)`", properties)
	host, _, _ := strings.Cut(string(style), "\n}\n")
	want := found(`(?m)^ +(--chat-[a-z-]+):`, host)
	want["--chat-outline"] = true // which the style over a picture has
	if !maps.Equal(documented, want) {
		t.Errorf("want the properties of chat-room.css, %q, in the docs there are %q", slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(documented)))
	}

	sources, err := filepath.Glob("web/assets/*.js")
	if err != nil {
		t.Fatal(err)
	}
	want = map[string]bool{}
	for _, name := range sources {
		if strings.HasPrefix(filepath.Base(name), "desk") {
			continue // which is for those who moderate
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for list := range found(`\bpart(?:=|: (?:own \? "[a-z -]+" : )?)"([a-z -]+)"`, string(source)) {
			for part := range strings.FieldsSeq(list) {
				want[part] = true
			}
		}
	}
	for _, part := range []string{"badge", "badge-producer", "badge-moderator", "badge-platform", "badge-member", "reaction-own", "people"} {
		want[part] = true // which are put together
	}
	if documented := found("`([a-z-]+)`", parts); !maps.Equal(documented, want) {
		t.Errorf("want the parts of the scripts, %q, in the docs there are %q", slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(documented)))
	}
}
