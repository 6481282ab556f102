package cache

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// masking returns words that are all masked in all rooms.
func masking(texts ...string) []Word {
	var list []Word
	for _, text := range texts {
		list = append(list, Word{Text: text, Mask: true})
	}
	return list
}

func TestWordsMask(t *testing.T) {
	for _, tt := range []struct {
		name, words, in, want string // words are parted by |
	}{
		{"no words", "", "bad", "bad"},
		{"a word", "bad", "a bad one", "a *** one"},
		{"alone", "bad", "bad", "***"},
		{"in any case", "bAd", "Bad BAD bad", "*** *** ***"},
		{"not within a word", "ass", "class pass assume", "class pass assume"},
		{"not with a digit", "bad", "bad1 1bad", "bad1 1bad"},
		{"between punctuation", "bad", "(bad), bad! bad…", "(***), ***! ***…"},
		{"before a hyphen", "ass", "ass-kisser", "***-kisser"},
		{"between underscores", "bad", "_bad_ __bad__", "_***_ __***__"},
		{"before an apostrophe", "idiot", "idiot's l'idiot", "*****'s l'*****"},
		{"in a URL", "bad", "https://bad.example/bad", "https://***.example/***"},
		{"hyphen in the word", "ass-hat", "ass-hat ass hat asshat", "******* ass hat asshat"},
		{"apostrophe of a telephone", "don't", "don’t", "*****"},

		{"a phrase", "bad word", "a bad word here", "a ******** here"},
		{"a phrase over lines", "bad word", "bad\nword", "********"},
		{"a phrase with much space", "bad word", "bad \u00a0\t word", "***********"},
		{"a phrase is not its parts", "bad word", "bad words badword bad-word", "bad words badword bad-word"},
		{"space around the word", "  bad ", " bad ", " *** "},
		{"one word of two", "bad|bad word", "bad word bad", "******** ***"},
		{"phrases that overlap", "one two|two three", "one two three four", "************* four"},
		{"a phrase begun twice", "x-x-y", "x-x-x-y", "x-*****"},

		{"signs", "c++|a$$", "c++ c+ a$$ a", "*** c+ *** a"},
		{"a sign by itself", "$", "10$", "10*"},
		{"a picture", "🖕", "hey🖕🏽you", "hey*🏽you"},
		{"a joined picture", "👩\u200d👧", "👩\u200d👧 👩", "*** 👩"},

		{"composed or not", "caf\u00e9", "cafe\u0301 CAFE\u0301 café cafe", "***** ***** **** cafe"},
		{"a mark makes another letter", "cafe", "cafe\u0301", "cafe\u0301"},
		{"full width", "bad", "ｂａｄ", "***"},
		{"mathematical", "bad", "𝐛𝐚𝐝 𝕓𝕒𝕕", "*** ***"},
		{"in circles", "bad", "ⓑⓐⓓ", "***"},
		{"not drawn within", "bad", "b\u200bad b\u00adad", "**** ****"},
		{"not drawn first", "bad", "\u200bbad", "****"},

		{"sharp s", "straße", "STRASSE Strasse straße STRAẞE", "******* ******* ****** ******"},
		{"sharp s in text alone", "strasse", "straße!", "******!"},
		{"Turkish", "idiot", "İDİOT ıdıot i̇diot IDIOT", "***** ***** ****** *****"},
		{"Greek sigma", "ΟΔΟΣ", "οδος οδοσ", "**** ****"},
		{"Cyrillic", "плохо", "ПЛОХО, Плохой", "*****, Плохой"},
		{"ligature", "fix", "ﬁx", "**"},
		{"Kelvin", "kilo", "Kilo", "****"},

		{"Chinese", "坏话", "你说坏话了", "你说**了"},
		{"Japanese", "バカ", "このバカー", "この**ー"},
		{"half width", "ガン", "ｶﾞﾝ", "***"},
		{"Thai", "เลว", "คนเลวมาก", "คน***มาก"},
		{"Thai with marks", "น้ำ", "ดื่มน้ำ", "ดื่ม***"},
		{"a mark makes another Thai letter", "นา", "น้า", "น้า"},
		{"Korean", "바보", "바보 바보는", "** 바보는"},
		{"Korean conjoining", "바보", "\u1107\u1161\u1107\u1169", "****"},
		{"Latin beside Chinese", "bad", "你bad吗", "你***吗"},

		{"invalid UTF-8", "bad", "\xffbad\xff", "\xff***\xff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var list []Word
			if tt.words != "" {
				list = masking(strings.Split(tt.words, "|")...)
			}
			w := newWords(list)
			got, blockedBy := w.check("room", tt.in)
			if got != tt.want || blockedBy != "" {
				t.Errorf("check(%q) = %q, %q; want %q", tt.in, got, blockedBy, tt.want)
			}
		})
	}
}

func TestWordsByRoom(t *testing.T) {
	w := newWords([]Word{
		{Text: "everywhere", Mask: true},
		{Text: "here", Room: "a"},
		{Text: "Hidden", Mask: true, Room: "a"},
		{Text: "hidden", Room: "b"},
		{Text: "here and there"},
	})
	for _, tt := range []struct{ room, in, masked, blockedBy string }{
		{"a", "Everywhere", "**********", ""},
		{"c", "everywhere", "**********", ""},
		{"a", "HERE", "HERE", "here"},
		{"b", "here", "here", ""},
		{"a", "hidden", "******", ""},
		{"b", "everywhere hidden", "everywhere hidden", "hidden"},
		{"c", "hidden", "hidden", ""},
		{"b", "here and there", "here and there", "here and there"},
		{"", "hidden", "hidden", ""},
	} {
		masked, blockedBy := w.check(tt.room, tt.in)
		if masked != tt.masked || blockedBy != tt.blockedBy {
			t.Errorf("in room %q, check(%q) = %q, %q; want %q, %q", tt.room, tt.in, masked, blockedBy, tt.masked, tt.blockedBy)
		}
	}
}

func TestWordThatBlocksAndMasksBlocks(t *testing.T) {
	for _, list := range [][]Word{
		{{Text: "bad", Mask: true}, {Text: "BAD"}},
		{{Text: "BAD"}, {Text: "bad", Mask: true}},
		{{Text: "BAD", Room: "room"}, {Text: "bad", Mask: true}},
	} {
		w := newWords(list)
		if masked, blockedBy := w.check("room", "so bad"); masked != "so bad" || blockedBy != "BAD" {
			t.Errorf("check = %q, %q; want it blocked by BAD", masked, blockedBy)
		}
	}
}

func TestTextWithoutWordsIsNotCopied(t *testing.T) {
	w := newWords(manyWords(1000))
	for _, said := range []string{ordinary, ordinaryRussian, ordinaryChinese} {
		if n := testing.AllocsPerRun(100, func() { w.check("room", said) }); n != 0 {
			t.Errorf("check(%.20q…) allocates %v times", said, n)
		}
	}
}

// A word that repeats its own beginning, and a text of nothing else, make the
// longest way through the tree for each token.
func TestWordsTakeBoundedTime(t *testing.T) {
	w := newWords(masking(strings.TrimSpace(strings.Repeat("a ", maxPhrase/2)) + " b"))
	said := strings.TrimSpace(strings.Repeat("a ", 4096))
	if masked, _ := w.check("room", said); masked != said {
		t.Error("something was masked")
	}
}

// reference finds words in another way: it tries all parts of a text that begin and
// end between words, and compares the whole part.
func reference(list []Word, said string) (masked string, blocked bool) {
	runes := []rune(said)
	hide := make([]bool, len(runes))
	for from := range runes {
		for to := from + 1; to <= len(runes); to++ {
			if !parted(runes, from) || !parted(runes, to) {
				continue
			}
			if drawn := strings.TrimFunc(string(runes[from:to]), clings); drawn != strings.TrimSpace(drawn) {
				continue // a word has no space at its ends
			}
			part := normalized(string(runes[from:to]))
			for _, word := range list {
				if w := normalized(word.Text); w == "" || part != w {
					continue
				}
				if !word.Mask {
					return said, true
				}
				for i := from; i < to; i++ {
					hide[i] = true
				}
			}
		}
	}
	for i, hidden := range hide {
		if hidden {
			runes[i] = '*'
		}
	}
	return string(runes), false
}

// parted tells whether runes are parted at i.
func parted(runes []rune, i int) bool {
	if i == 0 || i == len(runes) {
		return true
	}
	if clings(runes[i]) {
		return false
	}
	before := i - 1
	for before > 0 && clings(runes[before]) {
		before--
	}
	a, b := runes[before], runes[i]
	if clings(a) { // nothing that is drawn stands before
		return false
	}
	run := func(r rune) bool {
		return (unicode.IsLetter(r) || unicode.IsDigit(r)) && !unicode.In(r, unicode.Han, unicode.Thai)
	}
	within := run(a) && run(b) || unicode.IsSpace(a) && unicode.IsSpace(b)
	return !within
}

func clings(r rune) bool { return unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r) }

func normalized(s string) string {
	s = strings.ReplaceAll(s, "\u200b", "")
	s = norm.NFKC.String(s)
	s = strings.ToLower(strings.ToUpper(strings.Join(strings.Fields(s), " ")))
	return dotted.ReplaceAllString(strings.ReplaceAll(s, "ß", "ss"), "i")
}

var dotted = regexp.MustCompile(`i\x{307}+`)

// alphabet is what the fuzzer makes texts of: few characters, so that words are
// found often, and one at least of each kind.
var alphabet = []rune("abAB1 \n-_'.ßẞsSİIıi\u0307\u0301\u200bé坏话กาｂ𝐚🖕Яя")

func spell(data []byte) string {
	var b strings.Builder
	for _, c := range data {
		b.WriteRune(alphabet[int(c)%len(alphabet)])
	}
	return b.String()
}

func FuzzWordsAgainstReference(f *testing.F) {
	f.Add([]byte{0, 1, 0}, []byte{0, 1}, []byte{5, 0, 1, 0, 5}, false)
	f.Add([]byte{0, 5, 1}, []byte{11, 13}, []byte{0, 5, 6, 1, 5, 12}, true)
	f.Add([]byte{16, 17}, []byte{23, 24}, []byte{15, 16, 17, 18, 23, 24, 25}, false)
	f.Fuzz(func(t *testing.T, one, two, text []byte, block bool) {
		if len(one) > 8 || len(two) > 8 || len(text) > 24 {
			return
		}
		list := []Word{{Text: spell(one), Mask: true}, {Text: spell(two), Mask: !block}}
		said := spell(text)
		if markAlone.MatchString(list[0].Text) || markAlone.MatchString(list[1].Text) || markAlone.MatchString(said) {
			return // what a mark without a character of its own belongs to is nobody's business
		}
		w := newWords(list)
		got, blockedBy := w.check("room", said)
		want, blocked := reference(list, said)
		if got != want || (blockedBy != "") != blocked {
			t.Errorf("words %+q and %+q (block: %v) in %+q: %+q, %q; want %+q, %v",
				list[0].Text, list[1].Text, block, said, got, blockedBy, want, blocked)
		}
	})
}

var markAlone = regexp.MustCompile(`(^|\s)\x{200b}*[\x{301}\x{307}]`)

func FuzzWordsKeepTheRest(f *testing.F) {
	f.Add("bad", "so Bad, b\u200bad")
	f.Add("ß", "\xffSS ﬁ \u0345\u0301")
	f.Add("น้ำ 🖕", "ดื่มน้ำ \u3164🖕🏽")
	f.Fuzz(func(t *testing.T, word, said string) {
		w := newWords(masking(word))
		masked, blockedBy := w.check("room", said)
		if blockedBy != "" {
			t.Errorf("blocked by %q", blockedBy)
		}
		before, after := []rune(said), []rune(masked)
		if len(before) != len(after) {
			t.Fatalf("%+q became %+q: %d characters became %d", said, masked, len(before), len(after))
		}
		for i, r := range after {
			if r != before[i] && r != '*' {
				t.Errorf("%+q became %+q", said, masked)
			}
		}
		if masked, _ := w.check("room", word); findable(word) && strings.Trim(masked, "*") == word && !strings.Contains(word, "*") && utf8.ValidString(word) {
			t.Errorf("%+q is not found in itself", word)
		}
	})
}

const (
	ordinary        = "honestly the second half was way better than I expected, did anyone else see that save at the 80th minute? unreal. also hi to everybody from Porto, good to be here again tonight friends"
	ordinaryRussian = "честно говоря, второй тайм был гораздо лучше, чем я ожидал, кто-нибудь видел этот сейв"
	ordinaryChinese = "说实话下半场比我想象的好多了有人看到第八十分钟的那次扑救吗真是太不可思议了大家晚上好"
)

// manyWords returns words and phrases of which none is in the ordinary texts.
func manyWords(n int) []Word {
	list := make([]Word, n)
	for i := range list {
		text := fmt.Sprintf("naughty%d", i)
		switch i % 4 {
		case 1:
			text = fmt.Sprintf("the naughty%d word", i)
		case 2:
			text = fmt.Sprintf("плохо%d", i)
		case 3:
			text = fmt.Sprintf("坏话%d", i)
		}
		list[i] = Word{Text: text, Mask: i%2 == 0}
	}
	return list
}

func TestCommonCharacters(t *testing.T) {
	for _, c := range common {
		for r := c.first; r <= c.last; r++ {
			if got := lookUp(r); got != c.class {
				t.Errorf("class of %U is %d; want %d", r, c.class, got)
			}
			p := norm.NFKC.PropertiesString(string(r))
			if norm.NFKC.String(string(r)) != string(r) || p.CCC() != 0 || !p.BoundaryBefore() || isIgnorable(r) {
				t.Errorf("%U is not its own NFKC wherever it stands", r)
			}
		}
	}
}

func BenchmarkWordsCheck(b *testing.B) {
	w := newWords(manyWords(10_000))
	for _, bb := range []struct{ name, said string }{
		{"English/190B", ordinary},
		{"Russian", ordinaryRussian},
		{"Chinese", ordinaryChinese},
		{"masked/190B", ordinary[:len(ordinary)-len("friends")] + "naughty0"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.check("room", bb.said)
			}
		})
	}
}

func BenchmarkNewWords(b *testing.B) {
	list := manyWords(10_000)
	b.ReportAllocs()
	for b.Loop() {
		newWords(list)
	}
}
