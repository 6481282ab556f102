package cache

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxFile is how large a cache file may be, in bytes.
const maxFile = 64 << 20

// settled is how old a file's time has to be for an unchanged time to mean an
// unchanged file: clocks of file systems are coarse.
const settled = 2 * time.Second

// File returns the source that reads a JSON file: an object with the collections by
// name, each an array of documents as MongoDB has them. Times are RFC 3339. A
// collection that is missing is empty; an unknown one is an error, as bans under a
// wrong name must not pass for none. It may have 64 MiB.
//
// The file is read again when its time, its size or the file itself is another one.
// A program that changes it does best to write a new one and rename it.
func File(path string) Source { return &fileSource{path: path} }

type fileSource struct {
	path string

	// What was read last, for Load alone.
	last     *Documents
	lastInfo fs.FileInfo
	lastRead time.Time
}

// Name returns "file".
func (s *fileSource) Name() string { return "file" }

// Load reads the file, unless it is for sure the one that was read last.
func (s *fileSource) Load(ctx context.Context) (*Documents, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the cache file: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read from
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read the cache file: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("the cache file %s is no regular file; name one", s.path)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("the cache file %s has %d bytes; it may have %d", s.path, info.Size(), maxFile)
	case s.unchanged(info):
		return s.last, nil
	}
	read := time.Now()
	docs, err := readJSON(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("the cache file %s: %w", s.path, err)
	}
	s.last, s.lastInfo, s.lastRead = docs, info, read
	return docs, nil
}

// unchanged tells whether the file is for sure the one that was read last.
func (s *fileSource) unchanged(info fs.FileInfo) bool {
	return s.last != nil && os.SameFile(info, s.lastInfo) && info.Size() == s.lastInfo.Size() &&
		info.ModTime().Equal(s.lastInfo.ModTime()) && s.lastRead.Sub(info.ModTime()) > settled
}

// readJSON reads a cache file. Documents are decoded one by one, so that a large
// file is not held in memory.
func readJSON(ctx context.Context, from io.Reader) (*Documents, error) {
	content := sha256.New()
	limited := &io.LimitedReader{R: from, N: maxFile + 1}
	in := io.TeeReader(limited, content)
	f := jsonFile{dec: json.NewDecoder(in)}
	f.dec.UseNumber() // else one beyond float64 is an error that repeats all its digits
	if err := f.read(ctx); err != nil {
		return nil, err
	}
	if limited.N == 0 {
		return nil, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	content.Sum(f.docs.Hash[:0])
	return &f.docs, nil
}

// jsonFile is a cache file that is being read.
type jsonFile struct {
	dec  *json.Decoder
	docs Documents
}

func (f *jsonFile) read(ctx context.Context) error {
	if err := f.expect('{', "an object with the collections"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for f.dec.More() {
		token, err := f.dec.Token()
		if err != nil {
			return jsonError(err)
		}
		name, _ := token.(string) // the decoder lets nothing else stand there
		i := slices.IndexFunc(collections, func(c collection) bool { return c.name == name })
		switch {
		case i < 0:
			return fmt.Errorf("%.40q is no collection; those are %s", name, collectionNames())
		case seen[name]:
			return fmt.Errorf("%s is there twice; put the documents into one array", name)
		}
		seen[name] = true
		if err := f.readCollection(ctx, &collections[i]); err != nil {
			return err
		}
	}
	if _, err := f.dec.Token(); err != nil { // the closing brace
		return jsonError(err)
	}
	if _, err := f.dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object; there must be one alone")
	}
	return nil
}

func collectionNames() string {
	var names []string
	for _, c := range collections {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

func (f *jsonFile) readCollection(ctx context.Context, c *collection) error {
	if err := f.expect('[', "an array of documents in "+c.name); err != nil {
		return err
	}
	ids := map[string]struct{}{}
	for f.dec.More() {
		if err := ctx.Err(); err != nil {
			return err
		}
		var raw json.RawMessage
		if err := f.dec.Decode(&raw); err != nil {
			return jsonError(err)
		}
		doc, err := fromJSON(raw)
		if id := fmt.Sprint(doc["_id"]); err == nil {
			if _, twice := ids[id]; twice {
				err = errors.New("another document has the same _id")
			}
			ids[id] = struct{}{}
		}
		if err != nil {
			f.docs.leaveOut(c, doc["_id"], err)
			continue
		}
		f.docs.add(c, doc)
	}
	if _, err := f.dec.Token(); err != nil { // the closing bracket
		return jsonError(err)
	}
	return nil
}

// fromJSON decodes a document.
func fromJSON(raw json.RawMessage) (fields, error) {
	var doc fields
	if len(raw) > maxDocument {
		return nil, fmt.Errorf("the document has %d bytes; it may have %d", len(raw), maxDocument)
	}
	if err := json.Unmarshal(raw, &doc); err != nil || doc == nil {
		return nil, errors.New("the document is no JSON object that can be read")
	}
	if !utf8.Valid(raw) { // the decoder would mend it in silence
		return doc, errors.New("the document is not UTF-8")
	}
	return doc, nil
}

// expect reads an opening delimiter.
func (f *jsonFile) expect(delim json.Delim, what string) error {
	token, err := f.dec.Token()
	if err != nil {
		return jsonError(err)
	}
	if token != delim {
		return fmt.Errorf("at byte %d there should be %s", f.dec.InputOffset(), what)
	}
	return nil
}

// jsonError says where the JSON is broken.
func jsonError(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("it is no JSON at byte %d", syntax.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends too early; it may have been read while it was written")
	default:
		return err
	}
}
