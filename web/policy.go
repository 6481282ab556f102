package web

import "strings"

// policy is the Content-Security-Policy of a page: what it may have beside what all
// pages may.
type policy struct {
	scripts  []string // sources of scripts, beside the page's own origin
	connects []string // whom scripts may ask, likewise
	images   []string // sources of pictures, beside the page's own origin
	media    []string // sources of video and sound; nil: there is none
	workers  []string // sources of workers; nil: the page's own origin
	framedBy string   // who may frame it
}

// String returns the header's value.
func (p *policy) String() string {
	var s strings.Builder
	allow := func(directive string, sources ...string) {
		if len(sources) > 0 {
			s.WriteString(directive + " " + strings.Join(sources, " ") + "; ")
		}
	}
	allow("default-src", "'none'")
	allow("script-src", append([]string{"'self'"}, p.scripts...)...)
	allow("style-src", "'self'")
	allow("img-src", append([]string{"'self'", "data:"}, p.images...)...)
	allow("connect-src", append([]string{"'self'"}, p.connects...)...)
	allow("media-src", p.media...)
	allow("worker-src", p.workers...)
	allow("base-uri", "'none'")
	allow("form-action", "'none'")
	s.WriteString("frame-ancestors " + p.framedBy)
	return s.String()
}

// mayBeAt lets the page go on at another address.
func (p *policy) mayBeAt(address string) {
	p.connects = append(p.connects, "http://"+address, "ws://"+address)
}

// mayPlay lets the page show streams, which may be anywhere: by the browser's own means,
// or by a script, which fetches what it plays and hands it over as blob, and which
// takes it apart in a worker that it makes of its own text.
func (p *policy) mayPlay(script Script) {
	p.media = append(p.media, "http:", "https:")
	if script.URL == "" {
		return
	}
	if !strings.HasPrefix(script.URL, "/") { // else it is of the page's own origin
		address, _, _ := strings.Cut(script.URL, "?") // policies know no queries
		p.scripts = append(p.scripts, address)
	}
	p.connects = append(p.connects, "http:", "https:")
	p.media = append(p.media, "blob:")
	p.workers = append(p.workers, "blob:")
}
