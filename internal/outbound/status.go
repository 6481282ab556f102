package outbound

import "time"

// State says whether a service can be relied on.
type State string

// The states of a service.
const (
	StateUnknown State = "unknown" // it was not called yet
	StateUp      State = "up"      // the newest call that counts went well
	StateDown    State = "down"    // it failed
)

// Status is what operators see of a service. Calls that were not made, because the
// service is being left alone, and calls that their own caller cancelled do not count.
type Status struct {
	Name        string     `json:"name,omitempty"` // for whoever has several kinds of services to tell apart
	URL         string     `json:"url"`            // the base, without a user
	State       State      `json:"state"`
	LastSuccess *time.Time `json:"last_success"` // null: there was none
	Failures    int        `json:"failures"`     // in a row
	LastError   string     `json:"last_error"`   // why the newest call failed; empty if it did not

	Succeeded uint64 `json:"-"` // calls that went well
	Failed    uint64 `json:"-"` // calls that failed
}

// after returns the status after a call that failed with err, or went well.
func (s Status) after(err error) *Status {
	if err == nil {
		now := time.Now().UTC()
		s.State, s.LastSuccess, s.Failures, s.LastError = StateUp, &now, 0, ""
		s.Succeeded++
	} else {
		s.State, s.Failures, s.LastError = StateDown, s.Failures+1, legible(err)
		s.Failed++
	}
	return &s
}
