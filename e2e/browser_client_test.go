package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"
)

// TestClient has the browser's client come in by every way there is, on our own page and
// on one that is not ours.
func TestClient(t *testing.T) {
	b := startBrowser(t)
	t.Run("every transport", b.testTransports)
	t.Run("cut off", b.testCutOff)
	t.Run("killed", b.testKilled)
	t.Run("told when to come back", b.testComeBack)
	t.Run("silent WebSocket", b.testSilentWebSocket)
	t.Run("not continued", b.testNotContinued)
	t.Run("said once", b.testSaidOnce)
	t.Run("fallback", b.testFallback)
	t.Run("embedded", b.testEmbedded)
	t.Run("documented", b.testDocumented)
	t.Run("token", b.testToken)
}

func (b *browser) testTransports(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	address := s.open("testroom")
	strict := newGateway(t, address, noUpgrades)
	all := b.enterThree(t, "http://"+address+"/", strict.url+"/")
	all.each(func(p *page) { p.wantText("all are there", "#viewers", "3") })

	var lines []string
	for who, p := range map[string]*page{"Wanda": all.ws, "Eve": all.events, "Pia": all.polling} {
		text := "hello from " + who
		p.send(text)
		lines = append(lines, who+": "+text)
		all.each(func(p *page) { p.wantChat(who+" speaks", lines...) })
	}

	ben := s.join(address, "Ben")
	ben.send(obj{"type": "message", "id": "1", "text": "a slip of the tongue"})
	all.each(func(p *page) { p.wantChat("Ben speaks", append(lines, "Ben: a slip of the tongue")...) })
	ben.send(obj{"type": "delete", "seq": len(lines) + 1})
	all.each(func(p *page) {
		p.wantChat("Ben thinks again", append(lines, "Ben: Message removed")...)
		p.want("nothing of it is left", `document.innerHTML.includes("slip of the tongue")`, false)
	})

	all.events.send(strings.Repeat("x", 501))
	all.events.wantText("refused over HTTP too", "#counter", "1 character too many")
	all.polling.click("#people-toggle")
	all.polling.want("an answer over HTTP", `[...document.querySelectorAll("#people-list li .name")].map((e) => e.textContent)`,
		[]string{"Ben", "Eve", "Pia", "Wanda"})

	all.events.do("go away", chromedp.Navigate("about:blank"))
	all.ws.wantText("a page that goes leaves the room at once", "#viewers", "3")
	all.polling.mayAsk(s.api) // the room's port is gone before the next poll comes, it may be
	s.call("DELETE", "/api/v1/room/testroom", "", http.StatusOK)
	for _, p := range []*page{all.ws, all.polling} {
		p.wantText("closed", "#why", "This room is closed.")
	}
}

// The network goes away for a while, and what happened meanwhile is heard once.
func (b *browser) testCutOff(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0", "HOST=::1") // which no policy can name: the pages know no other way
	address := s.open("testroom")
	open, strict := newGateway(t, address, nil), newGateway(t, address, noUpgrades)
	all := b.enterThree(t, open.url+"/", strict.url+"/")
	ben := s.join(address, "Ben")
	say := func(text string) {
		ben.send(obj{"type": "message", "text": text})
	}
	say("before")
	all.each(func(p *page) { p.wantChat("before", "Ben: before") })

	both := func(shut bool) { open.cut(shut); strict.cut(shut) }
	both(true)
	say("meanwhile")
	say("and again")
	both(false)
	say("after")
	lines := []string{"Ben: before", "Ben: meanwhile", "Ben: and again", "Ben: after"}
	all.each(func(p *page) {
		p.wantChat("all, once and in order", lines...)
		p.wantText("it goes on", "#state", "Live")
	})

	joins := all.events.asked("/join")
	strict.cut(false)
	say("after a short break")
	all.events.wantChat("the browser itself comes back to the same session", append(lines, "Ben: after a short break")...)
	if again := all.events.asked("/join"); again != joins {
		t.Errorf("want no further join after a short break, got %d", again-joins)
	}
}

// A WebSocket that neither opens nor fails is given up in time.
func (b *browser) testSilentWebSocket(t *testing.T) {
	t.Parallel()
	s := startChat(t)
	s.open("testroom")
	p := b.open(t, s.api+"/r/testroom/", before(`WebSocket = class extends EventTarget { readyState = 0; close() {} };`))
	p.join("Ann")
	p.wantTransport("another way", "events")
}

// The server is killed and started again on the same journal.
func (b *browser) testKilled(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	settings := []string{"PORT=" + ports[0], "ROOM_PORTS=" + ports[1] + "-" + ports[1], "DATA_DIR=" + t.TempDir(), "LIMIT_BURST=0"}
	s := startChat(t, settings...)
	address := s.open("testroom")
	strict := newGateway(t, address, noUpgrades)
	all := b.enterThree(t, "http://"+address+"/", strict.url+"/")
	all.each(func(p *page) { p.mayAsk(s.api) })
	all.ws.send("before")
	all.each(func(p *page) { p.wantChat("before", "Wanda: before") })

	s.signal(syscall.SIGKILL)
	s.wait("the kill")
	s = startChat(t, settings...)
	ben := s.join(address, "Ben")
	ben.send(obj{"type": "message", "text": "is anybody back?"})
	all.each(func(p *page) {
		p.wantChat("what was said, once", "Wanda: before", "Ben: is anybody back?")
		p.wantText("back by itself", "#state", "Live")
	})
	lines := []string{"Wanda: before", "Ben: is anybody back?"}
	for who, p := range map[string]*page{"Wanda": all.ws, "Eve": all.events, "Pia": all.polling} {
		p.send("I am")
		lines = append(lines, who+": I am")
		all.each(func(p *page) { p.wantChat(who+" speaks", lines...) })
	}
	all.each(func(p *page) { p.wantText("nobody is there twice", "#viewers", "4") })
}

func (b *browser) testComeBack(t *testing.T) {
	t.Parallel()
	const after = 2500 * time.Millisecond
	var left, back time.Time
	s := newStandIn(t, func(ws *standInConn) {
		ws.say(welcomeAs("guest-1", 0), fmt.Sprintf(`{"type":"closing","reason":"shutdown","reconnect_after":%d}`, after.Milliseconds()))
		left = time.Now()
		ws.close(websocket.CloseGoingAway)
	}, func(ws *standInConn) {
		back = time.Now()
		ws.say(welcomeAs("guest-2", 0))
		ws.stay()
	})
	p := b.open(t, s.URL+"/")
	p.fill("#name", "Ann")
	p.click("#join-form button")
	p.wantText("the server stops", "#why", "The server is being restarted.")
	p.wantTransport("back", "websocket")
	if waited := back.Sub(left); waited < after || waited > after+commandTimeout/2 {
		t.Errorf("want it back after %v, it came after %v", after, waited)
	}
}

// The page comes back to a log that does not go on where it was, and then to another one:
// the poll that is open stays, and what was said before can be gone to.
func (b *browser) testNotContinued(t *testing.T) {
	t.Parallel()
	const seen, shown, answered = 20, 10, 5
	welcome := strings.Replace(welcomeAs("u1", seen), `"gap":false`, `"gap":true,"poll":{"type":"poll","seq":2,"time":1,"poll":2,`+
		`"question":"Tea?","options":["yes","no"],"ends":1795510838030}`, 1)
	leave := make(chan struct{})
	until := func(text string) func(ws *standInConn) {
		return func(ws *standInConn) {
			ws.say(welcome, saidBy("u2", text, seen))
			<-leave
			ws.say(`{"type":"closing","reason":"shutdown","reconnect_after":1}`)
			ws.close(websocket.CloseGoingAway)
		}
	}
	var said []string
	for i := range seen {
		said = append(said, saidBy("u2", strconv.Itoa(i+1), i+1))
	}
	said[seen-1] = strings.Replace(said[seen-1], `"text"`, fmt.Sprintf(`"reply_to":%d,"text"`, answered), 1)
	s := newStandIn(t, until("first"), until("second"), until("third"), func(ws *standInConn) {
		ws.say(append([]string{strings.Replace(welcome, `"epoch":"e"`, `"epoch":"f"`, 1)}, said[seen-shown:]...)...)
		ws.say(fmt.Sprintf(`{"type":"history","id":%q,"events":[%s],"first":1}`, ws.read("history").str("id"), strings.Join(said, ",")))
		ws.stay()
	})

	ann := b.open(t, s.URL+"/")
	ann.join("Ann")
	ann.wantText("a poll is open", "#poll-question", "Tea?")
	leave <- struct{}{}
	ann.want("she has missed something", rowTexts, []string{"second"})
	ann.wantText("the poll is still open", "#poll-question", "Tea?")
	ann.click("#poll .panel-head button")
	leave <- struct{}{}
	ann.want("and again", rowTexts, []string{"third"})
	ann.want("what is put away stays away", `document.getElementById("poll").checkVisibility()`, false)
	leave <- struct{}{}
	ann.wantRows("another log", seen-shown+1, seen)
	ann.wantText("has another poll", "#poll-question", "Tea?")
	ann.click("#log .quote")
	ann.wantRows("it goes back, too", 1, seen)
}

// A message was on its way when the connection broke. The page cannot know whether it
// arrived: it is said once all the same.
func (b *browser) testSaidOnce(t *testing.T) {
	t.Parallel()
	sent := make(chan string, 1)
	breakAfterOne := func(id string) func(ws *standInConn) {
		return func(ws *standInConn) {
			ws.say(welcomeAs(id, 0))
			sent <- ws.read("message").str("id")
		}
	}
	enter := func(s *standIn) *page {
		p := b.open(t, s.URL+"/")
		p.join("Ann")
		p.send("hello")
		return p
	}

	p := enter(newStandIn(t, breakAfterOne("u1"), func(ws *standInConn) {
		ws.say(welcomeAs("u1", 0))
		again := ws.read("message")
		if id := <-sent; again.str("id") != id || again.str("text") != "hello" {
			t.Errorf("want the same under the id %s, by which the server knows it, got %v", id, again)
		}
		ws.say(saidBy("u1", "hello", 1), fmt.Sprintf(`{"type":"ack","id":%q,"seq":1}`, again.str("id")))
		ws.stay()
	}))
	p.wantChat("who has a token says it again", "Ann: hello")

	p = enter(newStandIn(t, breakAfterOne("guest-1"), func(ws *standInConn) {
		ws.say(welcomeAs("guest-2", 1), saidBy("guest-1", "hello", 1))
		if next := ws.read("message"); next.str("text") != "next" {
			t.Errorf("want what comes next, got %v", next)
		}
		ws.say(saidBy("guest-2", "next", 2))
		ws.stay()
	}))
	p.wantChat("a guest finds it among what was missed", "Ann: hello")
	p.send("next")
	p.want("and goes on", `document.querySelectorAll("#log > .row").length`, 2)
	<-sent
}

// The room's own port cannot be reached any more: the page goes on at the main port.
func (b *browser) testFallback(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	own := newGateway(t, s.open("testroom"), nil)
	ann := b.open(t, own.url+"/")
	ann.lostConnections()
	ann.mayAsk(s.api)
	ann.join("Ann")
	ann.send("at the room's port")
	ben := b.enter(t, s.api+"/r/testroom/", "Ben")
	ben.wantChat("before", "Ann: at the room's port")

	own.cut(true)
	ben.send("are you still there?")
	ann.wantChat("by the other way", "Ann: at the room's port", "Ben: are you still there?")
	ann.wantTransport("over WebSocket as before", "websocket")
	ann.send("yes, at the main port")
	ben.wantChat("both ways", "Ann: at the room's port", "Ben: are you still there?", "Ann: yes, at the main port")
}

// A page of another site imports the client, as docs/client.md says.
func (b *browser) testEmbedded(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	address := s.open("testroom")
	dead := freePorts(t, 1)[0]
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><ul id="chat"></ul><script type="module">
			import { ChatClient } from "%s/assets/chat-client.js";
			const client = new ChatClient({ url: "http://127.0.0.1:%s/", fallback: ["%[1]s/r/testroom/"], name: "Ann" });
			const line = (text) => document.getElementById("chat").append(Object.assign(document.createElement("li"), { textContent: text }));
			client.addEventListener("message", ({ detail }) => line(detail.user.name + ": " + detail.text));
			client.addEventListener("reactions", ({ detail }) => line(JSON.stringify(detail.totals)));
			client.addEventListener("state", async ({ detail }) => {
				if (detail.name !== "live") return;
				const { seq } = await client.message("hello");
				await client.react(seq, "🎉");
				line((await client.who()).users.map((user) => user.name).join());
				await client.timeout("nobody", 60).catch((err) => line(err.code));
			});
			client.connect();
		</script>`, s.api, dead)
	}))
	t.Cleanup(site.Close)
	ben := s.join(address, "Ben")
	p := b.openForeign(t, site.URL+"/", s.api, "http://127.0.0.1:"+dead)
	p.lostConnections()
	p.want("it is in, and speaks", `[...document.querySelectorAll("#chat li")].map((e) => e.textContent).toSorted()`,
		[]string{"Ann,Ben", "Ann: hello", "forbidden", `{"1":{"🎉":1}}`})
	if got := ben.want("others hear it", "message"); got.str("text") != "hello" {
		t.Errorf("want hello, got %v", got)
	}
}

// The page that docs/client.md tells to copy works as it stands.
func (b *browser) testDocumented(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_TEXT=20")
	address := s.open("testroom")
	docs, err := os.ReadFile("docs/client.md")
	if err != nil {
		t.Fatal(err)
	}
	_, html, _ := strings.Cut(string(docs), "```html\n")
	html, _, _ = strings.Cut(html, "```\n")
	html = strings.ReplaceAll(html, "https://chat.example", s.api)
	html += `<link rel="icon" href="data:,">` // else the browser looks for one
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(html)) // the browser may be gone
	}))
	t.Cleanup(site.Close)
	p := b.openForeign(t, site.URL+"/", s.api)
	log := `[...document.querySelectorAll("#log p")].map((e) => e.textContent)`
	p.wantText("it is in", "#state", "live")
	say := func(text string) {
		p.fill("#text", text)
		p.click("#form button")
	}
	say("hello")
	p.want("it speaks", log, []string{"Ann: hello"})
	say("much more than twenty characters")
	p.want("why not", `document.getElementById("problem").textContent !== ""`, true)
	p.wantBox("nothing is lost", "much more than twenty characters")
	ben := s.join(address, "Ben")
	ben.want("history", "message")
	ben.send(obj{"type": "message", "text": "<b>oops</b>"})
	p.want("it listens", log, []string{"Ann: hello", "Ben: <b>oops</b>"})
	ben.send(obj{"type": "delete", "seq": 2})
	p.want("what is deleted goes", log, []string{"Ann: hello"})
	s.call("DELETE", "/api/v1/room/testroom", "", http.StatusOK)
	p.wantText("why it ends", "#state", "closed: room_closed")
}

// A token behind # lets a user in and leaves no trace; what moderators do is seen.
func (b *browser) testToken(t *testing.T) {
	t.Parallel()
	s := startChat(t, "LIMIT_BURST=0")
	address := s.open("testroom")
	token := s.mintFor("u1", "Mia", "producer")
	mia := b.open(t, "http://"+address+"/#token="+token)
	mia.wantTransport("the token lets her in", "websocket")
	mia.wantText("by her name", "#me", "Mia")
	mia.wantNoTrace("it is in memory alone", token)
	ann := b.enter(t, s.api+"/r/testroom/", "Ann")
	ann.send("keep this")
	lines := []string{"Ann: keep this"}
	mia.wantChat("before", lines...)

	// The page has no buttons for these yet.
	producer := s.dial(address)
	producer.send(obj{"type": "join", "token": token})
	producer.want("she is here twice", "welcome")
	annID, _ := producer.want("what Ann has said", "message")["user"].(map[string]any)["id"].(string)
	does := func(command obj, notices ...string) {
		t.Helper()
		command["id"] = fmt.Sprint(len(lines), command["type"])
		producer.send(command)
		for _, notice := range notices {
			lines = append(lines, "* "+notice)
		}
		ann.wantChat(command.str("type"), lines...)
	}
	does(obj{"type": "set", "pinned": 1}, "A message was pinned.")
	ann.wantText("pinned", "#pinned-text", "Ann: keep this")
	does(obj{"type": "set", "slow_mode": 5, "members_only": true, "emotes_only": true},
		"Slow mode is on: one message every 5 seconds.", "Only members may chat now.", "Only emotes may be sent now.")
	ann.wantText("the modes", "#modes", "Slow mode: 5 seconds · Members only · Emotes only")
	does(obj{"type": "poll", "question": "Tea?", "options": []string{"yes", "no"}, "seconds": 60}, "Poll: Tea? (yes · no)")
	does(obj{"type": "poll", "close": true}, "The poll is over: Tea? (yes: 0 · no: 0)")
	lines = append(lines, "~ Mia: psst")
	does(obj{"type": "whisper", "to": annID, "text": "psst"})
	producer.send(obj{"type": "announce", "text": "Listen!"})
	lines = append(lines, "! Listen!")
	ann.wantChat("announced", lines...)

	producer.send(obj{"type": "timeout", "user": annID, "seconds": 60, "reason": "calm down"})
	ann.want("put on a break", `/^Ann may not chat until \d+:\d\d.[AP]M \(Mia\): calm down$/.test(document.querySelector("#log").lastElementChild.textContent)`, true)
	ann.send("but")
	ann.wantText("why not", "#note", "A moderator has put you on a break.")
	producer.send(obj{"type": "delete", "seq": 1})
	ann.want("the pin goes with the message", `[document.getElementById("pinned").hidden, document.innerHTML.includes("keep this")]`, []bool{true, false})
	producer.send(obj{"type": "clear"})
	for _, p := range []*page{ann, mia} {
		p.wantChat("cleared", "! Listen!", "* Mia has cleared the chat.")
	}
	producer.send(obj{"type": "ban", "user": annID})
	ann.wantText("banned", "#why", "You are banned from this room.")
	mia.wantChat("she hears of it", "! Listen!", "* Mia has cleared the chat.", "* Ann was banned (Mia).")
}
