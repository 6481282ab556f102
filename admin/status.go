package admin

import (
	"context"
	"net/http"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/process"

	"chatserver/cache"
	"chatserver/internal/outbound"
	"chatserver/internal/rest"
)

// Parts tells how the parts of the server are that this package does not know. None of
// its functions may block.
type Parts struct {
	Journal func() JournalStatus
	// Database tells what MongoDB does not have yet. nil: there is no MongoDB.
	Database func() Backlog
	// LoadBalancers and Services tell of what this server calls. nil: of none.
	LoadBalancers, Services func() []outbound.Status
}

// Backlog is what waits to be written.
type Backlog struct {
	Waiting   uint64  `json:"waiting"`    // how many
	Lag       float64 `json:"lag"`        // seconds since the oldest of them happened; 0: none waits
	LastError string  `json:"last_error"` // why nothing is written; empty while all is well
}

// JournalStatus is what operators see of the journal.
type JournalStatus struct {
	Backlog
	Size int64 `json:"size"` // bytes
}

// status is the whole server at a glance.
type status struct {
	Host      string    `json:"host"`
	Version   string    `json:"version"`
	Started   time.Time `json:"started"`
	Accepting bool      `json:"accepting"`
	Draining  bool      `json:"draining"`
	Rooms     struct {
		Open     int `json:"open"`
		Capacity int `json:"capacity"` // that the server has, whether it accepts rooms now or not
	} `json:"rooms"`
	Viewers       int               `json:"viewers"`
	Process       processStatus     `json:"process"`
	Machine       machineStatus     `json:"machine"`
	Journal       JournalStatus     `json:"journal"`
	Database      *Backlog          `json:"database"` // null: there is none
	Cache         cache.Status      `json:"cache"`
	LoadBalancers []outbound.Status `json:"loadbalancers"`
	Services      []outbound.Status `json:"services"`
}

// processStatus is what this process takes. What the system does not tell is 0.
type processStatus struct {
	Resident   uint64  `json:"resident"` // bytes of memory
	Heap       uint64  `json:"heap"`     // bytes in objects, those not collected yet too
	Goroutines int     `json:"goroutines"`
	CPUSeconds float64 `json:"cpu_seconds"`
	OpenFiles  int32   `json:"open_files"`
	MaxFiles   uint64  `json:"max_files"`
}

// machineStatus is the machine. What the system does not tell is 0.
type machineStatus struct {
	CPUs        int        `json:"cpus"`
	Load        [3]float64 `json:"load"`         // over 1, 5 and 15 minutes
	MemoryTotal uint64     `json:"memory_total"` // bytes
	MemoryFree  uint64     `json:"memory_free"`  // bytes that programs can still get
}

// showStatus answers GET /api/v1/status. It asks no room's actor and no disk.
func (a *admin) showStatus(c echo.Context) error {
	s := status{
		Host:          a.opts.Host,
		Version:       a.opts.Version,
		Started:       a.opts.Started.UTC(),
		Accepting:     a.rooms.Accepting(),
		Draining:      a.rooms.Draining(),
		Process:       thisProcess(c.Request().Context()),
		Machine:       thisMachine(c.Request().Context()),
		Journal:       a.opts.Parts.Journal(),
		Cache:         a.cache.Status(),
		LoadBalancers: tellOf(a.opts.Parts.LoadBalancers),
		Services:      tellOf(a.opts.Parts.Services),
	}
	rooms := a.rooms.Rooms()
	s.Rooms.Open, s.Rooms.Capacity = len(rooms), a.rooms.Capacity()
	for _, r := range rooms {
		s.Viewers += r.State().Viewers
	}
	if a.opts.Parts.Database != nil {
		database := a.opts.Parts.Database()
		s.Database = &database
	}
	return rest.Data(c, http.StatusOK, s)
}

// tellOf returns what a function tells, never nil.
func tellOf(services func() []outbound.Status) []outbound.Status {
	if services == nil {
		return []outbound.Status{}
	}
	return slices.Concat([]outbound.Status{}, services())
}

func thisProcess(ctx context.Context) processStatus {
	s := processStatus{Goroutines: runtime.NumGoroutine()}
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	if heap[0].Value.Kind() == metrics.KindUint64 {
		s.Heap = heap[0].Value.Uint64()
	}
	self := process.Process{Pid: int32(os.Getpid())}
	if memory, err := self.MemoryInfoWithContext(ctx); err == nil {
		s.Resident = memory.RSS
	}
	if times, err := self.TimesWithContext(ctx); err == nil {
		s.CPUSeconds = times.User + times.System
	}
	if n, err := self.NumFDsWithContext(ctx); err == nil {
		s.OpenFiles = n
	}
	if limits, err := self.RlimitWithContext(ctx); err == nil {
		for _, l := range limits {
			if l.Resource == process.RLIMIT_NOFILE {
				s.MaxFiles = l.Soft
			}
		}
	}
	return s
}

func thisMachine(ctx context.Context) machineStatus {
	s := machineStatus{CPUs: runtime.NumCPU()}
	if avg, err := load.AvgWithContext(ctx); err == nil {
		s.Load = [3]float64{avg.Load1, avg.Load5, avg.Load15}
	}
	if memory, err := mem.VirtualMemoryWithContext(ctx); err == nil {
		s.MemoryTotal, s.MemoryFree = memory.Total, memory.Available
	}
	return s
}
