// Package limit holds people and addresses to a number of attempts in a time.
//
// A [Rate] is such a number and time, as an operator writes it; a [Window] counts
// the attempts of one user, address or connection against one or more rates.
// Windows are exact: they slide with every attempt, and nobody gets two portions
// at the border between two periods.
package limit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The largest rate that [Rate.UnmarshalText] takes. A window remembers up to N
// attempts of 8 bytes each for as long as Per.
const (
	MaxN   = 10_000
	MaxPer = 24 * time.Hour
)

// Rate allows N attempts in any period of length Per. It is off, and allows any
// number, when either is 0 or less.
type Rate struct {
	N   int
	Per time.Duration
}

// UnmarshalText reads a rate such as "20/30s", that is 20 in 30 seconds, or "0"
// for no limit.
func (r *Rate) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if s == "0" {
		*r = Rate{}
		return nil
	}
	count, period, _ := strings.Cut(s, "/")
	n, err := strconv.Atoi(count)
	per, perErr := time.ParseDuration(period)
	if err != nil || perErr != nil || n < 1 || n > MaxN || per <= 0 || per > MaxPer {
		return fmt.Errorf("%q is not a rate: it may be a number from 1 to %d and a time up to %v, such as 20/30s, or 0 for no limit", s, MaxN, MaxPer)
	}
	*r = Rate{N: n, Per: per}
	return nil
}

// String returns the rate as [Rate.UnmarshalText] reads it.
func (r Rate) String() string {
	if r.off() {
		return "0"
	}
	return fmt.Sprintf("%d/%s", r.N, r.Per)
}

func (r Rate) off() bool { return r.N <= 0 || r.Per <= 0 }
