package tracing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"

	"chatserver/internal/outbound"
)

// exporter posts spans to a collector: OTLP over HTTP, as protobuf. OpenTelemetry's own
// exporter would bring gRPC and 7 MB.
type exporter struct {
	url     string // without a user
	header  http.Header
	http    *http.Client
	log     *zap.Logger
	failing atomic.Bool
}

func newExporter(o Options) (*exporter, error) {
	u, err := outbound.ParseURL(o.Endpoint)
	if err != nil {
		return nil, err
	}
	e := &exporter{
		header: o.Headers.Clone(),
		http: &http.Client{
			Timeout:       exportTimeout,
			Transport:     &http.Transport{MaxConnsPerHost: 2, TLSHandshakeTimeout: exportTimeout}, // and no proxy
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if e.header == nil {
		e.header = http.Header{}
	}
	e.header.Set("Content-Type", "application/x-protobuf")
	e.header.Set("User-Agent", "chatserver/"+o.Version)
	if u.User != nil {
		password, _ := u.User.Password()
		req := http.Request{Header: e.header}
		req.SetBasicAuth(u.User.Username(), password)
		u.User = nil
	}
	e.url = u.String()
	u.RawQuery = ""
	e.log = o.Logger.With(zap.String("url", u.String()))
	return e, nil
}

// ExportSpans implements the SDK's exporter. It returns no error: the SDK has no use for
// one but to print it.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.post(ctx, encodeSpans(spans))
	switch {
	case err != nil && !e.failing.Swap(true):
		e.log.Warn("traces cannot be delivered, and are lost", zap.Error(err))
	case err == nil && e.failing.Swap(false):
		e.log.Info("traces can be delivered again")
	}
	return nil
}

// Shutdown implements the SDK's exporter.
func (e *exporter) Shutdown(context.Context) error {
	e.http.CloseIdleConnections()
	return nil
}

func (e *exporter) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("the request cannot be made") // err names the URL, which may hold a key
	}
	req.Header = e.header.Clone()
	answer, err := e.http.Do(req)
	if withURL, ok := errors.AsType[*url.Error](err); ok {
		return withURL.Err
	} else if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection can be used again
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("the collector answered %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	return nil
}
