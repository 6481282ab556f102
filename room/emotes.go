package room

import (
	"net/http"

	"chatserver/cache"
)

// emoteList is what a snapshot says of a room's emotes, as it is answered.
type emoteList struct {
	of *cache.Snapshot
	taggedJSON
}

// serveEmotes answers with the pictures that codes stand for in the room, unless the caller
// has these already. The actor is not asked.
func (r *Room) serveEmotes(w http.ResponseWriter, req *http.Request) {
	s := r.opts.Snapshot()
	list := r.emotes.Load()
	if list == nil || list.of != s {
		urls := make(map[string]string)
		for e := range s.Emotes(r.name) {
			urls[e.Code] = e.URL
		}
		list = &emoteList{s, newTaggedJSON(map[string]any{"data": map[string]any{"emotes": urls}})}
		r.emotes.Store(list)
	}
	list.serve(w, req)
}
