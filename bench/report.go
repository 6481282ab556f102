package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rawName is the calibration's name among the contenders.
const rawName = "raw"

// cell is a scenario and a contender.
type cell struct{ scenario, contender string }

// results are all measurements.
type results struct {
	scenarios  []scenario
	contenders []contender
	all        map[cell][]values
	failed     []string
	runs       int
	began      time.Time
	machine    string
	command    string // that made them
}

func (r *results) add(s scenario, contender string, v values) {
	key := cell{s.name, contender}
	r.all[key] = append(r.all[key], v)
}

// spread is a metric's least, middle and greatest value over the runs.
type spread struct{ least, median, most float64 }

// spreadOf returns the spread of a metric, if it was measured. The median of an even
// number of values is the mean of the two in the middle.
func spreadOf(all []values, m metric) (s spread, found bool) {
	var list []float64
	for _, v := range all {
		if value, ok := v[m]; ok {
			list = append(list, value)
		}
	}
	if len(list) == 0 {
		return spread{}, false
	}
	slices.Sort(list)
	half := len(list) / 2
	median := list[half]
	if len(list)%2 == 0 {
		median = (list[half-1] + list[half]) / 2
	}
	return spread{list[0], median, list[len(list)-1]}, true
}

// String shows the median and, in brackets, the least and the greatest value.
func (s spread) String() string {
	median, least, most := format(s.median), format(s.least), format(s.most)
	if least == most {
		return median
	}
	return fmt.Sprintf("%s (%s–%s)", median, least, most)
}

// format shows a number to three digits, with commas between thousands.
func format(x float64) string {
	switch {
	case x >= 100 || x == float64(int(x)):
		return commas(int(x + 0.5))
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	case x >= 1:
		return fmt.Sprintf("%.2f", x)
	default:
		return fmt.Sprintf("%.3f", x)
	}
}

func commas(n int) string {
	digits := strconv.Itoa(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// writeMarkdown writes all results.
func (r *results) writeMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nMedians of %d interleaved runs, with the least and the greatest value in brackets, as `%s` measured them on %s.\n\n",
		r.machine, r.runs, r.command, r.began.UTC().Format(time.DateOnly))
	b.WriteString("| scenario | promise | measured | floor | aim |\n| --- | --- | --- | --- | --- |\n")
	for _, s := range r.scenarios {
		for _, bound := range s.bounds {
			r.verdict(&b, s, bound)
		}
	}
	for _, s := range r.scenarios {
		fmt.Fprintf(&b, "\n### %s\n\n", s.title)
		r.table(&b, s)
	}
	if len(r.failed) > 0 {
		fmt.Fprintf(&b, "\nFailed: %s.\n", strings.Join(r.failed, "; "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// verdict writes a row that holds our server to a bound.
func (r *results) verdict(b *strings.Builder, s scenario, limit bound) {
	got, found := spreadOf(r.all[cell{s.name, ours}], limit.metric)
	if !found {
		return
	}
	fmt.Fprintf(b, "| %s | %s | %v | %s | %s |\n", s.title, limit.claim(limit.floor), got,
		verdict(limit.kept(got.median, limit.floor), ""), verdict(limit.kept(got.median, limit.aim), " "+format(limit.aim)))
}

func verdict(kept bool, limit string) string {
	if kept {
		return "met" + limit
	}
	return "**missed**" + limit
}

// table writes what all contenders did in a scenario.
func (r *results) table(b *strings.Builder, s scenario) {
	var heads []metric
	for _, m := range columns[s.kind] {
		for _, c := range r.contenders {
			if _, found := spreadOf(r.all[cell{s.name, c.name}], m); found {
				heads = append(heads, m)
				break
			}
		}
	}
	b.WriteString("| |")
	for _, m := range heads {
		fmt.Fprintf(b, " %s |", m)
	}
	fmt.Fprintf(b, "\n| --- |%s\n", strings.Repeat(" --- |", len(heads)))
	if base, found := spreadOf(r.all[cell{s.name, rawName}], raw); found {
		fmt.Fprintf(b, "| %s | %v |%s\n", rawName, base, strings.Repeat(" |", len(heads)-1))
	}
	for _, c := range r.contenders {
		all := r.all[cell{s.name, c.name}]
		if len(all) == 0 {
			continue
		}
		fmt.Fprintf(b, "| %s |", c.name)
		for _, m := range heads {
			if got, found := spreadOf(all, m); found {
				fmt.Fprintf(b, " %v |", got)
			} else {
				b.WriteString(" |")
			}
		}
		b.WriteByte('\n')
	}
}

// The results stand between these lines of performance.md.
const (
	beginMark = "<!-- bench: written by `make bench`, from here -->"
	endMark   = "<!-- bench: to here -->"
)

// save writes the results into performance.md of a directory, and the plot beside it.
func (r *results) save(dir string) error {
	page := filepath.Join(dir, "performance.md")
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "![Deliveries per CPU second of every server](%s)\n\n", plotFile)
	if err := r.writeMarkdown(&b); err != nil {
		return err
	}
	text, err := between(string(old), b.String())
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	if err := os.WriteFile(page, []byte(text), 0o644); err != nil { //nolint:gosec // a page for all to read
		return err
	}
	return os.WriteFile(filepath.Join(dir, plotFile), []byte(r.plot()), 0o644) //nolint:gosec // likewise
}

// between returns the page with text in place of what stands between the marks.
func between(page, text string) (string, error) {
	before, rest, found := strings.Cut(page, beginMark+"\n")
	_, after, ended := strings.Cut(rest, endMark)
	if !found || !ended {
		return "", fmt.Errorf("it needs the lines %q and %q, for the results to stand between", beginMark, endMark)
	}
	return before + beginMark + "\n\n" + strings.TrimSpace(text) + "\n\n" + endMark + after, nil
}

// describe says on what the bench was run, and against which versions.
func describe(ctx context.Context) string {
	parts := []string{fmt.Sprintf("%d cores of %s", runtime.NumCPU(), processor()), "Linux " + kernel(), runtime.Version()}
	if out, err := exec.CommandContext(ctx, "node", "--version").Output(); err == nil {
		parts = append(parts, "Node "+strings.TrimSpace(string(out)))
	}
	parts = append(parts, peerVersions()...)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				parts = append(parts, "chatserver at "+s.Value[:min(12, len(s.Value))])
			}
		}
	}
	return strings.Join(parts, ", ") + "."
}

// peerVersions reads what peers are built from.
func peerVersions() []string {
	var versions []string
	if mod, err := os.ReadFile("bench/peers/centrifuge/go.mod"); err == nil {
		if _, rest, found := strings.Cut(string(mod), "github.com/centrifugal/centrifuge "); found {
			version, _, _ := strings.Cut(rest, "\n")
			versions = append(versions, "centrifuge "+version)
		}
	}
	for _, name := range []string{"socket.io", "ws"} {
		if list, err := os.ReadFile(filepath.Join(nodePeers, "package.json")); err == nil {
			_, rest, _ := strings.Cut(string(list), fmt.Sprintf("%q: \"", name))
			version, _, _ := strings.Cut(rest, "\"")
			versions = append(versions, name+" "+version)
		}
	}
	return versions
}

// processor names the machine's.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	_, rest, _ := strings.Cut(string(info), "model name\t: ")
	name, _, _ := strings.Cut(rest, "\n")
	return "an " + name
}

// kernel returns the system's version, without what a distribution adds.
func kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "of unknown version"
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(release)), "-")
	return version
}
