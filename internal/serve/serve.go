// Package serve makes the HTTP servers of all our listeners: the API, the admin
// API and every room have the same limits.
package serve

import (
	"net/http"
	"time"

	"go.uber.org/zap"
)

// The limits of a request (docs/protocol.md, Limits).
const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second // from the request's first byte to its last
	writeTimeout  = 30 * time.Second
	idleTimeout   = time.Minute
	// maxHeader is what net/http takes less than its limit: it adds 4 KiB, so that
	// headers of 8 KiB pass.
	maxHeader = 4 << 10
)

// MaxBody is the largest body of a request, in bytes.
const MaxBody = 8 << 10

// New returns a server for h. What net/http itself reports is logged at debug: it
// is the noise of broken clients. A handler that takes over the connection keeps
// its own times from then on.
func New(h http.Handler, logger *zap.Logger) *http.Server {
	errorLog, _ := zap.NewStdLogAt(logger, zap.DebugLevel) // fails on unknown levels only
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          errorLog,
	}
}
