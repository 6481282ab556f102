package cache

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// findable tells whether a word has a token that a text can have too.
func findable(word string) bool { return len(keys(word)) > 0 }

// keys returns the folded tokens of a word, without white space at its ends.
func keys(word string) []string {
	var list []string
	for from := 0; from < len(word); {
		end := tokenEnd(word, from)
		key := string(fold(nil, word[from:end]))
		if from = end; key != "" && (key != " " || len(list) > 0) {
			list = append(list, key)
		}
	}
	if n := len(list); n > 0 && list[n-1] == " " {
		list = list[:n-1]
	}
	return list
}

// class is what tokens are told apart by.
type class uint8

const (
	alone   class = iota // a token by itself
	letter               // one of a run of letters and digits
	space                // one of a run of white space
	extends              // belongs to what stands before it: a combining mark, or not drawn
)

// tokenEnd returns where the token that begins at s[from:] ends.
func tokenEnd(s string, from int) int {
	first := extends
	for i := from; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		switch c := classOf(r); {
		case c == extends:
		case first == extends: // only at the beginning of a text
			first = c
		case c != first || c == alone:
			return i
		}
		i += size
	}
	return len(s)
}

// fold appends the form of a token in which it is compared. It differs neither in
// case (by Unicode's simple case folding; ß is ss, and the Turkish letters İ and ı
// are i) nor in width, style or composition (NFKC), and has nothing that is not
// drawn. White space of any length and kind is one space.
func fold(dst []byte, token string) []byte {
	for i := range len(token) {
		c := token[i]
		switch {
		case c >= utf8.RuneSelf:
			return foldUnicode(dst[:0], token)
		case ascii[c] == space:
			return append(dst[:0], ' ')
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func foldUnicode(dst []byte, token string) []byte {
	const dotAbove = '\u0307'
	if strings.ContainsFunc(token, uncommon) {
		token = norm.NFKC.String(strings.Map(drawn, token))
	}
	for _, r := range token {
		switch {
		case r == 'ß' || r == 'ẞ':
			dst = append(dst, "ss"...)
		case r == '’': // what telephones write for '
			dst = append(dst, '\'')
		case r == dotAbove && bytes.HasSuffix(dst, []byte{'i'}):
		case unicode.IsSpace(r):
			return append(dst[:0], ' ')
		default:
			dst = utf8.AppendRune(dst, unicode.ToLower(unicode.ToUpper(r)))
		}
	}
	return dst
}

// ascii has the class of each character of ASCII.
var ascii = func() (table [utf8.RuneSelf]class) {
	for r := range rune(utf8.RuneSelf) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			table[r] = letter
		case unicode.IsSpace(r):
			table[r] = space
		}
	}
	return table
}()

// common has the letters that most texts consist of, beyond ASCII, and whose class
// and NFKC need no look into Unicode's tables.
var common = []struct {
	first, last rune
	class       class
}{
	{'\u00C0', '\u00D6', letter}, // Latin
	{'\u00D8', '\u00F6', letter},
	{'\u00F8', '\u0131', letter},
	{'\u0400', '\u0481', letter}, // Cyrillic
	{'\u0620', '\u064A', letter}, // Arabic
	{'\u0904', '\u0939', letter}, // Devanagari
	{'\u3041', '\u3096', alone},  // Hiragana
	{'\u30A1', '\u30FA', alone},  // Katakana
	{'\u4E00', '\u9FFF', alone},  // Han
	{'\uAC00', '\uD7A3', letter}, // Hangul
}

// classOf returns the class of a character.
func classOf(r rune) class {
	if r < utf8.RuneSelf {
		return ascii[r]
	}
	for i := range common {
		if c := &common[i]; r <= c.last {
			if r < c.first {
				break
			}
			return c.class
		}
	}
	return lookUp(r)
}

// uncommon tells whether the NFKC of a text with this character has to be found.
func uncommon(r rune) bool {
	if r < utf8.RuneSelf {
		return false
	}
	for i := range common {
		if c := &common[i]; r <= c.last {
			return r < c.first
		}
	}
	return true
}

// lookUp finds the class of a character in Unicode's tables.
func lookUp(r rune) class {
	switch {
	case unicode.IsSpace(r):
		return space
	case unicode.In(r, unicode.M, unicode.Other_Grapheme_Extend) || isIgnorable(r):
		return extends
	case unicode.In(r, unspaced...) || r == 'ー' || r == 'ｰ':
		return alone
	case unicode.In(r, unicode.L, unicode.N, unicode.Other_Alphabetic): // the last has letters in circles
		return letter
	default:
		return alone
	}
}

// unspaced are the scripts that put no space between words.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Yi,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar,
	unicode.Tai_Le, unicode.New_Tai_Lue, unicode.Tai_Tham, unicode.Tai_Viet,
}

// isIgnorable tells characters that are not drawn: joiners, variation selectors and
// the like.
func isIgnorable(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// drawn keeps, as a mapping of [strings.Map], what is not ignorable.
func drawn(r rune) rune {
	if isIgnorable(r) {
		return -1
	}
	return r
}
