package room

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"time"

	"chatserver/internal/fault"
	"chatserver/internal/strictjson"
	"chatserver/internal/text"
	"chatserver/internal/token"
)

// Bounds of settings.
const (
	maxTitle      = 200      // characters
	maxSlowMode   = 6 * 3600 // seconds
	maxModerators = 1000
)

// Settings are what a room is set to. A published value is never changed.
type Settings struct {
	Title          string `json:"title"`
	StreamURL      string `json:"stream_url"`
	SlowMode       int    `json:"slow_mode"` // seconds between a consumer's messages; 0: off
	MembersOnly    bool   `json:"members_only"`
	EmotesOnly     bool   `json:"emotes_only"`
	Unique         bool   `json:"unique"`
	Paid           bool   `json:"paid"`
	MaxConnections int    `json:"max_connections"` // 0: the server's own limit
	Pinned         Pin    `json:"pinned"`
}

// Pin is the seq of the message that is pinned. On the wire 0, for none, is null.
type Pin uint64

// MarshalJSON writes the seq, or null.
func (p Pin) MarshalJSON() ([]byte, error) {
	if p == 0 {
		return []byte("null"), nil
	}
	return strconv.AppendUint(nil, uint64(p), 10), nil
}

// SettingsPatch holds the settings to change; nil leaves one as it is.
type SettingsPatch struct {
	Title          *string `json:"title,omitempty"`
	StreamURL      *string `json:"stream_url,omitempty"`
	SlowMode       *int    `json:"slow_mode,omitempty"`
	MembersOnly    *bool   `json:"members_only,omitempty"`
	EmotesOnly     *bool   `json:"emotes_only,omitempty"`
	Unique         *bool   `json:"unique,omitempty"`
	Paid           *bool   `json:"paid,omitempty"`
	MaxConnections *int    `json:"max_connections,omitempty"`
	Pinned         *Pin    `json:"pinned,omitempty"`

	// Who is more than their tokens say. Clients are not told: they are no Settings.
	Owner      *string   `json:"owner,omitempty"` // user id of the producer; empty: nobody
	Moderators *[]string `json:"moderators,omitempty"`
}

// ParseSettings reads a JSON object of settings. A setting that is unknown, of the
// wrong type or out of bounds is a bad_field error that names it. No JSON at all
// changes nothing, and neither does null, which but takes away a pin.
func ParseSettings(data []byte) (SettingsPatch, error) {
	var p SettingsPatch
	if len(bytes.TrimSpace(data)) == 0 {
		return p, nil
	}
	if err := strictjson.Known(data, &p); err != nil {
		return p, err
	}
	return p.unpin(data).check()
}

// unpin returns the patch with no pin if the JSON that it was read from says null.
func (p SettingsPatch) unpin(data []byte) SettingsPatch {
	var sent struct {
		Pinned json.RawMessage `json:"pinned"`
	}
	if parse(data, &sent) == nil && string(sent.Pinned) == "null" {
		p.Pinned = new(Pin)
	}
	return p
}

// check bounds the values, and returns the patch with texts in their kept form.
func (p SettingsPatch) check() (SettingsPatch, error) {
	if p.Title != nil {
		title, err := text.Line("title", *p.Title, maxTitle)
		if err != nil {
			return p, err
		}
		p.Title = &title
	}
	if p.StreamURL != nil && *p.StreamURL != "" && !text.WebURL(*p.StreamURL) {
		return p, &fault.Error{Code: fault.BadField, Detail: "stream_url must be an absolute http or https URL of at most 2048 bytes, or empty", Limit: text.MaxURL}
	}
	if p.SlowMode != nil && (*p.SlowMode < 0 || *p.SlowMode > maxSlowMode) {
		return p, &fault.Error{Code: fault.BadField, Detail: "slow_mode must be 0 to 21600 seconds", Limit: maxSlowMode, Value: *p.SlowMode}
	}
	if p.MaxConnections != nil && *p.MaxConnections < 0 {
		return p, &fault.Error{Code: fault.BadField, Detail: "max_connections must not be negative; 0 means no limit of the room's own", Value: *p.MaxConnections}
	}
	return p.checkStaff()
}

// checkStaff is check for owner and moderators.
func (p SettingsPatch) checkStaff() (SettingsPatch, error) {
	if p.Owner != nil && *p.Owner != "" {
		owner, err := token.CheckUser("owner", *p.Owner)
		if err != nil {
			return p, err
		}
		p.Owner = &owner
	}
	if p.Moderators == nil {
		return p, nil
	}
	if n := len(*p.Moderators); n > maxModerators {
		return p, &fault.Error{Code: fault.BadField, Detail: "moderators must be at most 1000 user ids", Limit: maxModerators, Value: n}
	}
	moderators := make([]string, len(*p.Moderators))
	for i, id := range *p.Moderators {
		var err error
		if moderators[i], err = token.CheckUser("moderators", id); err != nil {
			return p, err
		}
	}
	p.Moderators = &moderators
	return p, nil
}

// apply returns s with the patch, and the part of the patch that changed anything.
func (s Settings) apply(p SettingsPatch) (Settings, SettingsPatch) {
	keep(&s.Title, &p.Title)
	keep(&s.StreamURL, &p.StreamURL)
	keep(&s.SlowMode, &p.SlowMode)
	keep(&s.MembersOnly, &p.MembersOnly)
	keep(&s.EmotesOnly, &p.EmotesOnly)
	keep(&s.Unique, &p.Unique)
	keep(&s.Paid, &p.Paid)
	keep(&s.MaxConnections, &p.MaxConnections)
	keep(&s.Pinned, &p.Pinned)
	return s, p
}

// changes returns the settings that differ in next.
func (s Settings) changes(next Settings) SettingsPatch {
	_, changed := s.apply(SettingsPatch{
		Title:          &next.Title,
		StreamURL:      &next.StreamURL,
		SlowMode:       &next.SlowMode,
		MembersOnly:    &next.MembersOnly,
		EmotesOnly:     &next.EmotesOnly,
		Unique:         &next.Unique,
		Paid:           &next.Paid,
		MaxConnections: &next.MaxConnections,
		Pinned:         &next.Pinned,
	})
	return changed
}

// merge returns p with all that over sets in its place.
func (p SettingsPatch) merge(over SettingsPatch) SettingsPatch {
	return SettingsPatch{
		Title:          cmp.Or(over.Title, p.Title),
		StreamURL:      cmp.Or(over.StreamURL, p.StreamURL),
		SlowMode:       cmp.Or(over.SlowMode, p.SlowMode),
		MembersOnly:    cmp.Or(over.MembersOnly, p.MembersOnly),
		EmotesOnly:     cmp.Or(over.EmotesOnly, p.EmotesOnly),
		Unique:         cmp.Or(over.Unique, p.Unique),
		Paid:           cmp.Or(over.Paid, p.Paid),
		MaxConnections: cmp.Or(over.MaxConnections, p.MaxConnections),
		Pinned:         cmp.Or(over.Pinned, p.Pinned),
		Owner:          cmp.Or(over.Owner, p.Owner),
		Moderators:     cmp.Or(over.Moderators, p.Moderators),
	}
}

// same tells whether two patches set the same.
func (p SettingsPatch) same(other SettingsPatch) bool {
	return bytes.Equal(encode(p), encode(other))
}

// keep sets *have to **want, or forgets a want that is there already.
func keep[T comparable](have *T, want **T) {
	switch {
	case *want == nil:
	case **want == *have:
		*want = nil
	default:
		*have = **want
	}
}

// slowMode returns the time that must lie between two messages of a consumer.
func (s Settings) slowMode() time.Duration { return time.Duration(s.SlowMode) * time.Second }
