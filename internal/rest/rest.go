// Package rest is the ground on which both REST APIs stand: an echo that answers
// failures as problem documents, numbers requests, survives panics, logs accesses
// at debug and checks keys.
package rest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"go.uber.org/zap"

	"chatserver/internal/clientip"
	"chatserver/internal/fault"
	"chatserver/internal/serve"
	"chatserver/internal/strictjson"
)

// KeyHeader is where callers send their key.
const KeyHeader = "X-API-Key"

// Observer hears what becomes of requests, for metrics.
type Observer interface {
	// Requested says that a request by that method was answered, and how long that took.
	// The route is a pattern, empty where nothing stands at the path.
	Requested(method, route string, status int, took time.Duration)
	// Panicked says that a handler panicked.
	Panicked()
}

// Nobody is the [Observer] of an API without metrics.
type Nobody struct{}

// Requested implements [Observer].
func (Nobody) Requested(string, string, int, time.Duration) {}

// Panicked implements [Observer].
func (Nobody) Panicked() {}

// New returns an echo without routes. A route of GET is one of HEAD too. A nil observer
// is allowed.
func New(logger *zap.Logger, proxies clientip.Trusted, observer Observer) *echo.Echo {
	if observer == nil {
		observer = Nobody{}
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = func(r *http.Request) string { return proxies.Addr(r).String() }
	e.HTTPErrorHandler = func(err error, c echo.Context) { answerError(logger, err, c) }
	e.Use(requestID, observe(logger, observer), recoverPanics(logger, observer))
	e.OnAddRouteHandler = func(_ string, route echo.Route, h echo.HandlerFunc, m []echo.MiddlewareFunc) {
		if route.Method == http.MethodGet {
			e.HEAD(route.Path, h, m...) // net/http leaves out the body
		}
	}
	return e
}

// Data answers with v in the shape of all successful answers.
func Data(c echo.Context, status int, v any) error {
	return c.JSON(status, map[string]any{"data": v})
}

// Body returns the request's body. It is too_large beyond [serve.MaxBody], and
// request_timeout when it did not come in time.
func Body(c echo.Context) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, serve.MaxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge || err == nil {
		return body, err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, fault.New(fault.RequestTimeout, "the body did not arrive within 10 s; send it faster")
	}
	return nil, fault.New(fault.BadRequest, "the body could not be read; send it again")
}

// ReadJSON reads the JSON object in the request's body into v, a pointer to a struct.
func ReadJSON(c echo.Context, v any) error {
	body, err := Body(c)
	if err != nil {
		return err
	}
	return strictjson.Object(body, v)
}

// Param returns a part of the path, unescaped.
func Param(c echo.Context, name string) string {
	value := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return value // net/http has unescaped it
	}
	if unescaped, err := url.PathUnescape(value); err == nil {
		return unescaped
	}
	return value
}

// RequireKey refuses requests without the key. The paths of bearer take it as a bearer
// token too (RFC 6750). Keys are hashed before they are compared, so that the time tells
// neither their bytes nor their length.
func RequireKey(key string, bearer ...string) echo.MiddlewareFunc {
	want := sha256.Sum256([]byte(key))
	opens := func(key string) bool {
		got := sha256.Sum256([]byte(key))
		return subtle.ConstantTimeCompare(got[:], want[:]) == 1
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			req, header := c.Request(), c.Response().Header()
			if opens(req.Header.Get(KeyHeader)) {
				return next(c)
			}
			header.Set(echo.HeaderWWWAuthenticate, `ApiKey header="`+KeyHeader+`"`)
			if !slices.Contains(bearer, req.URL.Path) {
				return fault.New(fault.Unauthorized, "send this API's key in the header %s", KeyHeader)
			}
			if scheme, token, _ := strings.Cut(req.Header.Get(echo.HeaderAuthorization), " "); strings.EqualFold(scheme, "Bearer") && opens(token) {
				header.Del(echo.HeaderWWWAuthenticate)
				return next(c)
			}
			header.Add(echo.HeaderWWWAuthenticate, "Bearer")
			return fault.New(fault.Unauthorized, "send this API's key in the header %s, or as Authorization: Bearer KEY", KeyHeader)
		}
	}
}

// saneID is the form of a caller's request id that may go into our log.
var saneID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// requestID numbers the request, by the caller's own number if it is sane.
func requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !saneID.MatchString(id) {
			id = rand.Text()
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		return next(c)
	}
}

func requestIDOf(c echo.Context) zap.Field {
	return zap.String("request", c.Response().Header().Get(echo.HeaderXRequestID))
}

// observe tells the observer of each request, and the log at debug: by its route, for a
// path can hold user text.
func observe(logger *zap.Logger, observer Observer) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start, route := time.Now(), c.Path()
			err := next(c)
			if err != nil {
				c.Error(err) // now, so that the status is known
			}
			if errors.Is(err, echo.ErrNotFound) {
				route = "" // the router's word: the path is that of the nearest route
			}
			took := time.Since(start)
			observer.Requested(c.Request().Method, route, c.Response().Status, took)
			if !logger.Core().Enabled(zap.DebugLevel) {
				return nil
			}
			logger.Debug("request",
				zap.String("method", c.Request().Method),
				zap.String("route", route),
				zap.Int("status", c.Response().Status),
				zap.Int64("bytes", c.Response().Size),
				zap.Duration("took", took),
				zap.String("client", c.RealIP()),
				requestIDOf(c))
			return nil
		}
	}
}

// recoverPanics answers for a handler that panics, and logs why.
func recoverPanics(logger *zap.Logger, observer Observer) echo.MiddlewareFunc {
	return middleware.RecoverWithConfig(middleware.RecoverConfig{
		DisableStackAll: true, // the others' would stop the world
		LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
			observer.Panicked()
			logger.Error("a request panicked", zap.Error(err), zap.ByteString("stack", stack), requestIDOf(c))
			return fault.New(fault.Internal, "the server failed to do this; tell the operator the X-Request-Id")
		},
	})
}

// answerError is the one place where errors become answers.
func answerError(logger *zap.Logger, err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	if fromEcho, ok := errors.AsType[*echo.HTTPError](err); ok {
		err = fromRouter(fromEcho, c.Request().Method)
	}
	f := fault.From(err)
	if f.Code == fault.Internal && !errors.Is(err, f) { // who makes such a fault has logged its cause
		logger.Error("a request failed", zap.Error(err), requestIDOf(c))
	}
	fault.Write(c.Response(), f)
}

// fromRouter gives echo's own errors our codes.
func fromRouter(e *echo.HTTPError, method string) error {
	switch e.Code {
	case http.StatusNotFound:
		return fault.New(fault.RouteNotFound, "nothing stands at this path; docs/protocol.md lists what does")
	case http.StatusMethodNotAllowed:
		return fault.New(fault.MethodNotAllowed, "this path does not take %.16q; the Allow header lists what it takes", method)
	default:
		return e
	}
}
