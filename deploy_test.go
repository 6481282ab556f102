package main

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is in deploy/ says what the code says.

// envBlock is how a variable stands in the environment file, but for its value: what it means
// and what it may be, in lines of at most 88 characters.
func envBlock(field reflect.StructField) string {
	said := field.Tag.Get("doc") + ". It may be " + field.Tag.Get("may") + "."
	var b strings.Builder
	line := "#"
	for word := range strings.FieldsSeq(said) {
		if len(line)+1+len(word) > 88 {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}

// chosen are the variables that the environment file sets, in place of their defaults.
var chosen = []string{"KEY=", "ADMIN_KEY=", "PORT=8080", "ENV=production", "LOG_LEVEL=info"}

func TestEnvironmentFile(t *testing.T) {
	const name = "deploy/systemd/chatserver.env"
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text, at := string(data), 0
	for field := range reflect.TypeFor[config]().Fields() {
		variable := field.Tag.Get("env")
		line := "#" + variable + "=" + field.Tag.Get("envDefault")
		if i := slices.IndexFunc(chosen, func(s string) bool { return strings.HasPrefix(s, variable+"=") }); i >= 0 {
			line = chosen[i]
		}
		block := envBlock(field) + line + "\n"
		found := strings.Index(text[at:], "\n"+block)
		if found < 0 {
			t.Fatalf("%s: want this next, after what stands before it in the code's table:\n%s", name, block)
		}
		at += found + len(block)
	}
	settings := regexp.MustCompile(`(?m)^#?([A-Z_]+)=.*$`).FindAllStringSubmatch(text, -1)
	for _, setting := range settings {
		if !slices.Contains(variables(), setting[1]) {
			t.Errorf("%s: the code knows no %s", name, setting[1])
		}
	}
	if len(settings) != len(variables()) {
		t.Errorf("%s: want each of %d variables once, got %d lines", name, len(variables()), len(settings))
	}
	if _, faults := parseConfig(append([]string{"KEY=" + goodKey, "ADMIN_KEY=" + goodAdmin}, chosen[2:]...)); len(faults) > 0 {
		t.Errorf("%s: with keys it must do, got %q", name, faults)
	}
}

// unitSetting is the value of a setting of the unit.
func unitSetting(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("deploy/systemd/chatserver.service")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("the unit has no %s", name)
	}
	return string(found[1])
}

func TestUnit(t *testing.T) {
	c, _ := parseConfig(environment())
	seconds := func(name string) time.Duration {
		d, err := time.ParseDuration(unitSetting(t, name) + "s")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if limit, needs := seconds("TimeoutStopSec"), time.Duration(c.DrainTimeout)+lastCommit; limit <= needs {
		t.Errorf("a stop may take %v, and is killed after %v", needs, limit)
	}
	if limit, needs := seconds("TimeoutStartSec"), prepareTime+partTime+takeTime; limit <= needs {
		t.Errorf("a restart may take %v, and is given up after %v", needs, limit)
	}
	for name, want := range map[string]string{
		"Type": "notify", "NotifyAccess": "main", "ExecReload": "/bin/kill -HUP $MAINPID", "Environment": "DATA_DIR=/var/lib/" + unitSetting(t, "StateDirectory"),
	} {
		if got := unitSetting(t, name); got != want {
			t.Errorf("want %s=%s, got %s", name, want, got)
		}
	}
	if seconds("WatchdogSec") < 10*time.Second {
		t.Error("the watchdog leaves no time for one slow answer")
	}
}

func TestSysctl(t *testing.T) {
	text, err := os.ReadFile("deploy/sysctl.d/60-chatserver.conf")
	if err != nil {
		t.Fatal(err)
	}
	c, _ := parseConfig(environment())
	want := fmt.Sprintf("net.ipv4.ip_local_reserved_ports = %d-%d", c.RoomPorts.First, c.RoomPorts.Last)
	if !slices.Contains(strings.Split(string(text), "\n"), want) {
		t.Errorf("want the line %q", want)
	}
}
