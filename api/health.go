package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"chatserver/cache"
	"chatserver/internal/fault"
	"chatserver/internal/rest"
)

// about answers who this is; no key is needed.
func (a *api) about(c echo.Context) error {
	return rest.Data(c, http.StatusOK, struct {
		App     string `json:"app"`
		Version string `json:"version"`
	}{"chatserver", a.opts.Version})
}

// live answers while the process lives.
func (a *api) live(c echo.Context) error {
	return rest.Data(c, http.StatusOK, map[string]bool{"live": true})
}

// ready answers 200 when a room can be created, else 503 with the reasons.
func (a *api) ready(c echo.Context) error {
	if reasons := a.rooms.Obstacles(); len(reasons) > 0 {
		return &fault.Error{Code: fault.NotReady, Detail: "rooms cannot be created now; use another server, or come back later", Reasons: reasons, RetryAfter: retryAfter}
	}
	answer := readiness{Ready: true}
	if a.opts.Cache != nil {
		if s := a.opts.Cache(); s.Source != cache.NoSource {
			answer.Cache = &cacheAge{s.Source, s.Age}
		}
	}
	return rest.Data(c, http.StatusOK, answer)
}

// readiness is the answer of a server that is ready. A database that cannot be read
// does not make it less so: the last snapshot holds.
type readiness struct {
	Ready bool      `json:"ready"`
	Cache *cacheAge `json:"cache,omitempty"` // without MONGO_URI and CACHE_FILE there is none
}

type cacheAge struct {
	Source string  `json:"source"`
	Age    float64 `json:"age"` // seconds since it was last read
}
