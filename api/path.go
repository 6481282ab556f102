package api

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"chatserver/internal/rest"
)

// toRoomPage adds the slash that relative links of the room's page need.
func (a *api) toRoomPage(c echo.Context) error {
	if _, err := a.rooms.Room(rest.Param(c, "name")); err != nil {
		return err
	}
	to := url.URL{Path: "/r/" + rest.Param(c, "name") + "/", RawQuery: c.Request().URL.RawQuery}
	return c.Redirect(http.StatusPermanentRedirect, to.String())
}

// throughPath hands a request under /r/:name/ to the room, as if it had come in on
// the room's own listener.
func (a *api) throughPath(c echo.Context) error {
	r, err := a.rooms.Room(rest.Param(c, "name"))
	if err != nil {
		if a.streamedClosedRoom(c) {
			return c.NoContent(http.StatusNoContent)
		}
		// A page elsewhere, which any room would check, is to learn that there is none.
		c.Response().Header().Set(echo.HeaderAccessControlAllowOrigin, "*")
		return err
	}
	req := c.Request().Clone(c.Request().Context())
	req.URL.Path, req.URL.RawPath = "/"+rest.Param(c, "*"), ""
	r.ServeHTTP(c.Response(), req)
	return nil
}

// streamedClosedRoom tells whether the request is for the events of a room that is closed,
// and that the journal remembers. A browser that is answered 204 does not ask again.
func (a *api) streamedClosedRoom(c echo.Context) bool {
	if c.Request().Method != http.MethodGet || rest.Param(c, "*") != "events" {
		return false
	}
	_, err := a.rooms.Log(rest.Param(c, "name"), "")
	return err == nil
}
