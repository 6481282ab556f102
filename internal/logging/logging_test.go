package logging_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"chatserver/internal/logging"
)

func TestParseLevel(t *testing.T) {
	for word, want := range map[string]zapcore.Level{
		"debug": zap.DebugLevel, "info": zap.InfoLevel, "warn": zap.WarnLevel, "error": zap.ErrorLevel, "fatal": zap.FatalLevel,
	} {
		if got, err := logging.ParseLevel(word); got != want || err != nil {
			t.Errorf("%s: want level %v, got %v, %v", word, want, got, err)
		}
		if !slices.Contains(strings.Split(logging.Levels, ", "), word) {
			t.Errorf("%s is a level, but Levels does not list it", word)
		}
	}
	for _, word := range []string{"", "INFO", "Info", " info", "warning", "panic", "dpanic", "trace", "-1", "0", strings.Repeat("x", 10_000)} {
		_, err := logging.ParseLevel(word)
		if err == nil || !strings.Contains(err.Error(), logging.Levels) || len(err.Error()) > 200 {
			t.Errorf("%.20q: want a short error that lists the levels, got %v", word, err)
		}
	}
}

// lines are what a logger wrote, line by line.
func lines(out *bytes.Buffer) []string {
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// In production each event is one JSON object on one line, whatever is in it.
func TestProduction(t *testing.T) {
	var out bytes.Buffer
	log := logging.New(&out, true, zap.NewAtomicLevelAt(zap.InfoLevel))
	const hostile = "a\nb\r\x1b[2J\u2028\u202e\"}"
	log.Error("it failed", zap.String("text", hostile), zap.Error(errors.New(hostile)))
	log.Warn("two\nlines")
	got := lines(&out)
	if len(got) != 2 {
		t.Fatalf("want 2 lines, got %q", got)
	}
	var first map[string]any
	if err := json.Unmarshal([]byte(got[0]), &first); err != nil {
		t.Fatalf("want JSON, got %q: %v", got[0], err)
	}
	if first["level"] != "error" || first["msg"] != "it failed" || first["text"] != hostile || first["error"] != hostile {
		t.Errorf("want level, message and fields as they were, got %v", first)
	}
	at, _ := first["ts"].(string)
	if _, err := time.Parse(time.RFC3339Nano, at); err != nil {
		t.Errorf("want a time of RFC 3339 in ts, got %q", at)
	}
	if strings.ContainsAny(out.String(), "\r\x1b") {
		t.Errorf("what controls a terminal stands in the log: %q", out.String())
	}
}

func TestDevelopment(t *testing.T) {
	var out bytes.Buffer
	log := logging.New(&out, false, zap.NewAtomicLevelAt(zap.InfoLevel))
	log.Info("room opened", zap.String("room", "testroom"), zap.Int("port", 34000))
	log.Warn("odd", zap.String("text", "a\nb\x1b[2J"))
	got := lines(&out)
	if len(got) != 2 {
		t.Fatalf("want 2 lines, got %q", got)
	}
	want := regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3}\tINFO\troom opened\t\{"room": "testroom", "port": 34000\}$`)
	if !want.MatchString(got[0]) {
		t.Errorf("want a line for people like %s, got %q", want, got[0])
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("what controls a terminal stands in the log: %q", out.String())
	}
}

func TestLevelCanBeChanged(t *testing.T) {
	for _, production := range []bool{true, false} {
		var out bytes.Buffer
		level := zap.NewAtomicLevelAt(zap.ErrorLevel)
		log := logging.New(&out, production, level)
		log.Info("one")
		level.SetLevel(zap.DebugLevel)
		log.Debug("two")
		level.SetLevel(zap.ErrorLevel)
		log.Warn("three")
		log.Error("four")
		if got := lines(&out); len(got) != 2 || !strings.Contains(got[0], "two") || !strings.Contains(got[1], "four") {
			t.Errorf("production %v: want the lines two and four, got %q", production, got)
		}
	}
}

// Many goroutines share a writer that need not be made for that.
func TestLinesDoNotMix(t *testing.T) {
	var out bytes.Buffer
	log := logging.New(&out, true, zap.NewAtomicLevelAt(zap.InfoLevel))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 50 {
				log.Info("event", zap.String("text", strings.Repeat("x", 100)))
			}
		})
	}
	all.Wait()
	got := lines(&out)
	if len(got) != 1000 {
		t.Errorf("want 1000 lines, got %d", len(got))
	}
	for _, line := range got {
		if !json.Valid([]byte(line)) {
			t.Fatalf("want JSON, got %q", line)
		}
	}
}
