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

// New returns an echo without routes. A route of GET is one of HEAD too.
func New(logger *zap.Logger, proxies clientip.Trusted) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = func(r *http.Request) string { return proxies.Addr(r).String() }
	e.HTTPErrorHandler = func(err error, c echo.Context) { answerError(logger, err, c) }
	e.Use(requestID, accessLog(logger), recoverPanics(logger))
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

// RequireKey refuses requests without the key. Keys are hashed before they are
// compared, so that the time tells neither their bytes nor their length.
func RequireKey(key string) echo.MiddlewareFunc {
	want := sha256.Sum256([]byte(key))
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			got := sha256.Sum256([]byte(c.Request().Header.Get(KeyHeader)))
			if subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
				return next(c)
			}
			c.Response().Header().Set(echo.HeaderWWWAuthenticate, `ApiKey header="`+KeyHeader+`"`)
			return fault.New(fault.Unauthorized, "send this API's key in the header %s", KeyHeader)
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

// accessLog logs each request at debug, by its route: a path can hold user text.
func accessLog(logger *zap.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if !logger.Core().Enabled(zap.DebugLevel) {
				return next(c)
			}
			start := time.Now()
			err := next(c)
			if err != nil {
				c.Error(err) // now, so that the status is known
			}
			logger.Debug("request",
				zap.String("method", c.Request().Method),
				zap.String("route", c.Path()),
				zap.Int("status", c.Response().Status),
				zap.Int64("bytes", c.Response().Size),
				zap.Duration("took", time.Since(start)),
				zap.String("client", c.RealIP()),
				requestIDOf(c))
			return nil
		}
	}
}

// recoverPanics answers for a handler that panics, and logs why.
func recoverPanics(logger *zap.Logger) echo.MiddlewareFunc {
	return middleware.RecoverWithConfig(middleware.RecoverConfig{
		DisableStackAll: true, // the others' would stop the world
		LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
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
