package contract

import (
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
)

// Load reads an OpenAPI document as Compile wants it, with the place of every key, and checks that it
// is a valid one.
func Load(spec []byte) (*openapi3.T, error) {
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = true
	doc, err := loader.LoadFromData(spec)
	if err != nil {
		return nil, fmt.Errorf("load the contract: %w", err)
	}
	if err := doc.Validate(loader.Context); err != nil {
		return nil, fmt.Errorf("validate the contract: %w", err)
	}
	return doc, nil
}
