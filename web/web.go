package web

import (
	"bytes"
	"embed"
	"html"
	"net/http"
	"path"
	"strings"
)

//go:embed room.html index.html dashboard.html assets/*.js assets/*.css assets/*.svg
var files embed.FS

// The handlers below have no state, so that all callers may share them.
var (
	landing   = page("index.html", policy{framedBy: "'none'"})
	dashboard = page("dashboard.html", policy{framedBy: "'none'"})
	assets    = readAssets()
)

// RoomOptions says what a room's page is told of the server that it came from.
type RoomOptions struct {
	// Main is the host and port under which browsers reach the main port. When the port
	// that the page came from cannot be reached any more, it goes on there. Policies
	// cannot name an IPv6 address, so none is told. Empty: likewise.
	Main string
	// HLS plays streams where the browser cannot by itself; zero: nothing does.
	HLS Script
}

// Script is a script that a page loads from elsewhere.
type Script struct {
	URL       string // https, or an absolute path of the page's own origin; without white space, quotes, "," and ";"
	Integrity string // what it must hash to, as in "sha384-…"
}

// Room serves the page of a room, at whatever path it is asked for.
func Room(o RoomOptions) http.Handler {
	may := policy{framedBy: "*", images: []string{"http:", "https:"}} // emotes may be anywhere
	content := source("room.html")
	if o.Main != "" && !strings.ContainsAny(o.Main, "[];, '\"") {
		may.mayBeAt(o.Main)
		content = tell(content, `<meta name="main" content=`, "http://"+o.Main+"/")
	}
	may.mayPlay(o.HLS)
	content = tell(content, "hls-url=", o.HLS.URL)
	content = tell(content, "hls-integrity=", o.HLS.Integrity)
	f := newFile(".html", content)
	f.policy = may.String()
	return f
}

// tell gives a value to the attribute of a page that ends in before, and is empty there.
func tell(content []byte, before, value string) []byte {
	start, end, ok := bytes.Cut(content, []byte(before+`""`))
	if !ok {
		panic("web: no page has " + before + `""`)
	}
	return bytes.Join([][]byte{start, end}, []byte(before+`"`+html.EscapeString(value)+`"`))
}

// Landing serves the page that leads to the rooms, at whatever path it is asked for.
func Landing() http.Handler { return landing }

// Dashboard serves the operators' page, at whatever path it is asked for. It holds no
// secret: the key is typed into it.
func Dashboard() http.Handler { return dashboard }

// Assets serves /assets/NAME, and 404 for all else.
func Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := strings.CutPrefix(r.URL.Path, "/assets/")
		if file := assets[name]; ok && file != nil {
			file.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	})
}

// page reads a page and sets its policy.
func page(name string, may policy) *file {
	f := read(name)
	f.policy = may.String()
	return f
}

// readAssets returns the files of the folder assets by name.
func readAssets() map[string]*file {
	const dir = "assets"
	entries, err := files.ReadDir(dir)
	if err != nil {
		panic("web: " + err.Error()) // the binary was built without its pages
	}
	byName := make(map[string]*file, len(entries))
	for _, entry := range entries {
		byName[entry.Name()] = read(path.Join(dir, entry.Name()))
	}
	return byName
}

// read returns an embedded file, ready to be served.
func read(name string) *file { return newFile(path.Ext(name), source(name)) }

// source returns what is in an embedded file.
func source(name string) []byte {
	content, err := files.ReadFile(name)
	if err != nil {
		panic("web: " + err.Error()) // the binary was built without its pages
	}
	return content
}
