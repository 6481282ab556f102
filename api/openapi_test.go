package api_test

import (
	"net/http"
	"os"
	"testing"

	"chatserver/internal/resttest"
)

// notBuilt are the routes that the document has and this API has not yet.
var notBuilt = []string{}

func TestRoutesAreDescribed(t *testing.T) {
	s := newServer(t)
	resttest.WantDescribed(t, s.handler, "openapi.json", resttest.Differences{
		Elsewhere: "/r/", // package room compares these
		Other:     map[string][]string{"GET /assets/*": {"GET /assets/{file}"}},
		NotBuilt:  notBuilt,
	})
}

func TestDescriptionsAreServed(t *testing.T) {
	s := newServer(t)
	for _, tt := range []struct{ path, key, file string }{
		{"/api/v1/openapi.json", testKey, "openapi.json"},
		{"/api/v1/asyncapi.json", "", "../room/asyncapi.json"},
	} {
		document, err := os.ReadFile(tt.file)
		if err != nil {
			t.Fatal(err)
		}
		a := s.Call("GET", tt.path, "", "X-API-Key", tt.key)
		if a.WantStatus("a document", http.StatusOK).Body != string(document) {
			t.Errorf("%s: want the document, bare, got %.100s", tt.path, a.Body)
		}
		a.WantHeader("a document", "Content-Type", "application/json")
	}
	s.Call("GET", "/api/v1/asyncapi.json", "").WantHeader("every page may read it", "Access-Control-Allow-Origin", "*")
	s.Call("GET", "/api/v1/openapi.json", "", "X-API-Key", "").WantStatus("without the key", http.StatusUnauthorized)
}
