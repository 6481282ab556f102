// Package admin is the REST API for operators on a port and with a key of its own:
// the machine's load, every room's figures, announcements, and the switches. The page
// on that port is a client of it.
package admin

import (
	"context"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"chatserver/internal/clientip"
	"chatserver/internal/rest"
	"chatserver/internal/serve"
	"chatserver/room"
)

// Registry is what the admin API needs of the rooms.
type Registry interface {
	Room(name string) (*room.Room, error)
	Rooms() []*room.Room
	Close(name string) error
	AnnounceAll(ctx context.Context, said string) (rooms int, err error)
	SetAccepting(accepting bool)
	Accepting() bool
	Draining() bool
	Load() (capacity, rooms int)
	Capacity() int
	Log(name, epoch string) (*room.Log, error)
}

// Options configure the admin API.
type Options struct {
	Key            string // that operators send as X-API-Key
	Host           string // name under which others reach this server
	Version        string
	Started        time.Time // when the server started
	TrustedProxies clientip.Trusted
	Dashboard      http.Handler    // answers GET /, without the key
	Assets         http.Handler    // answers GET /assets/…, likewise
	LogLevel       zap.AtomicLevel // of the whole server
	// Shutdown starts an orderly stop of the server; it must not wait for its end.
	Shutdown func()
	// Restart hands the server over to a fresh process. It returns once that is prepared,
	// or with why nothing has changed; it must not wait for the hand-over itself.
	Restart  func(ctx context.Context) error
	Parts    Parts
	Metrics  http.Handler        // answers GET /metrics
	Observer rest.Observer       // hears of requests; nil: nobody does
	Trace    echo.MiddlewareFunc // makes traces of calls; nil: nobody does
	Logger   *zap.Logger
}

// admin holds what the handlers need.
type admin struct {
	rooms Registry
	cache Cache
	opts  Options
}

// pages are the routes of what holds no secret and can do nothing.
var pages = map[string]bool{"/": true, "/assets/*": true}

// New returns the admin API's handler. Every call needs the key, but for the pages.
func New(rooms Registry, cached Cache, o Options) http.Handler {
	a := &admin{rooms: rooms, cache: cached, opts: o}
	e := rest.New(o.Logger, o.TrustedProxies, o.Observer)
	e.Use(butForPages(rest.RequireKey(o.Key, metricsPath)))
	if o.Trace != nil {
		e.Use(o.Trace)
	}

	e.GET("/", echo.WrapHandler(o.Dashboard))
	e.GET("/assets/*", echo.WrapHandler(o.Assets))
	e.GET("/api/v1", a.about)
	e.GET("/api/v1/", a.about)
	e.GET("/api/v1/openapi.json", a.showOpenAPI)
	e.GET("/api/v1/load", a.load)
	e.GET("/api/v1/status", a.showStatus)
	e.GET("/api/v1/rooms", a.listRooms)
	e.GET("/api/v1/room/:name", a.showRoom)
	e.DELETE("/api/v1/room/:name/shutdown", a.closeRoom)
	e.DELETE("/api/v1/room/:name/user/:id", a.removeUser)
	e.POST("/api/v1/message", a.announceAll)
	e.POST("/api/v1/room/:name/message", a.announce)
	e.GET("/api/v1/room/:name/log", a.showLog)
	e.GET("/api/v1/bans", a.listBans)
	e.POST("/api/v1/bans", a.addBan)
	e.DELETE("/api/v1/bans/:id", a.liftBan)
	e.GET("/api/v1/cache", a.showCache)
	e.POST("/api/v1/cache/refresh", a.refreshCache)
	e.PUT("/api/v1/accepting", a.setAccepting)
	e.GET("/api/v1/log-level", a.showLogLevel)
	e.PUT("/api/v1/log-level", a.setLogLevel)
	e.POST("/api/v1/restart", a.restart)
	e.DELETE("/api/v1/shutdown", a.shutdown)

	e.GET(metricsPath, echo.WrapHandler(o.Metrics))
	e.GET("/debug/pprof/cmdline", unhurried(pprof.Cmdline))
	e.GET("/debug/pprof/profile", unhurried(pprof.Profile))
	e.GET("/debug/pprof/symbol", unhurried(pprof.Symbol))
	e.GET("/debug/pprof/trace", unhurried(pprof.Trace))
	e.GET("/debug/pprof/*", unhurried(pprof.Index))
	return e
}

// metricsPath takes the key as a bearer token too, as Prometheus sends one.
const metricsPath = "/metrics"

// butForPages applies m to all requests that go to another route than the pages', or to none.
func butForPages(m echo.MiddlewareFunc) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		applied := m(next)
		return func(c echo.Context) error {
			if pages[c.Path()] {
				return next(c)
			}
			return applied(c)
		}
	}
}

// unhurried lifts the time limit on answers: a profile takes as long as was asked.
func unhurried(h http.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		serve.Linger(c.Request().Context())
		if err := http.NewResponseController(c.Response()).SetWriteDeadline(time.Time{}); err != nil {
			return err
		}
		h(c.Response(), c.Request())
		return nil
	}
}
