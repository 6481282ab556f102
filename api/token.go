package api

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"chatserver/internal/fault"
	"chatserver/internal/rest"
	"chatserver/internal/token"
	"chatserver/room"
)

const (
	defaultTTL = time.Hour
	maxTTL     = 30 * 24 * time.Hour
)

// tokenBody is what POST /api/v1/room/:name/token takes.
type tokenBody struct {
	User   string          `json:"user"`
	Name   string          `json:"name"`
	Role   string          `json:"role"`
	Member bool            `json:"member"`
	TTL    json.RawMessage `json:"ttl"` // seconds, or a text such as "1h"
}

// mintedToken is its answer.
type mintedToken struct {
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
}

// mint answers POST /api/v1/room/:name/token. The room need not be open.
func (a *api) mint(c echo.Context) error {
	name := rest.Param(c, "name")
	if err := room.CheckName(name); err != nil {
		return err
	}
	var b tokenBody
	if err := rest.ReadJSON(c, &b); err != nil {
		return err
	}
	ttl, err := parseTTL(b.TTL)
	if err != nil {
		return err
	}
	expires := time.Now().Add(ttl + time.Second - 1).UTC().Truncate(time.Second) // a token ends at a whole second
	minted, err := a.opts.Mint(token.Claims{
		User: b.User, Name: b.Name, Role: b.Role, Member: b.Member, Room: name, Expires: expires,
	})
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return rest.Data(c, http.StatusOK, mintedToken{minted, expires})
}

// parseTTL reads how long a token is to hold: a number of seconds, or a text such as
// "1h"; null is as if nothing were said.
func parseTTL(raw json.RawMessage) (time.Duration, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return defaultTTL, nil
	}
	var seconds float64
	var said string
	ttl := time.Duration(-1)
	if json.Unmarshal(raw, &seconds) == nil && seconds <= maxTTL.Seconds() {
		ttl = time.Duration(seconds * float64(time.Second))
	} else if json.Unmarshal(raw, &said) == nil {
		if d, err := time.ParseDuration(said); err == nil {
			ttl = d
		}
	}
	if ttl < time.Second || ttl > maxTTL {
		return 0, &fault.Error{
			Code:   fault.BadField,
			Detail: `ttl must be 1 to 2592000 seconds, as a number or as a text such as "1h"`,
			Limit:  int(maxTTL.Seconds()),
		}
	}
	return ttl, nil
}
