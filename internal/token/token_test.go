package token_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatserver/internal/fault"
	"chatserver/internal/token"
)

// What was minted is taken, with all that was put in.
func TestMint(t *testing.T) {
	k := newKeys(t, nil)
	ends := time.Now().Add(time.Hour).Truncate(time.Second)
	for _, tt := range []struct {
		why      string
		in, want token.Claims
	}{
		{
			"a moderator",
			token.Claims{User: "u7", Name: "Bob", Role: token.Moderator, Room: "testroom"},
			token.Claims{User: "u7", Name: "Bob", Role: token.Moderator, Room: "testroom"},
		},
		{
			"a producer of all rooms",
			token.Claims{User: "u1", Name: "Ann", Role: token.Producer, Room: token.AnyRoom},
			token.Claims{User: "u1", Name: "Ann", Role: token.Producer, Room: token.AnyRoom},
		},
		{
			"a member, in the form that rooms take",
			token.Claims{User: " u/ü 8 ", Name: "  Ｅｄ  Lee", Member: true, Room: "testroom"},
			token.Claims{User: "u/ü 8", Name: "Ed Lee", Role: token.Consumer, Member: true, Room: "testroom"},
		},
		{
			"as long as may be",
			token.Claims{User: strings.Repeat("x", 128), Name: strings.Repeat("田", 25), Room: "testroom"},
			token.Claims{User: strings.Repeat("x", 128), Name: strings.Repeat("田", 25), Role: token.Consumer, Room: "testroom"},
		},
	} {
		tt.in.Expires = ends
		raw, err := k.Mint(tt.in)
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		got := k.wantTaken(tt.why, raw)
		if !got.Expires.Equal(ends) {
			t.Errorf("%s: want it to end at %v, got %v", tt.why, ends, got.Expires)
		}
		if got.Expires = (time.Time{}); got != tt.want {
			t.Errorf("%s: want %+v, got %+v", tt.why, tt.want, got)
		}
	}
}

func TestMintRefuses(t *testing.T) {
	k := newKeys(t, nil)
	good := token.Claims{User: "u7", Name: "Bob", Room: "testroom", Expires: time.Now().Add(time.Hour)}
	for _, tt := range []struct {
		why    string
		change func(*token.Claims)
		code   fault.Code
		says   string
	}{
		{"no user", func(c *token.Claims) { c.User = " " }, fault.BadField, "user must be 1 to 128 bytes"},
		{"a user too long", func(c *token.Claims) { c.User = strings.Repeat("ä", 65) }, fault.BadField, "user must be"},
		{"the platform", func(c *token.Claims) { c.User = " platform " }, fault.BadField, `not "platform"`},
		{"a guest", func(c *token.Claims) { c.User = "guest-nxvrj7tgr6sq" }, fault.BadField, `"guest-"`},
		{"a user of two lines", func(c *token.Claims) { c.User = "a\nb" }, fault.BadField, `"user" holds`},
		{"no name", func(c *token.Claims) { c.Name = "" }, fault.BadName, "the name is empty"},
		{"a bad name", func(c *token.Claims) { c.Name = "\u202eBob" }, fault.BadName, "bidirectional"},
		{"a role that is none", func(c *token.Claims) { c.Role = "platform" }, fault.BadField, "role must be consumer, moderator or producer"},
	} {
		c := good
		tt.change(&c)
		raw, err := k.Mint(c)
		if f := fault.From(err); raw != "" || f.Code != tt.code || !strings.Contains(f.Detail, tt.says) {
			t.Errorf("%s: want %s with a word about %q, got %q, %v", tt.why, tt.code, tt.says, raw, err)
		}
	}
	for why, c := range map[string]token.Claims{
		"no room": {User: "u7", Name: "Bob", Expires: good.Expires},
		"no end":  {User: "u7", Name: "Bob", Room: "testroom"},
	} {
		if raw, err := k.Mint(c); raw != "" || fault.From(err).Code != fault.Internal {
			t.Errorf("%s: want a fault of ours, got %q, %v", why, raw, err)
		}
	}
}

// Without a secret no token is made, and none that was signed with nothing is taken.
func TestNoSecret(t *testing.T) {
	k := startKeys(t, token.Options{})
	if raw, err := k.Mint(token.Claims{User: "u7", Name: "Bob", Room: "testroom", Expires: time.Now().Add(time.Hour)}); err == nil {
		t.Errorf("want no token, got %q", raw)
	}
	k.wantRefused("signed with nothing", sign(t, "HS256", "", []byte{}, claims()), "algorithm")
}

func TestClaimsAreTaken(t *testing.T) {
	k := newKeys(t, nil)
	for _, tt := range []struct {
		why     string
		changes obj
		want    token.Claims
	}{
		{"all", obj{"member": true}, token.Claims{User: "u7", Name: "Bob", Role: "moderator", Member: true, Room: "testroom"}},
		{"all rooms", obj{"room": "*"}, token.Claims{User: "u7", Name: "Bob", Role: "moderator", Room: "*"}},
		{"no role", obj{"role": missing}, token.Claims{User: "u7", Name: "Bob", Role: "consumer", Room: "testroom"}},
		{"null is nothing", obj{"role": nil, "member": nil, "nbf": nil, "iat": nil}, token.Claims{User: "u7", Name: "Bob", Role: "consumer", Room: "testroom"}},
		{"no iat", obj{"iat": missing}, token.Claims{User: "u7", Name: "Bob", Role: "moderator", Room: "testroom"}},
		{"a fraction of a second", obj{"iat": 1.5, "exp": 4e9 + 0.5}, token.Claims{User: "u7", Name: "Bob", Role: "moderator", Room: "testroom"}},
		{"others", obj{"iss": "platform.example", "aud": []string{"a"}, "jti": 5, "colour": obj{"red": 1}}, token.Claims{User: "u7", Name: "Bob", Role: "moderator", Room: "testroom"}},
		{"names in another case are others", obj{"Role": "producer", "ROOM": "x", "Sub": "u8", "EXP": 1, "member": false, "Member": true}, token.Claims{User: "u7", Name: "Bob", Role: "moderator", Room: "testroom"}},
		{"the forms of rooms", obj{"sub": " u8 ", "name": " Ｂｏｂ "}, token.Claims{User: "u8", Name: "Bob", Role: "moderator", Room: "testroom"}},
	} {
		got := k.wantTaken(tt.why, sign(t, "HS256", "", secret, claims(tt.changes)))
		if got.Expires = (time.Time{}); got != tt.want {
			t.Errorf("%s: want %+v, got %+v", tt.why, tt.want, got)
		}
	}
}

func TestClaimsAreRefused(t *testing.T) {
	k := newKeys(t, nil)
	for _, tt := range []struct {
		why     string
		changes obj
		says    string
	}{
		{"no user", obj{"sub": missing}, "sub must be 1 to 128 bytes"},
		{"an empty user", obj{"sub": "\u200b"}, "sub must be"},
		{"a user too long", obj{"sub": strings.Repeat("x", 129)}, "sub must be"},
		{"a user of two lines", obj{"sub": "a\nb"}, `"sub" holds`},
		{"a user that turns round", obj{"sub": "\u202exmarkerX"}, `"sub" holds`},
		{"the platform", obj{"sub": "platform"}, `not "platform"`},
		{"a guest", obj{"sub": "guest-nxvrj7tgr6sq"}, `"guest-"`},
		{"a user of another type", obj{"sub": 7}, "sub must be a string"},
		{"no name", obj{"name": missing}, "the name is empty"},
		{"a bad name", obj{"name": "Xmarker\u202e"}, "the name has a bidirectional control"},
		{"a name too long", obj{"name": strings.Repeat("x", 26)}, "the name has 26 characters"},
		{"a name of another type", obj{"name": []string{"Bob"}}, "name must be a string"},
		{"a role that is none", obj{"role": "Xmarker"}, "role must be consumer, moderator or producer"},
		{"a role in capitals", obj{"role": "Moderator"}, "role must be"},
		{"the platform's role", obj{"role": "platform"}, "role must be"},
		{"no room", obj{"room": missing}, "names no room"},
		{"another room", obj{"room": "Xmarker"}, "another room"},
		{"another case", obj{"room": "Testroom"}, "another room"},
		{"several rooms", obj{"room": []string{"testroom"}}, "room must be a string"},
		{"a member in words", obj{"member": "true"}, "member must be true or false"},
		{"a member in numbers", obj{"member": 1}, "member must be true or false"},
		{"no end", obj{"exp": missing}, "no exp"},
		{"an end of nothing", obj{"exp": nil}, "no exp"},
		{"an end in words", obj{"exp": "4000000000"}, "exp must be a number"},
		{"an end beyond all dates", obj{"exp": 1e300}, "exp is no date"},
		{"an end before all dates", obj{"exp": -1}, "exp is no date"},
		{"an end long ago", obj{"exp": 0}, "expired"},
		{"a beginning in words", obj{"nbf": "now"}, "nbf must be a number"},
		{"a beginning beyond all dates", obj{"nbf": -1e300}, "nbf is no date"},
		{"made beyond all dates", obj{"iat": 1e18}, "iat is no date"},
	} {
		k.wantRefused(tt.why, sign(t, "HS256", "", secret, claims(tt.changes)), tt.says)
	}
}

// A token ends to the second. Clocks of two machines differ, so its beginning may be
// ahead a little.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeys(t, nil)
		now := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
		for _, tt := range []struct {
			why     string
			changes obj
			says    string // "": it is taken
		}{
			{"a second to go", obj{"exp": now(time.Second)}, ""},
			{"its end", obj{"exp": now(0)}, "expired"},
			{"ended", obj{"exp": now(-time.Second)}, "expired"},
			{"held for a century", obj{"exp": now(100 * 365 * 24 * time.Hour)}, ""},
			{"begins now", obj{"nbf": now(0)}, ""},
			{"begins soon", obj{"nbf": now(30 * time.Second)}, ""},
			{"begins later", obj{"nbf": now(31 * time.Second)}, "nbf"},
			{"made soon", obj{"iat": now(30 * time.Second)}, ""},
			{"made later", obj{"iat": now(31 * time.Second)}, "iat"},
			{"made long ago", obj{"iat": now(-1000 * time.Hour)}, ""},
			{"ended before it began", obj{"exp": now(-time.Second), "nbf": now(time.Hour)}, "expired"},
		} {
			raw := sign(t, "HS256", "", secret, claims(tt.changes))
			if tt.says == "" {
				k.wantTaken(tt.why, raw)
			} else {
				k.wantRefused(tt.why, raw, tt.says)
			}
		}
		raw := sign(t, "HS256", "", secret, claims())
		k.wantTaken("an hour to go", raw)
		<-time.After(time.Hour - time.Nanosecond)
		k.wantTaken("a moment to go", raw)
		<-time.After(time.Nanosecond)
		k.wantRefused("over", raw, "expired")
	})
}

func TestNoTokens(t *testing.T) {
	k := newKeys(t, nil)
	good := sign(t, "HS256", "", secret, claims())
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	const hs256 = `{"alg":"HS256"}`
	plain := string(must(json.Marshal(claims())))
	k.wantTaken("as it should be", good)
	k.wantTaken("without typ", signText(hs256, plain))
	for _, tt := range []struct{ why, raw, says string }{
		{"nothing", "", "is none"},
		{"a word", "token", "is none"},
		{"dots", "..", "is none"},
		{"two parts", header + "." + payload, "is none"},
		{"four parts", good + ".", "is none"},
		{"five parts, as when it is encrypted", good + ".a.b", "is none"},
		{"white space behind it", good + "\n", "is none"},
		{"white space in it", header + ".\r\n" + payload + "." + signature, "is none"},
		{"the word Bearer", "Bearer " + good, "is none"},
		{"filled up", good + "=", "is none"},
		{"another base64", header + "." + payload + "." + strings.Repeat("+", 43), "is none"},
		{"a NUL", "\x00" + good, "is none"},
		{"bytes", "\xff\xfe." + payload + "." + signature, "is none"},
		{"a header of nothing", "." + payload + "." + signature, "is none"},
		{"a header that is no JSON", signText("alg", plain), "is none"},
		{"a header that is no object", signText(`["HS256"]`, plain), "is none"},
		{"claims that are no JSON", signText(hs256, "sub"), "is none"},
		{"claims that are no object", signText(hs256, `["u7"]`), "cannot be read"},
		{"claims of nothing", signText(hs256, "null"), "no exp"},
		{"no claims", signText(hs256, "{}"), "no exp"},
		{"claims in no UTF-8", signText(hs256, strings.Replace(plain, "u7", "u\xff", 1)), "cannot be read: this is not UTF-8"},
		{"half a character", signText(hs256, strings.Replace(plain, "u7", `u\ud800`, 1)), "surrogate"},
		{"deeper than sane", signText(hs256, strings.Repeat("[", 2000)), "is none"},
		{"no algorithm", signText(`{"typ":"JWT"}`, plain), "algorithm"},
		{"an algorithm of another type", signText(`{"alg":256}`, plain), "algorithm"},
		{"an unknown algorithm", signText(`{"alg":"Xmarker"}`, plain), "algorithm"},
		{"another case", signText(`{"alg":"hs256"}`, plain), "algorithm"},
		{"a kid of another type", signText(`{"alg":"HS256","kid":7}`, plain), "kid is no string"},
		{"an extension", signText(`{"alg":"HS256","crit":["Xmarker"],"Xmarker":1}`, plain), "crit"},
		{"no extension, but crit", signText(`{"alg":"HS256","crit":[]}`, plain), "crit"},
		{"no signature", header + "." + payload + ".", "signature"},
		{"half a signature", header + "." + payload + "." + signature[:20], "signature"},
		{"another's signature", header + "." + payload + "." + b64(make([]byte, 32)), "signature"},
		{"other claims", header + "." + b64([]byte(strings.Replace(plain, "moderator", "producer", 1))) + "." + signature, "signature"},
		{"too long", good[:8] + strings.Repeat("x", token.MaxBytes), "it may have 4096"},
	} {
		k.wantRefused(tt.why, tt.raw, tt.says)
	}
	pad := func(n int) string {
		return signText(hs256, strings.TrimSuffix(plain, "}")+`,"pad":"`+strings.Repeat("x", n)+`"}`)
	}
	n := 0
	for len(pad(n+1)) <= token.MaxBytes {
		n++
	}
	k.wantTaken("as long as may be", pad(n))
	_, err := k.Verify(t.Context(), pad(n+1), "testroom")
	if f := fault.From(err); f.Code != fault.Unauthorized || f.Limit != token.MaxBytes || f.Value != len(pad(n+1)) {
		t.Errorf("want the limit and what came instead, got %+v", f)
	}
}

// The last bits of base64 that mean nothing are not to be played with: a token has one
// form.
func TestOneFormOfAToken(t *testing.T) {
	k := newKeys(t, nil)
	good := sign(t, "HS256", "", secret, claims())
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	taken := 0
	for _, last := range alphabet {
		if _, err := k.Verify(t.Context(), good[:len(good)-1]+string(last), "testroom"); err == nil {
			taken++
		}
	}
	if taken != 1 {
		t.Errorf("want one of the token's forms to be taken, got %d", taken)
	}
}

// Another secret, such as after a change of it, takes none of the former tokens.
func TestAnotherSecret(t *testing.T) {
	k := startKeys(t, token.Options{Secret: []byte("another-0123456789abcdef")})
	k.wantRefused("by the former secret", sign(t, "HS256", "", secret, claims()), "signature")
}

// FuzzVerify finds that nothing is taken but what was signed.
func FuzzVerify(f *testing.F) {
	p := &platform{}
	p.publishes(keySet(jwk("ec", ecKey()), jwk("ed", edKey())))
	k := newKeys(f, p)
	signed := map[string]bool{}
	for _, raw := range []string{
		sign(f, "HS256", "", secret, claims(endless)),
		sign(f, "HS256", "other", secret, claims(endless, obj{"room": "*", "member": true})),
		sign(f, "ES256", "ec", ecKey(), claims(endless)),
		sign(f, "EdDSA", "ed", edKey(), claims(endless)),
		sign(f, "EdDSA", "", edKey(), claims(endless)),
	} {
		k.wantTaken("a seed", raw)
		signed[raw] = true
		f.Add(raw)
	}
	for _, raw := range []string{
		"", "..", "a.b.c", signText(`{"alg":"none"}`, "{}"), signText(`{"alg":"HS256","kid":"ed"}`, "{}"),
		signText(`{"alg":"EdDSA","kid":""}`, `{"exp":1e999}`), signText(`{"alg":"HS256"}`, `{"exp":4e9,"sub":null}`),
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := k.Verify(t.Context(), raw, "testroom")
		if err == nil {
			if !signed[raw] {
				t.Fatalf("%q is taken as %+v", raw, c)
			}
			return
		}
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || e.Code != fault.Unauthorized && e.Code != fault.Unavailable || c != (token.Claims{}) || len(e.Detail) > 400 {
			t.Fatalf("%q: got %+v, %v", raw, c, err)
		}
	})
}
