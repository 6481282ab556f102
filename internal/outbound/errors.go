package outbound

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// ErrOpen is the outcome of a call that was not made, because the service is
// being left alone.
var ErrOpen = errors.New("left alone after repeated failures")

// StatusError is an answer whose status is not 2xx. Redirects are among them.
type StatusError struct {
	Status int
	// Answer is the beginning of its body, 4 KiB at most, as the peer sent it: for whoever
	// knows what a service says there. No error text holds any of it.
	Answer []byte
}

func (e *StatusError) Error() string {
	return strings.TrimSpace("answered " + strconv.Itoa(e.Status) + " " + http.StatusText(e.Status))
}

// callError is the error of a call: it names the service, and its text may stand
// in a log line.
type callError struct {
	service string
	err     error
}

func (e *callError) Error() string { return e.service + ": " + legible(e.err) }

func (e *callError) Unwrap() error { return e.err }

// maxErrorText is how much of a text that may quote a peer is shown, in
// characters.
const maxErrorText = 200

// legible returns err's text without what a hostile peer could have put there:
// control characters, line breaks, changes of direction, great length.
func legible(err error) string {
	text := []rune(err.Error())
	if len(text) > maxErrorText {
		text = append(text[:maxErrorText], '…')
	}
	for i, r := range text {
		if !unicode.IsPrint(r) {
			text[i] = unicode.ReplacementChar
		}
	}
	return string(text)
}

// withoutURL strips what net/url and net/http wrap around an error: the method
// and the URL, whose path may name a user or a session.
func withoutURL(err error) error {
	if withURL, ok := errors.AsType[*url.Error](err); ok {
		return withURL.Err
	}
	return err
}
