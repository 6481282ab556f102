// Package tracing makes a trace's span of each call of the REST APIs, and brings them to
// an OpenTelemetry collector by OTLP over HTTP. Sampling, batching and what the standard
// variables OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and
// OTEL_BSP_… say are the OpenTelemetry SDK's.
//
// # Overload and failure
//
// Nothing waits for the collector: spans that find no place in a bounded queue are
// dropped, and so is a batch that the collector does not take. The log says once that it
// fails, and once that it is back.
//
// # Trust
//
// The trace of the caller is taken up. So only calls that have shown their key should get
// here.
package tracing

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// Options say where spans go.
type Options struct {
	// Endpoint is the URL that they are posted to, http://localhost:4318/v1/traces for
	// one. A user in it is sent as basic authentication.
	Endpoint string
	// Headers are sent along.
	Headers http.Header
	// Version is the server's.
	Version string
	Logger  *zap.Logger // nil logs nothing
}

// Tracer makes spans. Its methods are safe from any goroutine.
type Tracer struct {
	provider   *sdk.TracerProvider
	tracer     trace.Tracer
	propagator propagation.TraceContext
}

// New returns a tracer. It connects when there is something to send.
func New(o Options) (*Tracer, error) {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	e, err := newExporter(o)
	if err != nil {
		return nil, err
	}
	of, err := resource.New(context.Background(), // asks nobody
		resource.WithHost(),
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "chatserver"), attribute.String("service.version", o.Version)),
		resource.WithFromEnv(), // over the above
	)
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(e), sdk.WithResource(of))
	return &Tracer{provider: provider, tracer: provider.Tracer("chatserver", trace.WithInstrumentationVersion(o.Version))}, nil
}

// Close sends what waits, until ctx ends.
func (t *Tracer) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Trace is a middleware that makes a span of each call below /api/. It must stand behind
// the one that checks keys.
func (t *Tracer) Trace(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		req := c.Request()
		if !strings.HasPrefix(req.URL.Path, "/api/") {
			return next(c)
		}
		ctx := t.propagator.Extract(req.Context(), propagation.HeaderCarrier(req.Header))
		ctx, span := t.tracer.Start(ctx, strings.TrimSpace(req.Method+" "+c.Path()), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.request.method", req.Method),
			attribute.String("http.route", c.Path()),
			attribute.String("chatserver.request_id", c.Response().Header().Get(echo.HeaderXRequestID)),
		))
		status := http.StatusInternalServerError // of a panic
		defer func() { end(span, status) }()
		c.SetRequest(req.WithContext(ctx))
		err := next(c)
		if err != nil {
			c.Error(err) // now, so that the status is known
		}
		status = c.Response().Status
		return err
	}
}

// end ends the span of a call with that status. What the caller did wrong is no error of
// the server's.
func end(span trace.Span, status int) {
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		span.SetAttributes(attribute.String("error.type", strconv.Itoa(status)))
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// exportTimeout bounds one attempt to bring spans to the collector: the default of
// OTEL_EXPORTER_OTLP_TIMEOUT.
const exportTimeout = 10 * time.Second
