package main

import (
	"os"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	stat := "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 11 12 20 0 5 0 100 1000000 300 18446744073709551615 1 1"
	got, err := parseStat([]byte(stat), 4096)
	if want := (usage{2 * time.Second, 300 * 4096}); err != nil || got != want {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{"", "42 (a) S", "no brackets"} {
		if _, err := parseStat([]byte(bad), 4096); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestUsageOfThisProcess(t *testing.T) {
	got, err := usageOf(os.Getpid())
	if err != nil || got.resident < 1<<20 {
		t.Errorf("%v, %v; want some memory", got, err)
	}
}
