package metrics_test

import (
	"testing"
	"time"

	"chatserver/metrics"
)

// BenchmarkMessage counts all that is counted of one message, however many viewers it
// goes to.
func BenchmarkMessage(b *testing.B) {
	m := metrics.New("1.2.3")
	b.ReportAllocs()
	for b.Loop() {
		m.Sequenced("message")
		m.Delivered(20 * time.Millisecond)
		m.Sent(150_000)
		m.Acknowledged(3 * time.Millisecond)
	}
}
