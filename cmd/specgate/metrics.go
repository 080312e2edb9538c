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

// newMetrics makes the instruments.
func newMetrics(registry prometheus.Registerer, cfg config.Config) (*instruments, error) {
	metrics, err := telemetry.NewMetrics(registry, metricLabels(cfg))
	if err != nil {
		return nil, err
	}
	i := &instruments{Metrics: metrics}
	return i, metrics.Watch(i.watched)
}

// metricLabels are the models and the upstreams of the settings.
func metricLabels(cfg config.Config) telemetry.Options {
	kinds := map[string]string{}
	for name, b := range cfg.Upstreams {
		kinds[name] = b.Kind
	}
	return telemetry.Options{Build: thisBuild(), Models: routing.NewNames(modelNames(cfg)).Of, Kinds: kinds}
}

// modelNames are the ids and patterns that models are called by. Where one upstream gets them all, the settings
// name none.
func modelNames(cfg config.Config) iter.Seq[string] {
	if len(cfg.Upstreams) == 0 {
		return func(yield func(string) bool) { yield(localmodel.ID) }
	}
	return maps.Keys(cfg.Models)
}
