package e2e_test

import (
	"syscall"
	"testing"
)

// An operator restarts the server from the dashboard. People in a room hear why, and go on
// with another process, without one failed request on any page.
func (b *browser) testHandOver(t *testing.T) {
	t.Parallel()
	s := startFamily(t, newProgram(t))
	address := s.open("testroom")
	ann := b.enter(t, "http://"+address+"/", "Ann")
	ben := b.enter(t, s.api+"/r/testroom/", "Ben")
	operator := b.open(t, s.admin+"/")
	operator.unlock(testAdminKey)
	both := func(check func(*page)) { check(ann); check(ben) }
	ann.send("before")
	both(func(p *page) { p.wantChat("before", "Ann: before") })

	operator.click("#restart")
	operator.wantText("the pause is over", "#confirm-do", "Restart")
	operator.click("#confirm-do")
	both(func(p *page) { p.wantText("why", "#why", "The server is being restarted.") })
	s.wantSucceeded(1)
	operator.want("the dashboard goes on", `document.body.innerText.includes("The server was started anew")`, true)
	both(func(p *page) { p.wantText("back by itself", "#state", "Live") })
	ben.send("welcome back")
	both(func(p *page) {
		p.wantChat("nothing is lost", "Ann: before", "Ben: welcome back")
		p.wantText("both are back, once each", "#viewers", "2")
	})
	s.wantOnlyHead()
	s.signal(syscall.SIGTERM)
}
