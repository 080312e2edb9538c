package main

import (
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/guard"
	"github.com/specgate/specgate/internal/routing"
	"github.com/specgate/specgate/internal/telemetry"
	"github.com/specgate/specgate/server"
)

// described is what a description prints of itself: its name, its constant labels and its variable ones.
var described = regexp.MustCompile(`fqName: "([^"]+)".*constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}`)

// everything is a gateway with all that it can have, and its settings.
func everything(t *testing.T) (*gateway, config.Config) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "specgate.yaml")
	settings := `auth: {mode: keys}
store: sqlite://` + filepath.Join(dir, "keys.db") + `
limits: {backend: "redis://127.0.0.1:1"}
upstreams: {a: {base_url: "http://127.0.0.1:1/v1"}}
models: {m: {targets: [{upstream: a}]}}
health: {interval: 0s}
`
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
	cfg, err := config.Load(file, nil, func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGateway(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.free)
	return g, cfg
}

// ours are the families of ours, each with its labels.
func ours(t *testing.T) map[string]string {
	t.Helper()
	g, _ := everything(t)
	all := make(chan *prometheus.Desc, 1000)
	g.registry.Describe(all)
	close(all)
	families := map[string]string{}
	for d := range all {
		found := described.FindStringSubmatch(d.String())
		if found == nil {
			t.Fatalf("%s", d)
		}
		if strings.HasPrefix(found[1], "specgate_") || strings.HasPrefix(found[1], "gen_ai_") {
			families[found[1]] = strings.Join(labelsOf(found[2], found[3]), ", ")
		}
	}
	return families
}

func labelsOf(constant, variable string) []string {
	var labels []string
	for label := range strings.SplitSeq(constant+","+variable, ",") {
		if name, _, _ := strings.Cut(label, "="); name != "" {
			labels = append(labels, strings.TrimSpace(name))
		}
	}
	slices.Sort(labels)
	return labels
}

// registered keeps what is registered, to be asked for its type.
type registered struct {
	prometheus.Registerer
	collectors []prometheus.Collector
}

func (r *registered) Register(c prometheus.Collector) error {
	r.collectors = append(r.collectors, c)
	return nil
}

// kinds are the types of the families of ours. A vector in which nothing was counted gathers as nothing: those are
// told by what they are made of.
func kinds(t *testing.T) map[string]string {
	t.Helper()
	g, cfg := everything(t)
	families, err := g.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	for _, f := range families {
		types[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	all := &registered{}
	m, err := newMetrics(all, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.CountLookUps(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.WatchReloads(func() int { return 1 }); err != nil {
		t.Fatal(err)
	}
	for _, c := range all.collectors {
		switch c.(type) {
		case *prometheus.CounterVec:
			types[nameOfVector(c)] = "counter"
		case *prometheus.HistogramVec:
			types[nameOfVector(c)] = "histogram"
		}
	}
	maps.DeleteFunc(types, func(name, _ string) bool {
		return !strings.HasPrefix(name, "specgate_") && !strings.HasPrefix(name, "gen_ai_")
	})
	return types
}

// nameOfVector is the name of a collector of one family.
func nameOfVector(c prometheus.Collector) string {
	all := make(chan *prometheus.Desc, 1)
	c.Describe(all)
	return described.FindStringSubmatch((<-all).String())[1]
}

// row is a family in docs/metrics.md: its name, its type, its labels.
var row = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\|([^|]*)\\|")

// docs/metrics.md has every family that a gateway can register, and no other, with its type and its labels.
func TestMetricsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range slices.Concat(guard.Outcomes(), guard.Verdicts(), routing.Retries(), apierror.Reasons(), server.Strangers(), telemetry.ReloadResults()) {
		if !strings.Contains(string(text), "`"+value+"`") {
			t.Errorf("the value %s is not there", value)
		}
	}
	documented, types := map[string]string{}, map[string]string{}
	for _, found := range row.FindAllStringSubmatch(string(text), -1) {
		labels := strings.Split(strings.NewReplacer("`", "", " ", "").Replace(found[3]), ",")
		slices.Sort(labels)
		documented[found[1]], types[found[1]] = strings.Join(labels, ", "), found[2]
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(ours(t))), slices.Sorted(maps.Keys(documented))); diff != "" {
		t.Fatalf("families (-registered +documented)\n%s", diff)
	}
	if diff := cmp.Diff(ours(t), documented); diff != "" {
		t.Errorf("labels (-registered +documented)\n%s", diff)
	}
	if diff := cmp.Diff(kinds(t), types); diff != "" {
		t.Errorf("types (-registered +documented)\n%s", diff)
	}
}
