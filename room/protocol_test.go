package room

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatserver/internal/fault"
)

var update = flag.Bool("update", false, "write the golden wire messages anew")

// golden holds what the server sends, byte for byte: programs rely on it.
const golden = "../testdata/wire"

func TestWireMessages(t *testing.T) {
	at := time.UnixMilli(1790000000123)
	ann := User{ID: "guest-abc", Name: "Ann", Role: Consumer}
	stamped := func(e logged) logged { e.stamp(42, at); return e }
	mia, bob := User{ID: "u1", Name: "Mia", Role: Moderator}, User{ID: "u7", Name: "Bob", Role: Consumer, Member: true}
	title, slow, pin := "Cooking live", 5, Pin(41)
	poll := &pollEvent{event: event{Type: typePoll}, Question: "Tea?", Options: []string{"yes", "no"}, Ends: at.Add(time.Minute).UnixMilli(), By: mia}
	lookedAt := &Room{events: eventLog{keep: 9}, reacted: newReactionBook()}
	for _, e := range []logged{
		&redactedEvent{event: event{Type: typeMessage}, User: ann, Redacted: true},
		&messageEvent{event: event{Type: typeMessage}, User: ann, Text: "hello <b>"},
	} {
		seq := lookedAt.events.seq + 1
		e.stamp(seq, at)
		lookedAt.events.add(entry{seq: seq, kind: e.kind(), data: encode(e)})
	}
	if err := lookedAt.reacted.add(2, "👍", "u1"); err != nil {
		t.Fatal(err)
	}
	messages := map[string]any{
		"message":          stamped(&messageEvent{event: event{Type: typeMessage}, User: ann, Text: "hello <b> & \u2028"}),
		"message_reply":    stamped(&messageEvent{event: event{Type: typeMessage}, User: User{ID: "u1", Name: "Bob", Role: Moderator, Member: true}, Text: "yes", ReplyTo: 41}),
		"message_platform": stamped(&messageEvent{event: event{Type: typeMessage}, User: platform, Text: "welcome"}),
		"announcement":     stamped(&announcementEvent{event{Type: typeAnnouncement}, "maintenance at noon", ScopeGlobal, platform}),
		"settings":         stamped(&settingsEvent{event{Type: typeSettings}, SettingsPatch{Title: &title, SlowMode: &slow}, platform}),
		"message_redacted": stamped(&redactedEvent{event: event{Type: typeMessage}, User: ann, Redacted: true}),
		"deleted":          stamped(&deletedEvent{event{Type: typeDeleted}, 41, mia}),
		"cleared":          stamped(&clearedEvent{event{Type: typeCleared}, mia}),
		"sanction_timeout": stamped(&sanctionEvent{event{Type: typeSanction}, kindTimeout, ann, at.Add(time.Minute).UnixMilli(), "calm down", mia}),
		"sanction_ban":     stamped(&sanctionEvent{event{Type: typeSanction}, kindBan, ann, 0, "", mia}),
		"poll":             stamped(poll),
		"poll_closed":      stamped(&pollEvent{event: event{Type: typePollClosed}, Poll: 41, Question: "Tea?", Options: []string{"yes", "no"}, Ends: at.UnixMilli(), Votes: []int{2, 0}, By: mia}),
		"tip":              stamped(&tipEvent{event{Type: typeTip}, bob, "4.5", "EUR", "for the soup"}),
		"tip_redacted":     stamped(&redactedEvent{event{Type: typeTip}, bob, "4.5", "EUR", true}),
		"settings_pin":     stamped(&settingsEvent{event{Type: typeSettings}, SettingsPatch{Pinned: &pin}, mia}),
		"settings_unpin":   stamped(&settingsEvent{event{Type: typeSettings}, SettingsPatch{Pinned: new(Pin)}, mia}),
		"reactions":        reactions{Type: "reactions", Totals: map[uint64]map[string]int{41: {"👍": 2}}},
		"votes":            votes{Type: "votes", Poll: 41, Votes: []int{2, 0}, Total: 2},
		"whisper":          whisperNote{Type: "whisper", From: mia, To: ann, Text: "psst", Time: at.UnixMilli()},
		"closing_replaced": closing{Type: "closing", Reason: reasonReplaced},
		"welcome": welcome{
			Type: "welcome", Room: "lobby", Epoch: "k3v9", Seq: 42, You: ann, Settings: Settings{Title: title}, Viewers: 3,
			Limits: limits{Text: 500, Bytes: 8192, Messages: 20, Window: 30000},
		},
		"welcome_poll": welcome{
			Type: "welcome", Room: "lobby", Epoch: "k3v9", Seq: 1042, You: ann, Viewers: 3,
			Limits: limits{Text: 500, Bytes: 8192, Messages: 20, Window: 30000}, Poll: poll,
		},
		"ack":               ack{Type: "ack", ID: "1", Seq: 42},
		"ack_without_event": ack{Type: "ack", ID: "1"},
		"error":             failure{Type: "error", ID: "1", Code: fault.RateLimited, Message: "wait", RetryAfter: 1000},
		"error_without_id":  failure{Type: "error", Code: fault.BadJSON, Message: "this is not JSON"},
		"pong":              pong{Type: "pong", ID: "1"},
		"people":            people{Type: "people", ID: "1", Count: 1, Users: []User{ann}},
		"history":           json.RawMessage((&lookBack{id: "1"}).answer(lookedAt, lookedAt.events.entries)),
		"history_empty":     json.RawMessage((&lookBack{}).answer(&Room{}, nil)),
		"viewers":           viewers{Type: "viewers", Count: 0},
		"skipped":           skipped{Type: "skipped", From: 3, To: 9},
		"closing":           closing{Type: "closing", Reason: reasonShutdown, ReconnectAfter: 1500},
		"closing_for_ever":  closing{Type: "closing", Reason: reasonClosed},
		"closing_credit":    closing{Type: "closing", Reason: reasonCredit},
	}
	for name, message := range messages {
		file := filepath.Join(golden, name+".json")
		got := string(encode(message)) + "\n"
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("%v; go test ./room -update writes it", err)
		}
		if got != string(want) {
			t.Errorf("%s:\n got %s want %s", name, got, want)
		}
	}
	files, err := filepath.Glob(filepath.Join(golden, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, known := messages[strings.TrimSuffix(filepath.Base(file), ".json")]; !known {
			t.Errorf("%s is no message of the server's", file)
		}
	}
}

func TestFarewells(t *testing.T) {
	frames := farewell{code: 4504, reason: reasonClosed}.frames()
	want := [][]byte{
		append([]byte{0x81, 41}, `{"type":"closing","reason":"room_closed"}`...),
		append([]byte{0x88, 13, 0x11, 0x98}, "room_closed"...),
	}
	if !slices.EqualFunc(frames, want, slices.Equal) {
		t.Errorf("frames %q, want %q", frames, want)
	}
	if frames := (farewell{}).frames(); frames != nil {
		t.Errorf("no farewell, yet %q", frames)
	}
	long := farewell{code: 1002, text: strings.Repeat("x", 200)}.frames()
	if len(long) != 1 || len(long[0]) != 2+125 {
		t.Errorf("a close frame holds 125 bytes at most, this one %d", len(long[0])-2)
	}
}

func TestFrameLengths(t *testing.T) {
	for size, head := range map[int][]byte{
		0:     {0x81, 0},
		125:   {0x81, 125},
		126:   {0x81, 126, 0, 126},
		65535: {0x81, 126, 0xff, 0xff},
		65536: {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0},
	} {
		got := textFrame(make([]byte, size))
		if len(got) != len(head)+size || !slices.Equal(got[:len(head)], head) {
			t.Errorf("%d bytes: frame of %d begins with % x, want % x", size, len(got), got[:len(head)], head)
		}
	}
}
