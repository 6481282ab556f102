package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// collectorKey is what the collector of the tests wants in the header X-Key.
const collectorKey = "collector 0123456789"

// buildCollector builds what stands for an OpenTelemetry collector.
var buildCollector = sync.OnceValues(func() (string, error) {
	program := filepath.Join(binaries, "otlp")
	cmd := exec.Command("go", "build", "-o", program, ".")
	cmd.Dir = "testdata/otlp"
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build testdata/otlp: %w\n%s", err, out)
	}
	return program, nil
})

// collector is one that runs.
type collector struct {
	*process
	url string
}

func startCollector(t *testing.T, address string) *collector {
	t.Helper()
	c := &collector{process: run(t, buildCollector, nil, address, collectorKey)}
	c.url = c.wantPrinted("a collector", `listening on (\S+)`)[1]
	return c
}

// span is one that a collector got.
type span struct {
	Resource   map[string]string `json:"resource"`
	Scope      string            `json:"scope"`
	Name       string            `json:"name"`
	Kind       string            `json:"kind"`
	Trace      string            `json:"trace"`
	Parent     string            `json:"parent"`
	Remote     bool              `json:"remote"`
	Took       string            `json:"took"`
	Attributes map[string]any    `json:"attributes"`
	Status     string            `json:"status"`
}

// spans returns all that the collector got, in order.
func (c *collector) spans() []span {
	c.t.Helper()
	var all []span
	for line := range strings.Lines(c.text()) {
		var s span
		if line[0] == '{' && json.Unmarshal([]byte(line), &s) == nil {
			all = append(all, s)
		}
	}
	return all
}

// wantSpan waits for the next span after the first n, and wants it to be of that call.
func (c *collector) wantSpan(n int, name string, status int) span {
	c.t.Helper()
	eventually(c.t, "the trace of "+name, func() bool { return len(c.spans()) > n })
	s := c.spans()[n]
	method, route, _ := strings.Cut(name, " ")
	if s.Name != name || s.Kind != "SPAN_KIND_SERVER" || s.Attributes["http.request.method"] != method ||
		s.Attributes["http.route"] != route || s.Attributes["http.response.status_code"] != float64(status) {
		c.t.Errorf("want a span of %s with status %d, got %+v", name, status, s)
	}
	if took, err := time.ParseDuration(s.Took); err != nil || took <= 0 || took > commandTimeout {
		c.t.Errorf("%s took %s", name, s.Took)
	}
	return s
}

// traced is the environment of a server that has traces delivered soon.
func traced(endpoint string) []string {
	return []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + endpoint, "OTEL_EXPORTER_OTLP_HEADERS=x-key=collector%200123456789",
		"OTEL_BSP_SCHEDULE_DELAY=20", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment=test",
	}
}

// Calls that have shown their key are traced; by their routes, and as a part of the
// caller's trace.
func TestTraces(t *testing.T) {
	c := startCollector(t, "127.0.0.1:0")
	s := startChat(t, traced(c.url)...)
	s.open("lobby")
	made := c.wantSpan(0, "POST /api/v1/room/:name", http.StatusCreated)
	if made.Parent != "" || made.Remote || made.Status != "STATUS_CODE_UNSET" || made.Scope != "chatserver 1.0.0" ||
		made.Resource["service.name"] != "chatserver" || made.Resource["service.version"] != "1.0.0" || made.Resource["deployment.environment"] != "test" {
		t.Errorf("the span of a call without a trace is %+v", made)
	}
	if id, _ := made.Attributes["chatserver.request_id"].(string); len(id) < 16 {
		t.Errorf("the span names the request %q", id)
	}

	for _, path := range []string{"/livez", "/api/v1/rooms", "/api/v1/asyncapi.json", "/r/lobby/livez"} { // without a key
		ask(t, http.MethodGet, s.api+path, "", "")
	}
	ask(t, http.MethodGet, s.admin+"/metrics", testAdminKey, "")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.admin+"/api/v1/room/nobody", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", testAdminKey)
	req.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	answer, err := httpClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	asked := c.wantSpan(1, "GET /api/v1/room/:name", http.StatusNotFound)
	if asked.Trace != "0af7651916cd43dd8448eb211c80319c" || asked.Parent != "b7ad6b7169203331" || !asked.Remote || asked.Status != "STATUS_CODE_UNSET" {
		t.Errorf("want the caller's trace to go on, and its own fault to be no error, got %+v", asked)
	}

	ask(t, http.MethodPut, s.admin+"/api/v1/accepting", testAdminKey, `{"accepting":false}`)
	c.wantSpan(2, "PUT /api/v1/accepting", http.StatusOK)
	s.call("POST", "/api/v1/room/another", "", http.StatusServiceUnavailable)
	if refused := c.wantSpan(3, "POST /api/v1/room/:name", http.StatusServiceUnavailable); refused.Status != "STATUS_CODE_ERROR" {
		t.Errorf("want a call that failed to be an error, got %+v", refused)
	}
	if strings.Contains(c.text(), "refused:") {
		t.Errorf("the collector does not understand all:\n%s", c.text())
	}
}

// A collector that is away, wants another key or hangs costs a word in the log, and no
// call and no stop any time. The last spans are not lost by an orderly stop.
func TestTracesInTrouble(t *testing.T) {
	address := "127.0.0.1:" + freePorts(t, 1)[0]
	s := startChat(t, append(traced("http://user:hunter2@"+address), "OTEL_BSP_SCHEDULE_DELAY=1")...)
	s.open("lobby")
	s.wantPrinted("nobody is there", `traces cannot be delivered.*connection refused`)
	c := startCollector(t, address)
	for range 5 {
		s.call("GET", "/api/v1/rooms", "", http.StatusOK)
	}
	s.wantPrinted("it is there", `traces can be delivered again`)
	s.signal(syscall.SIGTERM)
	s.wantExit("the stop", 0)
	if n := len(c.spans()); n < 1 || n > 5 {
		t.Errorf("the collector got %d spans of 5", n)
	}
	if n := strings.Count(s.text(), "traces cannot"); n != 1 || strings.Contains(s.text(), "collector 01") || strings.Contains(s.text(), "hunter2") {
		t.Errorf("want the log to say once that traces are lost, and no secret, got\n%s", s.text())
	}

	late := startChat(t, append(traced(c.url), "OTEL_BSP_SCHEDULE_DELAY=3600000")...)
	got := len(c.spans())
	late.call("GET", "/api/v1/rooms", "", http.StatusOK)
	late.signal(syscall.SIGTERM)
	late.wantExit("the stop", 0)
	c.wantSpan(got, "GET /api/v1/rooms", http.StatusOK)

	stuck := startChat(t, append(traced(silentBalancer(t)), "DRAIN_TIMEOUT=10s")...)
	begun := time.Now()
	stuck.call("GET", "/api/v1/rooms", "", http.StatusOK)
	stuck.signal(syscall.SIGTERM)
	stuck.wantExit("nobody holds it up", 0)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("a collector that hangs held up a call and a stop for %v", took)
	}
	stuck.wantPrinted("what was given up", `a part did not stop in order.*"traces"`)
	wrong := startChat(t, append(traced(c.url), "OTEL_EXPORTER_OTLP_HEADERS=x-key=hunter2")...)
	wrong.open("lobby")
	wrong.wantPrinted("a wrong key", `traces cannot be delivered.*answered 401`)
	wantNoSecrets(t, wrong.process)
}
