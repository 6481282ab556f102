package text

import (
	"strings"
	"unicode"

	"github.com/mtibben/confusables"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Skeleton returns a key that names share when they look alike or differ only in
// case: "Ann", "ann" and "аnn" with a Cyrillic а have one, and so have "PayPal",
// "PAYPAL" and "PayPaI" with a capital i. It is meant for names that passed
// [Name], and is a key to compare, not a text to show.
//
// It is the skeleton of UTS 39 (confusables.txt of Unicode 13) of the case-folded
// name, as the contract has it, with four things added, since a name is shown in
// the case in which it was sent and a skeleton after folding does not see its
// capitals:
//
//   - What is not drawn is left out first, and compatibility characters are
//     resolved.
//   - The skeleton is folded and taken again, for some skeletons are capitals: 0
//     becomes O, and must become o.
//   - Letters whose capitals look alike are made one (see twins): I and l, hence i
//     and l; Cyrillic в, whose capital is В, and b.
//   - In a name that has Latin letters, a capital of another script counts as the
//     Latin letter that it looks like. In Greek alone Ν must go with ν, which
//     looks like v; in "Νina" it can only pass for N.
//
// It errs on the side of too many matches, which cost a guest a number behind the
// name: "Ian" matches "lan". What it does not see is a name all in Greek capitals
// with Β, Ν or Υ against a Latin one, and letters that only a layout engine
// brings into another order (right-to-left scripts).
func Skeleton(name string) string {
	s := norm.NFKD.String(strings.Map(drawn, name))
	if strings.ContainsFunc(s, isLatin) {
		s = strings.Map(latinLook, s)
	}
	for range 3 { // what % takes, more than any other character
		s = confusables.Skeleton(fold(norm.NFKD.String(s)))
	}
	return twins.Replace(s)
}

// twins makes one letter of two when the capital of the one looks like the other
// or its capital. The left sides are skeletons of UTS 39: small capitals stand
// there for Cyrillic and Cherokee letters too, ĸ for Greek and Cyrillic к, ꞓ for
// ε, n with a mark for η, rn for m. A dot on an i or j that has one is not seen.
var twins = strings.NewReplacer(
	"i\u0307", "l", "j\u0307", "j", "i", "l",
	"ᴀ", "a", "ʙ", "b", "ᴅ", "d", "ᴇ", "e", "ɢ", "g", "ʜ", "h", "ᴊ", "j", "ĸ", "k",
	"ʟ", "l", "ʍ", "rn", "ɴ", "n", "ᴘ", "p", "ʀ", "r", "ᴛ", "t",
	"ꞓ", "e", "ζ", "z", "n\u0329", "h", "μ", "rn", "χ", "x",
)

// drawn keeps, as a mapping of [strings.Map], what is not ignorable.
func drawn(r rune) rune {
	if r >= 0x80 && isIgnorable(r) {
		return -1
	}
	return r
}

func isLatin(r rune) bool { return unicode.Is(unicode.Latin, r) }

// latinLook replaces a capital of another script that looks like a letter of
// ASCII by that letter.
func latinLook(r rune) rune {
	if r < 0x80 || !unicode.IsUpper(r) || isLatin(r) {
		return r
	}
	if look := confusables.Skeleton(string(r)); len(look) == 1 && unicode.IsLetter(rune(look[0])) {
		return rune(look[0])
	}
	return r
}

// fold folds case. A Caser is made each time, for they are not to be shared.
// Lowering afterwards is for Cherokee, whose capitals and small letters x/text
// folds into each other.
func fold(s string) string {
	return strings.ToLower(cases.Fold().String(s))
}
