package contract

import (
	"errors"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/gen"
)

// loadSpec loads a document with the origins of what it declares.
func loadSpec(tb testing.TB, data []byte) *openapi3.T {
	tb.Helper()
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = true
	doc, err := loader.LoadFromData(data)
	if err != nil {
		tb.Fatalf("load spec: %v", err)
	}
	return doc
}

// program compiles a schema of openapi.yaml.
func program(tb testing.TB, name string, facts ...string) *Program {
	tb.Helper()
	p, err := Compile(loadSpec(tb, gen.Spec).Components.Schemas[name], facts...)
	if err != nil {
		tb.Fatalf("compile %s: %v", name, err)
	}
	return p
}

// asInvalid is an error of Check as what it has to be.
func asInvalid(tb testing.TB, err error) *Invalid {
	tb.Helper()
	var invalid *Invalid
	if !errors.As(err, &invalid) || len(invalid.Violations) == 0 {
		tb.Fatalf("Check gives %#v, not *Invalid with items", err)
	}
	return invalid
}

// violations checks a document, and that Accept and Check agree on it.
func violations(tb testing.TB, p *Program, document string) []Violation {
	tb.Helper()
	err := p.Check([]byte(document), nil)
	if accepted := p.Accept([]byte(document), nil); accepted != (err == nil) {
		tb.Fatalf("Accept says %v, Check %v", accepted, err)
	}
	if err == nil {
		return nil
	}
	return asInvalid(tb, err).Violations
}
