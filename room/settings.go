package room

import (
	"bytes"
	"net/url"
	"time"

	"chatserver/internal/fault"
	"chatserver/internal/strictjson"
	"chatserver/internal/text"
)

// Bounds of settings.
const (
	maxTitle    = 200      // characters
	maxURL      = 2048     // bytes
	maxSlowMode = 6 * 3600 // seconds
)

// Settings are what a room is set to. A published value is never changed.
type Settings struct {
	Title          string `json:"title"`
	StreamURL      string `json:"stream_url"`
	SlowMode       int    `json:"slow_mode"` // seconds between a consumer's messages; 0: off
	MembersOnly    bool   `json:"members_only"`
	Unique         bool   `json:"unique"`
	MaxConnections int    `json:"max_connections"` // 0: the server's own limit
}

// SettingsPatch holds the settings to change; nil leaves one as it is.
type SettingsPatch struct {
	Title          *string `json:"title,omitempty"`
	StreamURL      *string `json:"stream_url,omitempty"`
	SlowMode       *int    `json:"slow_mode,omitempty"`
	MembersOnly    *bool   `json:"members_only,omitempty"`
	Unique         *bool   `json:"unique,omitempty"`
	MaxConnections *int    `json:"max_connections,omitempty"`
}

// ParseSettings reads a JSON object of settings. A setting that is unknown, of the
// wrong type or out of bounds is a bad_field error that names it. No JSON at all
// changes nothing.
func ParseSettings(data []byte) (SettingsPatch, error) {
	var p SettingsPatch
	if len(bytes.TrimSpace(data)) == 0 {
		return p, nil
	}
	if err := strictjson.Known(data, &p); err != nil {
		return p, err
	}
	err := p.check()
	return p, err
}

// check bounds the values and puts texts into their kept form.
func (p *SettingsPatch) check() error {
	if p.Title != nil {
		title, err := text.Line("title", *p.Title, maxTitle)
		if err != nil {
			return err
		}
		p.Title = &title
	}
	if p.StreamURL != nil && *p.StreamURL != "" {
		u, err := url.Parse(*p.StreamURL)
		if err != nil || len(*p.StreamURL) > maxURL || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return &fault.Error{Code: fault.BadField, Detail: "stream_url must be an absolute http or https URL of at most 2048 bytes, or empty", Limit: maxURL}
		}
	}
	if p.SlowMode != nil && (*p.SlowMode < 0 || *p.SlowMode > maxSlowMode) {
		return &fault.Error{Code: fault.BadField, Detail: "slow_mode must be 0 to 21600 seconds", Limit: maxSlowMode, Value: *p.SlowMode}
	}
	if p.MaxConnections != nil && *p.MaxConnections < 0 {
		return &fault.Error{Code: fault.BadField, Detail: "max_connections must not be negative; 0 means no limit of the room's own", Value: *p.MaxConnections}
	}
	return nil
}

// apply returns s with the patch, and the part of the patch that changed anything.
func (s Settings) apply(p SettingsPatch) (Settings, SettingsPatch) {
	keep(&s.Title, &p.Title)
	keep(&s.StreamURL, &p.StreamURL)
	keep(&s.SlowMode, &p.SlowMode)
	keep(&s.MembersOnly, &p.MembersOnly)
	keep(&s.Unique, &p.Unique)
	keep(&s.MaxConnections, &p.MaxConnections)
	return s, p
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
