package resttest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"chatserver/internal/schematest"
)

// Differences are those that may be between an API's routes and its document.
type Differences struct {
	Elsewhere string              // the beginning of paths that are not compared here
	Other     map[string][]string // what stands in the document for a route that it cannot have as it is
	NotBuilt  []string            // what the document has and the API has not yet
}

// WantDescribed wants the routes of an API, which is an echo, to be those of its
// OpenAPI document. HEAD is left out: it goes with GET.
func WantDescribed(t *testing.T, handler http.Handler, file string, may Differences) {
	t.Helper()
	described := schematest.LoadAPI(t, file).Routes()
	built := routesOf(t, handler, may)
	for _, route := range built {
		if !slices.Contains(described, route) {
			t.Errorf("%s has no %s", file, route)
		}
	}
	for _, route := range described {
		_, path, _ := strings.Cut(route, " ")
		if may.Elsewhere != "" && strings.HasPrefix(path, may.Elsewhere) {
			continue
		}
		switch isThere, wanted := slices.Contains(built, route), !slices.Contains(may.NotBuilt, route); {
		case isThere && !wanted:
			t.Errorf("%s is there now: take it out of those that are not built", route)
		case !isThere && wanted:
			t.Errorf("%s has %s, the API has not", file, route)
		}
	}
}

// ourParameter finds the parameters of a route as echo writes them.
var ourParameter = regexp.MustCompile(`:(\w+)`)

// routesOf returns the routes of an echo in the way of a document.
func routesOf(t *testing.T, handler http.Handler, may Differences) []string {
	t.Helper()
	e, ok := handler.(*echo.Echo)
	if !ok {
		t.Fatalf("want an echo, which tells its routes, got %T", handler)
	}
	var all []string
	for _, r := range e.Routes() {
		if r.Method == http.MethodHead || may.Elsewhere != "" && strings.HasPrefix(r.Path, may.Elsewhere) {
			continue
		}
		route := r.Method + " " + ourParameter.ReplaceAllString(r.Path, "{$1}")
		if others, ok := may.Other[route]; ok {
			all = append(all, others...)
			continue
		}
		all = append(all, route)
	}
	return all
}
