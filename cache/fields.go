package cache

import (
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"chatserver/internal/text"
)

// Bounds of fields. Those of rooms are the bounds of a room's settings.
const (
	maxTitle      = 200             // characters
	maxSlowMode   = 6 * 3600        // seconds
	maxNumber     = math.MaxInt32   // of any number
	maxName       = 256             // bytes of a user id, or of an _id
	maxModerators = 1000            // user ids
	maxReason     = 500             // characters
	maxPhrase     = 100             // characters of a blocked or masked word
	maxCode       = 64              // characters
	maxSaid       = 500             // characters of an announcement
	maxEvery      = 366 * 24 * 3600 // seconds
)

// roomForm is the form of a room's name.
var roomForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// fields is a document as its source has it. Its values are string, bool, int64,
// float64, time.Time, []any of these, nil for null, and other.
type fields map[string]any

// other is a value of a kind that no field has; it names that kind.
type other string

// reader takes a document's fields out, one by one, and keeps the first error. A
// field that is null or an empty text counts as absent.
type reader struct {
	doc fields
	err error
}

// fail notes that a field is not what it may be. It does not repeat the value: that
// may be anything, and the error is logged.
func (r *reader) fail(field, may string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s is %s; it may be %s", field, kind(r.doc[field]), may)
	}
}

// require fails unless the field was there.
func (r *reader) require(field string, there bool) {
	if r.err == nil && !there {
		r.err = fmt.Errorf("%s is missing", field)
	}
}

// kind names the kind of a value.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "missing"
	case string:
		return "another text"
	case bool:
		return "true or false"
	case int64, float64:
		return "a number"
	case time.Time:
		return "a time"
	case []any:
		return "a list"
	case other:
		return string(v)
	default:
		return "something else"
	}
}

// text returns a text, empty if it is absent.
func (r *reader) text(field string) string {
	switch v := r.doc[field].(type) {
	case nil:
	case string:
		return v
	default:
		r.fail(field, "a text")
	}
	return ""
}

// banKind returns the kind of a ban, which is [KindBan] if it is absent.
func (r *reader) banKind(field string) Kind {
	switch s := r.text(field); s {
	case "", "ban":
		return KindBan
	case string(KindTimeout):
		return KindTimeout
	default:
		r.fail(field, "ban or timeout")
		return KindBan
	}
}

// nameForm tells whether a text can be a user id or an _id.
func nameForm(s string) bool {
	return s != "" && len(s) <= maxName && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

const nameMay = "a text of 1 to 256 bytes, without control characters"

// name returns a user id, empty if it is absent.
func (r *reader) name(field string) string {
	s := r.text(field)
	if s != "" && !nameForm(s) {
		r.fail(field, nameMay)
	}
	return s
}

// id returns the _id, which may be a number too.
func (r *reader) id() string {
	switch v := r.doc["_id"].(type) {
	case string:
		if nameForm(v) {
			return v
		}
	case int64:
		return strconv.FormatInt(v, 10)
	case float64: // as JSON has whole numbers
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.FormatInt(int64(v), 10)
		}
	}
	r.fail("_id", nameMay+", or a whole number")
	return ""
}

// names returns a list of user ids.
func (r *reader) names(field string) []string {
	const may = "a list of at most 1000 user ids"
	list, ok := r.doc[field].([]any)
	if !ok || len(list) > maxModerators {
		if r.doc[field] != nil {
			r.fail(field, may)
		}
		return nil
	}
	names := make([]string, 0, len(list))
	for _, item := range list {
		name, ok := item.(string)
		if !ok || !nameForm(name) {
			r.fail(field, may)
			return nil
		}
		names = append(names, name)
	}
	return slices.Clip(names)
}

// roomName returns a room's name, empty if it is absent.
func (r *reader) roomName(field string) string {
	s := r.text(field)
	if s != "" && !roomForm.MatchString(s) {
		r.fail(field, "a room's name: 1 to 64 of A-Z a-z 0-9 . _ -, starting with a letter or a digit")
	}
	return s
}

// line returns one line of text.
func (r *reader) line(field string, most int) string {
	s, err := text.Line(field, r.text(field), most)
	if err != nil && r.err == nil {
		r.err = err
	}
	return s
}

// title returns one line of text, nil if it is absent: an empty title is one.
func (r *reader) title(field string) *string {
	if r.doc[field] == nil {
		return nil
	}
	s := r.line(field, maxTitle)
	return &s
}

// message returns a text as it may be said in chat.
func (r *reader) message(field string) string {
	s, err := text.Message(r.text(field), maxSaid)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s is no message: %w", field, err)
	}
	return s
}

// phrase returns a word or phrase that the matcher can find.
func (r *reader) phrase(field string) string {
	s := r.line(field, maxPhrase)
	if r.err == nil && !findable(s) {
		r.fail(field, "a word or phrase of at most 100 characters with something in it that can be seen")
	}
	return s
}

// code returns an emote's code.
func (r *reader) code(field string) string {
	s := r.line(field, maxCode)
	if r.err == nil && (s == "" || s != r.doc[field] || strings.ContainsFunc(s, unicode.IsSpace)) {
		r.fail(field, "1 to 64 characters without white space")
	}
	return s
}

// address returns an absolute URL, nil if it is absent. An empty one is kept.
func (r *reader) address(field string) *string {
	if r.doc[field] == nil {
		return nil
	}
	s := r.text(field)
	if s != "" && !text.WebURL(s) {
		r.fail(field, "an absolute http or https URL of at most 2048 bytes")
	}
	return &s
}

// number returns a whole number of 0 or more, nil if it is absent.
func (r *reader) number(field string, most int) *int {
	number := -1.0
	switch v := r.doc[field].(type) {
	case nil:
		return nil
	case int64:
		number = float64(v)
	case float64: // as JavaScript stores all numbers
		number = v
	}
	if number != math.Trunc(number) || number < 0 || number > float64(most) {
		r.fail(field, fmt.Sprintf("a whole number from 0 to %d", most))
		return nil
	}
	n := int(number)
	return &n
}

// flag returns true or false, nil if it is absent.
func (r *reader) flag(field string) *bool {
	switch v := r.doc[field].(type) {
	case nil:
	case bool:
		return &v
	default:
		r.fail(field, "true or false")
	}
	return nil
}

// time returns a time, zero if it is absent.
func (r *reader) time(field string) time.Time {
	var at time.Time
	switch v := r.doc[field].(type) {
	case nil:
		return at
	case time.Time:
		at = v
	case string:
		if v == "" {
			return at
		}
		at, _ = time.Parse(time.RFC3339, v) // zero is refused below
	}
	if year := at.UTC().Year(); at.IsZero() || year < 1 || year > 9999 { // beyond that it has no RFC 3339
		r.fail(field, "a date, or a time such as 2026-11-24T18:00:00Z")
		return time.Time{}
	}
	return at.UTC()
}

// network returns an address or a CIDR prefix, in the form that lookups use.
func (r *reader) network(field string) netip.Prefix {
	s := r.text(field)
	if s == "" {
		return netip.Prefix{}
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		addr, errAddr := netip.ParseAddr(s)
		addr = addr.WithZone("")
		prefix, err = netip.PrefixFrom(addr, addr.BitLen()), errAddr
	}
	if prefix = unmapped(prefix); err != nil || !prefix.IsValid() {
		r.fail(field, "an IP address, or a prefix such as 192.0.2.0/24")
		return netip.Prefix{}
	}
	return prefix
}

// unmapped returns a prefix without bits that do not count, and one of mapped
// addresses as the prefix of IPv4 that it stands for.
func unmapped(p netip.Prefix) netip.Prefix {
	const mapped = 96 // bits before the IPv4 address
	if p.Addr().Is4In6() && p.Bits() >= mapped {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p.Masked()
}

// maxPrinted is how much of an _id is logged, in characters.
const maxPrinted = 64

// printable returns an _id for a log line: bounded, without characters that do
// something to a terminal. One that is no text is named by its kind.
func printable(id any) string {
	var s string
	switch v := id.(type) {
	case string:
		s = v
	case int64:
		s = strconv.FormatInt(v, 10)
	default:
		return "(" + kind(id) + ")"
	}
	var out []rune
	for _, c := range s {
		if len(out) == maxPrinted {
			out = append(out, '…')
			break
		}
		if !unicode.IsPrint(c) {
			c = unicode.ReplacementChar
		}
		out = append(out, c)
	}
	return string(out)
}
