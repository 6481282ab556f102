package schematest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"chatserver/internal/fault"
)

// files are the documents, from here.
var files = []string{"../../room/asyncapi.json", "../../api/openapi.json", "../../admin/openapi.json"}

func read(t *testing.T, file string) (*document, []byte) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := parse(file, data)
	if err != nil {
		t.Fatal(err)
	}
	return doc, data
}

// references calls visit for each reference below a value that was read from JSON.
func references(value any, visit func(ref string)) {
	switch v := value.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			visit(ref)
		}
		for _, member := range v {
			references(member, visit)
		}
	case []any:
		for _, item := range v {
			references(item, visit)
		}
	}
}

// Every reference leads somewhere, and every component is used.
func TestReferences(t *testing.T) {
	for _, file := range files {
		doc, _ := read(t, file)
		used := map[string]bool{}
		references(doc.content, func(ref string) {
			used[ref] = true
			if !(node{doc: doc, value: map[string]any{"$ref": ref}}).follow().isThere() {
				t.Errorf("%s: %s leads nowhere", file, ref)
			}
		})
		components := doc.top().at("components")
		for _, kind := range components.keys() {
			if kind == "securitySchemes" {
				continue // named, not referred to
			}
			for _, name := range components.at(kind).keys() {
				if ref := fmt.Sprintf("#/components/%s/%s", kind, name); !used[ref] {
					t.Errorf("%s: nothing uses %s", file, ref)
				}
			}
		}
	}
}

// All of them are of one version of the program, and settings are the same in all.
func TestDocumentsAgree(t *testing.T) {
	version, settings := map[string]bool{}, map[string]string{}
	for _, file := range files {
		doc, _ := read(t, file)
		version[doc.top().at("info", "version").text()] = true
		schema := doc.top().at("components", "schemas", "Settings")
		for _, name := range schema.at("properties").keys() {
			form := string(schema.at("properties", name).json())
			if settings[name] == "" {
				settings[name] = form
			}
			if settings[name] != form {
				t.Errorf("%s: the setting %s is %s, elsewhere %s", file, name, form, settings[name])
			}
		}
	}
	if len(version) != 1 {
		t.Errorf("want one version, got %v", version)
	}
	api, _ := read(t, files[1])
	patch := api.top().at("components", "schemas", "SettingsPatch", "properties")
	for _, name := range patch.keys() {
		if name == "owner" || name == "moderators" {
			continue // of which clients are not told
		}
		if form := string(patch.at(name).json()); form != settings[name] {
			t.Errorf("the setting %s can be %s, and set to %s", name, settings[name], form)
		}
	}
}

// Every message of the chat has a payload and examples, which are of its own form. What
// the server sends has no other members than those that are named.
func TestMessages(t *testing.T) {
	doc, data := read(t, files[0])
	chat, err := readChat(data)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, all := range []forms{chat.commands, chat.messages} {
		for _, forms := range all {
			for _, one := range forms {
				known[one.name] = true
				if len(one.examples) == 0 {
					t.Errorf("%s has no example", one.name)
				}
				for _, example := range one.examples {
					if err := valid(one.schema, example); err != nil {
						t.Errorf("%s: %s: %v", one.name, example, err)
					}
				}
			}
		}
	}
	messages := doc.top().at("components", "messages")
	for _, name := range messages.keys() {
		message := messages.at(name)
		if !known[name] || message.at("title").text() != name {
			t.Errorf("%s goes by no WebSocket, or has another title", name)
		}
		kind := message.at("payload", "properties", "type", "const").text()
		if message.at("name").text() != kind {
			t.Errorf("%s: want the name %s, which is its type", name, kind)
		}
		checkMembers(t, message.at("payload"), slices.Contains(tags(message), "command"))
	}
	schemas := doc.top().at("components", "schemas")
	for _, name := range schemas.keys() {
		if schemas.at(name, "type").text() == "object" {
			checkMembers(t, schemas.at(name), false)
		}
	}
}

func tags(message node) []string {
	var all []string
	for _, tag := range message.at("tags").items() {
		all = append(all, tag.at("name").text())
	}
	return all
}

// checkMembers wants an object's members to be closed, unless it comes from a client,
// and what is required to be among them.
func checkMembers(t *testing.T, object node, fromClient bool) {
	t.Helper()
	others, isSaid := object.at("additionalProperties").value.(bool)
	if closed := isSaid && !others; closed == fromClient {
		t.Errorf("%s: additionalProperties closed is %v, from a client is %v", object.pointer, closed, fromClient)
	}
	for _, name := range object.at("required").items() {
		if !object.at("properties", name.text()).isThere() {
			t.Errorf("%s requires %s, which it has not", object.pointer, name.text())
		}
	}
}

// Operations name messages of their own channel, and each transport has all of them.
func TestChannels(t *testing.T) {
	doc, _ := read(t, files[0])
	operations := doc.top().at("operations")
	for _, name := range operations.keys() {
		for _, part := range []node{operations.at(name), operations.at(name, "reply")} {
			channel := part.at("channel").pointer
			list, _ := part.at("messages").value.([]any)
			for _, message := range list {
				object, _ := message.(map[string]any)
				if ref, _ := object["$ref"].(string); !strings.HasPrefix(ref, "#"+channel+"/messages/") {
					t.Errorf("%s: %s is no message of %s", name, ref, channel)
				}
			}
		}
	}
	channels, messages := doc.top().at("channels"), doc.top().at("components", "messages")
	for _, name := range messages.keys() {
		carriers := []string{"webSocket", "events", "poll"}
		if slices.Contains(tags(messages.at(name)), "command") {
			carriers = []string{"webSocket", "send"}
		}
		for _, channel := range carriers {
			if name != "JoinCommand" && !channels.at(channel, "messages", name).isThere() {
				t.Errorf("%s is not among the messages of %s", name, channel)
			}
		}
	}
}

// Examples of bodies are of the form that they are an example of.
func TestExamplesOfBodies(t *testing.T) {
	for _, file := range files[1:] {
		_, data := read(t, file)
		api, err := readAPI(file, data)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		check := func(where string, c content) {
			if !c.example.isThere() {
				return
			}
			n++
			if err := valid(c.schema, c.example.json()); err != nil {
				t.Errorf("%s: %s: %v", file, where, err)
			}
		}
		for _, r := range api.routes {
			for method, op := range r.operations {
				if op.body != nil {
					check(method+" "+r.template, *op.body)
				}
				for status, answer := range op.responses {
					for media, c := range answer.media {
						check(fmt.Sprintf("%s %s, %s as %s", method, r.template, status, media), c)
					}
				}
			}
		}
		if n < 10 {
			t.Errorf("%s: found only %d examples", file, n)
		}
	}
}

// Every code that a failure can have is in the documents.
func TestCodesAreDescribed(t *testing.T) {
	for _, file := range files[1:] {
		described := LoadAPI(t, file).Codes()
		for _, code := range fault.Codes() {
			if !slices.Contains(described, string(code)) {
				t.Errorf("%s has no code %s", file, code)
			}
		}
	}
}
