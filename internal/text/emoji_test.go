package text_test

import (
	"strings"
	"testing"

	"chatserver/internal/text"
)

func TestEmoji(t *testing.T) {
	for _, s := range []string{
		"😀", "❤", "❤️", "👍", "👍🏽", "🏽", "👩‍👩‍👧‍👦", "👩🏽‍🚀", "🏳️‍🌈", "🇳🇱", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "1️⃣", "#⃣", "⌚", "🫠", "㊗", "©",
	} {
		if !text.Emoji(s) {
			t.Errorf("%q (%+q) is an emoji", s, s)
		}
	}
	for _, s := range []string{
		"", "a", "1", "#", "é", "😀😀", "😀 ", " 😀", "🇳", "🇳a", "👩\u200d", "\u200d😀", "️", "⃣", "🏴󠁧󠁢", "漢", "\xff", "😀\u200da",
		"\u202e", "→", "😀" + strings.Repeat("\u200d😀", 20),
	} {
		if text.Emoji(s) {
			t.Errorf("%q (%+q) is not one emoji", s, s)
		}
	}
}

func TestEmotes(t *testing.T) {
	known := func(code string) bool { return code == "Kappa" || code == ":)" }
	for s, want := range map[string]bool{
		"😀":           true,
		"😀😀 👍🏽\n❤️":   true,
		"Kappa":       true,
		"Kappa :) 😀":  true,
		"KappaKappa":  false,
		"kappa":       false,
		"Kappa hello": false,
		"😀!":          false,
		"hello 😀":     false,
		"1":           false,
		"1️⃣2️⃣":      true,
		"👩‍👩‍👧‍👦👩‍👩‍👧‍👦": true,
		"\u200d": false,
	} {
		if got := text.Emotes(s, known); got != want {
			t.Errorf("%q: want %v, got %v", s, want, got)
		}
	}
}
