package admin_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"chatserver/internal/fault"
	"chatserver/internal/rest"
)

// The page and all that it loads come without a key, and a wrong one changes nothing.
func TestDashboard(t *testing.T) {
	s := newServer(t)
	files, err := filepath.Glob("../web/assets/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("assets: %v, %v", files, err)
	}
	paths := []string{"/"}
	for _, file := range files {
		paths = append(paths, "/assets/"+filepath.Base(file))
	}
	for _, path := range paths {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			for _, key := range []string{"", "wrong", testKey} {
				a := s.Call(method, path, "", rest.KeyHeader, key).WantStatus("key "+key, http.StatusOK)
				a.WantHeader("nothing is asked for", "WWW-Authenticate", "")
				if method == http.MethodGet && a.Body == "" || strings.Contains(a.Body, testKey) {
					t.Errorf("%s: want the file, without the key, got %.200q", path, a.Body)
				}
			}
		}
	}
	page := s.Call("GET", "/", "", rest.KeyHeader, "")
	page.WantHeader("a page", "Content-Type", "text/html; charset=utf-8")
	page.WantHeader("nobody may frame it, and nothing else may run in it", "Content-Security-Policy",
		"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
			"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	page.WantHeader("no other page learns of this one", "Referrer-Policy", "no-referrer")
	page.WantHeader("no other page reads it", "Access-Control-Allow-Origin", "")
}

// What is beside the page's files says so, and what takes no GET does nothing.
func TestBesideTheDashboard(t *testing.T) {
	s := newServer(t)
	s.Call("GET", "/assets/nothing.js", "", rest.KeyHeader, "").WantStatus("no such file", http.StatusNotFound)
	for _, path := range []string{"/assets/", "/assets/../api/v1/load", "/assets/%2e%2e/api/v1/load"} { // which openapi.json cannot tell
		answer := httptest.NewRecorder()
		s.handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", path, http.NoBody))
		if answer.Code != http.StatusNotFound || strings.Contains(answer.Body.String(), "data") {
			t.Errorf("%s: want 404, got %d %s", path, answer.Code, answer.Body)
		}
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		for _, path := range []string{"/", "/assets/dashboard.js"} {
			s.Call(method, path, `{"accepting":false}`, rest.KeyHeader, "").
				WantProblem("a page takes nothing", http.StatusMethodNotAllowed, fault.MethodNotAllowed)
		}
	}
}
