package token

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/zap"

	"chatserver/internal/fault"
)

// MaxBytes is how long a token may be.
const MaxBytes = 4096

// The algorithms that a key can be for.
const (
	hs256 = "HS256"
	rs256 = "RS256"
	es256 = "ES256"
	edDSA = "EdDSA"
)

var algorithms = []string{hs256, rs256, es256, edDSA}

// Options say whose tokens are accepted.
type Options struct {
	// Secret signs and verifies HS256. Empty: no such token is made or accepted.
	Secret []byte
	// JWKSURL is where the platform publishes the keys of tokens that it signs itself:
	// http or https. Empty: there are none.
	JWKSURL string
	// Logger gets a line when the key set cannot be read and when it can again, for
	// each new key set, and for keys that are left out. nil logs nothing.
	Logger *zap.Logger
	// Transport carries the requests for the key set. nil is one with limits and no
	// proxy, which verifies certificates.
	Transport http.RoundTripper
}

// Keys make and verify tokens. Their methods are safe from any goroutine.
type Keys struct {
	// Set by New and never changed.
	secret []byte
	set    *keySet // nil without a key set
	parser *jwt.Parser
}

// New returns the keys that o describes. A key set is read by [Keys.Run].
func New(o Options) (*Keys, error) {
	k := &Keys{
		secret: slices.Clone(o.Secret),
		parser: jwt.NewParser(
			jwt.WithValidMethods(algorithms),
			jwt.WithStrictDecoding(),
			jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(),
		),
	}
	if o.JWKSURL == "" {
		return k, nil
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	set, err := newKeySet(o)
	if err != nil {
		return nil, err
	}
	k.set = set
	return k, nil
}

// Run keeps the key set fresh until ctx ends. Without one it returns nil at once. It
// must be called once.
func (k *Keys) Run(ctx context.Context) error {
	if k.set == nil {
		return nil
	}
	return k.set.run(ctx)
}

// Verify returns what a token says of its bearer, for a room of that name.
//
// Its errors are [*fault.Error]: [fault.Unauthorized] when the token is not to be
// accepted, in words for whoever made it; [fault.Unavailable] with a time to come back
// when it cannot be told, because the key set cannot be read.
func (k *Keys) Verify(ctx context.Context, raw, room string) (Claims, error) {
	switch {
	case len(raw) > MaxBytes:
		e := fault.New(fault.Unauthorized, "the token has %d bytes; it may have %d", len(raw), MaxBytes)
		e.Limit, e.Value = MaxBytes, len(raw)
		return Claims{}, e
	case strings.ContainsFunc(raw, isForeign):
		return Claims{}, errMalformed
	}
	var p payload
	t, err := k.parser.ParseWithClaims(raw, &p, func(t *jwt.Token) (any, error) { return k.keyOf(ctx, t) })
	if err != nil {
		return Claims{}, inWords(t, err)
	}
	return p.claims(room)
}

// Mint returns a token for c, signed with the secret. It holds for c.Room until
// c.Expires, which must be set. What is wrong with the user is a [*fault.Error] of the
// code [fault.BadField] or [fault.BadName] that names user, name or role.
func (k *Keys) Mint(c Claims) (string, error) {
	if len(k.secret) == 0 || c.Room == "" || c.Expires.IsZero() {
		return "", errors.New("a token needs a secret, a room and an end")
	}
	c, err := c.check("user")
	if err != nil {
		return "", err
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, payloadOf(c, time.Now())).SignedString(k.secret)
}

// isForeign tells characters that stand in no token. The decoder of base64 would pass
// over line breaks.
func isForeign(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
		return false
	default:
		return true
	}
}

// keyOf returns the key that must have signed t: one whose algorithm is that of t.
func (k *Keys) keyOf(ctx context.Context, t *jwt.Token) (any, error) {
	if _, found := t.Header["crit"]; found {
		return nil, refused("the token demands an extension (crit), and this server has none; leave it out")
	}
	kid, isText := t.Header["kid"].(string)
	if _, found := t.Header["kid"]; found && !isText {
		return nil, refused("the token's kid is no string; take that of the key")
	}
	alg := t.Method.Alg()
	switch {
	case alg == hs256 && len(k.secret) > 0 && !k.set.has(kid):
		return k.secret, nil
	case alg == hs256:
		return nil, errWrongAlgorithm
	case k.set == nil:
		return nil, refused("the token is signed with a key of its own, and this server knows of no key set; sign with HS256 and the server's secret, or have the operator set TOKEN_JWKS_URL")
	}
	return k.set.key(ctx, kid, alg)
}

// refused makes the error of a token that is not accepted.
func refused(detail string) *fault.Error {
	return &fault.Error{Code: fault.Unauthorized, Detail: detail}
}

var (
	errMalformed      = refused("the token is none: a token is a JWT, three parts of base64url with dots between them; send it as the platform gave it")
	errWrongAlgorithm = refused("the token's algorithm is not that of a key that may sign it; sign with HS256 and the server's secret, or with RS256, ES256 or EdDSA and a key of the key set")
)

// inWords says what was wrong with t, which may be nil or half read.
func inWords(t *jwt.Token, err error) *fault.Error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	switch {
	case t != nil && t.Method != nil && !slices.Contains(algorithms, t.Method.Alg()), errors.Is(err, jwt.ErrTokenUnverifiable):
		return errWrongAlgorithm
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return refused("the token's signature is wrong: another key has signed it, or it was changed; get a new one")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return refused("the token has no exp; say when it ends")
	case errors.Is(err, jwt.ErrTokenExpired):
		return refused("the token has expired; get a new one")
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return refused("the token does not hold yet (nbf); wait, or set the clock of the machine that makes tokens")
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return refused("the token says that it was made in the future (iat); set the clock of the machine that makes tokens")
	default:
		return errMalformed
	}
}
