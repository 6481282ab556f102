package tracing

import (
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message that is being put together. Numbers of fields are those of
// OTLP 1 (opentelemetry/proto/trace/v1/trace.proto and its likes), which never change.
type message []byte

func (m *message) bytes(field protowire.Number, value []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), value)
}

func (m *message) text(field protowire.Number, value string) {
	if value != "" {
		m.bytes(field, []byte(value))
	}
}

func (m *message) number(field protowire.Number, value uint64) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), value)
}

func (m *message) fixed64(field protowire.Number, value uint64) {
	*m = protowire.AppendFixed64(protowire.AppendTag(*m, field, protowire.Fixed64Type), value)
}

func (m *message) fixed32(field protowire.Number, value uint32) {
	*m = protowire.AppendFixed32(protowire.AppendTag(*m, field, protowire.Fixed32Type), value)
}

func (m *message) time(field protowire.Number, t time.Time) { m.fixed64(field, uint64(t.UnixNano())) }

func (m *message) attributes(field protowire.Number, attributes []attribute.KeyValue) {
	for _, a := range attributes {
		var pair message
		pair.text(1, string(a.Key))
		pair.bytes(2, valueOf(a.Value))
		m.bytes(field, pair)
	}
}

// valueOf returns an AnyValue. Lists, which nothing here has but perhaps
// OTEL_RESOURCE_ATTRIBUTES one day, go as text.
func valueOf(v attribute.Value) (out message) {
	switch v.Type() {
	case attribute.BOOL:
		out.number(2, protowire.EncodeBool(v.AsBool()))
	case attribute.INT64:
		out.number(3, uint64(v.AsInt64()))
	case attribute.FLOAT64:
		out.fixed64(4, math.Float64bits(v.AsFloat64()))
	default:
		out.bytes(1, []byte(v.String()))
	}
	return out
}

// encodeSpans returns an ExportTraceServiceRequest. All spans are of one resource and one
// scope.
func encodeSpans(spans []sdk.ReadOnlySpan) []byte {
	var request, ofResource, resource, ofScope, scope message
	if len(spans) == 0 {
		return nil
	}
	resource.attributes(1, spans[0].Resource().Attributes())
	ofResource.bytes(1, resource)
	scope.text(1, spans[0].InstrumentationScope().Name)
	scope.text(2, spans[0].InstrumentationScope().Version)
	ofScope.bytes(1, scope)
	for _, s := range spans {
		ofScope.bytes(2, encodeSpan(s))
	}
	ofResource.bytes(2, ofScope)
	request.bytes(1, ofResource)
	return request
}

// Bits of a span's flags that say whether its parent came from elsewhere.
const (
	parentKnown  = 0x100
	parentRemote = 0x200
)

func encodeSpan(s sdk.ReadOnlySpan) []byte {
	var span, status message
	own, parent := s.SpanContext(), s.Parent()
	trace, id, parentID := own.TraceID(), own.SpanID(), parent.SpanID()
	span.bytes(1, trace[:])
	span.bytes(2, id[:])
	span.text(3, own.TraceState().String())
	if parentID.IsValid() {
		span.bytes(4, parentID[:])
	}
	span.text(5, s.Name())
	span.number(6, uint64(s.SpanKind())) // the same numbers
	span.time(7, s.StartTime())
	span.time(8, s.EndTime())
	span.attributes(9, s.Attributes())
	span.number(10, uint64(s.DroppedAttributes()))
	switch s.Status().Code { // not the same numbers
	case codes.Ok:
		status.number(3, 1)
	case codes.Error:
		status.text(2, s.Status().Description)
		status.number(3, 2)
	}
	span.bytes(15, status)
	flags := uint32(own.TraceFlags()) | parentKnown
	if parent.IsRemote() {
		flags |= parentRemote
	}
	span.fixed32(16, flags)
	return span
}
