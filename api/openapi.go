package api

import (
	_ "embed"
	"net/http"

	"github.com/labstack/echo/v4"
)

// openAPI describes this API and the listeners of the rooms. Tests hold all answers to it.
//
//go:embed openapi.json
var openAPI []byte

// showOpenAPI answers GET /api/v1/openapi.json, bare, as tools expect it.
func (a *api) showOpenAPI(c echo.Context) error {
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, openAPI)
}
