package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"chatserver/internal/token"
)

// newKeysOf returns keys with the secret and a key set, which was read.
func newKeysOf(t *testing.T, set string) *keys {
	t.Helper()
	p := &platform{}
	p.publishes(set)
	k := newKeys(t, p)
	_, _ = k.Verify(t.Context(), sign(t, "EdDSA", "not there", edKey(), claims()), "testroom") // waits for the set
	p.wantCalls(t, "the start", 1)
	return k
}

// The key says by which algorithm it signs.
func TestAlgorithms(t *testing.T) {
	k := newKeysOf(t, allKeys())
	for _, tt := range []struct {
		alg, kid string
		key      any
	}{
		{"HS256", "", secret},
		{"HS256", "a kid of its own", secret},
		{"RS256", "rsa", rsaKey()},
		{"ES256", "ec", ecKey()},
		{"EdDSA", "ed", edKey()},
		{"RS256", "", rsaKey()}, // the only one of its kind
		{"ES256", "", ecKey()},
		{"EdDSA", "", edKey()},
	} {
		raw := sign(t, tt.alg, tt.kid, tt.key, claims())
		k.wantTaken(tt.alg+" by "+tt.kid, raw)
		_, err := k.Verify(t.Context(), raw, "another")
		if err == nil {
			t.Errorf("%s by %s: the token is taken in a room that it is not for", tt.alg, tt.kid)
		}
	}
	for _, tt := range []struct {
		why, alg, kid string
		key           any
		says          string
	}{
		{"a longer hash with the secret", "HS384", "", secret, "algorithm"},
		{"the longest hash with the secret", "HS512", "", secret, "algorithm"},
		{"the secret in the name of an RSA key", "HS256", "rsa", secret, "algorithm"},
		{"a longer hash", "RS384", "rsa", rsaKey(), "algorithm"},
		{"the longest hash", "RS512", "rsa", rsaKey(), "algorithm"},
		{"PSS", "PS256", "rsa", rsaKey(), "algorithm"},
		{"PSS with a longer hash", "PS384", "rsa", rsaKey(), "algorithm"},
		{"another curve", "ES384", "ec", must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), "algorithm"},
		{"another's key in the name of one", "EdDSA", "ed", newEdKey(), "signature"},
		{"another's key without a name", "EdDSA", "", newEdKey(), "signature"},
		{"another's RSA key", "RS256", "rsa", must(rsa.GenerateKey(rand.Reader, 2048)), "signature"},
		{"another's key of another kind", "EdDSA", "rsa", newEdKey(), "algorithm"},
		{"one key in the name of another", "ES256", "rsa", ecKey(), "algorithm"},
		{"a key that there is, the name is not", "EdDSA", "ED", edKey(), "no key of the key set"},
		{"a path as name", "EdDSA", "../../dev/null", edKey(), "no key of the key set"},
		{"a name without an end", "EdDSA", strings.Repeat("x", 2000), edKey(), "no key of the key set"},
	} {
		k.wantRefused(tt.why, sign(t, tt.alg, tt.kid, tt.key, claims()), tt.says)
	}
}

// A public key is no secret: who knows it signs nothing with it.
func TestPublicKeysAreNoSecrets(t *testing.T) {
	k := newKeysOf(t, allKeys())
	forms := map[string][]byte{}
	for kid, key := range map[string]crypto.Signer{"rsa": rsaKey(), "ec": ecKey(), "ed": edKey()} {
		der := must(x509.MarshalPKIXPublicKey(key.Public()))
		forms[kid+" PEM"] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		forms[kid+" PEM without its last line feed"] = []byte(strings.TrimSuffix(string(forms[kid+" PEM"]), "\n"))
		forms[kid+" DER"] = der
		forms[kid+" JWK"] = must(json.Marshal(jwk(kid, key)))
	}
	public := &rsaKey().PublicKey
	pkcs1 := x509.MarshalPKCS1PublicKey(public)
	forms["PKCS 1"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1})
	forms["PKCS 1 DER"] = pkcs1
	forms["modulus"] = public.N.Bytes()
	forms["modulus in base64"] = []byte(b64(public.N.Bytes()))
	forms["the set"] = []byte(allKeys())
	forms["bytes of the Ed25519 key"] = edKey()[32:]
	for form, bytes := range forms {
		for _, kid := range []string{"", "rsa", "ec", "ed", "other"} {
			says := "signature"
			if kid != "" && kid != "other" {
				says = "algorithm"
			}
			for _, alg := range []string{"HS256", "HS384", "HS512"} {
				if alg != "HS256" {
					says = "algorithm"
				}
				k.wantRefused(alg+" with "+form+" in the name of "+kid, sign(t, alg, kid, bytes, claims()), says)
			}
		}
	}
}

// A token that nobody signed, in all ways of writing that.
func TestUnsigned(t *testing.T) {
	k := newKeysOf(t, allKeys())
	plain := string(must(json.Marshal(claims())))
	k.wantRefused("as the library makes it", sign(t, "none", "", jwt.UnsafeAllowNoneSignatureType, claims()), "algorithm")
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", " none", "HS256,none"} {
		for _, more := range []string{"", `,"kid":"rsa"`, `,"kid":"ed","typ":"JWT"`} {
			header := `{"alg":"` + alg + `"` + more + `}`
			text := b64([]byte(header)) + "." + b64([]byte(plain)) + "."
			k.wantRefused("without a signature: "+header, text, "algorithm")
			k.wantRefused("with one: "+header, signText(header, plain), "algorithm")
		}
	}
	k.wantRefused("two algorithms", signText(`{"alg":"HS256","alg":"none"}`, plain), "algorithm")
	for _, header := range []string{`{"alg":"EdDSA","kid":"ed"}`, `{"alg":"ES256","kid":"ec"}`, `{"alg":"RS256","kid":"rsa"}`} {
		for _, size := range []int{0, 1, 32, 64, 256} { // of zeros, which some verifiers of ECDSA have taken
			text := b64([]byte(header)) + "." + b64([]byte(plain)) + "."
			k.wantRefused("a signature of zeros: "+header, text+b64(make([]byte, size)), "signature")
		}
	}
}

// What a token says of where its key is to be found is not looked at.
func TestKeysThatTokensBring(t *testing.T) {
	k := newKeysOf(t, allKeys())
	mine := newEdKey()
	key := jwk("mine", mine)
	for _, header := range []obj{
		{"jwk": key},
		{"jku": "https://evil.example/keys.json"},
		{"x5u": "https://evil.example/cert.pem"},
		{"x5c": []string{base64.StdEncoding.EncodeToString(must(x509.MarshalPKIXPublicKey(mine.Public())))}},
	} {
		k.wantRefused("in its own name", sign(t, "EdDSA", "mine", mine, claims(), header), "no key of the key set")
		k.wantRefused("in another's name", sign(t, "EdDSA", "ed", mine, claims(), header), "signature")
		k.wantRefused("without a name", sign(t, "EdDSA", "", mine, claims(), header), "signature")
	}
}

func TestWithoutKeySet(t *testing.T) {
	k := newKeys(t, nil)
	for alg, key := range map[string]any{"RS256": rsaKey(), "ES256": ecKey(), "EdDSA": edKey()} {
		k.wantRefused(alg, sign(t, alg, "ed", key, claims()), "knows of no key set")
	}
}

// Which of two keys of a kind has signed is told by kid; a try of all is none.
func TestTwoKeysOfAKind(t *testing.T) {
	second := newEdKey()
	k := newKeysOf(t, keySet(jwk("first", edKey()), jwk("second", second), jwk("", ecKey())))
	k.wantTaken("the first", sign(t, "EdDSA", "first", edKey(), claims()))
	k.wantTaken("the second", sign(t, "EdDSA", "second", second, claims()))
	k.wantRefused("one or the other", sign(t, "EdDSA", "", second, claims()), "name the one by kid")
	k.wantTaken("a key without a kid", sign(t, "ES256", "", ecKey(), claims()))
	k.wantRefused("a key without a kid, by one", sign(t, "ES256", "ec", ecKey(), claims()), "no key of the key set")
}

// Keys that must not or cannot verify tokens are left out; the others hold.
func TestKeysThatAreLeftOut(t *testing.T) {
	wide := must(rsa.GenerateKey(rand.Reader, 2048))
	wide.N.Lsh(wide.N, 8192)
	bad := []struct {
		why string
		key obj
	}{
		{"alg is \"PS256\"", jwk("a", rsaKey(), obj{"alg": "PS256"})},
		{"alg is \"RS384\"", jwk("a", rsaKey(), obj{"alg": "RS384"})},
		{"alg is \"HS256\"", jwk("a", rsaKey(), obj{"alg": "HS256"})},
		{"alg is \"none\"", jwk("a", rsaKey(), obj{"alg": "none"})},
		{"alg is \"RS256\"", jwk("a", ecKey(), obj{"alg": "RS256"})},
		{"alg is \"XXXXXXXXXXXXXXXXXXXX\"", jwk("a", ecKey(), obj{"alg": strings.Repeat("X", 5000)})},
		{"RSA key of 1024 bits", obj{"kid": "a", "kty": "RSA", "n": b64(append([]byte{0x80}, make([]byte, 127)...)), "e": "AQAB"}},
		{"RSA key of 10240 bits", jwk("a", wide)},
		{"RSA key of 0 bits", obj{"kid": "a", "kty": "RSA", "n": "AA", "e": "AQAB"}},
		{"curve is not P-256", jwk("a", must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)))},
		{"not on the specified curve", jwk("a", ecKey(), obj{"x": b64(make([]byte, 32))})},
		{"not on the specified curve", jwk("a", ecKey(), obj{"x": b64(make([]byte, 64)), "y": b64([]byte(strings.Repeat("\xff", 64)))})},
		{"", obj{"kid": "a", "kty": "EC", "crv": "secp256k1", "x": "AAAA", "y": "AAAA"}},
		{"no public key for", obj{"kid": "a", "kty": "OKP", "crv": "X25519", "x": b64(append([]byte{9}, make([]byte, 31)...))}},
		{"", obj{"kid": "a", "kty": "OKP", "crv": "Ed25519", "x": b64(make([]byte, 31))}},
		{"", obj{"kid": "a", "kty": "OKP", "crv": "Ed25519", "x": "??"}},
		{"", obj{"kid": "a", "kty": "oct", "k": b64(secret)}},
		{"", obj{"kid": "a", "kty": "oct", "k": b64(secret), "alg": "HS256"}},
		{"use is not sig", jwk("a", edKey(), obj{"use": "enc"})},
		{"no verify", jwk("a", edKey(), obj{"key_ops": []string{"sign"}})},
		{"", jwk("", edKey(), obj{"kid": 5})},
		{"", jwk("a", edKey(), obj{"x5c": []string{"????"}})},
		{"", obj{"kid": "a"}},
		{"same kid", jwk("rsa", edKey())},
	}
	set := []obj{jwk("rsa", rsaKey(), obj{"alg": "RS256", "use": "sig", "key_ops": []string{"verify"}, "x5u": "https://evil.example/"})}
	for _, b := range bad {
		set = append(set, b.key)
	}
	set = append(set, jwk("ec", ecKey(), obj{"alg": "ES256"}), jwk("ed", edKey(), obj{"alg": "EdDSA", "d": b64(edKey().Seed())}))
	k := newKeysOf(t, keySet(set...))
	for i, line := range k.logs.TakeAll() {
		fields := line.ContextMap()
		why, _ := fields["why"].(string)
		switch {
		case i == 0:
			if line.Message != "new key set" || fields["keys"] != int64(3) || fields["left_out"] != int64(len(bad)) || fields["url"] != "https://platform.example/keys.json" {
				t.Errorf("want 3 keys and %d left out, got %s %v", len(bad), line.Message, fields)
			}
		case i > 20 || line.Message != "a key of the key set is left out" || fields["position"] != int64(i+1) || !strings.Contains(why, bad[i-1].why) || len(why) > 210:
			t.Errorf("want a word about %q of key %d, got %s %v", bad[i-1].why, i+1, line.Message, fields)
		}
	}
	k.wantTaken("RSA", sign(t, "RS256", "rsa", rsaKey(), claims()))
	k.wantTaken("EC", sign(t, "ES256", "ec", ecKey(), claims()))
	k.wantTaken("Ed25519", sign(t, "EdDSA", "ed", edKey(), claims()))
	k.wantRefused("a symmetric key of the set", sign(t, "HS256", "a", []byte(b64(secret)), claims()), "signature")
	k.wantRefused("the name of a key that is left out", sign(t, "RS256", "a", rsaKey(), claims()), "no key of the key set")
	k.wantRefused("what its alg says", sign(t, "PS256", "a", rsaKey(), claims()), "algorithm")
}

// A set has bounds, and each of its keys too.
func TestKeySetThatIsTooLarge(t *testing.T) {
	many := make([]obj, 100)
	for i := range many {
		many[i] = jwk(strings.Repeat("k", i+1), edKey())
	}
	k := newKeysOf(t, keySet(many...))
	k.wantLog("a hundred keys", "info: new key set")
	k.wantTaken("the last of a hundred", sign(t, "EdDSA", strings.Repeat("k", 100), edKey(), claims()))

	k = newKeysOf(t, keySet(slices.Concat(many, []obj{jwk("one more", ecKey())})...))
	k.wantLog("one more", "warn: key set cannot be read; the last keys stay in force")
}

func TestBadURL(t *testing.T) {
	for _, url := range []string{"keys.json", "ftp://platform.example/hunter2", "https://ann:hunter2@host:port/"} {
		if _, err := token.New(token.Options{Secret: secret, JWKSURL: url}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: want an error that keeps it to itself, got %v", url, err)
		}
	}
}
