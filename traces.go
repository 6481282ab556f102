package main

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"chatserver/internal/tracing"
)

// lastTraces is how long a stop waits for the last traces to be delivered.
const lastTraces = time.Second

// openTraces begins to make traces, if somebody wants them.
func (s *server) openTraces() error {
	endpoint := s.cfg.tracesEndpoint()
	if endpoint == "" {
		return nil
	}
	tracer, err := tracing.New(tracing.Options{
		Endpoint: endpoint, Headers: http.Header(s.cfg.OTLPHeaders), Version: version, Logger: s.log,
	})
	if err != nil {
		return err
	}
	s.trace = tracer.Trace
	s.stops.push("traces", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, lastTraces)
		defer cancel()
		return tracer.Close(ctx)
	})
	return nil
}

// untraced is the middleware where nobody wants traces.
func untraced(next echo.HandlerFunc) echo.HandlerFunc { return next }
