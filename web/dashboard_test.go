package web_test

import (
	"testing"

	"chatserver/web"
)

// The dashboard weighs no more than a consumer's page.
func TestDashboardWeight(t *testing.T) {
	const most = 100_000 // bytes before compression
	needed := map[string]bool{"style.css": true, "dashboard.css": true, "favicon.svg": true}
	imported(t, "dashboard.js", needed)
	total := ask(web.Dashboard(), "GET", "/").Body.Len()
	for name := range needed {
		total += ask(web.Assets(), "GET", "/assets/"+name).Body.Len()
	}
	if total > most {
		t.Errorf("the dashboard weighs %d bytes, want at most %d", total, most)
	}
	t.Logf("%d bytes in %d files", total, len(needed)+1)
}
