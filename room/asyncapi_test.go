package room

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"chatserver/internal/schematest"
)

// Whatever a client may send is described. The document may be ahead of the code.
func TestEveryCommandIsDescribed(t *testing.T) {
	described := schematest.LoadChat(t).Commands()
	for _, kind := range append(slices.Sorted(maps.Keys(clientCommands)), "join") {
		if !slices.Contains(described, kind) {
			t.Errorf("asyncapi.json has no command %s", kind)
		}
	}
}

// sentTypes finds the types of all that the package sends in its own source: constants
// such as typeMessage, and literals such as pong{Type: "pong"}.
func sentTypes(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	add := func(value ast.Expr) {
		if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if word, err := strconv.Unquote(literal.Value); err == nil {
				types = append(types, word)
			}
		}
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for node := range ast.Preorder(file) {
			switch n := node.(type) {
			case *ast.ValueSpec:
				for i, constant := range n.Names {
					if after, ok := strings.CutPrefix(constant.Name, "type"); ok && after != "" && i < len(n.Values) {
						add(n.Values[i])
					}
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Type" {
					add(n.Value)
				}
			}
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// Whatever the server sends is described. The document may be ahead of the code.
func TestEveryMessageIsDescribed(t *testing.T) {
	described := schematest.LoadChat(t).Messages()
	sent := sentTypes(t)
	if len(sent) < 10 {
		t.Fatalf("found only %v in the source", sent)
	}
	for _, kind := range sent {
		if !slices.Contains(described, kind) {
			t.Errorf("asyncapi.json has no message %s", kind)
		}
	}
}

func TestGoldenMessagesAreAsDescribed(t *testing.T) {
	chat := schematest.LoadChat(t)
	files, err := filepath.Glob(filepath.Join(golden, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("golden messages: %v %v", files, err)
	}
	for _, file := range files {
		message, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := chat.Message(message); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// What the document gives as an example of a command is understood, once there is such
// a command.
func TestExamplesOfCommandsAreUnderstood(t *testing.T) {
	chat := schematest.LoadChat(t)
	for _, kind := range chat.Commands() {
		if _, known := clientCommands[kind]; !known {
			continue
		}
		for _, example := range chat.CommandExamples(kind) {
			inWorld(t, func(w *world) {
				ann := w.room("lobby").join("ann")
				ann.say("hello") // seq 1
				ann.want("said", "message")
				ann.send(string(example))
				for _, o := range ann.heard() {
					if code := o.str("code"); slices.Contains([]string{"bad_json", "bad_command", "bad_field"}, code) {
						t.Errorf("%s is refused: %v", example, o)
					}
				}
			})
		}
	}
}

func TestSettingsAreDescribed(t *testing.T) {
	var settings map[string]any
	if err := json.Unmarshal(encode(Settings{}), &settings); err != nil {
		t.Fatal(err)
	}
	described := schematest.LoadChat(t).Members("Settings")
	for name := range settings {
		if !slices.Contains(described, name) {
			t.Errorf("asyncapi.json has no setting %s", name)
		}
	}
	for _, name := range described {
		_, isThere := settings[name]
		switch isPending := slices.Contains(schematest.Pending("Settings"), name); {
		case isThere && isPending:
			t.Errorf("the setting %s is there now: take it out of pending in internal/schematest", name)
		case !isThere && !isPending:
			t.Errorf("asyncapi.json has the setting %s, Settings has not", name)
		}
	}
}

// The API's document has all that can be set over REST, and nothing else.
func TestWhatCanBeSetIsDescribed(t *testing.T) {
	var settable []string
	for f := range reflect.TypeFor[SettingsPatch]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		settable = append(settable, name)
	}
	slices.Sort(settable)
	if described := schematest.LoadAPI(t, "../api/openapi.json").Members("SettingsPatch"); !slices.Equal(described, settable) {
		t.Errorf("api/openapi.json has %v to be set, SettingsPatch %v", described, settable)
	}
}

// Each path of a room's listener is described, under the path that it has on the main
// port. The document may be ahead of the code.
func TestEveryPathIsDescribed(t *testing.T) {
	described := schematest.LoadAPI(t, "../api/openapi.json").Routes()
	for path := range routes {
		if !slices.ContainsFunc(described, func(route string) bool {
			_, at, _ := strings.Cut(route, " ")
			return at == "/r/{name}"+path
		}) {
			t.Errorf("api/openapi.json has no /r/{name}%s", path)
		}
	}
}

func TestTheDescriptionIsServed(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.room("lobby")
		answer := r.roundTrip(http.MethodGet, "/asyncapi.json", http.Header{"Origin": {"https://tools.example"}})
		if kind, may := answer.Header.Get("Content-Type"), answer.Header.Get("Access-Control-Allow-Origin"); kind != "application/json" || may != "*" {
			w.Errorf("want JSON that every page may read, got %q for %q", kind, may)
		}
		if status, body := r.get("/asyncapi.json", nil); status != http.StatusOK || body != string(asyncAPI) {
			w.Errorf("want the document, bare, got %d %.100s", status, body)
		}
	}, func(o *Options) { o.AllowedOrigins = Origins{"https://good.example"} })
}

// Every code of the chat has an example in the protocol's document, and each of those is a
// message as the description has it. tip_refused waits for tips.
func TestErrorsHaveExamples(t *testing.T) {
	protocol, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	chat, shown := schematest.LoadChat(t), map[string]bool{}
	for line := range bytes.Lines(protocol) {
		if bytes.HasPrefix(line, []byte(`{"type":"error"`)) {
			if err := chat.Message(line); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			var example failure
			if err := json.Unmarshal(line, &example); err != nil {
				t.Fatal(err)
			}
			shown[string(example.Code)] = true
		}
	}
	for _, code := range chat.Values("ErrorCode") {
		if !shown[code] {
			t.Errorf("docs/protocol.md has no example of the error %s", code)
		}
	}
}
