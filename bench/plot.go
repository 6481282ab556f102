package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// plotFile is the plot's name, beside performance.md.
const plotFile = "performance.svg"

// Sizes in the plot.
const (
	plotWidth  = 860
	plotLeft   = 150 // where bars begin
	plotRight  = 90  // beside the longest bar, for its value
	barHeight  = 15
	barGap     = 4
	groupGap   = 34 // room for a scenario's title
	plotTop    = 20
	plotBottom = 48
)

var barColors = []string{"#1a7f5a", "#7a8794", "#97a3ae", "#b4bdc6", "#cdd4da"}

// plot draws deliveries per CPU second of all contenders, by scenario: a bar for the
// median, a line from the least to the greatest value. The scale is logarithmic.
func (r *results) plot() string {
	var b strings.Builder
	low, high, rows, groups := r.extent()
	height := plotTop + groups*groupGap + rows*(barHeight+barGap) + plotBottom
	x := func(v float64) float64 {
		return plotLeft + (plotWidth-plotLeft-plotRight)*math.Log(v/low)/math.Log(high/low)
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="Deliveries per CPU second">`+"\n", plotWidth, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", plotWidth, height)
	for v := low; v <= high; v *= 10 {
		fmt.Fprintf(&b, `<path d="M%.1f %d V%d" stroke="#e3e7ea"/><text x="%.1f" y="%d" fill="#5a6570" text-anchor="middle">%s</text>`+"\n",
			x(v), plotTop, height-plotBottom+4, x(v), height-plotBottom+18, commas(int(v)))
	}
	y := plotTop
	for _, s := range r.scenarios {
		if s.kind != load {
			continue
		}
		y += groupGap
		fmt.Fprintf(&b, `<text x="8" y="%d" font-weight="600" fill="#1f2933">%s</text>`+"\n", y-9, html.EscapeString(s.title))
		y = r.bars(&b, s, y, x)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#5a6570" text-anchor="end">deliveries per second of the server's CPU time, logarithmic</text>`+"\n</svg>\n", plotWidth-8, height-4)
	return b.String()
}

// bars draws a scenario's bars from y on, and returns where they end.
func (r *results) bars(b *strings.Builder, s scenario, y int, x func(float64) float64) int {
	bar := func(name, color string, m metric) {
		got, found := spreadOf(r.all[cell{s.name, name}], m)
		if !found || got.least <= 0 {
			return
		}
		middle := y + barHeight/2
		fmt.Fprintf(b, `<text x="%d" y="%d" fill="#1f2933" text-anchor="end">%s</text>`, plotLeft-6, y+barHeight-3, html.EscapeString(name))
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, plotLeft, y, x(got.median)-plotLeft, barHeight, color)
		fmt.Fprintf(b, `<path d="M%.1f %d H%.1f" stroke="#1f2933" stroke-width="1.5"/>`, x(got.least), middle, x(got.most))
		fmt.Fprintf(b, `<text x="%.1f" y="%d" fill="#1f2933">%s</text>`+"\n", x(max(got.most, got.median))+5, y+barHeight-3, format(got.median))
		y += barHeight + barGap
	}
	for i, c := range r.contenders {
		bar(c.name, barColors[i%len(barColors)], perCPU)
	}
	bar(rawName, "#e0b04a", raw)
	return y
}

// extent returns the powers of ten around all values, and how many bars there are in how
// many groups.
func (r *results) extent() (low, high float64, rows, groups int) {
	low, high = math.Inf(1), 0
	for _, s := range r.scenarios {
		if s.kind != load {
			continue
		}
		groups++
		for _, key := range append(r.names(), rawName) {
			m := perCPU
			if key == rawName {
				m = raw
			}
			if got, found := spreadOf(r.all[cell{s.name, key}], m); found && got.least > 0 {
				low, high = min(low, got.least), max(high, got.most)
				rows++
			}
		}
	}
	if rows == 0 {
		return 1, 10, 0, groups
	}
	low, high = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))
	return low, max(high, low*10), rows, groups
}

func (r *results) names() []string {
	var names []string
	for _, c := range r.contenders {
		names = append(names, c.name)
	}
	return names
}
