package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/contract"
	"github.com/specgate/specgate/internal/overlay"
)

// newContract is the contract of this deployment: openapi.yaml to the byte, or what the configured overlay
// makes of it. All that serves, shows or enforces the contract is given these bytes.
func newContract(cfg config.Contract) ([]byte, error) {
	if cfg.Overlay == "" {
		return gen.Spec, nil
	}
	text, err := config.ReadFile(cfg.Overlay)
	if err != nil {
		return nil, fmt.Errorf("contract.overlay cannot be read: %w", err)
	}
	spec, err := overlay.Apply(gen.Spec, text, enforceable)
	if err != nil {
		return nil, fmt.Errorf("contract.overlay: %s: %w", cfg.Overlay, err)
	}
	return spec, nil
}

// enforceable fails for a contract that is none, that asks for what could not be enforced, or that shows
// what it would refuse.
func enforceable(spec []byte) error {
	doc, err := contract.Load(spec)
	if err != nil {
		return err
	}
	if _, err := schemasOf(doc); err != nil {
		return err
	}
	schema := doc.Components.Schemas["CompletionRequest"]
	program, err := contract.Compile(schema, completion.Facts()...)
	if err != nil {
		return err
	}
	return keptByExamples(program, requestExamples(doc, schema.Value))
}

// requestExamples are the examples of bodies with a schema, those that stand beside it and its own, each
// under the words for where it is. One that is to be fetched from elsewhere is not among them.
func requestExamples(doc *openapi3.T, schema *openapi3.Schema) map[string]any {
	found := map[string]any{"of the schema": schema.Example}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.RequestBody == nil {
				continue
			}
			for _, media := range operation.RequestBody.Value.Content {
				if media.Schema == nil || media.Schema.Value != schema {
					continue
				}
				found["of "+method+" "+path] = media.Example
				for name, example := range media.Examples {
					found[name+" of "+method+" "+path] = example.Value.Value
				}
			}
		}
	}
	maps.DeleteFunc(found, func(_ string, value any) bool { return value == nil })
	return found
}

// keptByExamples fails for the first example that a gateway would answer with 422: of rules and depths,
// OpenAPI's own reading of examples knows nothing.
func keptByExamples(program *contract.Program, examples map[string]any) error {
	for _, where := range slices.Sorted(maps.Keys(examples)) {
		body, err := json.Marshal(examples[where])
		if err != nil {
			return fmt.Errorf("invalid example: example %s: %w", where, err)
		}
		var refused *contract.Invalid
		if errors.As(program.Check(body, nil), &refused) {
			return fmt.Errorf("invalid example: example %s: %s", where, inWords(refused.Violations[0]))
		}
	}
	return nil
}

// inWords is a violation as the message of a 422 has it. The place of one of the JSON itself is an offset, of
// which the document that holds the example knows nothing.
func inWords(v contract.Violation) string {
	if v.Type == "json_invalid" {
		return v.Msg
	}
	parts := make([]string, len(v.Loc))
	for i, part := range v.Loc {
		parts[i] = fmt.Sprint(part)
	}
	return strings.Join(parts, ".") + ": " + v.Msg
}
