package schematest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Chat is the chat protocol as room/asyncapi.json describes it. It is safe for use by
// several goroutines.
type Chat struct {
	doc      *document
	commands forms // what clients send
	messages forms // what the server sends
}

// forms are the forms of objects, by their type. A type may have several, such as a
// message and a removed one.
type forms map[string][]form

// form is one of the document's messages.
type form struct {
	name     string
	isLogged bool // an event of the log
	schema   *jsonschema.Schema
	examples [][]byte
}

// LoadChat reads the document that describes the chat.
func LoadChat(tb testing.TB) *Chat {
	tb.Helper()
	chat, err := loadChat()
	if err != nil {
		tb.Fatal(err)
	}
	return chat
}

var loadChat = sync.OnceValues(func() (*Chat, error) {
	file, err := moduleFile("room/asyncapi.json")
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return readChat(data)
})

// webSocket is the channel on which all messages of the document go.
const webSocket = "/channels/webSocket"

func readChat(data []byte) (*Chat, error) {
	doc, err := parse("asyncapi.json", data)
	if err != nil {
		return nil, err
	}
	c := &Chat{doc: doc, commands: forms{}, messages: forms{}}
	operations := doc.top().at("operations")
	for _, name := range operations.keys() {
		operation := operations.at(name)
		if operation.at("channel").pointer != webSocket {
			continue
		}
		into := c.messages
		if operation.at("action").text() == "receive" { // as seen by the server
			into = c.commands
		}
		for _, message := range operation.at("messages").items() {
			if err := into.add(message); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// add takes in a message of the document.
func (f forms) add(message node) error {
	schema, err := message.at("payload").schema()
	if err != nil {
		return fmt.Errorf("%s: %w", message.pointer, err)
	}
	kind := message.at("payload", "properties", "type", "const").text()
	if kind == "" {
		return fmt.Errorf("%s has no type that is constant", message.pointer)
	}
	one := form{name: message.at("title").text(), schema: schema}
	for _, tag := range message.at("tags").items() {
		one.isLogged = one.isLogged || tag.at("name").text() == "log"
	}
	for _, example := range message.at("examples").items() {
		one.examples = append(one.examples, example.at("payload").json())
	}
	f[kind] = append(f[kind], one)
	return nil
}

// Command tells how an object that a client sends differs from the document.
func (c *Chat) Command(object []byte) error {
	return c.commands.check(object, func(form) bool { return true })
}

// Message tells how an object that the server sent differs from the document.
func (c *Chat) Message(object []byte) error {
	return c.messages.check(object, func(form) bool { return true })
}

// Event is Message for an object that must be an event of a room's log.
func (c *Chat) Event(object []byte) error {
	return c.messages.check(object, func(f form) bool { return f.isLogged })
}

// check wants an object to have one of the forms of its type that may be here.
func (f forms) check(object []byte, mayBeHere func(form) bool) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(object))
	if err != nil {
		return fmt.Errorf("no JSON: %w: %.200q", err, object)
	}
	members, _ := value.(map[string]any)
	kind, _ := members["type"].(string)
	var wrong []error
	for _, one := range f[kind] {
		if !mayBeHere(one) {
			continue
		}
		err := one.schema.Validate(value)
		if err == nil {
			return nil
		}
		wrong = append(wrong, fmt.Errorf("as %s: %w", one.name, err))
	}
	if len(wrong) == 0 {
		return fmt.Errorf("asyncapi.json has no %q here: %.200s", kind, object)
	}
	return fmt.Errorf("asyncapi.json describes it otherwise: %.500s\n%w", object, errors.Join(wrong...))
}

// Commands returns the types of the commands that the document has, in order.
func (c *Chat) Commands() []string { return slices.Sorted(maps.Keys(c.commands)) }

// Messages returns the types of what the server sends by the document, in order.
func (c *Chat) Messages() []string { return slices.Sorted(maps.Keys(c.messages)) }

// CommandExamples returns the document's examples of a command.
func (c *Chat) CommandExamples(kind string) [][]byte {
	var all [][]byte
	for _, one := range c.commands[kind] {
		all = append(all, one.examples...)
	}
	return all
}

// Members returns the members that a schema of the document has, in order.
func (c *Chat) Members(schema string) []string { return c.doc.members(schema) }

// Values returns the strings that a schema of the document allows.
func (c *Chat) Values(schema string) []string {
	var values []string
	for _, value := range c.doc.top().at("components", "schemas", schema, "enum").items() {
		values = append(values, value.text())
	}
	return values
}
