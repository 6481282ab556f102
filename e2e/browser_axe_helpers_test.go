package e2e_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// axe is axe-core, which knows what keeps people from using a page.
var axe struct {
	once   sync.Once
	script string
}

func axeScript(t *testing.T) string {
	t.Helper()
	axe.once.Do(func() {
		dir := npmPackage(t, "axe-core", "4.14.1", "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==")
		script, err := os.ReadFile(filepath.Join(dir, "axe.min.js"))
		if err != nil {
			t.Fatal(err)
		}
		axe.script = string(script)
	})
	if axe.script == "" {
		t.Fatal("there is no axe-core; the test that was to fetch it says why")
	}
	return axe.script
}

// wantAccessible wants axe-core to find nothing wrong with what the page shows, and keeps
// a picture of it.
func (p *page) wantAccessible(why string) {
	p.t.Helper()
	p.keep(why)
	ctx, cancel := context.WithTimeout(p.tab, commandTimeout)
	defer cancel()
	run := `axe.run(document, { resultTypes: ["violations"] }).then(({ passes, violations }) => JSON.stringify({
		passes: passes.length,
		violations: violations.flatMap(({ id, impact, help, nodes }) => nodes.map(({ html, failureSummary }) => [id, impact, help, html, failureSummary].join(" · "))),
	}))`
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](axeScript(p.t)+"; undefined")); err != nil {
		p.t.Fatalf("%s: load axe-core: %v", why, err)
	}
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[string](run, chromedp.EvalAwaitPromise))
	var found struct {
		Passes     int      `json:"passes"`
		Violations []string `json:"violations"`
	}
	if err == nil {
		err = json.Unmarshal([]byte(answer), &found)
	}
	if err != nil || found.Passes == 0 {
		p.t.Fatalf("%s: axe-core: %v, %s", why, err, answer)
	}
	for _, violation := range found.Violations {
		p.t.Errorf("%s: %s", why, violation)
	}
}
