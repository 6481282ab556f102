package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestSpread(t *testing.T) {
	list := func(xs ...float64) []values {
		var all []values
		for _, x := range xs {
			all = append(all, values{p99: x})
		}
		return all
	}
	for _, c := range []struct {
		xs   []float64
		want spread
		text string
	}{
		{[]float64{3}, spread{3, 3, 3}, "3"},
		{[]float64{5, 1, 3}, spread{1, 3, 5}, "3 (1–5)"},
		{[]float64{4, 1, 2, 30}, spread{1, 3, 30}, "3 (1–30)"},
	} {
		got, found := spreadOf(list(c.xs...), p99)
		if !found || got != c.want || got.String() != c.text {
			t.Errorf("%v: %v (%v), want %v (%v)", c.xs, got, got.String(), c.want, c.text)
		}
	}
	if _, found := spreadOf(list(1), p50); found {
		t.Error("a metric that was not measured has a spread")
	}
}

func TestFormat(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 7: "7", 0.1234: "0.123", 1.239: "1.24", 12.34: "12.3", 123.4: "123", 1234.5: "1,235", 1234567: "1,234,567", 1000: "1,000",
	} {
		if got := format(x); got != want {
			t.Errorf("%v is %q, want %q", x, got, want)
		}
	}
}

func TestBounds(t *testing.T) {
	atLeast, atMost := bound{perRaw, true, 14, 20}, bound{p99, false, 75, 50}
	for _, c := range []struct {
		got, want bool
	}{
		{atLeast.kept(14, 14), true},
		{atLeast.kept(13.9, 14), false},
		{atMost.kept(75, 75), true},
		{atMost.kept(76, 75), false},
	} {
		if c.got != c.want {
			t.Errorf("kept is %v, want %v", c.got, c.want)
		}
	}
}

// sample is a run with results.
func sample() *results {
	r := &results{scenarios: scenarios, contenders: contenders, all: map[cell][]values{}, runs: 3, machine: "A machine."}
	for _, s := range scenarios {
		for i := range 3 {
			x := float64(i + 1)
			r.add(s, ours, values{perCPU: 1e6 * x, perRaw: 10 * x, p99: 50 * x, lost: 0, perIdle: 4000, perJoin: 90})
			if s.kind == load {
				r.add(s, "ws", values{perCPU: 1e5, p99: 100 * x})
				r.add(s, rawName, values{raw: 2e5 * x})
			}
		}
	}
	return r
}

func TestMarkdown(t *testing.T) {
	var b strings.Builder
	if err := sample().writeMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Medians of 3 interleaved runs",
		"| 1 room × 1,000 viewers × 1,000 msg/s | × raw ≥ 14 | 20 (10–30) | met | met 20 |",
		"| 1 room × 1,000 viewers × 1,000 msg/s | p99 ms ≤ 75 | 100 (50–150) | **missed** | **missed** 75 |",
		"### 10,000 idle viewers\n\n| | bytes per viewer |\n| --- | --- |\n| chatserver | 4,000 |\n",
		"| raw | 400,000 (200,000–600,000) |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("there is no %q in\n%s", want, b.String())
		}
	}
	columns := 0
	for line := range strings.Lines(b.String()) {
		n := strings.Count(line, "|")
		if strings.HasPrefix(line, "|") && columns > 0 && n != columns {
			t.Errorf("a row with %d bars below one with %d: %s", n, columns, line)
		}
		columns = 0
		if strings.HasPrefix(line, "|") {
			columns = n
		}
	}
}

func TestBetween(t *testing.T) {
	page := "top\n" + beginMark + "\nold\n" + endMark + "\nbottom\n"
	got, err := between(page, "new\n")
	if want := "top\n" + beginMark + "\n\nnew\n\n" + endMark + "\nbottom\n"; err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	again, err := between(got, "new")
	if err != nil || again != got {
		t.Errorf("the second time it is %q, %v", again, err)
	}
	if _, err := between("a page without marks", "new"); err == nil {
		t.Error("a page without marks is taken")
	}
}

func TestPlotIsXML(t *testing.T) {
	plot := sample().plot()
	for decoder := xml.NewDecoder(strings.NewReader(plot)); ; {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, plot)
		}
	}
	if bars := strings.Count(plot, "<rect") - 1; bars != 3*6 {
		t.Errorf("%d bars, want those of 3 contenders in 6 scenarios", bars)
	}
	if strings.Contains(plot, "NaN") || strings.Contains(plot, "Inf") {
		t.Errorf("there is a number that is none in\n%s", plot)
	}
}

func TestPlotOfNothing(t *testing.T) {
	r := &results{scenarios: scenarios, contenders: contenders, all: map[cell][]values{}}
	if plot := r.plot(); strings.Contains(plot, "NaN") || strings.Contains(plot, "Inf") {
		t.Errorf("there is a number that is none in\n%s", plot)
	}
}

func TestChoose(t *testing.T) {
	got, err := choose(scenarios, "storm,1000x50")
	if err != nil || len(got) != 2 || got[0].name != "storm" || got[1].name != "1000x50" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := choose(scenarios, "nothing"); err == nil {
		t.Error("a scenario that does not exist is taken")
	}
}
