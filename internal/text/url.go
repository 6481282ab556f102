package text

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxURL bounds a URL, in bytes.
const MaxURL = 2048

// WebURL tells whether s is an absolute http or https URL of at most [MaxURL] bytes,
// without spaces and without characters that nobody sees, which could make it look
// like another one.
func WebURL(s string) bool {
	if len(s) > MaxURL || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}
