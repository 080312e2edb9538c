package main

import (
	"fmt"
	"os"

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
	text, err := os.ReadFile(cfg.Overlay)
	if err != nil {
		return nil, fmt.Errorf("contract.overlay cannot be read: %w", err)
	}
	spec, err := overlay.Apply(gen.Spec, text, enforceable)
	if err != nil {
		return nil, fmt.Errorf("contract.overlay: %s: %w", cfg.Overlay, err)
	}
	return spec, nil
}

// enforceable fails for a contract that is none, or that asks for what could not be enforced.
func enforceable(spec []byte) error {
	doc, err := contract.Load(spec)
	if err != nil {
		return err
	}
	if _, err := schemasOf(doc); err != nil {
		return err
	}
	_, err = contract.Compile(doc.Components.Schemas["CompletionRequest"], completion.Facts()...)
	return err
}
