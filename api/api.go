// Package api is the public REST API on the main port: rooms for the platform's
// back end, the landing page for people, and every room's listener under a path.
package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"chatserver/cache"
	"chatserver/internal/clientip"
	"chatserver/internal/rest"
	"chatserver/internal/token"
	"chatserver/room"
)

// Registry is what the API needs of the rooms.
type Registry interface {
	Create(name string, patch room.SettingsPatch) (r *room.Room, created bool, err error)
	Room(name string) (*room.Room, error)
	Rooms() []*room.Room
	Close(name string) error
	Log(name, epoch string) (*room.Log, error)
	Obstacles() []string
}

// Options configure the API.
type Options struct {
	Key            string // that callers send as X-API-Key
	Version        string
	TrustedProxies clientip.Trusted
	Landing        http.Handler // answers GET /
	Assets         http.Handler // answers GET /assets/…
	// Mint makes a user token. Its error is a *fault.Error where the user is at fault.
	Mint func(token.Claims) (string, error)
	// Cache tells the state of what is known of the platform's database; nil leaves
	// it out of /readyz.
	Cache func() cache.Status
	// Observer hears of requests, but for those that go through to a room. nil: nobody does.
	Observer rest.Observer
	// Trace makes traces of calls that have shown the key; nil: nobody does.
	Trace  echo.MiddlewareFunc
	Logger *zap.Logger
}

// api holds what the handlers need.
type api struct {
	rooms Registry
	opts  Options
}

// New returns the API's handler.
func New(rooms Registry, o Options) http.Handler {
	a := &api{rooms: rooms, opts: o}
	if o.Observer == nil {
		o.Observer = rest.Nobody{}
	}
	e := rest.New(o.Logger, o.TrustedProxies, own{o.Observer})
	e.Use(belowV1(rest.RequireKey(o.Key)))
	if o.Trace != nil {
		e.Use(belowV1(o.Trace))
	}

	e.GET("/", echo.WrapHandler(o.Landing))
	e.GET("/assets/*", echo.WrapHandler(o.Assets))
	e.GET("/livez", a.live)
	e.GET("/healthz", a.live)
	e.GET("/readyz", a.ready)
	e.GET("/api/v1", a.about)
	e.GET("/api/v1/", a.about)
	e.GET(asyncAPIPath, echo.WrapHandler(http.HandlerFunc(room.ServeAsyncAPI)))
	e.GET("/r/:name/client", a.showClient, rest.RequireKey(o.Key))
	e.RouteNotFound("/r/:name", a.toRoomPage) // that is, by any method: the room decides
	e.RouteNotFound("/r/:name/*", a.throughPath)

	e.GET("/api/v1/openapi.json", a.showOpenAPI)
	e.GET("/api/v1/client", a.showClient)
	e.GET("/api/v1/rooms", a.listRooms)
	e.POST("/api/v1/room/:name", a.createRoom)
	e.GET("/api/v1/room/:name", a.showRoom)
	e.PATCH("/api/v1/room/:name", a.setRoom)
	e.DELETE("/api/v1/room/:name", a.closeRoom)
	e.POST("/api/v1/room/:name/message", a.say)
	e.POST("/api/v1/room/:name/token", a.mint)
	e.GET("/api/v1/room/:name/log", a.showLog)
	return e
}

// own passes on what concerns this API's own requests.
type own struct{ rest.Observer }

// Requested implements [rest.Observer].
func (o own) Requested(method, route string, status int, took time.Duration) {
	if !strings.HasPrefix(route, "/r/") { // which may last as long as somebody watches
		o.Observer.Requested(method, route, status, took)
	}
}

// asyncAPIPath is where the chat protocol is described. The rooms' clients may read it,
// who have no key.
const asyncAPIPath = "/api/v1/asyncapi.json"

// belowV1 applies m to all paths below /api/v1/, be there something at them or not. The
// description of the chat is left out.
func belowV1(m echo.MiddlewareFunc) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		applied := m(next)
		return func(c echo.Context) error {
			path := c.Request().URL.Path
			if below, ok := strings.CutPrefix(path, "/api/v1/"); ok && below != "" && path != asyncAPIPath {
				return applied(c)
			}
			return next(c)
		}
	}
}
