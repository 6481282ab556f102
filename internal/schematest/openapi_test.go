package schematest

import (
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// An independent reader finds nothing wrong with the documents, be it form or examples.
func TestOpenAPI(t *testing.T) {
	for _, file := range files[1:] {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := openapi3.NewLoader().LoadFromData(data)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
