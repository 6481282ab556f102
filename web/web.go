package web

import (
	"bytes"
	"embed"
	"html"
	"net/http"
	"path"
	"strings"
)

//go:embed room.html index.html assets/*.js assets/*.css assets/*.svg
var files embed.FS

const roomPage = "room.html"

// Policies of the pages; what they share comes first.
const (
	basePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
		"connect-src 'self'; base-uri 'none'; form-action 'none'; "
	roomPolicy    = basePolicy + "frame-ancestors *"
	landingPolicy = basePolicy + "frame-ancestors 'none'"
)

// The handlers have no state, so that all callers may share them.
var (
	room    = page(roomPage, roomPolicy)
	landing = page("index.html", landingPolicy)
	assets  = readAssets()
)

// Room serves the page of a room, at whatever path it is asked for.
func Room() http.Handler { return room }

// mainHere is where a room's page tells the main port's address.
const mainHere = `<meta name="main" content="`

// RoomBeside is Room for a room's own port, if browsers reach the main port under the
// host and port of mainAddress: when the room's port cannot be reached any more, the page
// goes on there. Policies cannot name an IPv6 address, so for these it is Room.
func RoomBeside(mainAddress string) http.Handler {
	if strings.ContainsAny(mainAddress, "[];, '\"") {
		return room
	}
	content, err := files.ReadFile(roomPage)
	if err != nil {
		panic("web: " + err.Error()) // the binary was built without its pages
	}
	told := []byte(mainHere + "http://" + html.EscapeString(mainAddress) + "/")
	f := newFile(path.Ext(roomPage), bytes.Replace(content, []byte(mainHere), told, 1))
	f.policy = strings.Replace(roomPolicy, "connect-src 'self'", "connect-src 'self' http://"+mainAddress+" ws://"+mainAddress, 1)
	return f
}

// Landing serves the page that leads to the rooms, at whatever path it is asked for.
func Landing() http.Handler { return landing }

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
func page(name, policy string) *file {
	f := read(name)
	f.policy = policy
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
func read(name string) *file {
	content, err := files.ReadFile(name)
	if err != nil {
		panic("web: " + err.Error())
	}
	return newFile(path.Ext(name), content)
}
