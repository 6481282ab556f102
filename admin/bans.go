package admin

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"chatserver/cache"
	"chatserver/internal/fault"
	"chatserver/internal/rest"
)

// banView is a ban as operators see it.
type banView struct {
	ID      string     `json:"id"`
	Kind    cache.Kind `json:"kind,omitempty"` // absent: a ban
	User    string     `json:"user,omitempty"`
	IP      string     `json:"ip,omitempty"`   // an address or a prefix
	Room    string     `json:"room,omitempty"` // absent: all rooms
	Reason  string     `json:"reason"`
	By      string     `json:"by"`
	Expires *time.Time `json:"expires,omitempty"` // absent: never
}

func viewOfBan(b *cache.Ban) banView {
	v := banView{ID: b.ID, Kind: b.Kind, User: b.User, Room: b.Room, Reason: b.Reason, By: b.By}
	if b.Net.IsValid() {
		v.IP = b.Net.String()
		if b.Net.IsSingleIP() {
			v.IP = b.Net.Addr().String()
		}
	}
	if !b.Expires.IsZero() {
		expires := b.Expires.UTC()
		v.Expires = &expires
	}
	return v
}

// listBans answers GET /api/v1/bans: all bans and timeouts that hold now, those of the
// database too.
func (a *admin) listBans(c echo.Context) error {
	views, now := []banView{}, time.Now()
	for b := range a.cache.Snapshot().Bans() {
		if b.Holds(now) {
			views = append(views, viewOfBan(&b))
		}
	}
	return rest.Data(c, http.StatusOK, views)
}

// operator is who sets a ban unless the caller says who it is.
const operator = "operator"

// addBan answers POST /api/v1/bans, with a ban or a timeout.
func (a *admin) addBan(c echo.Context) error {
	var body cache.BanForm
	if err := rest.ReadJSON(c, &body); err != nil {
		return err
	}
	if body.By == "" {
		body.By = operator
	}
	ban, err := cache.ParseBan(body)
	if err != nil {
		return fault.New(fault.BadField, "%v", err)
	}
	if !ban.Holds(time.Now()) {
		return fault.New(fault.BadField, "expires is a time that is over; leave it out for a ban without end")
	}
	ban, err = a.cache.Ban(ban)
	if err != nil {
		return notStored()
	}
	return rest.Data(c, http.StatusCreated, viewOfBan(&ban))
}

// notStored says that a change of bans is not safe.
func notStored() error {
	return &fault.Error{Code: fault.Unavailable, Detail: "the journal takes no writes, so this may not hold, or not survive a crash; look at GET /api/v1/bans, and send it again once the disk is well", RetryAfter: 2 * time.Second}
}

// lifted answers the end of a ban.
type lifted struct {
	ID      string `json:"id"`
	Message string `json:"message"`
}

// liftBan answers DELETE /api/v1/bans/:id.
func (a *admin) liftBan(c echo.Context) error {
	id := rest.Param(c, "id")
	switch err := a.cache.Unban(id); {
	case errors.Is(err, cache.ErrNoBan):
		return fault.New(fault.NotFound, "there is no ban with this id; GET /api/v1/bans lists them")
	case err != nil:
		return notStored()
	}
	return rest.Data(c, http.StatusOK, lifted{id, "Ban lifted"})
}
