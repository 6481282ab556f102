package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"chatserver/internal/clientip"
	"chatserver/internal/rest"
)

// callerView is how the server sees who calls it: what tells whether the proxies in
// between say the right things, and are believed.
type callerView struct {
	Address      string    `json:"address"` // that counts for limits and bans
	Scheme       string    `json:"scheme"`
	Host         string    `json:"host"`
	Peer         string    `json:"peer"`          // whose connection it is: the caller's own, or a proxy's
	ForwardedFor string    `json:"forwarded_for"` // X-Forwarded-For as it came, believed or not
	Time         time.Time `json:"time"`
}

// showClient answers GET /api/v1/client, and the same below /r/: a proxy may do something
// else with what goes to rooms.
func (a *api) showClient(c echo.Context) error {
	r := c.Request()
	return rest.Data(c, http.StatusOK, callerView{
		Address:      c.RealIP(),
		Scheme:       a.opts.TrustedProxies.Scheme(r),
		Host:         r.Host,
		Peer:         clientip.Trusted(nil).Addr(r).String(), // nobody's word is taken
		ForwardedFor: strings.Join(r.Header.Values("X-Forwarded-For"), ", "),
		Time:         time.Now().UTC(),
	})
}
