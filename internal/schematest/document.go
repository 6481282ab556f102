// Package schematest holds what goes over the wire to the documents that describe it:
// the objects of the chat to room/asyncapi.json ([Chat]), both REST APIs to their
// openapi.json ([API]). The helpers of our tests hand it all that they see, so that a
// type, a field or a status which no document has fails the test that meets it. Nothing
// but tests imports this package.
//
// What it is not: a judge of what is sent to the server, which may be anything. A
// request is held to its document only where the server took it.
package schematest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// pending lists what the documents have and the server does not send yet, by the name
// of the schema. It is not missed until then; a test of package room tells when to take
// it out.
var pending = map[string][]string{}

// Pending returns the members of a schema that the server does not send yet.
func Pending(schema string) []string { return slices.Clone(pending[schema]) }

// document is a description in JSON, and what compiles its schemas.
type document struct {
	url      string
	content  map[string]any
	compiler *jsonschema.Compiler
}

// parse reads a document. Its name is for error messages.
func parse(name string, data []byte) (*document, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	content, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is no object", name)
	}
	d := &document{url: "https://chatserver.invalid/" + filepath.Base(name), content: content, compiler: jsonschema.NewCompiler()}
	for schema, members := range pending {
		d.top().at("components", "schemas", schema).letOff(members)
	}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(d.url, content); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

// moduleFile returns the path of a file of this module. Tests run in the folder of
// their package.
func moduleFile(name string) (string, error) {
	dir, err := filepath.Abs(".")
	if err != nil {
		return "", err
	}
	for {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		switch parent := filepath.Dir(dir); {
		case err == nil:
			return filepath.Join(dir, filepath.FromSlash(name)), nil
		case !errors.Is(err, fs.ErrNotExist) || parent == dir:
			return "", fmt.Errorf("find the top of the module: %w", err)
		default:
			dir = parent
		}
	}
}

func (d *document) top() node { return node{doc: d, value: d.content} }

// members returns the members that one of the document's schemas has, in order.
func (d *document) members(schema string) []string {
	return d.top().at("components", "schemas", schema, "properties").keys()
}

// node is a place in a document. The zero value of a node's value says that nothing is
// there.
type node struct {
	doc     *document
	pointer string // RFC 6901; empty at the top
	value   any
}

func (n node) isThere() bool { return n.value != nil }

// at returns what stands under the keys, one in the other. References are followed.
func (n node) at(keys ...string) node {
	found := n
	for _, key := range keys {
		found = found.follow().member(key)
	}
	return found.follow()
}

// member returns what stands under one key, a reference as it is.
func (n node) member(key string) node {
	object, _ := n.value.(map[string]any)
	return node{n.doc, n.pointer + "/" + escaper.Replace(key), object[key]}
}

// follow returns what a reference refers to, and anything else as it is.
func (n node) follow() node {
	object, _ := n.value.(map[string]any)
	ref, ok := object["$ref"].(string)
	if !ok {
		return n
	}
	found := n.doc.top()
	for key := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		found = found.member(unescaper.Replace(key))
	}
	return found.follow()
}

var (
	escaper   = strings.NewReplacer("~", "~0", "/", "~1")
	unescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

// keys returns the names of an object's members, in order.
func (n node) keys() []string {
	object, _ := n.value.(map[string]any)
	return slices.Sorted(maps.Keys(object))
}

// items returns the elements of an array; references are followed.
func (n node) items() []node {
	array, _ := n.value.([]any)
	all := make([]node, len(array))
	for i, value := range array {
		all[i] = node{n.doc, n.pointer + "/" + strconv.Itoa(i), value}.follow()
	}
	return all
}

// isTrue tells whether the value is true, and not false or something else.
func (n node) isTrue() bool { b, _ := n.value.(bool); return b }

// text is a string, else empty.
func (n node) text() string { s, _ := n.value.(string); return s }

// json is the value as JSON.
func (n node) json() []byte {
	data, err := json.Marshal(n.value)
	if err != nil {
		panic(err) // it was read from JSON
	}
	return data
}

// schema compiles the JSON Schema that stands here.
func (n node) schema() (*jsonschema.Schema, error) {
	fragment := url.URL{Fragment: n.pointer}
	return n.doc.compiler.Compile(n.doc.url + "#" + fragment.EscapedFragment())
}

// letOff takes members out of those that a schema requires.
func (n node) letOff(members []string) {
	object, _ := n.value.(map[string]any)
	required, _ := object["required"].([]any)
	if required == nil {
		return
	}
	object["required"] = slices.DeleteFunc(required, func(name any) bool {
		s, _ := name.(string)
		return slices.Contains(members, s)
	})
}

// valid tells what is wrong with a JSON text.
func valid(schema *jsonschema.Schema, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	return schema.Validate(value)
}
