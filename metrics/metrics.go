package metrics

import (
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"chatserver/internal/fault"
	"chatserver/room"
)

// namespace begins the name of every metric of our own.
const namespace = "chatserver"

// Metrics is all that the server tells Prometheus. Its methods are safe from any
// goroutine, and never wait.
type Metrics struct {
	registry *prometheus.Registry

	// Counters are made with all their labels beforehand: a series that begins at 0
	// shows its first increase, and to find one takes no lock.
	joins    map[room.Transport]prometheus.Counter
	refusals map[fault.Code]prometheus.Counter
	events   map[string]prometheus.Counter
	partings map[string]prometheus.Counter
	panics   map[string]prometheus.Counter
	skipped  prometheus.Counter
	sent     prometheus.Counter
	delivery prometheus.Histogram
	acks     prometheus.Histogram

	commits      prometheus.Histogram
	commitWrites prometheus.Histogram

	refreshes     prometheus.Histogram
	refreshErrors prometheus.Counter

	requests *prometheus.HistogramVec
}

var _ room.Observer = (*Metrics)(nil)

// Where panics happen.
const (
	inRoom    = "room"
	inRequest = "request"
)

// New returns the metrics of a server of that version. [Metrics.Watch] completes them.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(version),
	)
	m.newRoomMetrics()
	m.newStoreMetrics()
	m.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "http_request_duration_seconds",
		Help:    "Time that requests of the REST APIs took, by API, method, pattern of the route (empty: nothing stands at the path) and class of the status. What goes through to rooms is not counted.",
		Buckets: prometheus.ExponentialBuckets(1.0/256, 4, 7),
	}, []string{"api", "method", "route", "status"})
	m.registry.MustRegister(m.requests)
	return m
}

// buildInfo is 1, with what was built in its labels.
func buildInfo(version string) prometheus.Collector {
	revision := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				revision = setting.Value
			}
		}
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info",
		Help:        "1; the labels tell the version of the server, the revision of its source and the version of Go.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "go_version": runtime.Version()},
	})
	g.Set(1)
	return g
}

// latencies are the bounds of histograms of times, in seconds: powers of two from half a
// millisecond to 4 s, which are among those of native histograms.
var latencies = prometheus.ExponentialBuckets(1.0/2048, 2, 14)

// counter makes a counter.
func (m *Metrics) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
	m.registry.MustRegister(c)
	return c
}

// histogram makes a histogram.
func (m *Metrics) histogram(name, help string, bounds []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: bounds})
	m.registry.MustRegister(h)
	return h
}

// counters makes a counter for each value of a label.
func counters[T ~string](m *Metrics, name, help, label string, values ...T) map[T]prometheus.Counter {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, []string{label})
	m.registry.MustRegister(vec)
	all := make(map[T]prometheus.Counter, len(values))
	for _, value := range values {
		all[value] = vec.WithLabelValues(string(value))
	}
	return all
}

// count adds one to the counter of a value. One that nobody thought of is not worth a
// panic.
func count[T comparable](counters map[T]prometheus.Counter, value T) {
	if c, ok := counters[value]; ok {
		c.Inc()
	}
}

// Handler answers scrapes. It checks no key.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		Registry:            m.registry,
		EnableOpenMetrics:   true,
		MaxRequestsInFlight: 4, // more are no Prometheus
	})
}

// newStoreMetrics makes what [Metrics.Committed] and [Metrics.Refreshed] count.
func (m *Metrics) newStoreMetrics() {
	m.commits = m.histogram("journal_commit_duration_seconds",
		"Time that a transaction of the journal took, its two fsyncs included.", latencies)
	m.commitWrites = m.histogram("journal_commit_writes",
		"Writes that a transaction of the journal had.", prometheus.ExponentialBuckets(1, 2, 13))
	m.refreshes = m.histogram("cache_refresh_duration_seconds",
		"Time that a reading of the platform's database took, failed ones too.", latencies)
	m.refreshErrors = m.counter("cache_refresh_errors_total",
		"Readings of the platform's database that failed.")
}

// Committed hears of the journal's transactions; see journal.Options.
func (m *Metrics) Committed(took time.Duration, writes int) {
	m.commits.Observe(took.Seconds())
	m.commitWrites.Observe(float64(writes))
}

// Refreshed hears of the cache's readings; see cache.Options.
func (m *Metrics) Refreshed(took time.Duration, err error) {
	m.refreshes.Observe(took.Seconds())
	if err != nil {
		m.refreshErrors.Inc()
	}
}
