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

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/guard"
	"github.com/specgate/specgate/internal/routing"
	"github.com/specgate/specgate/internal/telemetry"
)

// described is what a description prints of itself: its name, its constant labels and its variable ones.
var described = regexp.MustCompile(`fqName: "([^"]+)".*constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}`)

// ours are the families of ours in a gateway with all that it can have, each with its labels.
func ours(t *testing.T) map[string]string {
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
	defer g.free()
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

// row is a family in docs/metrics.md: its name, its type, its labels.
var row = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| [a-z]+ \\|([^|]*)\\|")

// docs/metrics.md has every family that a gateway can register, and no other, with its labels.
func TestMetricsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range slices.Concat(guard.Outcomes(), guard.Verdicts(), routing.Retries(), telemetry.ReloadResults()) {
		if !strings.Contains(string(text), "`"+value+"`") {
			t.Errorf("the value %s is not there", value)
		}
	}
	documented := map[string]string{}
	for _, found := range row.FindAllStringSubmatch(string(text), -1) {
		labels := strings.Split(strings.NewReplacer("`", "", " ", "").Replace(found[2]), ",")
		slices.Sort(labels)
		documented[found[1]] = strings.Join(labels, ", ")
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(ours(t))), slices.Sorted(maps.Keys(documented))); diff != "" {
		t.Fatalf("families (-registered +documented)\n%s", diff)
	}
	if diff := cmp.Diff(ours(t), documented); diff != "" {
		t.Errorf("labels (-registered +documented)\n%s", diff)
	}
}
