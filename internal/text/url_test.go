package text

import (
	"strings"
	"testing"
)

func TestWebURL(t *testing.T) {
	for url, want := range map[string]bool{
		"https://example.com/stream.m3u8":   true,
		"http://[::1]:8080/?a=b#c":          true,
		"https://bücher.example/":           true,
		"":                                  false,
		"example.com":                       false,
		"/stream":                           false,
		"ftp://example.com":                 false,
		"javascript:alert(1)":               false,
		"https://":                          false,
		"https://:443/":                     false,
		"https://example.com/a b":           false,
		"https://example.com/\u202egnp.exe": false,
		"https://example.com/\u200b":        false,
		"https://example.com/\x00":          false,
		"https://example.com/\xff":          false,
		"https://example.com/" + strings.Repeat("x", 2028): true,
		"https://example.com/" + strings.Repeat("x", 2029): false,
	} {
		if got := WebURL(url); got != want {
			t.Errorf("%.60q: want %v, got %v", url, want, got)
		}
	}
}
