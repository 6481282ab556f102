package e2e_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// testDashboardPicture watches an evening of some streams for a minute and a half, and
// writes dashboard.png; browser_picture_test.go says more.
//
//	CHATSERVER_SCREENSHOTS=docs/images go test -run TestDashboard/picture ./e2e
func (b *browser) testDashboardPicture(t *testing.T) {
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
	if err := os.WriteFile(filepath.Join(os.Getenv(screenshots), "dashboard.png"), pack(t, photograph(p.tab, t)), 0o644); err != nil {
		t.Fatal(err)
	}
}
