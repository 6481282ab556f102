package limit

import (
	"encoding"
	"fmt"
	"strings"
	"testing"
	"time"
)

var _ interface {
	encoding.TextUnmarshaler
	fmt.Stringer
} = (*Rate)(nil)

func TestRateUnmarshalText(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Rate
	}{
		{"20/30s", Rate{20, 30 * time.Second}},
		{"3/1s", Rate{3, time.Second}},
		{" 1/1m30s ", Rate{1, 90 * time.Second}},
		{"10000/24h", Rate{MaxN, MaxPer}},
		{"1/1ns", Rate{1, 1}},
		{"0", Rate{}},
	} {
		got := Rate{7, time.Hour} // what was there must not shine through
		if err := got.UnmarshalText([]byte(tt.text)); err != nil || got != tt.want {
			t.Errorf("%q is read as %v, %v; want %v", tt.text, got, err, tt.want)
		}
		var again Rate
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("%q is read back from %q as %v, %v", tt.text, got.String(), again, err)
		}
	}
}

func TestRateUnmarshalTextRefuses(t *testing.T) {
	for _, text := range []string{
		"", "20", "20/", "/30s", "20/30", "0/30s", "20/0s", "-1/30s", "20/-1s", "-1", "20/30s/1",
		"20 / 30s", "x/30s", "20/x", "10001/1s", "1/25h", "99999999999999999999/1s", "off",
	} {
		rate := Rate{7, time.Hour}
		err := rate.UnmarshalText([]byte(text))
		if err == nil || !strings.Contains(err.Error(), "20/30s") || !strings.Contains(err.Error(), fmt.Sprintf("%q", text)) {
			t.Errorf("%q: got error %v; want one that names it and says what it may be", text, err)
		}
		if rate != (Rate{7, time.Hour}) {
			t.Errorf("%q changed the rate to %v", text, rate)
		}
	}
}

func TestRateString(t *testing.T) {
	for _, tt := range []struct {
		rate Rate
		want string
	}{
		{Rate{20, 30 * time.Second}, "20/30s"},
		{Rate{}, "0"},
		{Rate{N: 5}, "0"},
		{Rate{Per: time.Second}, "0"},
		{Rate{-1, time.Second}, "0"},
	} {
		if got := tt.rate.String(); got != tt.want {
			t.Errorf("%d in %d ns is written %q; want %q", tt.rate.N, tt.rate.Per, got, tt.want)
		}
	}
}
