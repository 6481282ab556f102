package cache

import (
	"time"
)

// NoSource is the name of the source of a cache that has none.
const NoSource = "none"

// Status is what operators see of a cache.
type Status struct {
	Source   string     `json:"source"`    // "mongodb", "file", or "none"
	Version  string     `json:"version"`   // of the content; empty before anything was read
	Age      float64    `json:"age"`       // seconds since the source was last read, or since the start
	LoadedAt *time.Time `json:"loaded_at"` // when this content was first read; null before
	Counts   Counts     `json:"counts"`
	LeftOut  int        `json:"left_out"` // malformed documents

	// LastError says why the last refresh failed; empty if it did not.
	LastError string `json:"last_error"`
}

// Status returns the state of the cache.
func (c *Cache) Status() Status {
	s := c.Snapshot()
	status := Status{Source: NoSource, Version: s.version, Counts: s.counts, LeftOut: s.leftOut}
	if c.source != nil {
		status.Source = c.source.Name()
	}
	if !s.loadedAt.IsZero() {
		at := s.loadedAt.UTC()
		status.LoadedAt = &at
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	status.Age = time.Since(c.confirmed).Seconds()
	if c.lastError != nil {
		status.LastError = c.lastError.Error()
	}
	return status
}
