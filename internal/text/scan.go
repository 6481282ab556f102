package text

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// MaxMarks is how many combining marks, of Unicode's categories Mn and Me, one
// base character may carry. The languages of the world do with it, apart from
// biblical Hebrew with cantillation; a pile of them runs over the lines above
// and below.
//
// Consonant signs of Burmese and Tibetan are letters in all but category. They
// are counted for themselves, up to MaxMarks too, or the Burmese for "secret"
// would have a mark too many.
const MaxMarks = 3

// maxNesting is how deep isolates and embeddings may nest, and the bits that
// nesting has for it. People write one within another at the most.
const maxNesting = 32

// consonantSigns are the marks of category Mn that stand for a consonant written
// below another: medials of Burmese, Mon, Karen and Shan, and Tibetan's
// subjoined letters (IndicSyllabicCategory.txt of Unicode).
var consonantSigns = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x0F8D, Hi: 0x0F97, Stride: 1},
		{Lo: 0x0F99, Hi: 0x0FBC, Stride: 1},
		{Lo: 0x103D, Hi: 0x103E, Stride: 1},
		{Lo: 0x105E, Hi: 0x1060, Stride: 1},
		{Lo: 0x1082, Hi: 0x1082, Stride: 1},
	},
}

// class is what the rules of this package tell characters apart by.
type class uint8

const (
	plain          class = iota // drawn, and a base for marks
	blank                       // a base for marks, but nothing is drawn: white space and a few more
	lineBreak                   // ends a line: LF and Unicode's two separators
	control                     // category Cc, apart from LF
	mark                        // combining mark, category Mn or Me
	consonantSign               // combining mark that is a consonant: see consonantSigns
	spacingMark                 // combining mark beside its base, category Mc
	ignorable                   // nothing is drawn: joiners, variation selectors, tags, direction marks
	override                    // U+202D, U+202E
	openEmbedding               // U+202A, U+202B
	closeEmbedding              // U+202C, which closes overrides too
	openIsolate                 // U+2066 to U+2068
	closeIsolate                // U+2069
)

// classOf returns the class of a character. The order of the cases matters:
// Unicode has letters and marks that are never drawn.
func classOf(r rune) class {
	switch {
	case r == '\n', r == '\u2028', r == '\u2029':
		return lineBreak
	case r < 0xA0:
		return classOfLow(r)
	case r == '\u202D', r == '\u202E':
		return override
	case r == '\u202A', r == '\u202B':
		return openEmbedding
	case r == '\u202C':
		return closeEmbedding
	case '\u2066' <= r && r <= '\u2068':
		return openIsolate
	case r == '\u2069':
		return closeIsolate
	case isIgnorable(r):
		return ignorable
	case isBlank(r):
		return blank
	case unicode.IsLetter(r):
		return plain
	case unicode.Is(consonantSigns, r):
		return consonantSign
	case unicode.In(r, unicode.Mn, unicode.Me):
		return mark
	case unicode.Is(unicode.Mc, r):
		return spacingMark
	}
	return plain
}

// classOfLow classifies the characters below U+00A0 but for LF: ASCII, and the
// control characters that follow it.
func classOfLow(r rune) class {
	switch {
	case r < ' ' || r >= 0x7F:
		return control
	case r == ' ':
		return blank
	}
	return plain
}

// isIgnorable tells Unicode's property Default_Ignorable_Code_Point, derived as
// in DerivedCoreProperties.txt: software draws nothing for such a character.
func isIgnorable(r rune) bool {
	switch {
	case unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return true
	case unicode.Is(unicode.Cf, r):
		return !unicode.Is(unicode.Prepended_Concatenation_Mark, r) &&
			(r < 0xFFF9 || 0xFFFB < r) && // interlinear annotation
			(r < 0x13430 || 0x1343F < r) // joiners of hieroglyphs
	}
	return false
}

// isBlank tells white space, and the characters that fonts draw as nothing though
// Unicode takes them for symbols or letters.
func isBlank(r rune) bool {
	switch r {
	case 0x2800, // braille pattern blank
		0x1D159,          // musical symbol null notehead
		0x13441, 0x13442: // blanks between hieroglyphs
		return true
	}
	return unicode.IsSpace(r)
}

// findings is what one pass over a text told of it.
type findings struct {
	lines   int  // at least 1
	visible bool // something is drawn
}

// scan goes over a text once. Wrong says in words what it holds that no text may
// hold, the first if there are several; it is "" when there is nothing.
func scan(s string) (found findings, wrong string) {
	if !utf8.ValidString(s) {
		return findings{}, "bytes that are not UTF-8; send UTF-8"
	}
	sc := scanner{findings: findings{lines: 1}}
	for _, r := range s {
		if ' ' < r && r < 0x7F { // most of what is written, and always right
			sc.visible, sc.pile = true, pile{}
			continue
		}
		if wrong := sc.take(r); wrong != "" {
			return sc.findings, wrong
		}
	}
	if sc.open.depth > 0 {
		return sc.findings, unclosed
	}
	return sc.findings, ""
}

// unclosed is what is wrong with a line that ends within an isolate or embedding.
const unclosed = "a bidirectional isolate or embedding that is not closed within its line; close it, or leave it out"

// scanner is the state of a pass over a text.
type scanner struct {
	findings
	pile pile
	open nesting
}

// take takes the next character and says what is wrong with it, if anything.
func (sc *scanner) take(r rune) (wrong string) {
	c := classOf(r)
	switch c {
	case control:
		return fmt.Sprintf("a control character (%U); only line feeds may be sent", r)
	case override:
		return fmt.Sprintf("a bidirectional override (%U); leave it out", r)
	case lineBreak:
		sc.lines++
		if sc.open.depth > 0 {
			return unclosed
		}
	case plain, mark, consonantSign, spacingMark:
		sc.visible = true
	}
	if !sc.pile.add(c) {
		return fmt.Sprintf("more than %d combining marks on one character (%U is one too many); leave some out", MaxMarks, r)
	}
	if !sc.open.follow(c) {
		return fmt.Sprintf("a bidirectional control that closes nothing (%U); leave it out", r)
	}
	if sc.open.depth > maxNesting {
		return fmt.Sprintf("bidirectional controls nested more than %d deep; leave some out", maxNesting)
	}
	return ""
}

// pile counts the marks on the base character that came last.
type pile struct {
	marks, consonants int
}

// add takes the next character. It reports false when that is a mark too many.
// Neither what is not drawn nor what stands beside the base begins a new pile,
// or a pile of any height could be built with them in between.
func (p *pile) add(c class) bool {
	switch c {
	case plain, blank, lineBreak:
		*p = pile{}
	case mark:
		p.marks++
	case consonantSign:
		p.consonants++
	}
	return p.marks <= MaxMarks && p.consonants <= MaxMarks
}

// nesting holds the isolates and embeddings that are open, as a stack of bits:
// the lowest is set when the innermost is an isolate.
type nesting struct {
	isolates uint32
	depth    int
}

// follow takes the next character. It reports false for one that closes what was
// not opened last. Unicode's algorithm (UAX 9) forgives that; here it keeps the
// rule simple: what nests properly is neither left open nor closed too often.
func (n *nesting) follow(c class) bool {
	switch c {
	case openEmbedding:
		n.isolates <<= 1
		n.depth++
	case openIsolate:
		n.isolates = n.isolates<<1 | 1
		n.depth++
	case closeEmbedding, closeIsolate:
		if n.depth == 0 || (n.isolates&1 == 1) != (c == closeIsolate) {
			return false
		}
		n.isolates >>= 1
		n.depth--
	}
	return true
}
