package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Requests hears of the requests of one of the REST APIs.
type Requests struct {
	metrics *Metrics
	took    prometheus.ObserverVec
}

// Requests returns what hears of the requests of an API: "api" or "admin".
func (m *Metrics) Requests(api string) *Requests {
	return &Requests{m, m.requests.MustCurryWith(prometheus.Labels{"api": api})}
}

// methods are those that the label has; callers can send anything.
var methods = map[string]bool{
	http.MethodGet: true, http.MethodHead: true, http.MethodPost: true, http.MethodPut: true,
	http.MethodPatch: true, http.MethodDelete: true, http.MethodOptions: true,
}

// Requested counts a request. The route is a pattern, not a path.
func (r *Requests) Requested(method, route string, status int, took time.Duration) {
	if !methods[method] {
		method = "other"
	}
	r.took.WithLabelValues(method, route, strconv.Itoa(status/100)+"xx").Observe(took.Seconds())
}

// Panicked counts a request that panicked.
func (r *Requests) Panicked() { count(r.metrics.panics, inRequest) }
