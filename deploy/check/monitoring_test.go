package check

import (
	"encoding/json"
	"io/fs"
	"path/filepath"
	"reflect"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

// The chart's alerts and dashboard are those of deploy/, which no golden file repeats.
func TestChartBringsAlertsAndDashboard(t *testing.T) {
	made, err := render(t, "--set", "prometheusRule.enabled=true,prometheusRule.labels.release=prometheus,dashboard.enabled=true")
	if err != nil {
		t.Fatal(made)
	}
	o := decode(t, made)
	if o.rules == nil || o.dashboard == nil {
		t.Fatalf("alerts: %v, a dashboard: %v", o.rules != nil, o.dashboard != nil)
	}
	var want monitoringv1.PrometheusRuleSpec
	if err := yaml.UnmarshalStrict([]byte(read(t, "../prometheus/rules/specgate.yaml")), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(want, o.rules.Spec) || len(want.Groups) == 0 {
		t.Error("the alerts are others")
	}
	if got := o.dashboard.Data["specgate.json"]; !json.Valid([]byte(got)) || !sameJSON(t, got, read(t, "../grafana/dashboards/specgate.json")) {
		t.Error("the dashboard is another")
	}
	for copied, from := range map[string]string{"rules.yaml": "../prometheus/rules/specgate.yaml", "dashboard.json": "../grafana/dashboards/specgate.json"} {
		if read(t, filepath.Join(chart, "files", copied)) != read(t, from) {
			t.Errorf("%s of the chart is not %s: make generate", copied, from)
		}
	}
	if o.rules.Labels["release"] != "prometheus" || o.dashboard.Labels["grafana_dashboard"] != "1" {
		t.Errorf("nobody finds them by %v and %v", o.rules.Labels, o.dashboard.Labels)
	}
}

// What the chart's schema knows of config is what the gateway's own says.
func TestChartKnowsTheSettings(t *testing.T) {
	var values struct {
		Properties map[string]map[string]any `json:"properties"`
	}
	var settings map[string]any
	for path, into := range map[string]any{chart + "/values.schema.json": &values, "../../docs/config.schema.json": &settings} {
		if err := json.Unmarshal([]byte(read(t, path)), into); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(settings["properties"], values.Properties["config"]["properties"]) {
		t.Error("the chart knows other settings than the gateway: make generate")
	}
}

func sameJSON(t *testing.T, texts ...string) bool {
	t.Helper()
	read := make([]any, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &read[i]); err != nil {
			t.Fatal(err)
		}
	}
	return reflect.DeepEqual(read[0], read[1])
}

// What an archive holds is unpacked where there are no links, and what helm packs is read without a word of them.
func TestArchivesHoldNoLinks(t *testing.T) {
	for _, folder := range []string{"../../deploy", "../../docs", "../../clients"} {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && !entry.Type().IsRegular() {
				t.Errorf("%s is no plain file", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
