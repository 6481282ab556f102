package text

import (
	"strings"
	"sync"
	"testing"
	"unicode"
)

func TestSkeletonMatches(t *testing.T) {
	for _, tt := range []struct {
		name  string
		names []string // all of them look like the first
	}{
		{"case", []string{"Ann", "ann", "ANN"}},
		{"Cyrillic", []string{"Ann", "\u0410nn", "\u0430nn"}},
		{"the classic", []string{"paypal", "PAYPAL", "\u0440\u0430\u0443\u0440\u0430l", "PayPaI", "paypa1", "PAYPA\u0406", "ρ⍺у𝓅𝒂ן"}},
		{"0 and O", []string{"Bob", "B0b", "BOB", "B\u041eB", "B\u03bfb"}},
		{"m and rn", []string{"modern", "rnodem"}},
		{"Cyrillic capital before Latin letters", []string{"Tom", "\u0422om", "\u0422\u043e\u043c"}},
		{"all in Cyrillic capitals", []string{"MAKBETH", "\u041c\u0410\u041a\u0412\u0415\u0422\u041d"}},
		{"Greek capital before Latin letters", []string{"Nina", "\u039dina"}},
		{"Greek capitals with marks", []string{"Ýbor", "\u038ebor"}},
		{"Cherokee capitals", []string{"DAVE", "\u13a0\u13aaV\u13ac"}},
		{"small capitals", []string{"Arnold", "ᴀʀɴᴏʟᴅ"}},
		{"Greek in either case", []string{"Νίκος", "ΝΊΚΟΣ", "νίκοσ"}},
		{"Russian in either case", []string{"Вова", "ВОВА", "вова"}},
		{"Cherokee in either case", []string{"\u13a3", "\uab73"}},
		{"German", []string{"Strauß", "STRAUSS", "Strau\u1e9e"}},
		{"Turkish", []string{"İbo", "ibo", "ıbo", "i\u0307bo", "I\u0307bo"}},
		{"compatibility characters", []string{"Ann5", "𝓐𝓷𝓷⁵", "Ａｎｎ５"}},
		{"composed and not", []string{"Zoë", "Zoe\u0308"}},
		{"what is not drawn", []string{"Ann", "A\u200bn\u200dn\ufeff", "A\u00adnn\u3164", "Ann\ufe0f\U000e0041"}},
		{"non-joiner", []string{"نامهای", "نامه\u200cای"}},
		{"percent sign", []string{"100%", "100\uff05", "loo\u00ba/0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := Skeleton(tt.names[0])
			for _, name := range tt.names[1:] {
				if got := Skeleton(name); got != want {
					t.Errorf("skeleton of %+q is %+q; want %+q as for %+q", name, got, want, tt.names[0])
				}
			}
		})
	}
}

func TestSkeletonTellsApart(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{
		"Ann", "Anna", "An n", "Änn", "Ann1", "Ann2", "Bob", "Rob", "Nina", "Vina", "Yuri", "Uri", "Gray",
		"Gary", "Lucy", "Luna", "Max", "Mex", "Вова", "Нина", "Юлия", "Νίκος", "Ελένη", "محمد", "محمود", "שרה", "דוד",
		"प्रिया", "प्रीति", "田中", "田仲", "김철수", "김철호", "👍", "👎", "🇩🇪", "🇫🇷",
	} {
		key := Skeleton(name)
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %q share the skeleton %+q", name, other, key)
		}
		seen[key] = name
	}
}

// Every character that a name may hold has a skeleton that is stable, and the
// same in either case. Ideographs and syllables of Korean are left out: there are
// 100,000 of them, without case.
func TestSkeletonOfEachCharacter(t *testing.T) {
	for r := rune(' '); r <= 0x1FFFF; r++ {
		name, err := Name(string(r))
		if err != nil || unicode.In(r, unicode.Han, unicode.Hangul) {
			continue
		}
		key := Skeleton(name)
		for _, other := range []string{key, strings.ToLower(name), strings.ToUpper(name)} {
			if other == name { // most have no case, and are their own skeleton
				continue
			}
			if got := Skeleton(other); got != key {
				t.Errorf("skeleton of %U is %+q, of %+q it is %+q", r, key, other, got)
			}
		}
		if strings.ContainsFunc(key, isIgnorable) || key == "" {
			t.Errorf("skeleton of %U is %+q", r, key)
		}
	}
}

func TestSkeletonFromManyGoroutines(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if got := Skeleton("ВОВА 0İß"); got != Skeleton("вова 0i\u0307ss") {
					t.Errorf("skeleton is %+q", got)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkSkeleton(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Skeleton("Nguyễn Thị")
	}
}
