package text

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"chatserver/internal/fault"
)

// passing are texts that people send: both Message and Line must keep them.
var passing = []struct{ name, text string }{
	{"ASCII", "hello, world!"},
	{"inner spaces", "a  b"},
	{"Latin", "Où est-ce? Straße, naïve façade"},
	{"Latin decomposed", "e\u0301te\u0301"},
	{"Vietnamese composed", "Tiếng Việt rất đẹp"},
	{"Vietnamese decomposed", "Tie\u0302\u0301ng Vie\u0323\u0302t"},
	{"Greek polytonic", "ᾧ τινι"},
	{"Russian", "Привет, как дела?"},
	{"Thai", "ที่นี่มีน้ำแข็งไหม"},
	{"Lao", "ສະບາຍດີ ຜູ້ໃດ"},
	{"Hindi", "हिन्दी में कैसे हैं, क्यों?"},
	{"Tamil", "தமிழ் மொழி"},
	{"Bengali with joiner", "র\u200d্যাব"},
	{"Sinhala with joiner", "ශ්\u200dරී ලංකා"},
	{"Burmese with four marks", "လျှို့ဝှက်"},
	{"Tibetan stack", "བསྒྲུབས་རྒྱུན་ཧཱུྃ"},
	{"Khmer", "ប៉ុន្តែ ស្ត្រី"},
	{"Arabic with vowel signs", "مُحَمَّدٌ رَسُولُ ٱللَّٰهِ"},
	{"Persian with non-joiner", "می\u200cخواهم"},
	{"Hebrew with points", "שָׁלוֹם בְּרֵאשִׁית"},
	{"Hebrew with direction mark", "שלום\u200f!"},
	{"Japanese", "こんにちは、ｶﾞｷﾞ"},
	{"Korean conjoining", "\u1112\u1161\u11ab\u1100\u1173\u11af"},
	{"Chinese beyond the first plane", "𠮷野家"},
	{"emoji", "👍🎉"},
	{"emoji of a family", "👩‍👩‍👧‍👦"},
	{"emoji with skin tone and selector", "🕵🏽‍♀️ ❤️"},
	{"keycap", "1️⃣ #️⃣"},
	{"flags", "🇩🇪 🏴󠁧󠁢󠁳󠁣󠁴󠁿"},
	{"three marks", "a\u0301\u0302\u0303"},
	{"three marks on each", "a\u0301\u0302\u0303b\u0301\u0302\u0303"},
	{"mark on nothing", "\u0301"},
	{"isolate", "\u2067שלום\u2069 means hello"},
	{"isolates nested and side by side", "\u2066a\u2067b\u2069\u2068c\u2069\u2069"},
	{"embedding in an isolate", "\u2068\u202aabc\u202c\u2069"},
	{"isolates as deep as may be", strings.Repeat("\u2066", 32) + "x" + strings.Repeat("\u2069", 32)},
	{"private use and noncharacters", "\ue000\ufdd0\uffff"},
	{"replacement character", "\ufffd"},
	{"younger than the tables", "\U0001FAE9"},
	{"markup", `<b onclick="x()">&amp;</b>`},
}

// refused are texts that neither Message nor Line takes.
var refused = []struct{ name, text, detail string }{
	{"invalid UTF-8", "a\xffb", "UTF-8"},
	{"truncated UTF-8", "a\xe2\x82", "UTF-8"},
	{"surrogate in UTF-8", "a\xed\xa0\x80", "UTF-8"},
	{"NUL", "a\x00b", "control character (U+0000)"},
	{"tab", "a\tb", "control character (U+0009)"},
	{"escape", "a\x1b[31mb", "control character (U+001B)"},
	{"delete", "a\x7fb", "control character (U+007F)"},
	{"C1 control", "a\u009bb", "control character (U+009B)"},
	{"next line", "a\u0085b", "control character (U+0085)"},
	{"lone CR", "a\rb", "control character (U+000D)"},
	{"left-to-right override", "a\u202db\u202c", "override (U+202D)"},
	{"right-to-left override", "a\u202eb", "override (U+202E)"},
	{"isolate left open", "a\u2067b", "not closed"},
	{"embedding left open", "a\u202bb", "not closed"},
	{"isolate closed too often", "a\u2069b", "closes nothing (U+2069)"},
	{"embedding closed too often", "a\u202cb", "closes nothing (U+202C)"},
	{"isolate closed as an embedding", "\u2067a\u202c", "closes nothing (U+202C)"},
	{"embedding and isolate crossed", "\u202a\u2067a\u202c\u2069", "closes nothing (U+202C)"},
	{"isolates too deep", strings.Repeat("\u2066", 33) + strings.Repeat("\u2069", 33), "nested more than 32 deep"},
	{"four marks", "a\u0301\u0302\u0303\u0304", "more than 3 combining marks"},
	{"four marks on nothing", "\u0301\u0302\u0303\u0304", "more than 3 combining marks"},
	{"four marks on a space", "a \u0301\u0302\u0303\u0304", "more than 3 combining marks"},
	{"Zalgo", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢", "more than 3 combining marks"},
	{"one Thai mark many times", "ก็็็็็็", "more than 3 combining marks"},
	{"Tibetan tower", "ཀ\u0f90\u0f90\u0f90\u0f90", "more than 3 combining marks"},
	{"enclosing marks", "a\u20dd\u20de\u20df\u20e0", "more than 3 combining marks"},
	{"marks parted by a joiner", "a\u0301\u0302\u200d\u0303\u0304", "more than 3 combining marks"},
	{"marks parted by a selector", "a\u0301\u0302\ufe0f\u0303\u0304", "more than 3 combining marks"},
	{"marks parted by a spacing mark", "क\u0941\u0942\u093e\u0943\u0944", "more than 3 combining marks"},
	{"marks parted by isolates", "a\u0301\u0302\u2066\u2069\u0303\u0304", "more than 3 combining marks"},
}

func TestMessagePasses(t *testing.T) {
	for _, tt := range passing {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Message(tt.text, 0)
			if err != nil || got != tt.text {
				t.Errorf("Message(%+q) = %+q, %v; want it unchanged", tt.text, got, err)
			}
		})
	}
}

func TestMessageTrims(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"spaces", "  hi  ", "hi"},
		{"all kinds of white space", "\t\r\n\v\f\u0085\u00a0\u2003\u3000hi\u2028\u2029 ", "hi"},
		{"CR LF inside", "a\r\nb\r\nc", "a\nb\nc"},
		{"CR LF at the ends", "\r\na\r\n", "a"},
		{"LF inside", "a\n\nb", "a\n\nb"},
		{"no white space, so it stays", "\u200bhi\u200b", "\u200bhi\u200b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Message(tt.in, 0)
			if err != nil || got != tt.want {
				t.Errorf("Message(%+q) = %+q, %v; want %+q", tt.in, got, err, tt.want)
			}
		})
	}
}

func TestMessageRefuses(t *testing.T) {
	for _, tt := range refused {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Message(tt.text, 0)
			wantFault(t, err, fault.BadField, `"text"`, tt.detail)
		})
	}
}

func TestMessageEmpty(t *testing.T) {
	for _, s := range []string{
		"", " ", "\r\n", " \u00a0\u3000", "\u200b", "\ufeff", "\u3164", "\u00ad\u2060", "\u2800",
		"\ufe0f", "\u200d\ufe0f", "\u2066\u2069", "\u200e\n\u200f", "\U000e0041",
	} {
		_, err := Message(s, 0)
		wantFault(t, err, fault.Empty)
	}
}

func TestMessageLength(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		limit, n   int // n is how many characters too many texts have
	}{
		{"at the limit", "abc", 3, 0},
		{"beyond", "abcd", 3, 4},
		{"characters, not bytes", "äöü", 3, 0},
		{"code points, not what is seen as one", "👩‍👧", 2, 3},
		{"white space at the ends does not count", "  abc  ", 3, 0},
		{"CR LF counts once", "a\r\nb", 3, 0},
		{"length comes before content", "abc\x00", 3, 4},
		{"no limit", strings.Repeat("a", 1_000_000), 0, 0},
		{"huge", strings.Repeat("ä", 1_000_000), 500, 1_000_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Message(tt.text, tt.limit)
			if tt.n == 0 {
				if err != nil {
					t.Errorf("got %v; want it to pass", err)
				}
				return
			}
			e := wantFault(t, err, fault.TooLong)
			if e.Limit != tt.limit || e.Value != tt.n {
				t.Errorf("Limit, Value = %v, %v; want %d, %d", e.Limit, e.Value, tt.limit, tt.n)
			}
		})
	}
}

func TestMessageLines(t *testing.T) {
	for _, tt := range []struct {
		text  string
		lines int // of a text that is refused
	}{
		{"1\n2\n3\n4\n5", 0},
		{"\n\n1\n2\r\n3\n4\n5\n\n", 0},
		{"1\n2\n3\n4\n5\n6", 6},
		{"1\n\n\n\n\n6", 6},
		{"1\u20282\u20293\u20284\n5\n6", 6}, // a browser breaks lines there too
	} {
		_, err := Message(tt.text, 0)
		if tt.lines == 0 {
			if err != nil {
				t.Errorf("Message(%q): %v; want it to pass", tt.text, err)
			}
			continue
		}
		e := wantFault(t, err, fault.BadField, `"text"`, "6 lines")
		if e.Limit != MaxLines || e.Value != tt.lines {
			t.Errorf("Limit, Value = %v, %v; want %d, %d", e.Limit, e.Value, MaxLines, tt.lines)
		}
	}
}

func TestMessageIsolateEndsWithItsLine(t *testing.T) {
	for _, s := range []string{"\u2067a\nb\u2069", "\u202aa\u2029b\u202c"} {
		_, err := Message(s, 0)
		wantFault(t, err, fault.BadField, "not closed within its line")
	}
}

func TestLinePasses(t *testing.T) {
	for _, tt := range passing {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Line("title", tt.text, 0)
			if err != nil || got != tt.text {
				t.Errorf("Line(%+q) = %+q, %v; want it unchanged", tt.text, got, err)
			}
		})
	}
}

func TestLineRefuses(t *testing.T) {
	for _, tt := range append(refused, []struct{ name, text, detail string }{
		{"LF", "a\nb", "line break"},
		{"CR LF", "a\r\nb", "control character (U+000D)"},
		{"line separator", "a\u2028b", "line break"},
		{"paragraph separator", "a\u2029b", "line break"},
	}...) {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Line("title", tt.text, 0)
			wantFault(t, err, fault.BadField, `"title"`, tt.detail)
		})
	}
}

func TestLineTrims(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{" \r\n\t", ""},
		{"\u200b\ufeff", ""},
		{" a b \n", "a b"},
	} {
		got, err := Line("title", tt.in, 3)
		if err != nil || got != tt.want {
			t.Errorf("Line(%+q) = %+q, %v; want %+q", tt.in, got, err, tt.want)
		}
	}
}

func TestLineLength(t *testing.T) {
	_, err := Line("title", "äöüß", 3)
	e := wantFault(t, err, fault.BadField, `"title"`, "4 characters", "at most 3")
	if e.Limit != 3 || e.Value != 4 {
		t.Errorf("Limit, Value = %v, %v; want 3, 4", e.Limit, e.Value)
	}
}

// wantFault fails unless err is an *fault.Error of that code whose detail holds
// the given parts, and nothing that would do harm where it is shown.
func wantFault(t *testing.T, err error, code fault.Code, parts ...string) *fault.Error {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v; want a fault of code %s", err, code)
	}
	if e.Code != code {
		t.Errorf("code is %s (%s); want %s", e.Code, e.Detail, code)
	}
	for _, part := range parts {
		if !strings.Contains(e.Detail, part) {
			t.Errorf("detail is %q; want %q in it", e.Detail, part)
		}
	}
	for _, r := range e.Detail {
		if r < ' ' || r > '~' {
			t.Errorf("detail is %+q; want ASCII, not what was sent", e.Detail)
			break
		}
	}
	return e
}

func FuzzMessage(f *testing.F) {
	for _, tt := range passing {
		f.Add(tt.text)
	}
	for _, tt := range refused {
		f.Add(tt.text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		const limit = 50
		got, err := Message(s, limit)
		line, lineErr := Line("title", s, limit)
		if err != nil {
			var e *fault.Error
			if !errors.As(err, &e) || got != "" {
				t.Fatalf("Message = %q, %v; want no text and a fault", got, err)
			}
			return
		}
		if again, err := Message(got, limit); err != nil || again != got {
			t.Errorf("Message(%+q) again = %+q, %v", got, again, err)
		}
		if n := utf8.RuneCountInString(got); n == 0 || n > limit || !utf8.ValidString(got) {
			t.Errorf("Message passed %+q", got)
		}
		if strings.ContainsFunc(got, func(r rune) bool {
			return r < ' ' && r != '\n' || 0x7F <= r && r < 0xA0 || r == '\u202D' || r == '\u202E'
		}) {
			t.Errorf("Message passed %+q", got)
		}
		if oneLine := !strings.ContainsAny(got, "\n\u2028\u2029"); oneLine != (lineErr == nil) || oneLine && line != got {
			t.Errorf("Line = %+q, %v; Message = %+q", line, lineErr, got)
		}
	})
}

func BenchmarkMessage(b *testing.B) {
	for _, bb := range []struct{ name, text string }{
		{"ASCII", strings.Repeat("hello you ", 15)},
		{"Russian", strings.Repeat("Привет вам", 15)},
		{"Thai", strings.Repeat("ที่นี่มี ๆ", 15)},
		{"Chinese", strings.Repeat("你好世界你好世界你好", 15)},
		{"emoji", strings.Repeat("👍🎉❤️👩‍👩‍👧", 15)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Message(bb.text, 500); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestMessageDoesNotAllocate(t *testing.T) {
	s := strings.Repeat("héllo yöu ", 15)
	if n := testing.AllocsPerRun(100, func() { _, _ = Message(s, 500) }); n != 0 {
		t.Errorf("%v allocations; want none when nothing changes", n)
	}
}
