package text

import "testing"

func TestClassOf(t *testing.T) {
	for _, tt := range []struct {
		class class
		runes []rune
	}{
		{plain, []rune{'a', '~', 'ß', 'Я', 'ก', '田', '한', '👍', 0x1F3FD, 0xE000, 0xFFFD, 0x0600, 0xFFF9, 0x13430}},
		{blank, []rune{' ', 0xA0, 0x1680, 0x2003, 0x202F, 0x3000, 0x2800, 0x1D159, 0x13441}},
		{lineBreak, []rune{'\n', 0x2028, 0x2029}},
		{control, []rune{0, '\t', '\v', '\f', '\r', 0x1B, 0x7F, 0x80, 0x85, 0x9F}},
		{mark, []rune{0x0301, 0x0489, 0x05B8, 0x064E, 0x093C, 0x094D, 0x0E47, 0x20E3, 0xFE20}},
		{consonantSign, []rune{0x0F90, 0x0FBC, 0x103D, 0x103E, 0x105E, 0x1082}},
		{spacingMark, []rune{0x093E, 0x0903, 0x103B}},
		{ignorable, []rune{0xAD, 0x034F, 0x061C, 0x115F, 0x180B, 0x200B, 0x200D, 0x200F, 0x2060, 0x2065, 0x3164, 0xFE0F, 0xFEFF, 0xFFA0, 0xE0001, 0xE0041, 0xE0100, 0xE0FFF}},
		{override, []rune{0x202D, 0x202E}},
		{openEmbedding, []rune{0x202A, 0x202B}},
		{closeEmbedding, []rune{0x202C}},
		{openIsolate, []rune{0x2066, 0x2067, 0x2068}},
		{closeIsolate, []rune{0x2069}},
	} {
		for _, r := range tt.runes {
			if got := classOf(r); got != tt.class {
				t.Errorf("class of %U is %d; want %d", r, got, tt.class)
			}
		}
	}
}

// DerivedCoreProperties.txt ends its list of Default_Ignorable_Code_Point with
// this total, in Unicode 15.
func TestIgnorableTotal(t *testing.T) {
	const want = 4174
	n := 0
	for r := rune(0); r <= 0x10FFFF; r++ {
		if isIgnorable(r) {
			n++
		}
	}
	if n != want {
		t.Errorf("%d characters are ignorable; want %d", n, want)
	}
}
