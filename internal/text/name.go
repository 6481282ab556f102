package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"

	"chatserver/internal/fault"
)

// MaxName is how many characters a name may have, in the form that [Name]
// returns.
const MaxName = 25

// maxNameBytes bounds the work on a name. MaxName characters of three marks
// each, all of them decomposed and of the longest encoding, take 400 bytes; the
// rest is for white space around them.
const maxNameBytes = 512

// Name returns a name as it is shown: by the Nickname profile of PRECIS (RFC
// 8266), that is normalized to NFKC, which makes plain letters of mathematical
// and full-width ones, with single spaces inside and none at the ends, and in
// the case in which it was sent. The presentation selectors U+FE0E and U+FE0F,
// which keyboards put behind many emoji, are dropped. Name(Name(s)) is Name(s).
//
// A name has 1 to [MaxName] characters and does not begin with a combining mark.
// It has no control characters (LF among them), nothing that is drawn as nothing
// (bidirectional controls, zero-width and other default-ignorable characters,
// blank symbols; thus no emoji joined of several), no unassigned or private
// characters, and at most [MaxMarks] combining marks on one base. The two joiners
// U+200C and U+200D alone may stand, and only where RFC 5892 has them (A.1, A.2):
// there Persian and Sinhala cannot be spelled without, and [Skeleton] does not
// see them.
//
// Errors have the code [fault.BadName], with Limit and Value when a name has too
// many characters.
func Name(s string) (string, error) {
	if len(s) > maxNameBytes {
		return "", badName("is too long")
	}
	if !utf8.ValidString(s) {
		return "", badName("is not UTF-8")
	}
	s = presentation.Replace(s)
	if r, what := notInName(s); what != "" {
		return "", badName("has %s (%U)", what, r)
	}
	if strings.TrimSpace(s) == "" {
		return "", badName("is empty")
	}
	name, err := precis.Nickname.String(s)
	if err != nil {
		return "", badName("has a character that cannot stand in a name, or not where it stands (%U)", culprit(s))
	}
	if n := utf8.RuneCountInString(name); n > MaxName {
		e := badName("has %d characters", n)
		e.Limit, e.Value = MaxName, n
		return "", e
	}
	if r, _ := utf8.DecodeRuneInString(name); isMark(r) {
		return "", badName("begins with a combining mark (%U)", r)
	}
	if _, wrong := scan(name); wrong != "" {
		return "", badName("has %s", wrong)
	}
	return name, nil
}

// isMark tells combining marks of every kind.
func isMark(r rune) bool {
	switch classOf(r) {
	case mark, consonantSign, spacingMark:
		return true
	}
	return false
}

// presentation drops the selectors of text and emoji presentation: they say how
// a character is to be drawn, not which it is.
var presentation = strings.NewReplacer("\uFE0E", "", "\uFE0F", "")

// badName says what is wrong with a name and what a name may be.
func badName(format string, args ...any) *fault.Error {
	return fault.New(fault.BadName, "the name %s; a name is 1 to %d characters that can be seen, with single spaces between them and at most %d combining marks on each",
		fmt.Sprintf(format, args...), MaxName, MaxMarks)
}

// notInName finds the first character that the profile refuses, or should, for
// what it is, and says what it is. Joiners are left to the profile.
func notInName(s string) (r rune, what string) {
	for _, r := range s {
		switch classOf(r) {
		case control:
			return r, "a control character"
		case lineBreak:
			return r, "a line break"
		case override, openEmbedding, closeEmbedding, openIsolate, closeIsolate:
			return r, "a bidirectional control"
		case ignorable:
			if r != '\u200C' && r != '\u200D' {
				return r, "a character that cannot be seen"
			}
		case blank:
			if !unicode.IsSpace(r) {
				return r, "a character that cannot be seen"
			}
		}
	}
	return 0, ""
}

// contextual are the characters that RFC 5892 allows only in some places:
// joiners, middle dots, numeral and quotation marks, and digits of two kinds that
// may not be mixed (A.1 to A.9).
var contextual = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x00B7, Hi: 0x00B7, Stride: 1},
		{Lo: 0x0375, Hi: 0x0375, Stride: 1},
		{Lo: 0x05F3, Hi: 0x05F4, Stride: 1},
		{Lo: 0x0660, Hi: 0x0669, Stride: 1},
		{Lo: 0x06F0, Hi: 0x06F9, Stride: 1},
		{Lo: 0x200C, Hi: 0x200D, Stride: 1},
		{Lo: 0x30FB, Hi: 0x30FB, Stride: 1},
	},
	LatinOffset: 1,
}

// culprit finds the character for which the profile refused s, since the profile
// does not tell: the first that it allows nowhere, else the first that it allows
// only in some places.
func culprit(s string) (r rune) {
	allowed := precis.Nickname.Allowed()
	for _, c := range norm.NFKC.String(s) {
		switch {
		case unicode.Is(contextual, c):
			if r == 0 {
				r = c
			}
		case !allowed.Contains(c):
			return c
		}
	}
	return r
}
