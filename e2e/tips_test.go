package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
)

// A tip is paid once, also when the server is killed between the service's yes and the
// journal.
func TestATipOverAKill(t *testing.T) {
	c := startService(t, buildCredit)
	settings := []string{"CREDIT_URL=" + c.url, "CREDIT_KEY=" + serviceKey, "DATA_DIR=" + t.TempDir(), "ROOM_PORTS=" + roomPorts(50)}
	s := startChat(t, settings...)
	raw := func() string { return s.token("testroom", "ann", "consumer") }
	ann := s.arrive(s.open("testroom"), raw())
	ann.want("in", "welcome")
	tip := obj{"type": "tip", "id": "t1", "amount": 12.5, "currency": "EUR", "text": "soup"}
	c.is("lose")
	ann.send(tip)
	c.wantPrinted("it is taken", `ann gives 12\.5 EUR in testroom`)
	s.signal(syscall.SIGKILL)
	s.wait("the kill")
	c.is("well")

	s = startChat(t, settings...)
	port, _ := s.roomOf("testroom")
	ann = s.arrive(fmt.Sprint("127.0.0.1:", port), raw())
	ann.want("in", "welcome")
	for range 2 {
		ann.send(tip)
		if a := ann.until("it is sent again", "ack"); a.num("seq") != 1 {
			t.Errorf("ack: %v", a)
		}
	}
	_, tips := ask(t, "GET", c.url+"/tips", "", "")
	if want := `[{"user":"ann","room":"testroom","amount":12.5,"currency":"EUR","text":"soup","times":2}]`; tips != want {
		t.Errorf("tips: %s, want %s", tips, want)
	}
	log := s.call("GET", "/api/v1/room/testroom/log", "", http.StatusOK)
	if n := strings.Count(log, `"type":"tip"`); n != 1 {
		t.Errorf("want one event, got %s", log)
	}
	ann.send(obj{"type": "tip", "id": "t2", "amount": 100000, "currency": "EUR"})
	if e := ann.until("too much", "error"); e.str("code") != "tip_refused" || !strings.Contains(e.str("message"), "left") {
		t.Errorf("error: %v", e)
	}
}

// Whoever watches reads of tips; what was written with one disappears when it is removed,
// and a paid room tells a guest why the chat ends.
func (b *browser) testTips(t *testing.T) {
	t.Parallel()
	c := startService(t, buildCredit)
	s := startChat(t, "CREDIT_URL="+c.url, "CREDIT_KEY="+serviceKey)
	address := s.open("testroom")
	ann := b.enter(t, "http://"+address+"/", "Ann")
	bob := s.arrive(address, s.token("testroom", "bob", "consumer"))
	bob.send(obj{"type": "tip", "amount": 12.5, "currency": "EUR", "text": "for the soup"})
	ann.wantChat("a tip", "* Bob gives 12.5 EUR: for the soup")
	boss := s.arrive(address, s.token("testroom", "boss", "moderator"))
	boss.send(obj{"type": "delete", "seq": 1})
	ann.wantChat("its text was removed", "* Bob gives 12.5 EUR.")
	twice := fmt.Sprintf(`(async () => {
		const { ChatClient } = await import("/assets/chat-client.js");
		const client = new ChatClient({ url: location.origin + "/", token: %q });
		const there = new Promise((done) => client.addEventListener("welcome", done));
		client.connect();
		await there;
		const first = client.tip(3, "EUR");
		const { seq } = await first;
		const again = await client.tip(3, "EUR", undefined, { id: first.id });
		document.title = seq === again.seq ? "once" : "twice";
		await client.leave();
	})()`, s.token("testroom", "cy", "consumer"))
	ann.do("a tip that is sent twice", chromedp.Evaluate[chromedp.Void](twice, chromedp.EvalAwaitPromise))
	ann.want("it is taken once", "document.title", "once")
	ann.wantChat("it is taken once", "* Bob gives 12.5 EUR.", "* Cy gives 3 EUR.")
	late := b.enter(t, "http://"+address+"/", "Late")
	late.wantChat("who comes later", "* Bob gives 12.5 EUR.", "* Cy gives 3 EUR.")
	s.call("PATCH", "/api/v1/room/testroom", `{"paid":true}`, http.StatusOK)
	ann.wantText("the room is paid for now", "#why", "Your credit for this room is used up.")
}
