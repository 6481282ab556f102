package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"chatserver/web"
)

// served is every file that the package serves, with the handler and the path.
func served(t *testing.T) map[string]http.Handler {
	t.Helper()
	all := map[string]http.Handler{"room.html": web.Room(web.RoomOptions{}), "index.html": web.Landing(), "dashboard.html": web.Dashboard()}
	names, err := filepath.Glob("assets/*")
	if err != nil || len(names) == 0 {
		t.Fatalf("assets: %v %v", names, err)
	}
	for _, name := range names {
		all[filepath.ToSlash(name)] = web.Assets()
	}
	return all
}

// ask sends a request for a path; headers are pairs of name and value.
func ask(h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func source(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// code is what there is to a script or style sheet beside comments and the space around its
// words: only within a text in quotes, and behind a line's indentation, space counts.
func code(t *testing.T, name, text string) string {
	t.Helper()
	var (
		// Tried in this order where the one before has ended.
		token = regexp.MustCompile("(?s)" + strings.Join([]string{
			`/\*.*?\*/|//[^\n]*`, // a comment
			`"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|` + "`[^`]*`", // a text; those in backticks do not nest here
			`\s+`, `[\w$#]+`,
			`[=!]==?|=>|[<>]=|\?\?=?|\?\.|&&=?|\|\|=?|\+\+|--|>>>?|<<|\.\.\.|[-+*/%&|^]=`, `.`,
		}, "|"))
		expression = regexp.MustCompile(`^/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*`)
		indent     = regexp.MustCompile(`(?m)^[ \t]+`)
		out        strings.Builder
		last       = byte('(')
	)
	for text != "" {
		found := token.FindString(text)
		if found == "/" && strings.IndexByte("(,=:[!&|?{};", last) >= 0 { // no division
			if found = expression.FindString(text); found == "" {
				t.Fatalf("%s: not understood: %.40q", name, text)
			}
		}
		text = text[len(found):]
		switch {
		case strings.HasPrefix(found, "//"), strings.HasPrefix(found, "/*"), strings.TrimSpace(found) == "":
			continue
		case found[0] == '`':
			found = indent.ReplaceAllString(found, "")
		}
		out.WriteString(found + " ")
		last = found[len(found)-1]
	}
	return out.String()
}

// Scripts and style sheets are served without comments and indentation, each line where it was.
func TestEveryFileIsServed(t *testing.T) {
	types := map[string]string{
		".html": "text/html; charset=utf-8",
		".js":   "text/javascript; charset=utf-8",
		".css":  "text/css; charset=utf-8",
		".svg":  "image/svg+xml; charset=utf-8",
	}
	for name, handler := range served(t) {
		t.Run(name, func(t *testing.T) {
			want := source(t, name)
			w := ask(handler, "GET", "/"+name)
			got := w.Body.String()
			if ext := path.Ext(name); ext == ".js" || ext == ".css" {
				if strings.Count(got, "\n") != strings.Count(want, "\n") || len(got) >= len(want) {
					t.Errorf("GET: want all %d lines in less than %d bytes, got %d in %d", strings.Count(want, "\n"), len(want), strings.Count(got, "\n"), len(got))
				}
				want, got = code(t, name, want), code(t, name, got)
			}
			if w.Code != 200 || got != want {
				t.Errorf("GET: status %d and\n%s\nwant 200 and\n%s", w.Code, got, want)
			}
			for header, want := range map[string]string{
				"Content-Type":           types[path.Ext(name)],
				"Content-Length":         strconv.Itoa(w.Body.Len()),
				"Cache-Control":          "no-cache",
				"X-Content-Type-Options": "nosniff",
				"Referrer-Policy":        "no-referrer",
				"Vary":                   "Accept-Encoding",
				"Content-Encoding":       "",
				// Pages elsewhere import the client.
				"Access-Control-Allow-Origin": map[bool]string{true: "*"}[strings.HasPrefix(name, "assets/")],
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
			if head := ask(handler, "HEAD", "/"+name); head.Code != 200 || head.Body.Len() != 0 {
				t.Errorf("HEAD: status %d with %d bytes, want 200 without any", head.Code, head.Body.Len())
			}
			post := ask(handler, "POST", "/"+name)
			if post.Code != 405 || post.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("POST: status %d, Allow %q", post.Code, post.Header().Get("Allow"))
			}
		})
	}
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	strong := regexp.MustCompile(`^"[A-Za-z0-9_-]{22}"$`)
	owner := map[string]string{}
	for name, handler := range served(t) {
		for _, encoding := range []string{"identity", "gzip"} {
			etag := ask(handler, "GET", "/"+name, "Accept-Encoding", encoding).Header().Get("ETag")
			if !strong.MatchString(etag) {
				t.Errorf("%s, %s: ETag %q is not a strong one", name, encoding, etag)
			}
			if other, taken := owner[etag]; taken {
				t.Errorf("%s, %s has the ETag of %s", name, encoding, other)
			}
			owner[etag] = name + ", " + encoding

			same := ask(handler, "GET", "/"+name, "Accept-Encoding", encoding, "If-None-Match", `"old", `+etag)
			if same.Code != 304 || same.Body.Len() != 0 || same.Header().Get("ETag") != etag {
				t.Errorf("%s, %s: status %d with %d bytes, want 304 without any", name, encoding, same.Code, same.Body.Len())
			}
			if other := ask(handler, "GET", "/"+name, "If-None-Match", `"old"`); other.Code != 200 {
				t.Errorf("%s: status %d for another ETag, want 200", name, other.Code)
			}
		}
	}
}

func TestCompression(t *testing.T) {
	want := source(t, "room.html")
	for accept, zipped := range map[string]bool{
		"":                         false,
		"gzip":                     true,
		"gzip, deflate, br, zstd":  true,
		"br;q=1.0, GZIP;q=0.5, *":  true,
		"br, gzip;q=0, identity":   false,
		"gzip; q=0.0":              false,
		"gzip;q=nonsense":          false,
		"x-gzip-like, notgzip":     false,
		"identity;q=1, gzip;q=0.1": true,
	} {
		w := ask(web.Room(web.RoomOptions{}), "GET", "/", "Accept-Encoding", accept)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != zipped {
			t.Errorf("Accept-Encoding %q: gzipped is %v, want %v", accept, got, zipped)
			continue
		}
		body := w.Body.Bytes()
		if zipped {
			body = gunzip(t, body)
		}
		if string(body) != want {
			t.Errorf("Accept-Encoding %q: the content differs from the file", accept)
		}
	}
}

func gunzip(t *testing.T, data []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestAssetsServesNothingElse(t *testing.T) {
	for _, target := range []string{
		"/", "/assets", "/assets/", "/assets/nothing.js", "/room.js", "/room.html", "/assets/room.js/", "/x/assets/room.js",
		"/assets/../room.html", "/assets/%2e%2e/room.html", "/assets//room.js", "/assets/assets/room.js", "/assets/room.js%00",
	} {
		w := ask(web.Assets(), "GET", target)
		if w.Code != 404 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || w.Header().Get("ETag") != "" {
			t.Errorf("%s: status %d, %s", target, w.Code, w.Header().Get("Content-Type"))
		}
	}
}

func TestPolicy(t *testing.T) {
	pages := map[string]http.Handler{"room": web.Room(web.RoomOptions{}), "landing": web.Landing(), "dashboard": web.Dashboard()}
	for name, handler := range pages {
		policy := ask(handler, "GET", "/").Header().Get("Content-Security-Policy")
		for _, directive := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(policy, directive+"; ") {
				t.Errorf("%s: no %s in %q", name, directive, policy)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %q", name, policy)
		}
	}
	for _, name := range []string{"landing", "dashboard"} {
		if policy := ask(pages[name], "GET", "/").Header().Get("Content-Security-Policy"); !strings.HasSuffix(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: it may be framed: %q", name, policy)
		}
		if policy := policyOf(ask(pages[name], "GET", "/")); policy["media-src"] != "" {
			t.Errorf("%s: it may play: %q", name, policy)
		}
	}
	if policy := policyOf(ask(web.Room(web.RoomOptions{}), "GET", "/")); policy["media-src"] != "http: https:" || policy["worker-src"] != "" {
		t.Errorf("the room's page plays streams by the browser's own means, and no others: %q", policy)
	}
	if policy := ask(web.Room(web.RoomOptions{}), "GET", "/").Header().Get("Content-Security-Policy"); !strings.HasSuffix(policy, "frame-ancestors *") {
		t.Errorf("the room's page may not be framed: %q", policy)
	}
}

// policyOf is a page's policy by its directives.
func policyOf(w *httptest.ResponseRecorder) map[string]string {
	directives := map[string]string{}
	for directive := range strings.SplitSeq(w.Header().Get("Content-Security-Policy"), "; ") {
		name, sources, _ := strings.Cut(directive, " ")
		directives[name] = sources
	}
	return directives
}

// What the room's page is told changes its policy by what that needs, and nothing else;
// and the page in the places that are for it.
func TestRoomIsTold(t *testing.T) {
	const sum = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	plain := ask(web.Room(web.RoomOptions{}), "GET", "/")
	main := func(address string) []string {
		return []string{`<meta name="main" content="">`, `<meta name="main" content="http://` + address + `/">`}
	}
	script := func(url string) []string {
		return []string{`hls-url="" hls-integrity=""`, `hls-url="` + url + `" hls-integrity="` + sum + `"`}
	}
	played := map[string]string{"connect-src": "'self' http: https:", "media-src": "http: https: blob:", "worker-src": "blob:"}
	with := func(directives map[string]string, name, sources string) map[string]string {
		directives = maps.Clone(directives)
		directives[name] = sources
		return directives
	}
	for _, tt := range []struct {
		why  string
		told web.RoomOptions
		page []string // what is replaced, and by what
		may  map[string]string
	}{
		{"nothing", web.RoomOptions{}, nil, nil},
		{"the main port", web.RoomOptions{Main: "chat.example:8080"}, main("chat.example:8080"), map[string]string{"connect-src": "'self' http://chat.example:8080 ws://chat.example:8080"}},
		{"an address that no policy can name", web.RoomOptions{Main: "[::1]:80"}, nil, nil},
		{"an end of the directive", web.RoomOptions{Main: "a;script-src *:80"}, nil, nil},
		{"a keyword", web.RoomOptions{Main: "'unsafe-inline':80"}, nil, nil},
		{"hls.js", web.RoomOptions{HLS: web.Script{URL: "https://cdn.example/npm/hls.js@1/x.js?v=1&w", Integrity: sum}}, script("https://cdn.example/npm/hls.js@1/x.js?v=1&amp;w"), with(played, "script-src", "'self' https://cdn.example/npm/hls.js@1/x.js")},
		{"hls.js of its own origin", web.RoomOptions{HLS: web.Script{URL: "/hls.js", Integrity: sum}}, script("/hls.js"), played},
		{"both", web.RoomOptions{Main: "a.example:80", HLS: web.Script{URL: "/hls.js", Integrity: sum}}, append(main("a.example:80"), script("/hls.js")...), with(played, "connect-src", "'self' http://a.example:80 ws://a.example:80 http: https:")},
	} {
		w := ask(web.Room(tt.told), "GET", "/")
		want := policyOf(plain)
		maps.Copy(want, tt.may)
		if got := policyOf(w); !maps.Equal(got, want) {
			t.Errorf("told %s: policy %q, want %q", tt.why, got, want)
		}
		page := strings.NewReplacer(tt.page...).Replace(source(t, "room.html"))
		if w.Body.String() != page {
			t.Errorf("told %s: the page is not the room's with that told", tt.why)
		}
	}
}

// What the policy or the relative paths would break at run time is found here.
func TestPagesKeepTheRules(t *testing.T) {
	var (
		inline    = regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(?:\s+type="module")?\s*>|javascript:`)
		reference = regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	)
	for _, name := range []string{"room.html", "index.html", "dashboard.html"} {
		html := source(t, name)
		if found := inline.FindString(html); found != "" {
			t.Errorf("%s has %q inline", name, found)
		}
		for _, match := range reference.FindAllStringSubmatch(html, -1) {
			if asset := match[1]; !exists(asset) && !strings.Contains(html, ` id="`+strings.TrimPrefix(asset, "#")+`"`) {
				t.Errorf("%s refers to %q, which is no asset under a relative path and no place in it", name, asset)
			}
		}
	}
}

func TestModulesFindEachOther(t *testing.T) {
	loads, loaded := regexp.MustCompile(`\b(?:load|this\.#part)\("([^"]*)"`), 0
	imports := regexp.MustCompile("(?:\\bfrom |^import |\\bimport\\()[\"`](\\.[^\"`$]*\\.[^\"`$]*)")
	modules, err := filepath.Glob("assets/*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range modules {
		for _, match := range imports.FindAllStringSubmatch(source(t, name), -1) {
			if !strings.HasPrefix(match[1], "./") || !exists("assets/"+match[1][2:]) {
				t.Errorf("%s imports %q, which is no module beside it", name, match[1])
			}
		}
		for _, match := range loads.FindAllStringSubmatch(source(t, name), -1) {
			if !exists("assets/" + match[1] + ".js") {
				t.Errorf("%s loads %q, which is no module beside it", name, match[1])
			}
			loaded++
		}
	}
	if loaded < 10 {
		t.Errorf("want modules that are loaded when they are wanted, found %d", loaded)
	}
}

func TestEveryTextOfAPageIsInStrings(t *testing.T) {
	keys := regexp.MustCompile(`data-t(?:-[a-z-]+)?="([^"]*)"`)
	shown := map[string][]string{ // and where its texts are
		"index.html":         {"assets/strings-en.js", "assets/landing-en.js"},
		"assets/template.js": {"assets/strings-en.js"},
		"dashboard.html":     {"assets/dashboard-strings.js"},
	}
	for name, files := range shown {
		var all []string
		for _, file := range files {
			all = append(all, source(t, file))
		}
		texts := strings.Join(all, "\n")
		for _, match := range keys.FindAllStringSubmatch(source(t, name), -1) {
			if !regexp.MustCompile(`(?m)^ +` + match[1] + `: "`).MatchString(texts) {
				t.Errorf("%s uses the text %q, which %q do not have", name, match[1], files)
			}
		}
	}
}

// All languages have the same texts, in the same order.
func TestEveryTextIsInEveryLanguage(t *testing.T) {
	key := regexp.MustCompile(`(?m)^ {2,6}(\w+)(?::|(?:,$))`)
	keys := func(name string) (found []string) {
		for _, match := range key.FindAllStringSubmatch(source(t, name), -1) {
			found = append(found, match[1])
		}
		return found
	}
	codes := regexp.MustCompile(`\b([a-z]{2}): "(?:ltr|rtl)"`).FindAllStringSubmatch(source(t, "assets/strings.js"), -1)
	parts, err := filepath.Glob("assets/*-en.js")
	if err != nil || len(parts) < 2 || len(codes) < 2 {
		t.Fatalf("want several languages with several files each, got %q of %q, %v", codes, parts, err)
	}
	for _, part := range parts {
		english := keys(part)
		if len(english) < 10 {
			t.Errorf("want the texts of %s, got %q", part, english)
		}
		for _, code := range codes {
			name := strings.TrimSuffix(part, "en.js") + code[1] + ".js"
			if !exists(name) {
				t.Errorf("want %s, for there is %s", name, part)
			} else if got := keys(name); !slices.Equal(got, english) {
				t.Errorf("%s: want the texts of English\n%q\ngot\n%q", name, english, got)
			}
		}
	}
}

// moduleImports finds what a module imports at once.
var moduleImports = regexp.MustCompile(`(?m)^(?:import|export)\b[^;]*?"\./([^"]+)"`)

// imported adds a module and all that it imports at once to a set.
func imported(t *testing.T, name string, found map[string]bool) {
	t.Helper()
	if found[name] {
		return
	}
	found[name] = true
	for _, match := range moduleImports.FindAllStringSubmatch(source(t, "assets/"+name), -1) {
		imported(t, match[1], found)
	}
}

// What a page needs at once is loaded at once, and not module after module.
func TestModulesArePreloaded(t *testing.T) {
	preloads := regexp.MustCompile(`rel="modulepreload" href="assets/([^"]+)"`)
	scripts := regexp.MustCompile(`<script type="module" src="assets/([^"]+)"`)
	for _, name := range []string{"room.html", "index.html", "dashboard.html"} {
		html := source(t, name)
		needed, preloaded := map[string]bool{}, map[string]bool{}
		for _, match := range scripts.FindAllStringSubmatch(html, -1) {
			imported(t, match[1], needed)
			preloaded[match[1]] = true
		}
		for _, match := range preloads.FindAllStringSubmatch(html, -1) {
			preloaded[match[1]] = true
		}
		if !maps.Equal(needed, preloaded) {
			t.Errorf("%s: want just what is imported to be preloaded,\n%q, got\n%q", name, slices.Sorted(maps.Keys(needed)), slices.Sorted(maps.Keys(preloaded)))
		}
	}
}

// What a consumer's page loads to be there, in one language and over WebSocket. What is
// loaded when somebody wants it (the list of people, the desk, other transports), and
// the video, are not counted.
func TestWeight(t *testing.T) {
	const most, mostZipped = 100_000, 50_000 // bytes before compression, and on the wire
	needed := map[string]bool{}
	imported(t, "page.js", needed)
	for _, more := range []string{"strings-en.js", "chat-room.css", "page.css", "favicon.svg"} {
		needed[more] = true
	}
	weigh := func(encoding string) int {
		total := ask(web.Room(web.RoomOptions{}), "GET", "/", "Accept-Encoding", encoding).Body.Len()
		for name := range needed {
			total += ask(web.Assets(), "GET", "/assets/"+name, "Accept-Encoding", encoding).Body.Len()
		}
		return total
	}
	plain, zipped := weigh("identity"), weigh("gzip")
	if plain > most || zipped > mostZipped {
		t.Errorf("a consumer's page weighs %d bytes, and %d on the wire, want at most %d and %d", plain, zipped, most, mostZipped)
	}
	t.Logf("%d bytes in %d files, %d on the wire", plain, len(needed)+1, zipped)
}

func exists(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular() && !path.IsAbs(name) && strings.HasPrefix(name, "assets/")
}
