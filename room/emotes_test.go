package room

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/cache"
)

func TestEmotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database := new(source)
		database.say(cache.Documents{})
		cached := database.follow(t)
		inThisBubble(t, func(w *world) {
			r := w.room("lobby")
			if status, body := r.get("/emotes", nil); status != 200 || body != `{"data":{"emotes":{}}}`+"\n" {
				w.Errorf("none: %d %q", status, body)
			}
			database.say(cache.Documents{Emotes: []cache.Emote{
				{Code: "Kappa", URL: "https://pics.example/kappa.png?a=1&b=2"},
				{Code: ":soup:", URL: "http://pics.example/soup.png", Room: "lobby"},
				{Code: "other", URL: "https://pics.example/other.png", Room: "another"},
			}})
			w.pass(2 * time.Second)
			release := r.jammed() // the actor is not asked
			defer release()
			answer := r.roundTrip(http.MethodGet, "/emotes", http.Header{"Origin": {"https://good.example"}})
			body, err := io.ReadAll(answer.Body)
			if want := `{"data":{"emotes":{":soup:":"http://pics.example/soup.png","Kappa":"https://pics.example/kappa.png?a=1\u0026b=2"}}}` + "\n"; err != nil || string(body) != want {
				w.Errorf("want %s, got %s (%v)", want, body, err)
			}
			tag := answer.Header.Get("ETag")
			if origin := answer.Header.Get("Access-Control-Allow-Origin"); !strings.HasPrefix(tag, `"`) || origin != "https://good.example" {
				w.Errorf("tag %q, allowed %q", tag, origin)
			}
			if status, body := r.get("/emotes", http.Header{"If-None-Match": {tag}}); status != 304 || body != "" {
				w.Errorf("the same: %d %q", status, body)
			}
			if answer := r.roundTrip(http.MethodGet, "/emotes", http.Header{"Origin": {"https://evil.example"}}); answer.Header.Get("Access-Control-Allow-Origin") != "" {
				w.Error("a page of another origin may read them")
			}
			if status, _ := r.ask(http.MethodPost, "/emotes", nil); status != 405 {
				w.Errorf("POST: %d", status)
			}
		}, func(o *Options) { o.Snapshot, o.AllowedOrigins = cached.Snapshot, Origins{"https://good.example"} })
	})
}
