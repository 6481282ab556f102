package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"time"
)

// Bounds of what a source is read for. Texts of a document have their own.
const (
	maxDocument   = 64 << 10  // bytes of one document; a larger one is left out
	maxDocuments  = 1_000_000 // documents of one collection; more fail the refresh
	maxCollection = 256 << 20 // bytes of one collection; more fail the refresh
)

// The collections, and the fields of theirs that are read.
var collections = []collection{
	{"rooms", []string{"_id", "title", "owner", "moderators", "stream_url", "slow_mode", "members_only", "emotes_only", "unique", "paid", "max_connections"}, (*Documents).addRoom},
	{"bans", []string{"_id", "kind", "user", "ip", "room", "reason", "by", "expires"}, (*Documents).addBan},
	{"words", []string{"_id", "action", "room"}, (*Documents).addWord},
	{"emotes", []string{"_id", "url", "room"}, (*Documents).addEmote},
	{"announcements", []string{"_id", "text", "from", "until", "every"}, (*Documents).addAnnouncement},
}

// collection is one of the collections that are read.
type collection struct {
	name   string
	fields []string
	add    func(*Documents, fields) error // adds a document, or says what is wrong with it
}

// Documents is all that was read from a source.
type Documents struct {
	Rooms         []Room
	Bans          []Ban
	Words         []Word
	Emotes        []Emote
	Announcements []Announcement

	// Malformed is how many documents are left out, and LeftOut tells of the first
	// 20 of them.
	Malformed int
	LeftOut   []LeftOut
	// Hash is equal for equal content.
	Hash [sha256.Size]byte
}

// version names the content.
func (d *Documents) version() string { return hex.EncodeToString(d.Hash[:8]) }

// Room is what the database says of a room. What it does not say is nil or empty.
type Room struct {
	Name           string
	Title          *string // one line of at most 200 characters
	Owner          string  // user id of the producer
	Moderators     []string
	StreamURL      *string // http or https, absolute; or empty
	SlowMode       *int    // seconds between a consumer's messages, 0 to 21600
	MembersOnly    *bool
	EmotesOnly     *bool
	Unique         *bool
	Paid           *bool
	MaxConnections *int // 0 or more; 0 is no limit of the room's own
}

// Kind says what a [Ban] keeps from.
type Kind string

// The kinds of bans.
const (
	KindBan     Kind = ""        // from the room
	KindTimeout Kind = "timeout" // from chatting; they may watch
)

// kinds is how many there are.
const kinds = 2

// place tells kinds apart by a number below kinds.
func (k Kind) place() int {
	if k == KindTimeout {
		return 1
	}
	return 0
}

// Ban keeps a user, an address, or both from the room, or from chatting there.
type Ban struct {
	ID      string
	Kind    Kind
	User    string       // user id; empty: no user
	Net     netip.Prefix // addresses; not valid: no address
	Room    string       // empty: all rooms
	Reason  string       // one line of at most 500 characters
	By      string       // user id
	Expires time.Time    // zero: never
}

// Holds tells whether the ban has not expired.
func (b *Ban) Holds(now time.Time) bool { return b.Expires.IsZero() || now.Before(b.Expires) }

// Word is a word or phrase that is blocked or masked.
type Word struct {
	Text string
	Mask bool   // false: block
	Room string // empty: all rooms
}

// Emote is a picture that a code stands for.
type Emote struct {
	Code string // at most 64 characters, none of them white space
	URL  string // http or https, absolute
	Room string // empty: all rooms
}

// Announcement is a text that the platform has said to all rooms.
type Announcement struct {
	ID    string
	Text  string        // at most 500 characters
	From  time.Time     // zero: at once
	Until time.Time     // zero: for ever
	Every time.Duration // a second or more; 0: once
}

// LeftOut is a document that was malformed. Its texts may stand in a log line.
type LeftOut struct {
	Collection string
	ID         string // its _id, in at most 64 characters that can be printed
	Why        string // repeats nothing of the document
}

// add adds a document to a collection, or notes why it is left out.
func (d *Documents) add(c *collection, doc fields) {
	if err := c.add(d, doc); err != nil {
		d.leaveOut(c, doc["_id"], err)
	}
}

// maxReported is how many documents that are left out are named.
const maxReported = 20

func (d *Documents) leaveOut(c *collection, id any, err error) {
	d.Malformed++
	if d.Malformed > maxReported {
		return
	}
	d.LeftOut = append(d.LeftOut, LeftOut{Collection: c.name, ID: printable(id), Why: err.Error()})
}

func (d *Documents) addRoom(doc fields) error {
	r := reader{doc: doc}
	room := Room{
		Name:           r.roomName("_id"),
		Title:          r.title("title"),
		Owner:          r.name("owner"),
		Moderators:     r.names("moderators"),
		StreamURL:      r.address("stream_url"),
		SlowMode:       r.number("slow_mode", maxSlowMode),
		MembersOnly:    r.flag("members_only"),
		EmotesOnly:     r.flag("emotes_only"),
		Unique:         r.flag("unique"),
		Paid:           r.flag("paid"),
		MaxConnections: r.number("max_connections", maxNumber),
	}
	r.require("_id", room.Name != "")
	if r.err == nil {
		d.Rooms = append(d.Rooms, room)
	}
	return r.err
}

func (d *Documents) addBan(doc fields) error {
	r := reader{doc: doc}
	ban := r.ban()
	ban.ID = r.id()
	if r.err == nil {
		d.Bans = append(d.Bans, ban)
	}
	return r.err
}

// ban returns a ban without its id.
func (r *reader) ban() Ban {
	ban := Ban{
		Kind:    r.banKind("kind"),
		User:    r.name("user"),
		Net:     r.network("ip"),
		Room:    r.roomName("room"),
		Reason:  r.line("reason", maxReason),
		By:      r.name("by"),
		Expires: r.time("expires"),
	}
	r.require("user or ip", ban.User != "" || ban.Net.IsValid())
	return ban
}

func (d *Documents) addWord(doc fields) error {
	r := reader{doc: doc}
	word := Word{Text: r.phrase("_id"), Room: r.roomName("room")}
	switch action := r.text("action"); action {
	case "block":
	case "mask":
		word.Mask = true
	default:
		r.fail("action", "block or mask")
	}
	if r.err == nil {
		d.Words = append(d.Words, word)
	}
	return r.err
}

func (d *Documents) addEmote(doc fields) error {
	r := reader{doc: doc}
	emote := Emote{Code: r.code("_id"), Room: r.roomName("room")}
	if url := r.address("url"); url != nil {
		emote.URL = *url
	}
	r.require("url", emote.URL != "")
	if r.err == nil {
		d.Emotes = append(d.Emotes, emote)
	}
	return r.err
}

func (d *Documents) addAnnouncement(doc fields) error {
	r := reader{doc: doc}
	a := Announcement{
		ID:    r.id(),
		Text:  r.message("text"),
		From:  r.time("from"),
		Until: r.time("until"),
	}
	if every := r.number("every", maxEvery); every != nil {
		a.Every = time.Duration(*every) * time.Second
	}
	if !a.Until.IsZero() && !a.Until.After(a.From) {
		r.fail("until", "a time after from")
	}
	if r.err == nil {
		d.Announcements = append(d.Announcements, a)
	}
	return r.err
}
