package admin

import (
	"github.com/labstack/echo/v4"

	"chatserver/internal/fault"
	"chatserver/internal/rest"
)

// showLog answers GET /api/v1/room/:name/log.
func (a *admin) showLog(c echo.Context) error {
	l, err := a.rooms.Log(rest.Param(c, "name"), c.QueryParam("epoch"))
	if err != nil {
		return err
	}
	switch shown := c.QueryParam("redacted"); shown {
	case "":
	case "show":
		l.ShowRemoved = true
	default:
		return fault.New(fault.BadField, `redacted must be "show" or absent, not %.32q`, shown)
	}
	return rest.Events(c, rest.Log{Room: l.Room, Epoch: l.Epoch, First: l.First, Seq: l.Seq, All: l.Events, Newest: l.Newest})
}
