package text

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"chatserver/internal/fault"
)

func TestNamePasses(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"ASCII", "Ann", "Ann"},
		{"case is kept", "McANN", "McANN"},
		{"one character", "x", "x"},
		{"punctuation", "<b>O'Neil & Söhne</b>", "<b>O'Neil & Söhne</b>"},
		{"spaces at the ends", "  Ann ", "Ann"},
		{"spaces of all kinds inside", "Ann \u00a0\u2003\u3000 Lee", "Ann Lee"},
		{"composed", "Zoe\u0308", "Zo\u00eb"},
		{"mathematical letters", "𝓐𝓷𝓷", "Ann"},
		{"full width", "Ａｎｎ７", "Ann7"},
		{"half-width katakana", "ｶﾞﾝ", "ガン"},
		{"ligature", "ﬁn", "fin"},
		{"fraction", "½", "1\u20442"},
		{"as long as may be", strings.Repeat("田", MaxName), strings.Repeat("田", MaxName)},
		{"as long as may be after trimming", strings.Repeat(" ", 200) + strings.Repeat("x", MaxName), strings.Repeat("x", MaxName)},
		{"as long as may be after composing", strings.Repeat("e\u0301", MaxName), strings.Repeat("é", MaxName)},

		{"Arabic", "محمد علي", "محمد علي"},
		{"Arabic with vowel signs", "مُحَمَّد", "مُحَمَّد"},
		{"Persian with non-joiner", "نامه\u200cای", "نامه\u200cای"},
		{"Hebrew", "שָׁלוֹם", "שָׁלוֹם"},
		{"Hebrew quotation", "רש״י", "רש״י"},
		{"Hindi", "प्रियंका", "प्रियंका"},
		{"Marathi with joiner", "ऱ्\u200dहाड", "ऱ्\u200dहाड"},
		{"Bengali", "শ্রাবণী", "শ্রাবণী"},
		{"Punjabi", "ਗੁਰਪ੍ਰੀਤ", "ਗੁਰਪ੍ਰੀਤ"},
		{"Tamil", "கார்த்திக்", "கார்த்திக்"},
		{"Sinhala with joiner", "ශ්\u200dරී", "ශ්\u200dරී"},
		{"Thai", "กำพล", "ก\u0e4d\u0e32พล"}, // NFKC takes SARA AM apart
		{"Lao", "ສຸລິຍາ", "ສຸລິຍາ"},
		{"Burmese with four marks", "လျှို့ဝှက်", "လျှို့ဝှက်"},
		{"Khmer", "ស្រីមុំ", "ស្រីមុំ"},
		{"Tibetan", "བསྟན་འཛིན", "བསྟན་འཛིན"},
		{"Georgian", "ნინო", "ნინო"},
		{"Armenian", "Անի", "Անի"},
		{"Amharic", "አበበ", "አበበ"},
		{"Greek", "Νίκος", "Νίκος"},
		{"Russian", "Юлия Ёлкина", "Юлия Ёлкина"},
		{"Vietnamese", "Nguyễn Thị", "Nguyễn Thị"},
		{"Catalan", "Gal·la", "Gal·la"},
		{"Chinese", "𠮷田", "𠮷田"},
		{"Japanese", "カール・マルクス", "カール・マルクス"},
		{"Korean", "김철수", "김철수"},
		{"Korean conjoining", "\u1112\u1161\u11ab", "한"},
		{"Cherokee", "ᏣᎳᎩ", "ᏣᎳᎩ"},
		{"Inuktitut", "ᐃᓄᒃ", "ᐃᓄᒃ"},

		{"emoji", "Ann 👍", "Ann 👍"},
		{"emoji with a selector", "Ann ❤️", "Ann ❤"},
		{"keycap", "1️⃣", "1\u20e3"},
		{"flag", "🇩🇪", "🇩🇪"},
		{"skin tone", "👍🏽", "👍🏽"},
		{"three marks", "q\u0301\u0302\u0303", "q\u0301\u0302\u0303"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Name(tt.in)
			if err != nil || got != tt.want {
				t.Errorf("Name(%+q) = %+q, %v; want %+q", tt.in, got, err, tt.want)
			}
		})
	}
}

func TestNameRefuses(t *testing.T) {
	for _, tt := range []struct{ name, in, detail string }{
		{"nothing", "", "is empty"},
		{"only spaces", " \u00a0\u3000", "is empty"},
		{"only a selector", "\ufe0f", "is empty"},
		{"only marks", "\u0301\u0302", "begins with a combining mark (U+0301)"},
		{"mark first", "\u0301Ann", "begins with a combining mark (U+0301)"},
		{"mark first once normalized", "´Ann", "begins with a combining mark (U+0301)"},
		{"spacing mark first", "\u093eन", "begins with a combining mark (U+093E)"},
		{"too long", strings.Repeat("x", MaxName+1), "has 26 characters"},
		{"too long once normalized", "ﷺﷺ", "has 36 characters"},
		{"huge", strings.Repeat("x", 10_000_000), "too long"},
		{"invalid UTF-8", "a\xff", "not UTF-8"},
		{"NUL", "a\x00", "control character (U+0000)"},
		{"LF", "a\nb", "line break (U+000A)"},
		{"LF at the end", "Ann\n", "line break (U+000A)"},
		{"tab", "\tAnn", "control character (U+0009)"},
		{"C1 control", "a\u0085b", "control character (U+0085)"},
		{"line separator", "a\u2028b", "line break (U+2028)"},
		{"override", "\u202enna", "bidirectional control (U+202E)"},
		{"embedding", "\u202aAnn\u202c", "bidirectional control (U+202A)"},
		{"isolate", "\u2067Ann\u2069", "bidirectional control (U+2067)"},
		{"direction mark", "Ann\u200e", "cannot be seen (U+200E)"},
		{"Arabic letter mark", "Ann\u061c", "cannot be seen (U+061C)"},
		{"zero-width space", "A\u200bnn", "cannot be seen (U+200B)"},
		{"byte order mark", "\ufeffAnn", "cannot be seen (U+FEFF)"},
		{"soft hyphen", "A\u00adnn", "cannot be seen (U+00AD)"},
		{"grapheme joiner", "A\u034fnn", "cannot be seen (U+034F)"},
		{"Hangul filler", "\u3164", "cannot be seen (U+3164)"},
		{"half-width Hangul filler", "\uffa0", "cannot be seen (U+FFA0)"},
		{"Braille blank", "Ann\u2800", "cannot be seen (U+2800)"},
		{"tag", "Ann\U000e0041", "cannot be seen (U+E0041)"},
		{"other selector", "Ann\ufe00", "cannot be seen (U+FE00)"},
		{"joiner between Latin letters", "A\u200dnn", "not where it stands (U+200D)"},
		{"non-joiner at the end", "नाم\u200c", "not where it stands (U+200C)"},
		{"emoji of a family", "👩\u200d👧", "not where it stands (U+200D)"},
		{"middle dot alone", "・", "not where it stands (U+30FB)"},
		{"digits of two kinds", "\u0663\u06f3", "not where it stands (U+0663)"},
		{"unassigned", "a\u0378", "cannot stand in a name, or not where it stands (U+0378)"},
		{"private use behind a middle dot", "カ・タ\ue000", "cannot stand in a name, or not where it stands (U+E000)"},
		{"noncharacter", "a\uffff", "cannot stand in a name, or not where it stands (U+FFFF)"},
		{"four marks", "q\u0301\u0302\u0303\u0304", "more than 3 combining marks"},
		{"Zalgo", "A̴̵̜̰͔ͫ͗͢nn", "more than 3 combining marks"},
		{"Thai tower", "ก็็็็", "more than 3 combining marks"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Name(tt.in)
			if got != "" {
				t.Errorf("Name(%.40q) = %q; want none", tt.in, got)
			}
			wantFault(t, err, fault.BadName, tt.detail, "a name is 1 to 25 characters")
		})
	}
}

func TestNameTellsLimit(t *testing.T) {
	_, err := Name(strings.Repeat("x", MaxName+5))
	e := wantFault(t, err, fault.BadName)
	if e.Limit != MaxName || e.Value != MaxName+5 {
		t.Errorf("Limit, Value = %v, %v; want %d, %d", e.Limit, e.Value, MaxName, MaxName+5)
	}
}

func FuzzName(f *testing.F) {
	for _, tt := range passing {
		f.Add(tt.text)
	}
	for _, tt := range refused {
		f.Add(tt.text)
	}
	f.Add("  \u00a0´A  n\u3000´")
	f.Add("ﷺ½𝓐ｶﾞ·・\u0660")
	f.Fuzz(func(t *testing.T, s string) {
		name, err := Name(s)
		if err != nil {
			var e *fault.Error
			if !errors.As(err, &e) || e.Code != fault.BadName || name != "" {
				t.Fatalf("Name = %q, %v; want no name and bad_name", name, err)
			}
			return
		}
		if again, err := Name(name); err != nil || again != name {
			t.Errorf("Name(%+q) again = %+q, %v", name, again, err)
		}
		if n := utf8.RuneCountInString(name); n < 1 || n > MaxName || !norm.NFKC.IsNormalString(name) {
			t.Errorf("Name passed %+q", name)
		}
		for _, r := range name {
			switch c := classOf(r); {
			case c == plain, c == mark, c == consonantSign, c == spacingMark, r == ' ', r == '\u200c', r == '\u200d':
			default:
				t.Errorf("Name passed %+q with %U", name, r)
			}
		}
		key := Skeleton(name)
		if other := Skeleton("\u200b" + norm.NFD.String(name)); key == "" || key != other {
			t.Errorf("skeleton of %+q is %+q, when decomposed %+q", name, key, other)
		}
	})
}

func BenchmarkName(b *testing.B) {
	for _, bb := range []struct{ name, in string }{
		{"ASCII", "Ann Lee"},
		{"Vietnamese", "Nguyễn Thị"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Name(bb.in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
