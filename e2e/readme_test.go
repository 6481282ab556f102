package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// README.md shows what the server does in ```console blocks: lines that start
// with "$ " are commands, the lines below one are what it prints, "…" stands
// for anything. The test runs the curl commands of all blocks in order against
// one server, with the ports that it got in place of README's.

const (
	// startCommand starts the server in README; the test takes the environment from it.
	startCommand = "KEY=dev ADMIN_KEY=admin PORT=8080 go run ."
	// commandTimeout bounds one command, and the server's start and stop.
	commandTimeout = 30 * time.Second
)

// setUpCommands may stand in README without being run: CI runs the targets of
// make, and the test itself does what startCommand says.
var setUpCommands = regexp.MustCompile(`^(` + strings.Join([]string{
	regexp.QuoteMeta(startCommand),
	`git clone \S+`,
	`cd \S+`,
	`make [a-z-]+`,
}, `|`) + `)$`)

// example is one command of README with what it prints.
type example struct {
	line    int // of the command, from 1
	command string
	output  string // without the last line feed
}

// parseExamples finds the examples of a Markdown text. A command goes on in the
// next line after a backslash.
func parseExamples(markdown string) []example {
	var all []example
	inBlock, continued := false, false
	for i, line := range strings.Split(markdown, "\n") {
		last := len(all) - 1
		switch {
		case strings.HasPrefix(line, "```"):
			inBlock, continued = line == "```console", false
		case !inBlock:
		case continued:
			all[last].command += "\n" + line
			continued = strings.HasSuffix(line, `\`)
		case strings.HasPrefix(line, "$ "):
			all = append(all, example{line: i + 1, command: line[2:]})
			continued = strings.HasSuffix(line, `\`)
		case last >= 0:
			all[last].output = strings.TrimPrefix(all[last].output+"\n"+line, "\n")
		}
	}
	return all
}

// readmePort finds the ports of README: the two fixed ones and the rooms'.
var readmePort = regexp.MustCompile(`\b(8080|8090|34\d{3})\b`)

// ports maps the ports that README names to the server's. A room's is learned
// from the first output that tells it.
type ports map[string]string

// command puts the server's ports into a command.
func (p ports) command(text string) (string, error) {
	var unknown error
	text = readmePort.ReplaceAllStringFunc(text, func(port string) string {
		if p[port] == "" {
			unknown = fmt.Errorf("no output has told which port stands for %s yet", port)
		}
		return p[port]
	})
	return text, unknown
}

// match compares what a command printed with what README says that it prints,
// and learns the ports that the server has told.
func (p ports) match(want, got string) bool {
	var told []string // README's ports, in the order of the pattern's groups
	pattern := readmePort.ReplaceAllStringFunc(regexp.QuoteMeta(plain(want)), func(port string) string {
		if p[port] != "" {
			return p[port]
		}
		told = append(told, port)
		return `(\d+)`
	})
	pattern = strings.ReplaceAll(pattern, "…", `(?:.*)`)
	groups := regexp.MustCompile(`(?s)^` + pattern + `$`).FindStringSubmatch(plain(got))
	for i, port := range told {
		if groups != nil {
			p[port] = groups[i+1]
		}
	}
	return groups != nil
}

// plain takes away what a terminal does not show either, and empty lines at the end.
func plain(output string) string {
	return strings.TrimRight(strings.ReplaceAll(output, "\r\n", "\n"), "\n")
}

// complaint finds what went wrong among curl's news of its progress.
var complaint = regexp.MustCompile(`(?m)^(curl|bash): .*`)

// check runs an example and reports how its output differs. A command that
// streams (curl -N) has ended well as soon as it has printed what is wanted.
func (p ports) check(ctx context.Context, ex example) error {
	text, err := p.command(ex.command)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	streams := strings.Contains(ex.command, " -N")
	cmd := exec.CommandContext(ctx, "bash", "-c", text)
	cmd.Env, cmd.WaitDelay, cmd.Stderr = clean(), time.Second, &stderr
	cmd.Stdout = writer(func(chunk []byte) {
		stdout.Write(chunk)
		if streams && p.match(ex.output, stdout.String()) {
			cancel()
		}
	})
	_ = cmd.Run() // the output is judged; what went wrong is in stderr
	if got := stdout.String(); !p.match(ex.output, got) {
		return fmt.Errorf("%s\nprinted:\n%s\nREADME.md says:\n%s\n%s", text, plain(got), plain(ex.output), complaint.FindString(stderr.String()))
	}
	return nil
}

// writer is a function that takes what is written.
type writer func(chunk []byte)

func (w writer) Write(chunk []byte) (int, error) {
	w(chunk)
	return len(chunk), nil
}

// clean is an environment without settings of whoever runs the test.
func clean(settings ...string) []string {
	return append(settings, "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"))
}

func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := parseExamples(string(text))
	if len(examples) == 0 {
		t.Fatal("README.md has no ```console block with a command")
	}
	server, p := startReadme(t)
	for _, ex := range examples {
		switch {
		case strings.HasPrefix(ex.command, "curl "):
			if err := p.check(t.Context(), ex); err != nil {
				t.Fatalf("README.md:%d: %v", ex.line, err) // the later ones build on it
			}
		case !setUpCommands.MatchString(ex.command):
			t.Errorf("README.md:%d: nothing verifies %q: make it a curl command, or add it to setUpCommands", ex.line, ex.command)
		}
		if target, ok := strings.CutPrefix(ex.command, "make "); ok && !hasTarget(t, target) {
			t.Errorf("README.md:%d: Makefile has no target %s", ex.line, target)
		}
	}
	if !server.hasEnded() { // README may have told it to
		server.signal(os.Interrupt)
	}
	server.wantExit("the end of the tour", 0)
}

// hasTarget reports whether the Makefile has the target.
func hasTarget(t *testing.T, target string) bool {
	t.Helper()
	text, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(text), "\n"+target+":")
}

// startReadme starts the server as README does, but on ports that are free, and
// returns them too.
func startReadme(t *testing.T) (*process, ports) {
	t.Helper()
	settings := strings.Fields(strings.TrimSuffix(startCommand, "go run ."))
	settings = append(settings, "PORT=0", "ADMIN_PORT=0", "ROOM_PORTS="+roomPorts(50)) // the last of two holds
	p := run(t, buildServer, settings)
	port := func(listener string) string {
		return p.wantPrinted("started", `listening.*"`+listener+`".*"addr": ?"[^"]*:(\d+)"`)[1]
	}
	return p, ports{"8080": port("api"), "8090": port("admin")}
}

func TestParseExamples(t *testing.T) {
	got := parseExamples(strings.ReplaceAll(`# Chat

~~~console
$ make test
$ curl -X POST \
    localhost:8080/api/v1/room/testroom
{"data":{"port":34000}}

two lines
~~~

$ curl not/a/block

~~~sh
$ curl not/a/console
~~~

~~~console
$ curl localhost:34000
testroom
~~~
`, "~~~", "```"))
	want := []example{
		{4, "make test", ""},
		{5, "curl -X POST \\\n    localhost:8080/api/v1/room/testroom", "{\"data\":{\"port\":34000}}\n\ntwo lines"},
		{19, "curl localhost:34000", "testroom"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestExamplesOutput(t *testing.T) {
	p := ports{"8080": "41001", "8090": "41002"}
	if _, err := p.command("curl localhost:34000"); err == nil {
		t.Error("a command names a room's port before the server has told it, and passes")
	}
	for _, tt := range []struct {
		why, want, got string
		match          bool
	}{
		{"the same", "testroom", "testroom", true},
		{"a terminal shows no difference", "one\ntwo", "one\r\ntwo\n", true},
		{"more than wanted", "testroom", "testroom2", false},
		{"a dot is a dot", "1.0.0", "1x0x0", false},
		{"anything", `{"seq":1,"time":…}`, `{"seq":1,"time":1700000034001}`, true},
		{"anything, over lines", "a\n…\nz", "a\nb\nc\nz", true},
		{"another fixed port", "localhost:8080", "localhost:8080", false},
		{"the server's fixed port", "localhost:8080", "localhost:41001", true},
		{"a room's port is told", `{"port":34000}`, `{"port":20500}`, true},
		{"and stays", `{"port":34000}`, `{"port":20501}`, false},
		{"no port in a longer number", "134000", "134000", true},
	} {
		if p.match(tt.want, tt.got) != tt.match {
			t.Errorf("%s: match(%q, %q) is not %v", tt.why, tt.want, tt.got, tt.match)
		}
	}
	if got, err := p.command("curl localhost:34000 localhost:8090"); got != "curl localhost:20500 localhost:41002" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
