package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
)

const (
	dashboard = "../../deploy/grafana/dashboards/specgate.json"
	alerts    = "../../deploy/prometheus/rules/specgate.yaml"
	alerting  = "../../deploy/prometheus/tests/specgate.yaml"
)

func contents(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var (
	// aMetric is what a query names: one of ours with what follows its name.
	aMetric = regexp.MustCompile(`\b(specgate|gen_ai_(?:client|server))_[a-z_]+\b(\{[^}]*\})?`)
	// aLabel is a label that a query selects by.
	aLabel = regexp.MustCompile(`([a-z_]+)(?:=~|!=|!~|=)`)
	aRule  = regexp.MustCompile(`- alert: (\S+)`)
)

// The dashboard and the alerts ask for metrics that exist, by labels that these have.
func TestDashboardAndAlertsNameWhatExists(t *testing.T) {
	families := ours(t)
	for _, path := range []string{dashboard, alerts, alerting} {
		text := bytes.ReplaceAll(contents(t, path), []byte(`\"`), []byte(`"`))
		named := aMetric.FindAllStringSubmatch(string(text), -1)
		if len(named) < 10 {
			t.Errorf("%s: %d metrics", path, len(named))
		}
		for _, found := range named {
			name, selector := strings.TrimSuffix(found[0], found[2]), found[2]
			labels, ok := families[name]
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if !ok {
					labels, ok = families[strings.TrimSuffix(name, suffix)]
				}
			}
			if !ok {
				t.Errorf("%s: there is no %s", path, name)
			}
			for _, label := range aLabel.FindAllStringSubmatch(selector, -1) {
				if known := ", " + labels + ", job, instance, le, "; !strings.Contains(known, ", "+label[1]+", ") {
					t.Errorf("%s: %s has no %s", path, name, label[1])
				}
			}
		}
	}
}

// Each alert is seen to fire, and not to.
func TestAlertsAreTested(t *testing.T) {
	tests := string(contents(t, alerting))
	for _, found := range aRule.FindAllStringSubmatch(string(contents(t, alerts)), -1) {
		if !strings.Contains(tests, "- alertname: "+found[1]+"\n") || !strings.Contains(tests, "{alertname: "+found[1]+", ") {
			t.Errorf("%s is not tested both ways", found[1])
		}
	}
}
