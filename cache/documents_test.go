package cache

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// collectionOf returns a collection by its name.
func collectionOf(name string) *collection {
	for i := range collections {
		if collections[i].name == name {
			return &collections[i]
		}
	}
	panic("no such collection: " + name)
}

// parse reads one document of a collection, as it stands in a cache file.
func parse(t *testing.T, name, doc string) Documents {
	t.Helper()
	var docs Documents
	parsed, err := fromJSON(json.RawMessage(doc))
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	docs.add(collectionOf(name), parsed)
	return docs
}

func TestDocumentsAreRead(t *testing.T) {
	for _, tt := range []struct {
		collection, doc string
		want            Documents
	}{
		{"rooms", `{"_id":"testroom"}`, Documents{Rooms: []Room{{Name: "testroom"}}}},
		{
			"rooms", `{"_id":"a.b_c-1","title":" T ","owner":"ann","moderators":["bob"],"stream_url":"https://a.example/x","slow_mode":3,"members_only":true,"emotes_only":false,"unique":true,"paid":false,"max_connections":0,"more":{"x":[1]}}`,
			Documents{Rooms: []Room{{
				Name: "a.b_c-1", Title: new("T"), Owner: "ann", Moderators: []string{"bob"}, StreamURL: new("https://a.example/x"), SlowMode: new(3),
				MembersOnly: new(true), EmotesOnly: new(false), Unique: new(true), Paid: new(false), MaxConnections: new(0),
			}}},
		},
		{"rooms", `{"_id":"a","title":"","stream_url":"","owner":null,"moderators":[]}`, Documents{Rooms: []Room{{Name: "a", Title: new(""), StreamURL: new(""), Moderators: []string{}}}}},
		{"bans", `{"_id":"1","user":"ann","room":"","reason":"r","by":"bob","expires":"2026-11-24T13:00:00+01:00"}`, Documents{Bans: []Ban{{ID: "1", User: "ann", Reason: "r", By: "bob", Expires: noon}}}},
		{"bans", `{"_id":"1","kind":"timeout","user":"ann","expires":"2026-11-24T12:00:00Z"}`, Documents{Bans: []Ban{{ID: "1", Kind: KindTimeout, User: "ann", Expires: noon}}}},
		{"bans", `{"_id":"1","kind":"ban","user":"ann"}`, Documents{Bans: []Ban{{ID: "1", User: "ann"}}}},
		{"bans", `{"_id":"1","kind":null,"user":"ann"}`, Documents{Bans: []Ban{{ID: "1", User: "ann"}}}},
		{"bans", `{"_id":7,"ip":"::ffff:192.0.2.1"}`, Documents{Bans: []Ban{banOf("7", "192.0.2.1", "", time.Time{})}}},
		{"bans", `{"_id":"1","ip":"2001:db8::1/32","user":""}`, Documents{Bans: []Ban{banOf("1", "2001:db8::/32", "", time.Time{})}}},
		{"words", `{"_id":"Bad Word","action":"block"}`, Documents{Words: []Word{{Text: "Bad Word"}}}},
		{"words", `{"_id":"bad","action":"mask","room":"a"}`, Documents{Words: []Word{{Text: "bad", Mask: true, Room: "a"}}}},
		{"emotes", `{"_id":":a:","url":"http://a.example/a.png","room":"a"}`, Documents{Emotes: []Emote{{Code: ":a:", URL: "http://a.example/a.png", Room: "a"}}}},
		{"announcements", `{"_id":"a","text":"hello","from":"2026-11-24T12:00:00Z","every":60}`, Documents{Announcements: []Announcement{{ID: "a", Text: "hello", From: noon, Every: time.Minute}}}},
	} {
		if got := parse(t, tt.collection, tt.doc); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %s\n is %+v\nwant %+v", tt.collection, tt.doc, got, tt.want)
		}
	}
}

func TestMalformedDocumentsAreLeftOut(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for _, tt := range []struct{ collection, doc, why string }{
		{"rooms", `{}`, "_id is missing"},
		{"rooms", `{"_id":""}`, "_id is missing"},
		{"rooms", `{"_id":5}`, "_id is a number; it may be a text"},
		{"rooms", `{"_id":"a/b"}`, "_id is another text; it may be a room's name"},
		{"rooms", `{"_id":"a","title":5}`, "title is a number"},
		{"rooms", `{"_id":"a","title":"` + long + `"}`, `"title" has 3000 characters`},
		{"rooms", `{"_id":"a","title":"\u202e"}`, "bidirectional override"},
		{"rooms", `{"_id":"a","owner":["ann"]}`, "owner is a list; it may be a text"},
		{"rooms", `{"_id":"a","owner":"a\u0000"}`, "without control characters"},
		{"rooms", `{"_id":"a","owner":"` + long + `"}`, "1 to 256 bytes"},
		{"rooms", `{"_id":"a","moderators":"bob"}`, "at most 1000 user ids"},
		{"rooms", `{"_id":"a","moderators":["bob",5]}`, "at most 1000 user ids"},
		{"rooms", `{"_id":"a","moderators":["x"` + strings.Repeat(`,"x"`, 1000) + `]}`, "at most 1000 user ids"},
		{"rooms", `{"_id":"a","stream_url":"javascript:alert(1)"}`, "absolute http or https"},
		{"rooms", `{"_id":"a","stream_url":"https://a.example/` + long + `"}`, "absolute http or https"},
		{"rooms", `{"_id":"a","slow_mode":-1}`, "whole number from 0 to 21600"},
		{"rooms", `{"_id":"a","slow_mode":1.5}`, "whole number from 0 to 21600"},
		{"rooms", `{"_id":"a","slow_mode":1e300}`, "whole number from 0 to 21600"},
		{"rooms", `{"_id":"a","slow_mode":"3"}`, "slow_mode is another text"},
		{"rooms", `{"_id":"a","members_only":1}`, "it may be true or false"},
		{"rooms", `{"_id":"a","max_connections":{}}`, "max_connections is something else"},
		{"bans", `{"_id":"1"}`, "user or ip is missing"},
		{"bans", `{"user":"ann"}`, "_id is missing"},
		{"bans", `{"_id":1.5,"user":"ann"}`, "_id is a number; it may be"},
		{"bans", `{"_id":"1","ip":"192.0.2"}`, "an IP address, or a prefix"},
		{"bans", `{"_id":"1","ip":"192.0.2.0/33"}`, "an IP address, or a prefix"},
		{"bans", `{"_id":"1","user":"ann","kind":"mute"}`, "kind is another text; it may be ban or timeout"},
		{"bans", `{"_id":"1","user":"ann","kind":1}`, "kind is a number"},
		{"bans", `{"_id":"1","user":"ann","room":"*"}`, "room is another text"},
		{"bans", `{"_id":"1","user":"ann","expires":"tomorrow"}`, "2026-11-24T18:00:00Z"},
		{"bans", `{"_id":"1","user":"ann","expires":1e12}`, "expires is a number"},
		{"words", `{"_id":"","action":"mask"}`, "something in it that can be seen"},
		{"words", `{"_id":"\u200b","action":"mask"}`, "something in it that can be seen"},
		{"words", `{"_id":"bad"}`, "action is missing; it may be block or mask"},
		{"words", `{"_id":"bad","action":"delete"}`, "block or mask"},
		{"emotes", `{"_id":"a b","url":"https://a.example/"}`, "without white space"},
		{"emotes", `{"_id":" a","url":"https://a.example/"}`, "without white space"},
		{"emotes", `{"_id":"a"}`, "url is missing"},
		{"emotes", `{"_id":"a","url":""}`, "url is missing"},
		{"announcements", `{"_id":"a"}`, "text is no message"},
		{"announcements", `{"_id":"a","text":"t","every":-5}`, "whole number"},
		{"announcements", `{"_id":"a","text":"t","from":"2026-11-24T12:00:00Z","until":"2026-11-24T12:00:00Z"}`, "a time after from"},
	} {
		got := parse(t, tt.collection, tt.doc)
		if len(got.LeftOut) != 1 || !strings.Contains(got.LeftOut[0].Why, tt.why) {
			t.Errorf("%s: %.80s is left out for %+v; want %q", tt.collection, tt.doc, got.LeftOut, tt.why)
		}
		if got.LeftOut, got.Malformed = nil, 0; !reflect.DeepEqual(got, Documents{}) {
			t.Errorf("%s: %.80s is used: %+v", tt.collection, tt.doc, got)
		}
	}
}

func TestPrintable(t *testing.T) {
	for _, tt := range []struct {
		id   any
		want string
	}{
		{"plain", "plain"},
		{int64(5), "5"},
		{nil, "(missing)"},
		{other("BSON of type binary"), "(BSON of type binary)"},
		{"a\nb\x1b[0m\u202e", "a\uFFFDb\uFFFD[0m\uFFFD"},
		{strings.Repeat("é", 100), strings.Repeat("é", 64) + "…"},
		{"\xff", "\uFFFD"},
	} {
		if got := printable(tt.id); got != tt.want {
			t.Errorf("printable(%q) = %q; want %q", tt.id, got, tt.want)
		}
	}
}

func TestBSONValues(t *testing.T) {
	id, _ := bson.ObjectIDFromHex("0123456789abcdef01234567")
	deep := bson.A{}
	for range 500 {
		deep = bson.A{deep}
	}
	raw, err := bson.Marshal(bson.D{
		{Key: "_id", Value: id},
		{Key: "text", Value: "t\x00\xff"},
		{Key: "int", Value: int32(5)},
		{Key: "long", Value: int64(6)},
		{Key: "double", Value: 7.5},
		{Key: "bool", Value: true},
		{Key: "date", Value: noon},
		{Key: "null", Value: nil},
		{Key: "list", Value: bson.A{"a", id, bson.A{"b"}}},
		{Key: "deep", Value: deep},
		{Key: "document", Value: bson.D{{Key: "a", Value: 1}}},
		{Key: "binary", Value: []byte{1}},
		{Key: "not wanted", Value: "x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	doc := fields{"from before": 1}
	if err := decode(raw, []string{"_id", "text", "int", "long", "double", "bool", "date", "null", "list", "deep", "document", "binary", "absent"}, doc); err != nil {
		t.Fatal(err)
	}
	doc["date"] = doc["date"].(time.Time).UTC()
	want := fields{
		"_id": "0123456789abcdef01234567", "text": "t\x00\xff", "int": int64(5), "long": int64(6), "double": 7.5, "bool": true, "date": noon, "null": nil,
		"list": []any{"a", "0123456789abcdef01234567", other("a list")}, "deep": []any{other("a list")},
		"document": other("BSON of type embedded document"), "binary": other("BSON of type binary"),
	}
	if !reflect.DeepEqual(doc, want) {
		t.Errorf("is   %#v\nwant %#v", doc, want)
	}
}

func TestHugeBSONIsNotLookedInto(t *testing.T) {
	raw, err := bson.Marshal(bson.D{{Key: "_id", Value: "big"}, {Key: "title", Value: strings.Repeat("x", maxDocument)}})
	if err != nil {
		t.Fatal(err)
	}
	doc := fields{}
	if err := decode(raw, []string{"_id", "title"}, doc); err == nil || doc["_id"] != "big" || len(doc) != 1 {
		t.Errorf("decode = %v, %v; want an error and the _id", doc, err)
	}
}

// checkDocuments holds what was read to what the rest of the server relies on.
func checkDocuments(t *testing.T, docs *Documents) {
	t.Helper()
	for _, l := range docs.LeftOut {
		if utf8.RuneCountInString(l.ID) > maxPrinted+1 || strings.ContainsAny(l.ID+l.Why, "\n\x1b") || len(l.Why) > 1000 || !utf8.ValidString(l.ID+l.Why) {
			t.Errorf("what is left out cannot be logged: %q", l)
		}
	}
	s := NewSnapshot(docs, noon)
	for ban := range s.Bans() {
		if _, err := json.Marshal(ban.Expires); err != nil {
			t.Errorf("the end of %+v cannot be told: %v", ban, err)
		}
		if !ban.Holds(noon) {
			continue
		}
		if _, found := s.Sanctioned(ban.Kind, ban.Room, ban.User, ban.Net.Addr(), true, noon); !found {
			t.Errorf("ban %+v does not hold", ban)
		}
	}
	for _, word := range docs.Words {
		if masked, blockedBy := s.CheckWords(word.Room, word.Text); blockedBy == "" && !strings.Contains(masked, "*") {
			t.Errorf("word %+q is not found in itself", word.Text)
		}
	}
	for _, a := range docs.Announcements {
		if _, err := json.Marshal([]time.Time{a.From, a.Until}); err != nil {
			t.Errorf("the times of %+v cannot be told: %v", a, err)
		}
	}
}

func FuzzBSON(f *testing.F) {
	for _, doc := range []bson.D{
		{{Key: "_id", Value: "a"}, {Key: "action", Value: "mask"}, {Key: "user", Value: "ann"}, {Key: "expires", Value: noon}},
		{{Key: "_id", Value: 5}, {Key: "ip", Value: "10.0.0.0/8"}, {Key: "moderators", Value: bson.A{"a", 5}}},
		{{Key: "_id", Value: ":x:"}, {Key: "url", Value: "https://a.example"}, {Key: "text", Value: "t"}, {Key: "every", Value: 5.0}},
	} {
		raw, err := bson.Marshal(doc)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(raw)) //nolint:unconvert // the fuzzer demands the very type
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		docs, doc := &Documents{}, fields{}
		for i := range collections {
			c := &collections[i]
			if err := decode(raw, c.fields, doc); err != nil {
				docs.leaveOut(c, doc["_id"], err)
				continue
			}
			docs.add(c, doc)
		}
		checkDocuments(t, docs)
	})
}

func FuzzJSON(f *testing.F) {
	for _, text := range []string{
		`{"rooms":[{"_id":"a","title":"T","slow_mode":3}],"bans":[{"_id":1,"ip":"::/0"}]}`,
		`{"words":[{"_id":"bad","action":"mask"},5,null,{"_id":"bad"}],"emotes":[],"announcements":[{"_id":"a","text":"t"}]}`,
		`{"bans":[`, `[]`, strings.Repeat("7", 400), `{"x":[]}`, `{"bans":[]}{}`, "{\"words\":[{\"_id\":\"\xff\",\"action\":\"mask\"}]}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		docs, err := readJSON(t.Context(), strings.NewReader(string(text)))
		if err != nil {
			if s := err.Error(); len(s) > 300 || !utf8.ValidString(s) || strings.ContainsAny(s, "\n\x1b") {
				t.Errorf("an error that cannot be logged: %q", s)
			}
			return
		}
		checkDocuments(t, docs)
	})
}
