package text

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pictographs are the characters that begin an emoji by themselves: those of Unicode's
// property Extended_Pictographic (emoji-data.txt) that are assigned, and the blocks
// that Unicode keeps for more of them.
var pictographs = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x00A9, 0x00A9, 1},
		{0x00AE, 0x00AE, 1},
		{0x203C, 0x203C, 1},
		{0x2049, 0x2049, 1},
		{0x2122, 0x2122, 1},
		{0x2139, 0x2139, 1},
		{0x2194, 0x2199, 1},
		{0x21A9, 0x21AA, 1},
		{0x231A, 0x231B, 1},
		{0x2328, 0x2328, 1},
		{0x23CF, 0x23CF, 1},
		{0x23E9, 0x23F3, 1},
		{0x23F8, 0x23FA, 1},
		{0x24C2, 0x24C2, 1},
		{0x25AA, 0x25AB, 1},
		{0x25B6, 0x25B6, 1},
		{0x25C0, 0x25C0, 1},
		{0x25FB, 0x25FE, 1},
		{0x2600, 0x2604, 1},
		{0x260E, 0x260E, 1},
		{0x2611, 0x2611, 1},
		{0x2614, 0x2615, 1},
		{0x2618, 0x2618, 1},
		{0x261D, 0x261D, 1},
		{0x2620, 0x2620, 1},
		{0x2622, 0x2623, 1},
		{0x2626, 0x2626, 1},
		{0x262A, 0x262A, 1},
		{0x262E, 0x262F, 1},
		{0x2638, 0x263A, 1},
		{0x2640, 0x2640, 1},
		{0x2642, 0x2642, 1},
		{0x2648, 0x2653, 1},
		{0x265F, 0x2660, 1},
		{0x2663, 0x2663, 1},
		{0x2665, 0x2666, 1},
		{0x2668, 0x2668, 1},
		{0x267B, 0x267B, 1},
		{0x267E, 0x267F, 1},
		{0x2692, 0x2697, 1},
		{0x2699, 0x2699, 1},
		{0x269B, 0x269C, 1},
		{0x26A0, 0x26A1, 1},
		{0x26A7, 0x26A7, 1},
		{0x26AA, 0x26AB, 1},
		{0x26B0, 0x26B1, 1},
		{0x26BD, 0x26BE, 1},
		{0x26C4, 0x26C5, 1},
		{0x26C8, 0x26C8, 1},
		{0x26CE, 0x26CF, 1},
		{0x26D1, 0x26D1, 1},
		{0x26D3, 0x26D4, 1},
		{0x26E9, 0x26EA, 1},
		{0x26F0, 0x26F5, 1},
		{0x26F7, 0x26FA, 1},
		{0x26FD, 0x26FD, 1},
		{0x2702, 0x2702, 1},
		{0x2705, 0x2705, 1},
		{0x2708, 0x270D, 1},
		{0x270F, 0x270F, 1},
		{0x2712, 0x2712, 1},
		{0x2714, 0x2714, 1},
		{0x2716, 0x2716, 1},
		{0x271D, 0x271D, 1},
		{0x2721, 0x2721, 1},
		{0x2728, 0x2728, 1},
		{0x2733, 0x2734, 1},
		{0x2744, 0x2744, 1},
		{0x2747, 0x2747, 1},
		{0x274C, 0x274C, 1},
		{0x274E, 0x274E, 1},
		{0x2753, 0x2755, 1},
		{0x2757, 0x2757, 1},
		{0x2763, 0x2764, 1},
		{0x2795, 0x2797, 1},
		{0x27A1, 0x27A1, 1},
		{0x27B0, 0x27B0, 1},
		{0x27BF, 0x27BF, 1},
		{0x2934, 0x2935, 1},
		{0x2B05, 0x2B07, 1},
		{0x2B1B, 0x2B1C, 1},
		{0x2B50, 0x2B50, 1},
		{0x2B55, 0x2B55, 1},
		{0x3030, 0x3030, 1},
		{0x303D, 0x303D, 1},
		{0x3297, 0x3297, 1},
		{0x3299, 0x3299, 1},
	},
	R32: []unicode.Range32{
		{0x1F004, 0x1F004, 1},
		{0x1F0CF, 0x1F0CF, 1},
		{0x1F170, 0x1F171, 1},
		{0x1F17E, 0x1F17F, 1},
		{0x1F18E, 0x1F18E, 1},
		{0x1F191, 0x1F19A, 1},
		{0x1F201, 0x1F202, 1},
		{0x1F21A, 0x1F21A, 1},
		{0x1F22F, 0x1F22F, 1},
		{0x1F232, 0x1F23A, 1},
		{0x1F250, 0x1F251, 1},
		{0x1F300, 0x1F3FA, 1},
		{0x1F400, 0x1F64F, 1},
		{0x1F680, 0x1F6FF, 1},
		{0x1F7E0, 0x1F7EB, 1},
		{0x1F7F0, 0x1F7F0, 1},
		{0x1F90C, 0x1F9FF, 1},
		{0x1FA70, 0x1FAFF, 1},
	},
	LatinOffset: 2,
}

// Characters that go with a pictograph.
const (
	joiner       = '\u200D'
	emojiStyle   = '\uFE0F'
	keycap       = '\u20E3'
	cancelTag    = '\U000E007F'
	firstLetter  = '\U0001F1E6' // regional indicators, of which two make a flag
	lastLetter   = '\U0001F1FF'
	firstTone    = '\U0001F3FB' // skin tones
	lastTone     = '\U0001F3FF'
	firstTag     = '\U000E0020' // tags, for flags of regions
	lastTag      = '\U000E007E'
	maxEmojiSize = 64 // bytes; the longest that Unicode recommends has 35
)

// Emoji tells whether s is one emoji: a character, or a sequence that is drawn as one
// (UTS #51, section 1.4.9).
func Emoji(s string) bool {
	rest := cutEmoji(s)
	return rest == "" && s != "" && len(s) <= maxEmojiSize
}

// Emotes tells whether a text is nothing but emoji, and codes that known takes, with
// white space between codes.
func Emotes(s string, known func(code string) bool) bool {
	return !slices.ContainsFunc(strings.Fields(s), func(word string) bool {
		return !known(word) && !allEmoji(word)
	})
}

// allEmoji tells whether a word is one emoji after the other.
func allEmoji(word string) bool {
	for word != "" {
		rest := cutEmoji(word)
		if len(rest) == len(word) {
			return false
		}
		word = rest
	}
	return true
}

// cutEmoji returns what follows the emoji that s begins with: s itself if it begins with
// none.
func cutEmoji(s string) string {
	rest, ok := cutElement(s)
	if !ok {
		return s
	}
	for {
		next, size := utf8.DecodeRuneInString(rest)
		if next != joiner {
			return rest
		}
		after, ok := cutElement(rest[size:])
		if !ok {
			return rest
		}
		rest = after
	}
}

// cutElement takes off what joiners join: a flag, a keycap, or a pictograph with its
// style, its skin tone and its tags.
func cutElement(s string) (rest string, ok bool) {
	first, size := utf8.DecodeRuneInString(s)
	rest = s[size:]
	switch {
	case firstLetter <= first && first <= lastLetter:
		second, size := utf8.DecodeRuneInString(rest)
		return rest[size:], firstLetter <= second && second <= lastLetter
	case strings.ContainsRune("0123456789#*", first):
		rest = strings.TrimPrefix(rest, string(emojiStyle))
		return strings.CutPrefix(rest, string(keycap))
	case firstTone <= first && first <= lastTone: // by itself
		return rest, true
	case !unicode.Is(pictographs, first):
		return s, false
	}
	rest = strings.TrimPrefix(rest, string(emojiStyle))
	if tone, size := utf8.DecodeRuneInString(rest); firstTone <= tone && tone <= lastTone {
		rest = rest[size:]
	}
	return cutTags(rest)
}

// cutTags takes off the tags that make a flag that of a region; they must be ended.
func cutTags(s string) (rest string, ok bool) {
	rest = strings.TrimLeftFunc(s, func(r rune) bool { return firstTag <= r && r <= lastTag })
	if len(rest) == len(s) {
		return s, true
	}
	return strings.CutPrefix(rest, string(cancelTag))
}
