package room

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"chatserver/internal/fault"
)

// retryFull is when a client may try again that found no place.
const retryFull = 5 * time.Second

func notFound(name string) *fault.Error {
	return fault.New(fault.RoomNotFound, "no room %s is open; POST /api/v1/room/%s opens it", name, name)
}

// over is the answer to who comes when the room has ended, or is about to.
func (r *Room) over() *fault.Error {
	if r.parting().returns() {
		return restarting()
	}
	return notFound(r.name)
}

// restarting is the answer while a room is not there that will be there again.
func restarting() *fault.Error {
	return &fault.Error{Code: fault.Unavailable, Detail: "the server is stopping or restarting; come back after retry_after", RetryAfter: comeBackFirst}
}

func fullError(detail string, limit int) *fault.Error {
	return &fault.Error{Code: fault.Full, Detail: detail, Limit: limit, RetryAfter: retryFull}
}

// route is what a room's listener does at a path.
type route struct {
	method string // GET, which HEAD goes with, or POST
	serve  func(*Room, http.ResponseWriter, *http.Request)
	// chat is set where pages of other origins than ALLOWED_ORIGINS are refused.
	chat bool
}

// routes are the paths of a room's listener.
var routes = map[string]route{
	"/":              {method: http.MethodGet, serve: (*Room).serveRoot},
	"/ws":            {method: http.MethodGet, serve: (*Room).serveWebSocket, chat: true},
	"/events":        {method: http.MethodGet, serve: (*Room).serveEvents, chat: true},
	"/poll":          {method: http.MethodGet, serve: (*Room).servePoll, chat: true},
	"/join":          {method: http.MethodPost, serve: (*Room).serveJoin, chat: true},
	"/send":          {method: http.MethodPost, serve: (*Room).serveSend, chat: true},
	"/emotes":        {method: http.MethodGet, serve: (*Room).serveEmotes},
	"/livez":         {method: http.MethodGet, serve: (*Room).serveLive},
	"/asyncapi.json": {method: http.MethodGet, serve: (*Room).serveAsyncAPI},
}

// ServeHTTP answers what comes in on the room's listener, or under /r/NAME of the
// main port with that prefix taken off.
func (r *Room) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Origin")
	origin, foreign := r.opts.AllowedOrigins.check(req, r.opts.TrustedProxies)
	if foreign == nil && origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
	}
	to, ok := routes[req.URL.Path]
	if !ok && strings.HasPrefix(req.URL.Path, "/assets/") {
		to, ok = route{method: http.MethodGet, serve: (*Room).servePage}, true
	}
	allowed := to.method + ", OPTIONS"
	if to.method == http.MethodGet {
		allowed = "GET, HEAD, OPTIONS"
	}
	switch {
	case !ok:
		r.fail(w, fault.New(fault.RouteNotFound, "a room's listener has nothing at this path; docs/protocol.md lists what it has"))
	case req.Method == http.MethodOptions:
		h.Set("Allow", allowed)
		h.Set("Access-Control-Allow-Methods", allowed)
		h.Set("Access-Control-Allow-Headers", "Content-Type, Last-Event-ID")
		h.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	case req.Method != to.method && (req.Method != http.MethodHead || to.method != http.MethodGet):
		h.Set("Allow", allowed)
		r.fail(w, fault.New(fault.MethodNotAllowed, "this path takes %s", allowed))
	case to.chat && foreign != nil:
		r.fail(w, foreign)
	default:
		to.serve(r, w, req)
	}
}

// fail answers a request with what is wrong with it.
func (r *Room) fail(w http.ResponseWriter, err error) {
	r.opts.Observer.Refused(fault.From(err).Code)
	fault.Write(w, err)
}

// serveRoot answers by what the caller accepts: the room's name, its page, its
// public state, or an upgrade to WebSocket.
func (r *Room) serveRoot(w http.ResponseWriter, req *http.Request) {
	if websocket.IsWebSocketUpgrade(req) {
		r.serveWebSocket(w, req)
		return
	}
	w.Header().Add("Vary", "Accept")
	switch preferred(strings.Join(req.Header.Values("Accept"), ","), "text/plain", "text/html", "application/json") {
	case "text/html":
		r.servePage(w, req)
	case "application/json":
		r.serveState(w, req)
	default:
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(r.name)) //nolint:gosec // plain text, of letters that CheckName allows; the peer may be gone
	}
}

func (r *Room) servePage(w http.ResponseWriter, req *http.Request) {
	r.opts.Page.ServeHTTP(w, req)
}

func (r *Room) serveLive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n")) // the peer may be gone
}

// serveState answers with the public state, unless the caller has this one already.
func (r *Room) serveState(w http.ResponseWriter, req *http.Request) {
	newTaggedJSON(map[string]*State{"data": r.State()}).serve(w, req)
}

// taggedJSON is an answer with a strong ETag.
type taggedJSON struct {
	body []byte
	tag  string
}

func newTaggedJSON(v any) taggedJSON {
	body := encode(v)
	sum := sha256.Sum256(body)
	return taggedJSON{append(body, '\n'), `"` + hex.EncodeToString(sum[:12]) + `"`}
}

// serve answers, unless the caller has this already.
func (t taggedJSON) serve(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	h.Set("ETag", t.tag)
	h.Set("Cache-Control", "no-cache")
	if sameTag(req.Header.Get("If-None-Match"), t.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json")
	_, _ = w.Write(t.body) // the peer may be gone
}

// sameTag tells whether an If-None-Match header names the tag, by the weak
// comparison that RFC 9110, section 13.1.2, asks for.
func sameTag(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}

// preferred returns the media type of offers that an Accept header likes best; the
// first offer in a range stands for it, and the first of all for a header that names
// none of them.
func preferred(accept string, offers ...string) string {
	best, bestQuality := offers[0], 0.0
	for part := range strings.SplitSeq(accept, ",") {
		media, params, _ := strings.Cut(part, ";")
		media = strings.ToLower(strings.TrimSpace(media))
		quality := qualityOf(params)
		i := slices.IndexFunc(offers, func(offer string) bool { return within(offer, media) })
		if i >= 0 && quality > bestQuality {
			best, bestQuality = offers[i], quality
		}
	}
	return best
}

// within tells whether a media type is in a range such as text/* (RFC 9110, section
// 12.5.1).
func within(media, wanted string) bool {
	kind, isRange := strings.CutSuffix(wanted, "*")
	return wanted == media || wanted == "*/*" || isRange && strings.HasSuffix(kind, "/") && strings.HasPrefix(media, kind)
}

// qualityOf returns the weight among a media range's parameters, 1 without one.
func qualityOf(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if strings.EqualFold(key, "q") {
			if q, err := strconv.ParseFloat(value, 64); err == nil {
				return q
			}
		}
	}
	return 1
}
