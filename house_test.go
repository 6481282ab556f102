package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The rules of the house: what linters cannot know. Each table below is the one
// place where an exception is made, with its reason. "x/..." means x and all
// below it, "." the program itself.

const (
	module           = "chatserver"
	maxFunctionLines = 60
	maxFileLines     = 500
)

// mayImport has a row for each of our packages: which other ones its code
// (tests are free) may import. docs/architecture.md tells why.
var mayImport = map[string][]string{
	".":            {"room", "cache", "journal", "api", "admin", "lbclient", "services", "metrics", "web", "doctor", "internal/..."},
	"room":         {"cache", "journal", "internal/..."}, // see roomSees
	"cache":        {"internal/..."},
	"journal":      {"internal/..."},
	"api":          {"room", "cache", "internal/..."},
	"admin":        {"room", "cache", "internal/..."},
	"metrics":      {"room", "cache", "journal", "internal/..."},
	"lbclient":     {"internal/outbound"},
	"services":     {"internal/outbound"},
	"web":          {},
	"doctor":       {}, // it knows the server from outside alone
	"internal/...": {"internal/..."},
	"bench/...":    {},
	"testdata/...": {}, // each program stands alone
}

// mayUse says which of our packages may import an outside one; what is not
// listed here is open to all.
var mayUse = map[string][]string{
	"github.com/caarlos0/env/...":               {"."},
	"github.com/labstack/echo/...":              {".", "api", "admin", "internal/..."},
	"go.mongodb.org/mongo-driver/...":           {"cache", "internal/..."},
	"go.etcd.io/bbolt/...":                      {"journal"},
	"github.com/prometheus/...":                 {"metrics"},
	"go.opentelemetry.io/...":                   {"internal/tracing"},
	"google.golang.org/protobuf/...":            {"internal/tracing"},
	"github.com/golang-jwt/jwt/...":             {"internal/token"},
	"github.com/MicahParks/...":                 {"internal/token"},
	"github.com/santhosh-tekuri/jsonschema/...": {"internal/schematest"},
}

// roomSees lists what room may name of two packages: of cache the snapshot, not what
// fills it; of journal the words of the interface that room declares, not the store.
var roomSees = map[string][]string{
	"cache":   {"Snapshot", "Empty", "Announcement", "Ban", "KindBan", "KindTimeout", "GuestPrefix"},
	"journal": {"Event", "Room", "Life", "Command", "Vote", "ErrUnavailable", "ErrFull", "ErrClosed", "ErrOver", "ErrNotFound"},
}

// goroutines lists every place that starts one: a go statement, a call of a
// method Go (sync.WaitGroup, errgroup), or AfterFunc. The key is file:function,
// with #2 and so on for further ones in the same function; the value says who
// owns the goroutine and who waits for its end.
var goroutines = map[string]string{
	"bench/calibrate_linux.go:calibrate":        "accepts the readers; calibrate waits",
	"bench/measure.go:measurement.profile":      "asks our server for its profile; watch and arrive wait",
	"bench/swarm/run_linux.go:swarm.connect":    "the loop of all clients; close ends it and waits",
	"bench/swarm/run_linux.go:swarm.obey":       "sends the messages; close ends it and waits",
	"cache/cache.go:Cache.Run":                  "the watch for changes; Run waits",
	"doctor/chat.go:exam.webSocket":             "not one of ours: context runs the close of a connection that takes too long",
	"doctor/idle.go:exam.holdWebSocket":         "not one of ours: context runs the close of a connection that takes too long",
	"doctor/idle.go:exam.idle":                  "a quiet connection of each transport; idle waits for all",
	"internal/mongotest/mongotest.go:firstLine": "the kill of a database that does not start; context runs it, and it never waits",
	"journal/journal.go:Journal.Close":          "the wait for the two below, then the file's close; Close waits for it, or for its context",
	"journal/journal.go:Open":                   "the writer; it ends when Close is called and all is committed, and Close waits",
	"journal/journal.go:Open#2":                 "the pruner; Close ends it and waits",
	"lbclient/lbclient.go:Client.Announce":      "a call to each balancer; Announce waits for all",
	"lbclient/lbclient.go:Client.Run":           "the heartbeats of each balancer; Run waits for all",
	"lifecycle.go:server.serve":                 "an HTTP server; the stop stack shuts it down and server.running waits",
	"restart.go:server.partFromRooms":           "the API's doors; partFromRooms waits",
	"room/desk.go:Registry.SettleTickets":       "tells the credit service of sessions that have ended; SettleTickets waits",
	"room/desk.go:desk.ask":                     "a call of the credit service; Drain ends it and waits",
	"room/outbox.go:outbox.queueLocked":         "the flusher of one outbox; its close waits",
	"room/registry.go:Registry.create":          "a room's actor; Drain waits for all",
	"room/drain.go:Registry.Drain":              "the wait for the actors; it ends with the last of them",
	"room/drain.go:Registry.ShutDoors":          "the doors of each room; ShutDoors waits for all",
	"room/restore.go:Registry.Start":            "a room's actor; Drain waits for all",
	"room/room.go:Room.run":                     "the room's HTTP server; run closes it and waits",
	"room/snapshot.go:Room.renew":               "not one of ours: a timer that tries again what the journal refused; it ends with the room",
	"room/park_linux.go:lot.openLocked":         "what has parked connections driven on; Drain closes the lot, which waits",
	"room/park_linux.go:lot.wakeLocked":         "a parked connection's reader; the room waits at its gate of readers",
	"room/stream.go:Room.serveEvents":           "a stream's watch; the room waits at its gate of readers",
	"room/websocket.go:conn.begin":              "not one of ours: context runs the goodbye, which never waits, when a room ends",
	"room/websocket.go:conn.begin#2":            "a connection's reader; the room waits at its gate of readers",
	"lifecycle.go:server.background":            "what runs beside the rooms; the stop stack ends it and waits",
	"watchdog.go:watchdog.begin":                "what feeds the watchdog; run of the program ends it and waits",
	"services/listing.go:Listing.Farewell":      "calls of the listing; Farewell waits for all",
	"services/listing.go:Listing.tell":          "a call of the listing; Run waits",
	"testdata/creditservice/main.go:serve":      "the end of the server; serve waits",
	"testdata/listingservice/main.go:serve":     "the watch for rooms of which nothing is heard; serve waits",
	"testdata/listingservice/main.go:serve#2":   "the end of the server; serve waits",
	"testdata/loadbalancer/main.go:serve":       "the server; serve waits",
	"testdata/loadbalancer/main.go:serve#2":     "the watch for servers that are gone; serve waits",

	"internal/handover/successor_unix.go:until":          "not one of ours: context runs it when the time is over, and it never waits",
	"internal/handover/successor_unix.go:Successor.kill": "not one of ours: a timer that kills a process which does not end; kill stops it",
}

// longFunctions lists functions of more than maxFunctionLines, as
// file:function, with the reason.
var longFunctions = map[string]string{}

// longFiles lists files of more than maxFileLines, with the reason.
var longFiles = map[string]string{}

// source is one Go file of this module.
type source struct {
	path   string // slash-separated, from the top
	syntax *ast.File
	fset   *token.FileSet
}

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// pkg is the package's path from the top, "." for the program itself.
func (s source) pkg() string { return path.Dir(s.path) }

// line tells where a node stands.
func (s source) line(n ast.Node) int { return s.fset.Position(n.Pos()).Line }

// imports returns the paths that s imports.
func (s source) imports() []string {
	var paths []string
	for _, spec := range s.syntax.Imports {
		paths = append(paths, strings.Trim(spec.Path.Value, `"`))
	}
	return paths
}

// functions maps file:function to each function of s, a method as Type.Method;
// a function in a variable stands under its keyword, as file:var.
func (s source) functions() iter.Seq2[string, ast.Decl] {
	return func(yield func(string, ast.Decl) bool) {
		for _, decl := range s.syntax.Decls {
			name := ""
			switch d := decl.(type) {
			case *ast.FuncDecl:
				name = d.Name.Name
				if d.Recv != nil {
					name = receiver(d.Recv.List[0].Type) + "." + name
				}
			case *ast.GenDecl:
				if name = d.Tok.String(); d.Tok != token.VAR {
					continue
				}
			}
			if !yield(s.path+":"+name, decl) {
				return
			}
		}
	}
}

// receiver names the type of a receiver: T for *T, T[P] and the like.
func receiver(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	default:
		return "?"
	}
}

// walk calls visit for every file of this module with one of the extensions.
// Folders that hold a module of their own have their own rules.
func walk(t *testing.T, visit func(name string), extensions ...string) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case entry.IsDir():
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil ||
				entry.Name()[0] == '.' || entry.Name() == "node_modules" {
				return filepath.SkipDir
			}
		case slices.Contains(extensions, filepath.Ext(name)):
			visit(filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sources parses all Go code of this module.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	fset := token.NewFileSet()
	walk(t, func(name string) {
		syntax, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("does not parse: %v", err)
			return
		}
		all = append(all, source{path: name, syntax: syntax, fset: fset})
	}, ".go")
	return all
}

// matches reports whether one of the patterns ("x" or "x/...") covers name.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		base, below := strings.CutSuffix(pattern, "/...")
		return name == base || below && strings.HasPrefix(name, base+"/")
	})
}

// rule finds the table's row for name.
func rule(table map[string][]string, name string) (row []string, found bool) {
	for pattern, row := range table {
		if matches([]string{pattern}, name) {
			return row, true
		}
	}
	return nil, false
}

func TestImports(t *testing.T) {
	for _, src := range sources(t) {
		if src.isTest() {
			continue
		}
		allowed, found := rule(mayImport, src.pkg())
		if !found {
			t.Errorf("%s: package %s has no row in mayImport: say there what it may import", src.path, src.pkg())
			continue
		}
		allowed = append(slices.Clone(allowed), src.pkg()+"/...")
		for _, imported := range src.imports() {
			if ours, ok := strings.CutPrefix(imported, module+"/"); ok {
				if !matches(allowed, ours) {
					t.Errorf("%s imports %s; its package may import only %v of ours: take an interface or a function instead", src.path, imported, allowed)
				}
			} else if users, limited := rule(mayUse, imported); limited && !matches(users, src.pkg()) {
				t.Errorf("%s imports %s, which only %v may: keep it out of this package", src.path, imported, users)
			}
		}
	}
}

func TestRoomSeesOnlyWhatItNeeds(t *testing.T) {
	for _, src := range sources(t) {
		if src.isTest() || src.pkg() != "room" {
			continue
		}
		for node := range ast.Preorder(src.syntax) {
			x, name := selector(node)
			if sees, ok := roomSees[x]; ok && slices.Contains(src.imports(), module+"/"+x) && !slices.Contains(sees, name) {
				t.Errorf("%s:%d: room names %s.%s, but may see only %v of it", src.path, src.line(node), x, name, sees)
			}
		}
	}
}

// selector takes x.Name apart, where x is a plain name; else both are "".
func selector(node ast.Node) (x, name string) {
	if sel, ok := node.(*ast.SelectorExpr); ok {
		if ident, ok := sel.X.(*ast.Ident); ok {
			return ident.Name, sel.Sel.Name
		}
	}
	return "", ""
}

// starts reports whether node starts a goroutine.
func starts(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.GoStmt:
		return true
	case *ast.CallExpr:
		sel, ok := n.Fun.(*ast.SelectorExpr)
		return ok && (sel.Sel.Name == "Go" || sel.Sel.Name == "AfterFunc")
	default:
		return false
	}
}

func TestGoroutinesHaveOwners(t *testing.T) {
	found := map[string]string{}
	for _, src := range sources(t) {
		if src.isTest() {
			continue
		}
		count := map[string]int{}
		for name, decl := range src.functions() {
			for node := range ast.Preorder(decl) {
				if !starts(node) {
					continue
				}
				count[name]++
				key := name
				if n := count[name]; n > 1 {
					key += "#" + strconv.Itoa(n)
				}
				found[key] = fmt.Sprintf("line %d", src.line(node))
			}
		}
	}
	compare(t, "goroutines", found, goroutines, "starts a goroutine: say who owns it and who waits for it")
}

func TestSizes(t *testing.T) {
	functions, files := map[string]string{}, map[string]string{}
	for _, src := range sources(t) {
		if src.isTest() { // a table of cases beside its checks may be long
			continue
		}
		for name, decl := range src.functions() {
			lines := src.fset.Position(decl.End()).Line - src.line(decl) + 1
			if _, ok := decl.(*ast.FuncDecl); ok && lines > maxFunctionLines {
				functions[name] = fmt.Sprintf("%d lines", lines)
			}
		}
	}
	walk(t, func(name string) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		}
		if lines := strings.Count(string(text), "\n"); lines > maxFileLines {
			files[name] = fmt.Sprintf("%d lines", lines)
		}
	}, ".go", ".js", ".css")
	compare(t, "longFunctions", functions, longFunctions, fmt.Sprintf("is longer than %d lines: split it, or give the reason", maxFunctionLines))
	compare(t, "longFiles", files, longFiles, fmt.Sprintf("is longer than %d lines: split it, or give the reason", maxFileLines))
}

// compare holds what was found against the list of exceptions, both ways.
func compare(t *testing.T, list string, found, listed map[string]string, complaint string) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(found)) {
		if listed[key] == "" {
			t.Errorf("%s (%s) %s in %s", key, found[key], complaint, list)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(listed)) {
		if _, ok := found[key]; !ok {
			t.Errorf("%s is in %s, but is not so any more: take the entry out", key, list)
		}
	}
}

func TestTestsNeitherSleepNorSkip(t *testing.T) {
	for _, src := range sources(t) {
		if !src.isTest() {
			continue
		}
		for node := range ast.Preorder(src.syntax) {
			switch x, name := selector(node); {
			case x == "time" && name == "Sleep":
				t.Errorf("%s:%d sleeps: wait for what is to happen; in a synctest bubble <-time.After(d) passes time", src.path, src.line(node))
			case slices.Contains([]string{"t", "b", "f", "tb"}, x) && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, name):
				t.Errorf("%s:%d skips: let .ci/install-deps bring what it needs, and fail without it", src.path, src.line(node))
			}
		}
	}
}

// TestDockerfile holds the image to what operators are told of it; no Docker is
// needed for that.
func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, image, _ := strings.Cut(string(text), "\nFROM scratch\n")
	for _, tt := range []struct{ why, in, line string }{
		{"it builds with the repository's own command", string(text), `.*\bmake build\b.*`},
		{"it does not run as root", image, `USER [1-9]\d*:[1-9]\d*`},
		{"HTTPS to others needs certificates", image, `COPY .*/ca-certificates\.crt .*`},
		{"the program itself gets the signals", image, `ENTRYPOINT \["/chatserver"\]`},
		{"a stop drains", image, `STOPSIGNAL SIGTERM`},
		{"there is no shell to check the health with", image, `HEALTHCHECK .*CMD \["/chatserver", "-health"\]`},
		{"the journal outlives the container", image, `VOLUME /data`},
		{"the journal is where the volume is", image, `ENV DATA_DIR=/data`},
		{"all listeners are named", image, `EXPOSE 80 8090 34000-34999`},
	} {
		if !regexp.MustCompile(`(?m)^` + tt.line + `$`).MatchString(tt.in) {
			t.Errorf("Dockerfile: %s: it needs a line like %s", tt.why, tt.line)
		}
	}
}
