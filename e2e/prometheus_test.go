package e2e_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// prometheus is a Prometheus that runs.
type prometheus struct {
	t   *testing.T
	url string
}

// startPrometheus starts one with a configuration of deploy/, but for what depends on the
// machine: where the servers are, as targets has it, where files are, and how often it looks.
func startPrometheus(t *testing.T, file string, targets map[string]string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	key, config := filepath.Join(dir, "key"), filepath.Join(dir, "prometheus.yml")
	text := readFile(t, file)
	edits := map[string]string{"/etc/prometheus/chatserver.key": key, ": 15s": ": 1s"}
	maps.Copy(edits, targets)
	for from, to := range edits {
		if !strings.Contains(text, from) {
			t.Fatalf("%s does not say %s any more", file, from)
		}
		text = strings.ReplaceAll(text, from, to)
	}
	writeFile(t, key, testAdminKey+"\n")
	writeFile(t, config, text)
	writeFile(t, filepath.Join(dir, filepath.Base(alertRules)), readFile(t, alertRules))
	port := freePorts(t, 1)[0]
	program := func() (string, error) { return exec.LookPath("prometheus") }
	run(t, program, nil, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:"+port)
	p := &prometheus{t, "http://127.0.0.1:" + port}
	eventually(t, "Prometheus is ready", func() bool {
		status, _, err := tryAsk(http.MethodGet, p.url+"/-/ready", "", "")
		return err == nil && status == http.StatusOK
	})
	return p
}

// get asks Prometheus's API, and reads its answer into data.
func (p *prometheus) get(path string, data any) {
	p.t.Helper()
	_, text := ask(p.t, http.MethodGet, p.url+path, "", "")
	var answer struct {
		Status string          `json:"status"`
		Error  string          `json:"error"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Status != "success" {
		p.t.Fatalf("GET %s: %s %v", path, text, err)
	}
	if err := json.Unmarshal(answer.Data, data); err != nil {
		p.t.Fatalf("GET %s: %v", path, err)
	}
}

// count returns how many series an expression has.
func (p *prometheus) count(expr string) int {
	p.t.Helper()
	var data struct {
		Result []any `json:"result"`
	}
	p.get("/api/v1/query?query="+url.QueryEscape(expr), &data)
	return len(data.Result)
}

// A Prometheus of the configuration that we give out scrapes a server, takes all rules,
// and answers all that the dashboard asks.
func TestPrometheus(t *testing.T) {
	s := startWatched(t)
	p := startPrometheus(t, "deploy/prometheus/prometheus.yml", map[string]string{"localhost:8090": strings.TrimPrefix(s.admin, "http://")})
	eventually(t, "Prometheus has scraped the server", func() bool {
		return p.count(`count_over_time(up{job="chatserver"}[1m] ) > 2 and up == 1`) == 1
	})
	var targets struct {
		Active []struct {
			Health string `json:"health"`
			Error  string `json:"lastError"`
		} `json:"activeTargets"`
	}
	p.get("/api/v1/targets", &targets)
	if len(targets.Active) != 1 || targets.Active[0].Error != "" {
		t.Errorf("Prometheus says of the server: %+v", targets)
	}
	p.wantRules()
	for _, e := range expressions(t) {
		sifts := strings.ContainsAny(e.text, "<>") || strings.Contains(e.text, "==")
		if n := p.count(e.text); n == 0 && !sifts {
			t.Errorf("%s: Prometheus finds nothing for %s", e.from, e.text)
		}
	}
}

// wantRules wants all alerts to be evaluated without a fault, and none to fire.
func (p *prometheus) wantRules() {
	p.t.Helper()
	var rules struct {
		Groups []struct {
			Rules []struct {
				Name   string `json:"name"`
				Health string `json:"health"`
				State  string `json:"state"`
				Error  string `json:"lastError"`
			} `json:"rules"`
		} `json:"groups"`
	}
	evaluated := map[string]bool{}
	eventually(p.t, "all rules are evaluated", func() bool {
		p.get("/api/v1/rules", &rules)
		for _, g := range rules.Groups {
			for _, r := range g.Rules {
				evaluated[r.Name] = r.Health != "unknown"
				if r.Error != "" || r.State == "firing" {
					p.t.Fatalf("%s is %s, %s %s", r.Name, r.State, r.Health, r.Error)
				}
			}
		}
		for _, done := range evaluated {
			if !done {
				return false
			}
		}
		return len(evaluated) > 0
	})
	for _, a := range alerts(p.t) {
		if !evaluated[a.Alert] {
			p.t.Errorf("Prometheus does not know the alert %s", a.Alert)
		}
	}
}
