// Package text decides which names, messages and titles from outside may be
// shown to other people, and which names look alike.
//
// All of it refuses what section 13 of the contract names: bytes that are not
// UTF-8, control characters, bidirectional overrides, and piles of combining
// marks. Beyond that a message is kept as it was sent ([Message], [Line]), while
// a name is brought into the one form in which it is shown ([Name]) and compared
// ([Skeleton]).
//
// A character is a Unicode code point throughout, in limits and in counts. The
// tables are those of Go's unicode package and of golang.org/x/text; characters
// younger than them pass in messages and are refused in names.
//
// Every failure is a [*fault.Error]. Its detail names an offending character by
// number and never repeats what was sent. All functions are safe for concurrent
// use and take time linear in their input.
package text

import (
	"strings"
	"unicode/utf8"

	"chatserver/internal/fault"
)

// MaxLines is how many lines a message may have.
const MaxLines = 5

// Message returns a chat message as it is to be shown: without white space at
// both ends, with LF for every CR LF, and otherwise as it was sent. It allocates
// only when there is a CR LF to replace.
//
// The limit is in characters; 0 is no limit. The codes of its errors are
//
//   - [fault.Empty] when nothing that can be seen is left,
//   - [fault.TooLong] beyond the limit, with Limit and Value set,
//   - [fault.BadField], naming the field "text", for more than [MaxLines] lines
//     and for what no text may hold: invalid UTF-8, control characters other
//     than LF (a tab and a lone CR among them), bidirectional overrides,
//     bidirectional embeddings or isolates that are not closed within their
//     line, and more than [MaxMarks] combining marks on one base character.
//
// Isolates and embeddings pass when they are closed, for honest text in Arabic
// or Hebrew has them around numbers and foreign words. One left open, or a
// closing one too many, would reach beyond the message: it could end or swallow
// the isolate with which a page keeps the message apart from its surroundings.
func Message(s string, limit int) (string, error) {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\r\n", "\n")
	if n, over := exceeds(s, limit); over {
		e := fault.New(fault.TooLong, "the message has %d characters; send at most %d", n, limit)
		e.Limit, e.Value = limit, n
		return "", e
	}
	found, wrong := scan(s)
	switch {
	case wrong != "":
		return "", fault.New(fault.BadField, `"text" holds %s`, wrong)
	case found.lines > MaxLines:
		e := fault.New(fault.BadField, `"text" has %d lines; send at most %d`, found.lines, MaxLines)
		e.Limit, e.Value = MaxLines, found.lines
		return "", e
	case !found.visible:
		return "", fault.New(fault.Empty, "the message has nothing in it that can be seen; write something")
	}
	return s, nil
}

// Line returns a text of one line, such as a title or a reason, without white
// space at both ends and otherwise as it was sent. Nothing that can be seen
// gives "", which is no error.
//
// It refuses what [Message] refuses, and line breaks; the limit is in characters
// and 0 is no limit. The code of its errors is always [fault.BadField], their
// detail names the field, and one beyond the limit has Limit and Value set.
func Line(field, s string, limit int) (string, error) {
	s = strings.TrimSpace(s)
	if n, over := exceeds(s, limit); over {
		e := fault.New(fault.BadField, "%q has %d characters; send at most %d", field, n, limit)
		e.Limit, e.Value = limit, n
		return "", e
	}
	found, wrong := scan(s)
	switch {
	case wrong != "":
		return "", fault.New(fault.BadField, "%q holds %s", field, wrong)
	case found.lines > 1:
		return "", fault.New(fault.BadField, "%q holds a line break; send one line", field)
	case !found.visible:
		return "", nil
	}
	return s, nil
}

// exceeds counts the characters of s when it can have more than limit of them.
// A text has no more characters than bytes, so most are never counted.
func exceeds(s string, limit int) (n int, over bool) {
	if limit <= 0 || len(s) <= limit {
		return 0, false
	}
	n = utf8.RuneCountInString(s)
	return n, n > limit
}
