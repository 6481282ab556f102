package e2e_test

import (
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"chatserver/internal/mongotest"
)

// These tests hold the metrics of a server that runs to what is written about them, and
// to what reads them: alert rules, the dashboard, Prometheus itself.

const (
	alertRules = "deploy/prometheus/chatserver.rules.yml"
	alertTests = "deploy/prometheus/chatserver.test.yml"
	dashboard  = "deploy/grafana/chatserver.json"
)

// family is a metric as a server tells it.
type family struct {
	kind   string          // counter, gauge, histogram, summary
	labels map[string]bool // that some series of it has
}

// watchedServer is a server of which everything has been used that has metrics.
type watchedServer struct {
	*chatServer
	text     string // what it tells Prometheus
	families map[string]*family
	values   map[string]float64 // by series
}

// startWatched starts such a server.
func startWatched(t *testing.T) *watchedServer {
	t.Helper()
	db := mongotest.Start(t)
	_, urls := startBalancers(t)
	listing := startService(t, buildListing)
	settings := append(withDatabase(db.Addr(), t.TempDir()),
		"LOADBALANCERS="+strings.Join(urls, ","), "LOADBALANCER_KEY="+balancerKey,
		"LISTING_URL="+listing.url, "LISTING_KEY="+serviceKey, "MAX_CONNECTIONS=100")
	s := &watchedServer{chatServer: startChat(t, settings...)}
	s.useAllTransports()
	eventually(t, "all that was called has answered, and the database has all", func() bool {
		s.scrape()
		return strings.Count(s.text, "chatserver_loadbalancer_last_success_timestamp_seconds{") == len(urls) &&
			strings.Contains(s.text, "chatserver_service_last_success_timestamp_seconds{") &&
			s.values["chatserver_database_waiting_events"] == 0
	})
	return s
}

// useAllTransports has three guests in a room, each with a transport of its own; one says
// something, and something that nobody understands.
func (s *watchedServer) useAllTransports() {
	s.t.Helper()
	address := s.open("lobby")
	ann := s.join(address, "ann")
	ann.send(obj{"type": "message", "text": "hello", "id": "1"})
	for range 2 { // in whatever order
		if _, err := ann.Next(); err != nil {
			s.t.Fatal(err)
		}
	}
	ann.send(obj{"type": "sing"})
	ann.want("no such command", "error")
	if status, answer := ask(s.t, "POST", "http://"+address+"/join", "", `{"name":"bob"}`); status != http.StatusOK {
		s.t.Fatalf("join over HTTP: %d %s", status, answer)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+address+"/events", http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	stream, err := http.DefaultClient.Do(req)
	if err != nil || stream.StatusCode != http.StatusOK {
		s.t.Fatalf("stream: %v, %v", stream, err)
	}
	s.t.Cleanup(func() { stream.Body.Close() })
}

// scrape asks for the metrics as Prometheus does.
func (s *watchedServer) scrape() {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.admin+"/metrics", http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testAdminKey)
	answer, err := httpClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("GET /metrics: %s %v", answer.Status, err)
	}
	s.text = string(text)
	s.families, s.values = parseMetrics(s.t, s.text)
}

var labelName = regexp.MustCompile(`([a-z_]+)="`)

// parseMetrics reads Prometheus's text format.
func parseMetrics(t *testing.T, text string) (families map[string]*family, values map[string]float64) {
	t.Helper()
	families, values = map[string]*family{}, map[string]float64{}
	var current *family
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if words := strings.Fields(line); len(words) == 4 && words[1] == "TYPE" {
			current = &family{kind: words[3], labels: map[string]bool{}}
			families[words[2]] = current
		}
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil || current == nil {
			t.Fatalf("%s: %v", line, err)
		}
		values[line[:at]] = value
		for _, label := range labelName.FindAllStringSubmatch(line[:at], -1) {
			current.labels[label[1]] = true
		}
	}
	return families, values
}

// find returns the family that a name in an expression stands for.
func (s *watchedServer) find(name string) *family {
	if f := s.families[name]; f != nil {
		return f
	}
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && s.families[base] != nil && s.families[base].kind != "gauge" {
			return s.families[base]
		}
	}
	return nil
}

// own returns the names of the server's own metrics.
func (s *watchedServer) own() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for name := range s.families {
			if strings.HasPrefix(name, "chatserver_") && !yield(name) {
				return
			}
		}
	})
}

func TestMetrics(t *testing.T) {
	s := startWatched(t)
	for series, want := range map[string]float64{
		`chatserver_rooms`:                                1,
		`chatserver_rooms_capacity`:                       50,
		`chatserver_connections`:                          3,
		`chatserver_connections_limit`:                    100,
		`chatserver_viewers{transport="websocket"}`:       1,
		`chatserver_viewers{transport="sse"}`:             1,
		`chatserver_viewers{transport="polling"}`:         1,
		`chatserver_room_viewers{room="lobby"}`:           3,
		`chatserver_joins_total{transport="websocket"}`:   1,
		`chatserver_joins_total{transport="sse"}`:         1,
		`chatserver_joins_total{transport="polling"}`:     1,
		`chatserver_events_total{type="message"}`:         1,
		`chatserver_room_events_total{room="lobby"}`:      1,
		`chatserver_journal_events_total`:                 1,
		`chatserver_fanout_latency_seconds_count`:         1,
		`chatserver_ack_latency_seconds_count`:            1,
		`chatserver_refusals_total{reason="bad_command"}`: 1,
		`chatserver_journal_up`:                           1,
		`chatserver_database_up`:                          1,
		`chatserver_panics_total{where="room"}`:           0,
		`chatserver_accepting`:                            1,
		`chatserver_http_request_duration_seconds_count{api="api",method="POST",route="/api/v1/room/:name",status="2xx"}`: 1,
	} {
		if got, ok := s.values[series]; !ok || got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	for _, name := range []string{"chatserver_room_sent_bytes_total{room=\"lobby\"}", "chatserver_sent_bytes_total", "chatserver_cache_refresh_duration_seconds_count", "process_open_fds", "go_goroutines"} {
		if s.values[name] < 1 {
			t.Errorf("%s is %v", name, s.values[name])
		}
	}
	if strings.Contains(s.text, "hunter2") {
		t.Error("the metrics tell the password of a load balancer")
	}
	promtool(t, s.text, "check", "metrics")
}

// TestDocumentedMetrics holds the table of metrics in docs/operations.md to the server,
// both ways, and to the dashboard and the alerts: what nobody looks at nobody needs.
func TestDocumentedMetrics(t *testing.T) {
	s := startWatched(t)
	documented := documentedMetrics(t)
	seen := map[string]bool{}
	for _, e := range expressions(t) {
		for _, sel := range e.Selects {
			seen[sel.Metric] = true
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				seen[strings.TrimSuffix(sel.Metric, suffix)] = true
			}
		}
	}
	for _, name := range s.own() {
		f := s.families[name]
		delete(f.labels, "le")
		want := strings.Join(slices.Sorted(maps.Keys(f.labels)), ", ")
		if got, ok := documented[name]; !ok || got.kind != f.kind || got.labels != want {
			t.Errorf("docs/operations.md: want a row of %s: %s with the labels %q, got %+v", name, f.kind, want, got)
		}
		if !seen[name] {
			t.Errorf("%s is in no alert and on no dashboard", name)
		}
	}
	for name := range documented {
		if s.families[name] == nil {
			t.Errorf("docs/operations.md tells of %s, which the server does not have", name)
		}
	}
}

// documentedMetric is a row of the table in docs/operations.md.
type documentedMetric struct{ kind, labels string }

var metricRow = regexp.MustCompile("(?m)^\\| `(chatserver_[a-z_]+)` \\| (counter|gauge|histogram) \\|([^|]*)\\|")

func documentedMetrics(t *testing.T) map[string]documentedMetric {
	t.Helper()
	rows := map[string]documentedMetric{}
	for _, row := range metricRow.FindAllStringSubmatch(readFile(t, "docs/operations.md"), -1) {
		rows[row[1]] = documentedMetric{row[2], strings.ReplaceAll(strings.TrimSpace(row[3]), "`", "")}
	}
	return rows
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// alert is a rule.
type alert struct {
	Alert  string            `yaml:"alert"`
	Expr   string            `yaml:"expr"`
	Labels map[string]string `yaml:"labels"`
}

// alerts reads the rules.
func alerts(t *testing.T) []alert {
	t.Helper()
	var rules struct {
		Groups []struct {
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, alertRules)), &rules); err != nil {
		t.Fatal(err)
	}
	var all []alert
	for _, g := range rules.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 10 {
		t.Fatalf("%s has %d rules", alertRules, len(all))
	}
	return all
}

// Every alert is shown to fire and to be silent, and documented with its severity.
func TestAlerts(t *testing.T) {
	promtool(t, "", "check", "rules", alertRules)
	promtool(t, "", "check", "config", "--syntax-only", "deploy/prometheus/prometheus.yml")
	promtool(t, "", "test", "rules", alertTests)

	var shown struct {
		Tests []struct {
			AlertTests []struct {
				Alert string `yaml:"alertname"`
				Want  []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, alertTests)), &shown); err != nil {
		t.Fatal(err)
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range shown.Tests {
		for _, a := range test.AlertTests {
			if len(a.Want) > 0 {
				fires[a.Alert] = true
			} else {
				silent[a.Alert] = true
			}
		}
	}
	text := readFile(t, "docs/operations.md")
	for _, a := range alerts(t) {
		if !fires[a.Alert] || !silent[a.Alert] {
			t.Errorf("%s: no case for %s fires, or none is silent", alertTests, a.Alert)
		}
		if row := "\n| `" + a.Alert + "` | " + a.Labels["severity"] + " |"; !strings.Contains(text, row) {
			t.Errorf("docs/operations.md has no row like %s", row)
		}
	}
	for _, row := range regexp.MustCompile("\n\\| `(Chatserver[A-Za-z]+)` \\|").FindAllStringSubmatch(text, -1) {
		if !slices.ContainsFunc(alerts(t), func(a alert) bool { return a.Alert == row[1] }) {
			t.Errorf("docs/operations.md tells of the alert %s, which there is not", row[1])
		}
	}
}

// promtool runs Prometheus's own tool with this as its input.
func promtool(t *testing.T, in string, args ...string) {
	t.Helper()
	cmd := exec.Command("promtool", args...)
	cmd.Stdin = strings.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
