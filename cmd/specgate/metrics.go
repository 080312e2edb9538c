package main

import (
	"iter"
	"maps"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/localmodel"
	"github.com/specgate/specgate/internal/routing"
	"github.com/specgate/specgate/internal/telemetry"
)

// newMetrics makes the instruments, with the models and the upstreams of the settings for labels.
func newMetrics(registry prometheus.Registerer, cfg config.Config) (*instruments, error) {
	kinds := map[string]string{}
	for name, b := range cfg.Upstreams {
		kinds[name] = b.Kind
	}
	metrics, err := telemetry.NewMetrics(registry, telemetry.Options{
		Version: buildVersion(),
		Models:  namesOf(cfg),
		Kinds:   kinds,
	})
	return &instruments{Metrics: metrics, upstreams: map[string]func() string{}}, err
}

// namesOf gives the name of the settings that a model goes by, empty where there is none.
func namesOf(cfg config.Config) func(model string) string {
	return routing.NewNames(modelNames(cfg)).Of
}

// modelNames are the ids and patterns that models are called by. Where one upstream gets them all, the settings
// name none.
func modelNames(cfg config.Config) iter.Seq[string] {
	if len(cfg.Upstreams) == 0 {
		return func(yield func(string) bool) { yield(localmodel.ID) }
	}
	return maps.Keys(cfg.Models)
}
