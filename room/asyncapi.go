package room

import (
	_ "embed"
	"net/http"
)

// asyncAPI describes the chat protocol. Tests hold all that they see to it.
//
//go:embed asyncapi.json
var asyncAPI []byte

// ServeAsyncAPI answers with the AsyncAPI document that describes the chat protocol,
// bare, as tools expect it. Every page may read it.
func ServeAsyncAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(asyncAPI) // the peer may be gone
}

func (r *Room) serveAsyncAPI(w http.ResponseWriter, req *http.Request) { ServeAsyncAPI(w, req) }
