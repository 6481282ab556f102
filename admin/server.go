package admin

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/shirou/gopsutil/v4/host"

	"chatserver/internal/fault"
	"chatserver/internal/logging"
	"chatserver/internal/rest"
)

// about answers who this is.
func (a *admin) about(c echo.Context) error {
	return rest.Data(c, http.StatusOK, struct {
		App     string `json:"app"`
		Version string `json:"version"`
	}{"Admin chatserver", a.opts.Version})
}

// loadView is the load of the machine and of the server.
type loadView struct {
	LoadAvg     [3]float64 `json:"loadAvg"`     // over 1, 5 and 15 minutes
	TotalMemory uint64     `json:"totalMemory"` // bytes
	FreeMemory  uint64     `json:"freeMemory"`  // bytes that programs can still get
	Percentage  float64    `json:"percentage"`  // of the memory that is used
	CPUs        int        `json:"cpus"`
	Rooms       string     `json:"rooms"`    // names, comma separated
	Capacity    int        `json:"capacity"` // rooms that still fit
	OSUpTime    uint64     `json:"osUpTime"` // seconds
	UpTime      time.Time  `json:"upTime"`   // when the server started
	Accepting   bool       `json:"acceptingConnections"`
}

// load answers GET /api/v1/load. What the system does not tell is 0.
func (a *admin) load(c echo.Context) error {
	capacity, open := a.rooms.Load()
	ctx := c.Request().Context()
	machine := thisMachine(ctx)
	view := loadView{
		LoadAvg:     machine.Load,
		TotalMemory: machine.MemoryTotal,
		FreeMemory:  machine.MemoryFree,
		CPUs:        machine.CPUs,
		Capacity:    capacity - open,
		UpTime:      a.opts.Started.UTC(),
		Accepting:   a.rooms.Accepting(),
	}
	if total := machine.MemoryTotal; total > 0 {
		view.Percentage = 100 * float64(total-machine.MemoryFree) / float64(total)
	}
	if up, err := host.UptimeWithContext(ctx); err == nil {
		view.OSUpTime = up
	}
	var names []string
	for _, r := range a.rooms.Rooms() {
		names = append(names, r.Name())
	}
	view.Rooms = strings.Join(names, ",")
	return rest.Data(c, http.StatusOK, view)
}

// setAccepting answers PUT /api/v1/accepting.
func (a *admin) setAccepting(c echo.Context) error {
	var body struct {
		Accepting *bool `json:"accepting"`
	}
	if err := rest.ReadJSON(c, &body); err != nil {
		return err
	}
	if body.Accepting == nil {
		return fault.New(fault.BadField, `accepting is missing; send {"accepting":true} or {"accepting":false}`)
	}
	a.rooms.SetAccepting(*body.Accepting)
	return rest.Data(c, http.StatusOK, map[string]bool{"accepting": a.rooms.Accepting()})
}

// logLevel is the body of both calls of /api/v1/log-level.
type logLevel struct {
	Level string `json:"level"`
}

// showLogLevel answers GET /api/v1/log-level.
func (a *admin) showLogLevel(c echo.Context) error {
	return rest.Data(c, http.StatusOK, logLevel{a.opts.LogLevel.String()})
}

// setLogLevel answers PUT /api/v1/log-level.
func (a *admin) setLogLevel(c echo.Context) error {
	var body logLevel
	if err := rest.ReadJSON(c, &body); err != nil {
		return err
	}
	level, err := logging.ParseLevel(body.Level)
	if err != nil {
		return fault.New(fault.BadField, "level %v", err)
	}
	a.opts.LogLevel.SetLevel(level)
	return a.showLogLevel(c)
}

// restart answers POST /api/v1/restart.
func (a *admin) restart(c echo.Context) error {
	if err := a.opts.Restart(c.Request().Context()); err != nil {
		return err
	}
	return rest.Data(c, http.StatusAccepted, map[string]string{"message": "Restarting"})
}

// shutdown answers DELETE /api/v1/shutdown.
func (a *admin) shutdown(c echo.Context) error {
	err := rest.Data(c, http.StatusOK, map[string]string{"message": "Shutting down"})
	a.opts.Shutdown()
	return err
}
