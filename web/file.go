package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// contentTypes are those of the files here. The system's own table is not asked:
// it differs between machines.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml; charset=utf-8",
}

// file serves one file. It is made at start and never changed.
type file struct {
	contentType string
	policy      string // Content-Security-Policy; empty for what is no page
	plain       variant
	gzipped     variant
}

// variant is one encoding of a file.
type variant struct {
	encoding string // Content-Encoding; empty for none
	content  []byte
	etag     string // strong: the hash of the content
}

// newFile takes a file's extension and content.
func newFile(ext string, content []byte) *file {
	contentType, ok := contentTypes[ext]
	if !ok {
		panic("web: no content type for " + ext)
	}
	switch ext {
	case ".js":
		content = slim(content, spacesInScript, "'`/\\", comments, asides, indents)
	case ".css":
		content = slim(content, spacesInStyle, "'\\", comments, styleAsides, indents)
	}
	return &file{
		contentType: contentType,
		plain:       newVariant("", content),
		gzipped:     newVariant("gzip", compress(content)),
	}
}

// What a phone need not load of a script or style sheet.
var (
	// comments are lines that are nothing but comment: from the sign that begins it, first in
	// its line, to the one that ends it, last in its own; or of the kind that ends with the line.
	comments = regexp.MustCompile(`(?m)^[ \t]*(?:/\*(?:[^*]|\*+[^*/])*\*+/|//.*)[ \t]*$`)
	// asides are comments beside code: a type for the editor, or a remark behind a line. One
	// with a quote in it stays, for then it may be the end of a text.
	asides      = regexp.MustCompile("(?m)/\\*\\* @[^*\\n]*\\*/ ?|[ \\t]+// [^\"'`\\n]*$")
	styleAsides = regexp.MustCompile(`[ \t]+/\*[^*\n]*\*/`)
	// indents stand before the code of a line.
	indents = regexp.MustCompile(`(?m)^[ \t]+`)
	// Spaces beside signs; those beside + and - may part two of them.
	spacesInScript = regexp.MustCompile(` ?([=<>!&|?:,;{}()\[\]]+)() ?`)
	spacesInStyle  = regexp.MustCompile(`(:) | ?([{};,]) ?`)
)

// slim takes comments, indentation and needless spaces out of a script or style sheet.
// Lines stay, so that what a browser complains of is found in the source. Spaces within
// quotes stay, and all of a line with a strange sign, which may begin something else; within
// a text over several lines only the indentation may go. Tests hold the files to that.
func slim(source []byte, spaces *regexp.Regexp, strange string, droppable ...*regexp.Regexp) []byte {
	for _, what := range droppable {
		source = what.ReplaceAllFunc(source, func(found []byte) []byte {
			return bytes.Repeat([]byte("\n"), bytes.Count(found, []byte("\n")))
		})
	}
	lines := bytes.Split(source, []byte("\n"))
	for i, line := range lines {
		parts := bytes.Split(line, []byte(`"`)) // every other one is a text
		if bytes.ContainsAny(line, strange) || len(parts)%2 == 0 {
			continue
		}
		for j := 0; j < len(parts); j += 2 {
			parts[j] = spaces.ReplaceAll(parts[j], []byte("$1$2"))
		}
		lines[i] = bytes.Join(parts, []byte(`"`))
	}
	return bytes.Join(lines, []byte("\n"))
}

func newVariant(encoding string, content []byte) variant {
	sum := sha256.Sum256(content)
	tag := base64.RawURLEncoding.EncodeToString(sum[:16])
	return variant{encoding: encoding, content: content, etag: strconv.Quote(tag)}
}

func compress(content []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil { // a buffer takes everything
		panic("web: compress: " + err.Error())
	}
	return out.Bytes()
}

func (f *file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "this path takes GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	v := f.plain
	if acceptsGzip(r) {
		v = f.gzipped
	}
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", v.etag)
	h.Add("Vary", "Accept-Encoding")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if f.policy != "" {
		h.Set("Content-Security-Policy", f.policy)
	} else {
		h.Set("Access-Control-Allow-Origin", "*") // pages elsewhere import the client
	}
	if v.encoding != "" {
		h.Set("Content-Encoding", v.encoding)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(v.content))
}

// acceptsGzip tells whether the caller names gzip and does not give it weight 0.
func acceptsGzip(r *http.Request) bool {
	for offer := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, params, _ := strings.Cut(offer, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		weight, weighted := strings.CutPrefix(strings.TrimSpace(params), "q=")
		q, err := strconv.ParseFloat(weight, 64)
		return !weighted || (err == nil && q > 0)
	}
	return false
}
