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
		return err
	}
	req := c.Request().Clone(c.Request().Context())
	req.URL.Path, req.URL.RawPath = "/"+rest.Param(c, "*"), ""
	r.ServeHTTP(c.Response(), req)
	return nil
}
