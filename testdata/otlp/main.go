// Command otlp stands for an OpenTelemetry collector, for tests: it takes traces by OTLP
// over HTTP, as protobuf, and reads them with OpenTelemetry's own types. It is a module of
// its own, so that nothing of it reaches the product's go.mod.
//
//	otlp ADDR KEY
//
// It listens on ADDR, where port 0 lets the system choose, prints its URL, and for each
// span that it gets a line with a JSON object. Requests without the header X-Key: KEY are
// refused with 401, what is not understood to the last field with 400.
package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "otlp:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("there are %d arguments; call it with an address and a key", len(args))
	}
	ln, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", ln.Addr())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Key") != args[1] {
			http.Error(w, "wrong key", http.StatusUnauthorized)
			return
		}
		if err := take(r); err != nil {
			fmt.Println("refused:", err)
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer, _ := proto.Marshal(&collector.ExportTraceServiceResponse{})
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(answer)
	})
	server := http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(ln)
}

// span is what is printed of one.
type span struct {
	Resource   map[string]any `json:"resource"`
	Scope      string         `json:"scope"`
	Name       string         `json:"name"`
	Kind       string         `json:"kind"`
	Trace      string         `json:"trace"`
	Span       string         `json:"span"`
	Parent     string         `json:"parent"`
	Remote     bool           `json:"remote"` // the parent is another service's
	Took       string         `json:"took"`
	Attributes map[string]any `json:"attributes"`
	Status     string         `json:"status"`
}

// take reads a request and prints its spans.
func take(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if kind := r.Header.Get("Content-Type"); kind != "application/x-protobuf" {
		return fmt.Errorf("Content-Type is %q", kind)
	}
	var request collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		return err
	}
	if unknown(request.ProtoReflect()) {
		return errors.New("there are unknown fields")
	}
	out := json.NewEncoder(os.Stdout)
	for _, of := range request.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				if len(s.GetTraceId()) != 16 || len(s.GetSpanId()) != 8 || s.GetStartTimeUnixNano() == 0 {
					return fmt.Errorf("a span is malformed: %v", s)
				}
				if err := out.Encode(span{
					Resource:   valuesOf(of.GetResource().GetAttributes()),
					Scope:      scope.GetScope().GetName() + " " + scope.GetScope().GetVersion(),
					Name:       s.GetName(),
					Kind:       s.GetKind().String(),
					Trace:      hex.EncodeToString(s.GetTraceId()),
					Span:       hex.EncodeToString(s.GetSpanId()),
					Parent:     hex.EncodeToString(s.GetParentSpanId()),
					Remote:     s.GetFlags()&uint32(trace.SpanFlags_SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK) != 0,
					Took:       time.Duration(s.GetEndTimeUnixNano() - s.GetStartTimeUnixNano()).String(),
					Attributes: valuesOf(s.GetAttributes()),
					Status:     s.GetStatus().GetCode().String(),
				}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func valuesOf(pairs []*common.KeyValue) map[string]any {
	values := map[string]any{}
	for _, p := range pairs {
		switch v := p.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			values[p.GetKey()] = v.StringValue
		case *common.AnyValue_IntValue:
			values[p.GetKey()] = v.IntValue
		default:
			values[p.GetKey()] = fmt.Sprintf("%T", v)
		}
	}
	return values
}

// unknown tells whether a message, or one in it, has fields that nobody knows.
func unknown(m protoreflect.Message) (found bool) {
	if len(m.GetUnknown()) > 0 {
		return true
	}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Message() == nil:
		case field.IsList():
			for i := range value.List().Len() {
				found = found || unknown(value.List().Get(i).Message())
			}
		default:
			found = found || unknown(value.Message())
		}
		return !found
	})
	return found
}
