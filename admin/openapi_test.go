package admin_test

import (
	"net/http"
	"os"
	"testing"

	"chatserver/internal/resttest"
)

func TestRoutesAreDescribed(t *testing.T) {
	s := newServer(t)
	resttest.WantDescribed(t, s.handler, "openapi.json", resttest.Differences{
		Other: map[string][]string{"GET /assets/*": {"GET /assets/{file}"}, "GET /debug/pprof/*": {"GET /debug/pprof/", "GET /debug/pprof/{profile}"}},
	})
}

func TestDescriptionIsServed(t *testing.T) {
	s := newServer(t)
	document, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	a := s.Call("GET", "/api/v1/openapi.json", "").WantHeader("a document", "Content-Type", "application/json")
	if a.WantStatus("a document", http.StatusOK).Body != string(document) {
		t.Errorf("want the document, bare, got %.100s", a.Body)
	}
	s.Call("GET", "/api/v1/openapi.json", "", "X-API-Key", "").WantStatus("without the key", http.StatusUnauthorized)
}
