package fault

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
)

// ContentType is the media type of a problem document.
const ContentType = "application/problem+json"

// Problem is the wire form of an [Error]: a problem document (RFC 9457) of the
// general type "about:blank", with the members that chatserver adds.
type Problem struct {
	Type       string   `json:"type"`
	Title      string   `json:"title"` // the status in words
	Status     int      `json:"status"`
	Detail     string   `json:"detail"`
	Code       Code     `json:"code"`
	Limit      any      `json:"limit,omitempty"`
	Value      any      `json:"value,omitempty"`
	RetryAfter int64    `json:"retry_after,omitempty"` // milliseconds
	Reasons    []string `json:"reasons,omitempty"`
}

// Problem returns e's wire form.
func (e *Error) Problem() Problem {
	status := e.Code.Status()
	return Problem{
		Type:       "about:blank",
		Title:      http.StatusText(status),
		Status:     status,
		Detail:     e.Detail,
		Code:       e.Code,
		Limit:      e.Limit,
		Value:      e.Value,
		RetryAfter: e.RetryMillis(),
		Reasons:    e.Reasons,
	}
}

// Write answers a request with err as a problem document. A time to come back
// stands in Retry-After too, in whole seconds rounded up.
func Write(w http.ResponseWriter, err error) {
	e := From(err)
	body, mErr := json.Marshal(e.Problem())
	if mErr != nil { // a Limit or Value that JSON does not know: ours to avoid
		e = From(mErr)
		body, _ = json.Marshal(e.Problem()) // it has neither
	}
	h := w.Header()
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	w.WriteHeader(e.Code.Status())
	_, _ = w.Write(append(body, '\n')) // the peer may be gone: nobody is left to tell
}
