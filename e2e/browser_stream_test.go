package e2e_test

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestStreams watches streams beside the chat, in Chromium, which plays HLS by itself.
// The helpers are in browser_stream_helpers_test.go.
func TestStreams(t *testing.T) {
	b := startBrowser(t)
	t.Run("plays", b.testStreamPlays)
	t.Run("comes later", b.testStreamComesLater)
	t.Run("changes", b.testStreamChanges)
	t.Run("live", b.testLiveStream)
	t.Run("on request", b.testStreamOnRequest)
	t.Run("unable", b.testStreamUnable)
	t.Run("hls.js", b.testStreamByScript)
	t.Run("wrong hash", b.testStreamWrongHash)
}

const (
	playlist, piece = ".m3u8", ".ts"

	onVideo = `globalThis.document.querySelector("stream-player video")`
	// unseen tells of a part of the player whether nobody sees it.
	unseen = `((part) => !globalThis.document.querySelector("stream-player " + part).checkVisibility())`
)

func (b *browser) testStreamPlays(t *testing.T) {
	t.Parallel()
	host, s := newStreamHost(t), startChat(t)
	host.begin("a", makeStream(t, 320, 10))
	s.open("testroom")
	s.stream(host.at("a"))
	p := b.watch(t, s, []string{host.URL}, chromedp.EmulateViewport(320, 640))
	p.wantPlays("nobody has joined", 320)
	p.want("it began without sound", onVideo+`.muted`, true)
	p.want("where it plays", `[`+onVideo+`.playsInline, `+onVideo+`.controls]`, []bool{true, true})
	p.want("it is as wide as it is high by 16 to 9, and there is space for the chat",
		`((box) => [box.width, box.height, document.getElementById("join").checkVisibility()])(globalThis.document.querySelector("stream-player").getBoundingClientRect())`, []any{320, 180, true})
	p.wantFits("a phone with a stream")
	p.wantPart("how to hear it", ".sound", "Turn on the sound")
	p.want("who cannot see it knows what it is", `globalThis.document.querySelector("stream-player").ariaLabel`, "Stream")

	p.do("press the button by keyboard", chromedp.SendKeys(chromedp.CSS("stream-player .sound"), kb.Enter))
	p.want("there is sound", `[`+onVideo+`.muted, `+onVideo+`.volume > 0]`, []bool{false, true})
	p.want("the button is not needed any more, and the keyboard is with the video",
		`[`+unseen+`(".sound"), globalThis.document.activeElement === `+onVideo+`]`, []bool{true, true})
	p.wantPlays("with sound", 320)
}

// A stream that has not started yet says so, and plays by itself when it has.
func (b *browser) testStreamComesLater(t *testing.T) {
	t.Parallel()
	host, s := newStreamHost(t), startChat(t)
	s.open("testroom")
	s.stream(host.at("a"))
	p := b.watch(t, s, []string{host.URL}, chromedp.EmulateViewport(320, 640))
	p.wantNote("nothing is there", "The stream has not started yet.")
	p.want("when it is tried again", `/^Trying again in \d+ s$/.test(globalThis.document.querySelector("stream-player .wait").textContent)`, true)
	p.want("the wait is not read out", `globalThis.document.querySelector("stream-player .wait").ariaHidden`, "true")
	p.wantFits("a phone without a stream")

	p.press(".notes button")
	p.want("it was tried, and nothing is there", `globalThis.document.querySelector("stream-player .notes").innerText.includes("Trying again in ")`, true)
	p.wantNote("nothing is there", "The stream has not started yet.")
	host.begin("a", makeStream(t, 320, 10))
	p.wantPlays("nobody has done anything", 320)
	p.want("nothing else is left of that", `["button", "a", ".wait"].every((part) => `+unseen+`(".notes " + part))`, true)
}

// What the room's settings say holds at once.
func (b *browser) testStreamChanges(t *testing.T) {
	t.Parallel()
	host, s := newStreamHost(t), startChat(t)
	host.begin("a", makeStream(t, 320, 20))
	host.begin("b", makeStream(t, 256, 20))
	address := s.open("testroom")
	p := b.watch(t, s, []string{host.URL})
	p.join("Ann")
	p.want("no stream takes no space", unseen+`("")`, true)
	s.stream(host.at("a"))
	p.wantPlays("the first", 320)
	p.do("pause it", chromedp.Evaluate[chromedp.Void](`((video) => {
		globalThis.seen = [];
		for (const type of ["pause", "play", "emptied"]) video.addEventListener(type, () => seen.push(type));
		video.pause();
	})(`+onVideo+`)`))
	s.join(address, "Ben")
	p.wantText("somebody has come", "#viewers", "2")
	s.stream(host.at("b"))
	p.wantPlays("another", 256)
	p.want("what the room was told besides left it alone", `globalThis.seen`, []string{"pause", "emptied", "play"})
	s.stream("")
	p.want("no stream any more", `[`+unseen+`(""), `+onVideo+`.networkState]`, []any{true, 0})
	p.send("nice")
	p.wantChat("the chat goes on", "Ann: nice")
}

// A live stream halts, goes on, breaks off, comes back and ends.
func (b *browser) testLiveStream(t *testing.T) {
	t.Parallel()
	host, s := newStreamHost(t), startChat(t)
	host.begin("a", makeStream(t, 320, 40))
	host.showLive("a", 1, 5)
	s.open("testroom")
	s.stream(host.at("a"))
	p := b.watch(t, s, []string{host.URL})
	p.wantPlays("from the start", 320)
	p.wantNote("there is no more of it", "The stream does not go on at the moment.")
	p.want("the last picture stays", unseen+`("video")`, false)
	host.fail("a", playlist)
	host.showLive("a", 3, 8)
	p.wantNote("nobody is there at all", "The stream does not go on at the moment.")
	host.fail("a", "")
	p.wantPlays("it goes on", 320)
	p.wantNote("there is no more of it", "The stream does not go on at the moment.")
	host.fail("a", piece)
	host.showLive("a", 24, 30)
	p.wantNote("what comes next is not there any more", "The stream was interrupted.")
	host.fail("a", "")
	p.wantPlays("what there is", 320)
}

func (b *browser) testStreamOnRequest(t *testing.T) {
	t.Parallel()
	host, s := newStreamHost(t), startChat(t)
	host.begin("a", makeStream(t, 320, 2))
	s.open("testroom")
	s.stream(host.at("a"))
	p := b.watch(t, s, []string{host.URL}, media("prefers-reduced-motion", "reduce"))
	p.wantNote("nothing moves unasked", "The stream is ready.")
	p.want("nothing moves unasked", onVideo+`.paused`, true)
	p.do("press the button by keyboard", chromedp.SendKeys(chromedp.CSS("stream-player .notes button"), kb.Enter))
	p.wantPlays("asked to", 320)
	p.want("the keyboard stays where it was", `globalThis.document.activeElement.localName`, "stream-player")
	p.wantNote("all of it was seen", "The stream is over.")
	p.wantPart("once more", ".notes button", "Watch again")
	p.press(".notes button")
	p.wantPlays("asked to", 320)
}

// A browser without HLS, and no script that has it.
func (b *browser) testStreamUnable(t *testing.T) {
	t.Parallel()
	host, s := newStreamHost(t), startChat(t)
	s.open("testroom")
	s.stream(host.at("a"))
	p := b.watch(t, s, []string{host.URL}, withoutHLS())
	p.wantNote("in words", "This browser cannot play the stream.")
	p.want("where it may be played", `((a) => [a.href, a.checkVisibility(), a.rel])(globalThis.document.querySelector("stream-player a"))`, []any{host.at("a"), true, "noopener noreferrer"})
	p.want("there is nothing to try", unseen+`("button")`, true)
	p.join("Ann")

	arabic := b.open(t, s.api+"/r/testroom/?lang=ar", withoutHLS())
	arabic.wantNote("in the reader's words", "لا يستطيع هذا المتصفح تشغيل البثّ.")
	alone := b.open(t, s.api+"/r/testroom/?view=chat", withoutHLS())
	alone.join("Ben")
	alone.want("who wants the chat alone gets it alone", unseen+`("")`, true)
}

// A browser without HLS, and hls.js.
func (b *browser) testStreamByScript(t *testing.T) {
	t.Parallel()
	host, script := newStreamHost(t), newScriptHost(t)
	s := startChat(t, script.settings(script.integrity)...)
	s.open("testroom")
	s.stream(host.at("a"))
	p := b.watch(t, s, []string{host.URL, script.URL}, trustful, withoutHLS())
	p.mayLog(`error: Failed to load resource: the server responded with a status of (404|500) .*`)
	p.wantNote("nothing is there", "The stream has not started yet.")
	host.begin("a", makeStream(t, 320, 20))
	p.wantPlays("nobody has done anything", 320)
	p.want("it is the script that plays", onVideo+`.currentSrc.startsWith("blob:")`, true)
	p.join("Ann")
	host.begin("b", makeStream(t, 256, 20))
	s.stream(host.at("b"))
	p.wantPlays("another", 256)
	host.fail("a", playlist)
	s.stream(host.at("a"))
	p.wantNote("the host fails", "The stream cannot be reached.")
	host.fail("a", "")
	p.wantPlays("nobody has done anything", 320)
	p.want("the script was loaded once", `globalThis.document.querySelectorAll("script[integrity]").length`, 1)
}

// A script that is not what the configuration says does not run.
func (b *browser) testStreamWrongHash(t *testing.T) {
	t.Parallel()
	host, script := newStreamHost(t), newScriptHost(t)
	s := startChat(t, script.settings(integrityOf([]byte("something else")))...)
	host.begin("a", makeStream(t, 320, 2))
	s.open("testroom")
	s.stream(host.at("a"))
	p := b.watch(t, s, []string{host.URL, script.URL}, trustful, withoutHLS())
	p.mayLog(`error: Failed to find a valid digest in the 'integrity' attribute for resource '` + script.URL + `/hls.light.min.js' .*`)
	p.wantNote("in words", "The player for this stream could not be loaded.")
	p.want("it did not run", `typeof Hls`, "undefined")
	p.want("where it may be played", `globalThis.document.querySelector("stream-player a").href`, host.at("a"))
	p.join("Ann")
	if status, _ := ask(t, "GET", host.at("a"), "", ""); status != http.StatusOK || p.asked("/a/index.m3u8") != 0 {
		t.Errorf("want a stream that is there (%d) and that nobody asks for", status)
	}
}
