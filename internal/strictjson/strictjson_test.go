package strictjson_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"chatserver/internal/fault"
	"chatserver/internal/strictjson"
)

// form has a field of each kind that the server reads.
type form struct {
	Text  string  `json:"text"`
	Title *string `json:"title,omitempty"`
	Count int     `json:"count"`
	Seq   *uint64 `json:"seq"`
	On    bool    `json:"on"`
	User  *struct {
		ID string `json:"id"`
	} `json:"user"`
	Names *[]string `json:"names"`
}

// readers are the two ways to read a form.
var readers = map[string]func([]byte, any) error{"Object": strictjson.Object, "Known": strictjson.Known}

func TestTaken(t *testing.T) {
	for _, tt := range []struct{ why, sent, text string }{
		{"an object", `{"text":"hello"}`, "hello"},
		{"white space", "\n { \"text\" :\t\"hello\" } \r\n", "hello"},
		{"none of the fields", `{}`, ""},
		{"nothing", `null`, ""},
		{"a field that has not come", `{"text":null,"title":null,"user":null}`, ""},
		{"a field twice", `{"text":"a","text":"b"}`, "b"},
		{"a whole pair of surrogates", `{"text":"\ud83d\ude00\uD83D\uDE00"}`, "😀😀"},
		{"an escaped backslash before what looks like half of one", `{"text":"\\ud800"}`, `\ud800`},
		{"the replacement character itself", `{"text":"\ufffd�"}`, "\uFFFD\uFFFD"},
		{"a NUL", `{"text":"\u0000"}`, "\x00"},
	} {
		for name, read := range readers {
			var got form
			if err := read([]byte(tt.sent), &got); err != nil || got.Text != tt.text {
				t.Errorf("%s, %s: want the text %q, got %q, %v", name, tt.why, tt.text, got.Text, err)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		why, sent string
		code      fault.Code
		says      string
	}{
		{"no body", "", fault.BadJSON, "one object"},
		{"white space", " \n", fault.BadJSON, "one object"},
		{"a word", "hello", fault.BadJSON, "byte 1"},
		{"half an object", `{"text":`, fault.BadJSON, "one object"},
		{"an array", `["text"]`, fault.BadJSON, "object"},
		{"a string", `"text"`, fault.BadJSON, "object"},
		{"a number", `5`, fault.BadJSON, "object"},
		{"two objects", `{}{}`, fault.BadJSON, "one object"},
		{"something behind it", `{} x`, fault.BadJSON, "one object"},
		{"a NUL behind it", "{}\x00", fault.BadJSON, ""},
		{"a byte order mark", "\uFEFF{}", fault.BadJSON, ""},
		{"UTF-16", "{\x00}\x00", fault.BadJSON, ""},
		{"bytes that are not UTF-8", "{\"text\":\"a\xff\"}", fault.BadJSON, "UTF-8"},
		{"such bytes in a field that is none", "{\"colour\xff\":1}", fault.BadJSON, "UTF-8"},
		{"the first half of a pair", `{"text":"a\ud800"}`, fault.BadJSON, "surrogate"},
		{"the second half", `{"text":"\uDC00"}`, fault.BadJSON, "surrogate"},
		{"the halves the wrong way round", `{"text":"\udc00\ud800"}`, fault.BadJSON, "surrogate"},
		{"two first halves", `{"text":"\ud800\ud800\udc00"}`, fault.BadJSON, "surrogate"},
		{"half a pair in a name", `{"\ud800":1}`, fault.BadJSON, "surrogate"},
		{"a broken escape", `{"text":"\u12"}`, fault.BadJSON, ""},
		{"deeper than sane", strings.Repeat(`{"user":`, 20_000), fault.BadJSON, ""},
		{"no string", `{"text":5}`, fault.BadField, "text must be a string, not a JSON number"},
		{"no optional string", `{"title":[]}`, fault.BadField, "title must be a string, not a JSON array"},
		{"no number", `{"count":"5"}`, fault.BadField, "count must be a whole number, not a JSON string"},
		{"half a number", `{"count":0.5}`, fault.BadField, "count must be a whole number, not a JSON number 0.5"},
		{"a negative number", `{"seq":-1}`, fault.BadField, "seq must be a whole number, 0 or more, not a JSON number -1"},
		{"a huge number", `{"seq":` + strings.Repeat("9", 8000) + `}`, fault.BadField, "seq must be"},
		{"no switch", `{"on":"yes"}`, fault.BadField, "on must be true or false"},
		{"no object", `{"user":"ann"}`, fault.BadField, "user must be an object, not a JSON string"},
		{"no list", `{"names":"ann"}`, fault.BadField, "names must be a list, not a JSON string"},
		{"no string in a list", `{"names":["ann",5]}`, fault.BadField, "names must be a string, not a JSON number"},
		{"a field of a field", `{"user":{"id":5}}`, fault.BadField, "user.id must be a string"},
	} {
		for name, read := range readers {
			err := read([]byte(tt.sent), new(form))
			if err == nil {
				t.Errorf("%s, %s: want %s, but it was taken", name, tt.why, tt.code)
				continue
			}
			got := fault.From(err)
			if got.Code != tt.code || !strings.Contains(got.Detail, tt.says) || strings.Contains(got.Detail, "Go ") || len(got.Detail) > 200 {
				t.Errorf("%s, %s: want %s with a word about %q, got %v", name, tt.why, tt.code, tt.says, err)
			}
		}
	}
}

func TestUnknownFields(t *testing.T) {
	for _, tt := range []struct{ why, sent, says string }{
		{"unknown", `{"text":"a","colour":"red"}`, `"colour" is none of the fields that may be here: text, title, count, seq, on, user`},
		{"another case", `{"Text":"a"}`, `"Text" is none`},
		{"no name", `{"":"a"}`, `"" is none`},
		{"markup and a line", `{"<b>\n":"a"}`, `"<b>\n" is none`},
		{"a long name", `{"` + strings.Repeat("x", 8000) + `":1}`, "xxx"},
	} {
		if err := strictjson.Object([]byte(tt.sent), new(form)); err != nil {
			t.Errorf("Object, %s: want it to be ignored, got %v", tt.why, err)
		}
		err := strictjson.Known([]byte(tt.sent), new(form))
		if err == nil {
			t.Errorf("Known, %s: want it to be refused", tt.why)
			continue
		}
		if got := fault.From(err); got.Code != fault.BadField || !strings.Contains(got.Detail, tt.says) || len(got.Detail) > 200 {
			t.Errorf("Known, %s: want bad_field with %q, got %v", tt.why, tt.says, err)
		}
	}
}

// What is taken is what encoding/json takes, and holds no character that was not sent.
func FuzzObject(f *testing.F) {
	for _, s := range []string{`{"text":"a"}`, `{"text":"\ud83d\ude00"}`, `{"text":"\\ud800"}`, `{"text":"\ud800"}`, "{\"text\":\"\xff\"}", `null`, `{"text":"\ufffd"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, plain form
		err := strictjson.Object(data, &got)
		if err != nil {
			if code := fault.From(err).Code; code != fault.BadJSON && code != fault.BadField {
				t.Fatalf("%q: %v", data, err)
			}
			return
		}
		if json.Unmarshal(data, &plain) != nil || got.Text != plain.Text {
			t.Fatalf("%q is taken as %q, by encoding/json as %q", data, got.Text, plain.Text)
		}
		if !utf8.Valid(data) {
			t.Fatalf("%q is taken", data)
		}
		sent := strings.ToLower(string(data))
		if strings.ContainsRune(got.Text, utf8.RuneError) && !strings.ContainsRune(sent, utf8.RuneError) && !strings.Contains(sent, `\ufffd`) {
			t.Fatalf("%q: a character was replaced: %q", data, got.Text)
		}
	})
}
