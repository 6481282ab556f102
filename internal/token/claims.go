package token

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chatserver/internal/fault"
	"chatserver/internal/strictjson"
	"chatserver/internal/text"
)

// Roles that a token can give.
const (
	Consumer  = "consumer"
	Moderator = "moderator"
	Producer  = "producer"
)

// AnyRoom is the room of a token that holds in all of them.
const AnyRoom = "*"

const (
	// maxUser is how long a user's id may be, in bytes.
	maxUser = 128
	// platformID and guestPrefix are the ids that the server gives by itself.
	platformID  = "platform"
	guestPrefix = "guest-"
	// leeway is how far nbf and iat may be ahead of this machine's clock.
	leeway = 30 * time.Second
	// lastDate is the end of the year 9999: what is beyond is no date.
	lastDate = 253402300799
)

// Claims are what a token says of its bearer.
type Claims struct {
	User    string // the platform's id of the user
	Name    string // by the rules of names
	Role    string // Consumer, Moderator or Producer
	Member  bool
	Room    string // a room's name, or AnyRoom
	Expires time.Time
}

// check returns c in the form in which rooms take it. The error names what is wrong;
// the user's id goes by the name of field.
func (c Claims) check(field string) (Claims, error) {
	var err error
	if c.User, err = CheckUser(field, c.User); err != nil {
		return Claims{}, err
	}
	if c.Name, err = text.Name(c.Name); err != nil {
		return Claims{}, err
	}
	switch c.Role {
	case "":
		c.Role = Consumer
	case Consumer, Moderator, Producer:
	default:
		return Claims{}, fault.New(fault.BadField, "role must be %s, %s or %s", Consumer, Moderator, Producer)
	}
	return c, nil
}

// CheckUser returns the id of a user as tokens bear it. The error names what is wrong; the id
// goes by the name of field.
func CheckUser(field, id string) (string, error) {
	id, err := text.Line(field, id, 0)
	if err != nil {
		return "", err
	}
	if id == "" || len(id) > maxUser || id == platformID || strings.HasPrefix(id, guestPrefix) {
		e := fault.New(fault.BadField, `%s must be 1 to %d bytes, not %q, and not begin with %q`, field, maxUser, platformID, guestPrefix)
		e.Limit = maxUser
		return "", e
	}
	return id, nil
}

// payload is the wire form of claims. Dates are seconds since 1970.
type payload struct {
	User      string   `json:"sub"`
	Name      string   `json:"name"`
	Role      string   `json:"role"`
	Member    bool     `json:"member,omitempty"`
	Room      string   `json:"room"`
	Expires   *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf,omitempty"`
	Issued    *float64 `json:"iat,omitempty"`
}

func payloadOf(c Claims, now time.Time) *payload {
	return &payload{
		User: c.User, Name: c.Name, Role: c.Role, Member: c.Member, Room: c.Room,
		Expires: seconds(c.Expires), Issued: seconds(now),
	}
}

func seconds(t time.Time) *float64 {
	s := float64(t.Unix())
	return &s
}

// UnmarshalJSON reads what a token says. Names of claims must match to the letter (RFC
// 7519, 4), and null is as if the claim were not there.
func (p *payload) UnmarshalJSON(data []byte) error {
	var sent map[string]json.RawMessage
	if err := strictjson.Object(data, &sent); err != nil {
		return refused("the token's claims cannot be read: " + fault.From(err).Detail)
	}
	for _, claim := range []struct {
		name string
		into any
		must string
	}{
		{"sub", &p.User, "a string"},
		{"name", &p.Name, "a string"},
		{"role", &p.Role, "a string"},
		{"member", &p.Member, "true or false"},
		{"room", &p.Room, "a string"},
		{"exp", &p.Expires, "a number"},
		{"nbf", &p.NotBefore, "a number"},
		{"iat", &p.Issued, "a number"},
	} {
		raw, found := sent[claim.name]
		if found && json.Unmarshal(raw, claim.into) != nil {
			return refused("the token's " + claim.name + " must be " + claim.must)
		}
	}
	return nil
}

// claims returns what the token says, if it may be said in that room.
func (p *payload) claims(room string) (Claims, error) {
	switch p.Room {
	case "":
		return Claims{}, refused(`the token names no room; say which one it is for, or "*" for all`)
	case room, AnyRoom:
	default:
		return Claims{}, refused("the token is for another room; get one for this room")
	}
	c := Claims{
		User: p.User, Name: p.Name, Role: p.Role, Member: p.Member, Room: p.Room,
		Expires: time.Unix(int64(*p.Expires), 0), // there is one: the parser demands it
	}
	c, err := c.check("sub")
	if err != nil {
		return Claims{}, refused("the token is not for a user that may be here: " + fault.From(err).Detail)
	}
	return c, nil
}

// The methods of jwt.Claims. The parser's own leeway would hold for exp too.

// GetExpirationTime returns the end of the token.
func (p *payload) GetExpirationTime() (*jwt.NumericDate, error) { return date("exp", p.Expires, 0) }

// GetNotBefore returns when the token may be taken.
func (p *payload) GetNotBefore() (*jwt.NumericDate, error) { return date("nbf", p.NotBefore, leeway) }

// GetIssuedAt returns when the token may have been made.
func (p *payload) GetIssuedAt() (*jwt.NumericDate, error) { return date("iat", p.Issued, leeway) }

// GetIssuer returns nothing: it is the key that is trusted.
func (*payload) GetIssuer() (string, error) { return "", nil }

// GetSubject returns the user's id.
func (p *payload) GetSubject() (string, error) { return p.User, nil }

// GetAudience returns nothing: a token is for a room.
func (*payload) GetAudience() (jwt.ClaimStrings, error) { return nil, nil }

// date returns a date less what is forgiven, nil if there is none.
func date(claim string, seconds *float64, forgiven time.Duration) (*jwt.NumericDate, error) {
	switch {
	case seconds == nil:
		return nil, nil
	case *seconds < 0 || *seconds > lastDate:
		return nil, refused("the token's " + claim + " is no date; it is in seconds since 1970")
	}
	return jwt.NewNumericDate(time.Unix(int64(*seconds), 0).Add(-forgiven)), nil
}
