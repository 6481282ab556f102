// Command promql tells of PromQL expressions what they select, by Prometheus's own
// parser, for the tests that hold alert rules and dashboards to the server's metrics. It
// is a module of its own, so that nothing of it reaches the product's go.mod.
//
// It reads one JSON string a line, an expression, and answers each with a line
//
//	{"selects":[{"metric":"up","labels":["job"]}],"groups":["instance"]}
//
// where labels are those that the selection looks at, and groups those that anything is
// grouped or matched by; or with {"error":"…"}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "promql:", err)
		os.Exit(1)
	}
}

// selection is one selector of an expression.
type selection struct {
	Metric string   `json:"metric"`
	Labels []string `json:"labels"`
}

// answer is what is told of an expression.
type answer struct {
	Selects []selection `json:"selects"`
	Groups  []string    `json:"groups"`
	Error   string      `json:"error,omitempty"`
}

func run(in io.Reader, out io.Writer) error {
	lines, answers := bufio.NewScanner(in), json.NewEncoder(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var expr string
		if err := json.Unmarshal(lines.Bytes(), &expr); err != nil {
			return fmt.Errorf("%q is no JSON string: %w", lines.Text(), err)
		}
		if err := answers.Encode(tellOf(expr)); err != nil {
			return err
		}
	}
	return lines.Err()
}

// tellOf tells of one expression.
func tellOf(expr string) answer {
	a := answer{Selects: []selection{}, Groups: []string{}}
	parsed, err := parser.ParseExpr(expr)
	if err != nil {
		a.Error = err.Error()
		return a
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			a.Selects = append(a.Selects, selectionOf(n))
		case *parser.AggregateExpr:
			a.Groups = append(a.Groups, n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				a.Groups = append(a.Groups, n.VectorMatching.MatchingLabels...)
				a.Groups = append(a.Groups, n.VectorMatching.Include...)
			}
		}
		return nil
	})
	slices.Sort(a.Groups)
	a.Groups = slices.Compact(a.Groups)
	return a
}

func selectionOf(s *parser.VectorSelector) selection {
	found := selection{Metric: s.Name, Labels: []string{}}
	for _, m := range s.LabelMatchers {
		if m.Name != labels.MetricName {
			found.Labels = append(found.Labels, m.Name)
		} else if found.Metric == "" {
			found.Metric = m.Value
		}
	}
	return found
}
