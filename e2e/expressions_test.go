package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// expression is one of an alert or of the dashboard, and what it selects.
type expression struct {
	from string
	text string

	Selects []struct {
		Metric string   `json:"metric"`
		Labels []string `json:"labels"`
	} `json:"selects"`
	Groups []string `json:"groups"`
	Error  string   `json:"error"`
}

// buildPromQL builds the program that parses expressions.
var buildPromQL = sync.OnceValues(func() (string, error) {
	program := filepath.Join(binaries, "promql")
	cmd := exec.Command("go", "build", "-o", program, ".")
	cmd.Dir = "testdata/promql"
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build testdata/promql: %w\n%s", err, out)
	}
	return program, nil
})

// expressions returns those of all alerts and of the dashboard.
func expressions(t *testing.T) []expression {
	t.Helper()
	var all []expression
	for _, a := range alerts(t) {
		all = append(all, expression{from: a.Alert, text: a.Expr})
	}
	all = append(all, panelExpressions(t)...)
	program, err := buildPromQL()
	if err != nil {
		t.Fatal(err)
	}
	var in, told bytes.Buffer
	for _, e := range all {
		if err := json.NewEncoder(&in).Encode(e.text); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &told, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("testdata/promql: %v", err)
	}
	answers := json.NewDecoder(&told)
	for i := range all {
		if err := answers.Decode(&all[i]); err != nil {
			t.Fatal(err)
		}
		if all[i].Error != "" {
			t.Errorf("%s: %s is no PromQL: %s", all[i].from, all[i].text, all[i].Error)
		}
	}
	return all
}

// variables are what Grafana puts in place of the dashboard's variables.
var variables = strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h", "$instance", ".*")

// panelExpressions reads the expressions of the dashboard.
func panelExpressions(t *testing.T) []expression {
	t.Helper()
	var board struct {
		Panels []struct {
			Title   string `json:"title"`
			Kind    string `json:"type"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
		Annotations struct {
			List []struct {
				Name string `json:"name"`
				Expr string `json:"expr"`
			} `json:"list"`
		} `json:"annotations"`
		Templating struct {
			List []struct {
				Name       string `json:"name"`
				Definition string `json:"definition"`
			} `json:"list"`
		} `json:"templating"`
	}
	if err := json.Unmarshal([]byte(readFile(t, dashboard)), &board); err != nil {
		t.Fatal(err)
	}
	var all []expression
	add := func(from, text string) {
		text = variables.Replace(text)
		if strings.Contains(text, "$") {
			t.Errorf("%s of the dashboard has an unknown variable: %s", from, text)
		}
		all = append(all, expression{from: from, text: text})
	}
	for _, p := range board.Panels {
		if p.Kind != "row" && len(p.Targets) == 0 {
			t.Errorf("%s of the dashboard shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			add(p.Title, target.Expr)
		}
	}
	for _, a := range board.Annotations.List {
		add(a.Name, a.Expr)
	}
	for _, v := range board.Templating.List {
		if of, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
			metric, label, _ := strings.Cut(strings.TrimSuffix(of, ")"), ", ")
			add(v.Name, "count by ("+label+") ("+metric+")")
		}
	}
	if len(all) < 50 {
		t.Fatalf("%s has %d expressions", dashboard, len(all))
	}
	return all
}

// TestExpressions holds all that alerts and the dashboard ask for to what there is.
func TestExpressions(t *testing.T) {
	s := startWatched(t)
	ofEach := []string{"job", "instance"} // Prometheus gives these to each series
	for _, e := range expressions(t) {
		known := slices.Clone(ofEach)
		for _, sel := range e.Selects {
			if sel.Metric == "up" { // is Prometheus's own
				continue
			}
			f := s.find(sel.Metric)
			if f == nil {
				t.Errorf("%s asks for %s, which the server does not have", e.from, sel.Metric)
				continue
			}
			known = slices.AppendSeq(known, maps.Keys(f.labels))
			for _, label := range sel.Labels {
				if !f.labels[label] && !slices.Contains(ofEach, label) {
					t.Errorf("%s looks at the label %s of %s, which has none", e.from, label, sel.Metric)
				}
			}
			if !slices.Contains(sel.Labels, "job") {
				t.Errorf("%s takes %s of other programs too: it does not look at job", e.from, sel.Metric)
			}
		}
		for _, label := range e.Groups {
			if !slices.Contains(known, label) {
				t.Errorf("%s groups by %s, which nothing has that it asks for", e.from, label)
			}
		}
	}
}
