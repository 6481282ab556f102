package metrics

import (
	"cmp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/shirou/gopsutil/v4/mem"

	"chatserver/cache"
	"chatserver/internal/outbound"
	"chatserver/journal"
	"chatserver/room"
)

// MostRooms is how many rooms have metrics of their own.
const MostRooms = 50

// Sources are what the metrics are read from when Prometheus asks. None may block.
type Sources struct {
	Rooms   Rooms
	Journal Journal
	// Database says whether the journal is brought to a database.
	Database bool
	Cache    func() cache.Status
	// LoadBalancers and Services tell of what the server calls; nil: of nothing.
	LoadBalancers, Services func() []outbound.Status
}

// Rooms is what the metrics need of the registry of rooms.
type Rooms interface {
	Rooms() []*room.Room
	Capacity() int
	Connections() (open, limit int)
	Accepting() bool
	Draining() bool
}

// Journal is what the metrics need of the journal.
type Journal interface {
	Stats() journal.Stats
	Healthy() error
}

// Watch has the metrics read from sources, from the next scrape on. It must be called
// once.
func (m *Metrics) Watch(s Sources) { m.registry.MustRegister(&watcher{s}) }

// watcher reads sources.
type watcher struct{ Sources }

// reading takes what is read.
type reading chan<- prometheus.Metric

func (r reading) gauge(d *prometheus.Desc, value float64, labels ...string) {
	r <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (r reading) counter(d *prometheus.Desc, value float64, labels ...string) {
	r <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}

func boolean(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// Describe implements [prometheus.Collector].
func (w *watcher) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range described {
		descs <- d
	}
}

// Collect implements [prometheus.Collector].
func (w *watcher) Collect(metrics chan<- prometheus.Metric) {
	out := reading(metrics)
	w.server(out)
	w.rooms(out)
	w.journal(out)
	w.cache(out)
	w.services(out)
}

func (w *watcher) server(out reading) {
	open, limit := w.Rooms.Connections()
	out.gauge(connections, float64(open))
	out.gauge(connectionsLimit, float64(limit))
	out.gauge(accepting, boolean(w.Rooms.Accepting()))
	out.gauge(draining, boolean(w.Rooms.Draining()))
	if memory, err := mem.VirtualMemory(); err == nil {
		out.gauge(machineMemory, float64(memory.Total))
		out.gauge(machineMemoryFree, float64(memory.Available))
	}
}

// seen is a room at the time of the scrape.
type seen struct {
	*room.Room
	state *room.State
}

func (w *watcher) rooms(out reading) {
	all := w.Rooms.Rooms()
	out.gauge(rooms, float64(len(all)))
	out.gauge(roomsCapacity, float64(w.Rooms.Capacity()))
	list := make([]seen, len(all))
	var by room.Transports
	for i, r := range all {
		list[i] = seen{r, r.State()}
		t := list[i].state.Transports
		by.WebSocket += t.WebSocket
		by.Events += t.Events
		by.Polling += t.Polling
	}
	out.gauge(viewers, float64(by.WebSocket), string(room.OverWebSocket))
	out.gauge(viewers, float64(by.Events), string(room.OverEvents))
	out.gauge(viewers, float64(by.Polling), string(room.OverPolling))

	slices.SortFunc(list, func(a, b seen) int {
		return cmp.Or(cmp.Compare(b.state.Viewers, a.state.Viewers), strings.Compare(a.state.Name, b.state.Name))
	})
	others := 0
	for _, s := range list[min(MostRooms, len(list)):] {
		others += s.state.Viewers
	}
	out.gauge(otherRooms, float64(max(0, len(list)-MostRooms)))
	out.gauge(otherRoomsViewers, float64(others))
	for _, s := range list[:min(MostRooms, len(list))] {
		s.read(out)
	}
}

func (s seen) read(out reading) {
	name, c := s.state.Name, s.Counters()
	out.gauge(roomViewers, float64(s.state.Viewers), name)
	out.counter(roomEvents, float64(s.state.Seq), name)
	out.counter(roomSent, float64(c.BytesOut), name)
	out.counter(roomSkipped, float64(c.SkippedEvents), name)
	out.counter(roomRefusals, float64(c.RefusedBusy), name, "busy")
	out.counter(roomRefusals, float64(c.RefusedRate), name, "rate_limited")
	out.counter(roomPanics, float64(c.Panics), name)
	out.gauge(roomInbox, float64(c.InboxDepth), name)
	out.gauge(roomInboxHigh, float64(c.InboxHigh), name)
}

func (w *watcher) journal(out reading) {
	s := w.Journal.Stats()
	out.gauge(journalUp, boolean(w.Journal.Healthy() == nil))
	out.gauge(journalWaiting, float64(s.Waiting))
	out.gauge(journalLag, s.WaitingFor.Seconds())
	out.gauge(journalQueue, float64(s.Queue))
	out.gauge(journalSize, float64(s.FileSize))
	out.gauge(journalLogs, float64(s.Lives))
	out.counter(journalFailures, float64(s.Failures))
	out.counter(journalEvents, float64(s.Events))
	out.counter(journalPruned, float64(s.Pruned))
	if w.Database {
		out.gauge(databaseUp, boolean(s.SendError == nil))
		out.gauge(databaseWaiting, float64(s.Unsent))
		out.gauge(databaseLag, s.UnsentFor.Seconds())
	}
}

func (w *watcher) cache(out reading) {
	s := w.Cache()
	out.gauge(cacheAge, s.Age)
	out.gauge(cacheLeftOut, float64(s.LeftOut))
	for collection, n := range map[string]int{
		"rooms": s.Counts.Rooms, "bans": s.Counts.Bans, "words": s.Counts.Words,
		"emotes": s.Counts.Emotes, "announcements": s.Counts.Announcements,
	} {
		out.gauge(cacheDocuments, float64(n), collection)
	}
}

func (w *watcher) services(out reading) {
	told := make(map[string]bool) // a balancer may be listed twice
	for _, s := range statuses(w.LoadBalancers) {
		if !told[s.URL] {
			told[s.URL] = true
			loadBalancer.read(out, s, s.URL)
		}
	}
	for _, s := range statuses(w.Services) {
		service.read(out, s, s.Name)
	}
}

func statuses(tell func() []outbound.Status) []outbound.Status {
	if tell == nil {
		return nil
	}
	return tell()
}

// called are the metrics of one kind of what the server calls.
type called struct{ up, calls, lastSuccess *prometheus.Desc }

// read tells of a service. Whether it is up nobody knows before the first call.
func (c called) read(out reading, s outbound.Status, label string) {
	if s.State != outbound.StateUnknown {
		out.gauge(c.up, boolean(s.State == outbound.StateUp), label)
	}
	out.counter(c.calls, float64(s.Succeeded), label, "success")
	out.counter(c.calls, float64(s.Failed), label, "failure")
	if s.LastSuccess != nil {
		out.gauge(c.lastSuccess, float64(s.LastSuccess.UnixMilli())/1e3, label)
	}
}
