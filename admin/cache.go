package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"chatserver/cache"
	"chatserver/internal/fault"
	"chatserver/internal/rest"
)

// Cache is what the admin API needs of the cache.
type Cache interface {
	Snapshot() *cache.Snapshot
	Status() cache.Status
	Refresh(ctx context.Context) error
	Ban(b cache.Ban) (cache.Ban, error)
	Unban(id string) error
}

// showCache answers GET /api/v1/cache.
func (a *admin) showCache(c echo.Context) error {
	return rest.Data(c, http.StatusOK, a.cache.Status())
}

// refreshPatience is how long a caller waits for a refresh, which goes on without it.
const refreshPatience = 20 * time.Second

// refreshCache answers POST /api/v1/cache/refresh, with what came of it.
func (a *admin) refreshCache(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), refreshPatience)
	defer cancel()
	if err := a.cache.Refresh(ctx); err != nil {
		return &fault.Error{Code: fault.Unavailable, Detail: "the cache could not be refreshed, the last snapshot stays in force: " + err.Error(), RetryAfter: refreshRetry}
	}
	return rest.Data(c, http.StatusOK, a.cache.Status())
}

// refreshRetry is when a refresh that failed may be tried again.
const refreshRetry = 2 * time.Second
