package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestEmbed shows the chat on pages that are not ours.
func TestEmbed(t *testing.T) {
	b := startBrowser(t)
	t.Run("element", b.testElement)
}

// site is a page of another origin, with the strictest policy that a chat can live under.
func site(t *testing.T, chat, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", fmt.Sprintf(
			"default-src 'none'; script-src %[1]s; connect-src %[1]s ws%[2]s; style-src 'nonce-own'; img-src data:; require-trusted-types-for 'script'; trusted-types chat-room",
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

	p.want("it goes with its element", `(document.host.remove(), page.querySelector("chat-room"))`, nil)
	ben.want("Ann", "message")
}
