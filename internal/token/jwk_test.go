package token

import (
	"slices"
	"testing"
)

// FuzzKeySet finds that no key set does harm, and that no key of one is for an
// algorithm that is not accepted.
func FuzzKeySet(f *testing.F) {
	for _, text := range []string{
		`{"keys":[]}`, `{"keys":null}`, `{"keys":[{}]}`, `[]`, `null`, ``,
		`{"keys":[{"kid":"a","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"EdDSA"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"sig"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"-w"}]}`,
		`{"keys":[{"kty":"RSA","n":"AA","e":"AQAB","x5c":["AA=="],"x5u":"https://evil.example/"}]}`,
		`{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"OKP","crv":"X25519","x":"AAAA"},{"kty":"RSA","n":"_w","e":"______________8","d":"AA"}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, rest, err := parseSet(text)
		if err != nil && len(keys)+len(rest) > 0 || len(keys)+len(rest) > maxKeys {
			t.Fatalf("%q: got %d keys, %d left out, %v", text, len(keys), len(rest), err)
		}
		for _, key := range keys {
			if !slices.Contains(algorithms, key.alg) || key.alg == hs256 {
				t.Fatalf("%q: a key for %q", text, key.alg)
			}
		}
	})
}
