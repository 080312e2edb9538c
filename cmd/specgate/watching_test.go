package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
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

// families are those of ours, each with its labels, and what Prometheus adds to them.
type families map[string]string

// labels are those of a family, or of one of the series that a histogram is.
func (all families) labels(series string) (labels []string, ok bool) {
	told, ok := all[series]
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if !ok {
			told, ok = all[strings.TrimSuffix(series, suffix)]
		}
	}
	return append(strings.Split(told, ", "), "job", "instance", "le"), ok
}

// The dashboard and the alerts ask for metrics that exist, by labels that these have.
func TestDashboardAndAlertsNameWhatExists(t *testing.T) {
	all := families(ours(t))
	for _, path := range []string{dashboard, alerts, alerting} {
		text := bytes.ReplaceAll(contents(t, path), []byte(`\"`), []byte(`"`))
		named := aMetric.FindAllStringSubmatch(string(text), -1)
		if len(named) < 10 {
			t.Errorf("%s: %d metrics", path, len(named))
		}
		for _, found := range named {
			name, selector := strings.TrimSuffix(found[0], found[2]), found[2]
			labels, ok := all.labels(name)
			if !ok {
				t.Errorf("%s: there is no %s", path, name)
			}
			for _, label := range aLabel.FindAllStringSubmatch(selector, -1) {
				if !slices.Contains(labels, label[1]) {
					t.Errorf("%s: %s has no %s", path, name, label[1])
				}
			}
		}
	}
}

var (
	// aGrouping is a list of labels that a query goes by, and aTemplate one that a legend or an alert tells.
	aGrouping = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	aTemplate = regexp.MustCompile(`\{\{\s*(?:\$labels\.)?([A-Za-z_]+)\s*\}\}`)
	// aVariable is what a variable of the dashboard lists: the values of a label of a metric.
	aVariable = regexp.MustCompile(`label_values\(([a-z_]+)(?:\{[^}]*\})?,\s*([A-Za-z_]+)\)`)
)

// asking is one query of the dashboard or of the alerts, with the texts that tell of its result.
type asking struct{ expr, texts string }

// queriesIn gathers the queries of a file of YAML, which JSON is too.
func queriesIn(t *testing.T, path string) (queries []asking) {
	t.Helper()
	var root any
	if err := yaml.Unmarshal(contents(t, path), &root); err != nil {
		t.Fatal(err)
	}
	var gather func(node any)
	gather = func(node any) {
		switch node := node.(type) {
		case []any:
			for _, item := range node {
				gather(item)
			}
		case map[string]any:
			if expr, ok := node["expr"].(string); ok {
				queries = append(queries, asking{expr, fmt.Sprint(node["legendFormat"], node["annotations"])})
			}
			for _, item := range node {
				gather(item)
			}
		}
	}
	gather(root)
	return queries
}

// Labels outside of selectors exist too: those that queries go by, those that are told of their results, and those
// that variables list.
func TestDashboardAndAlertsTellByWhatExists(t *testing.T) {
	all := families(ours(t))
	for _, path := range []string{dashboard, alerts} {
		queries := queriesIn(t, path)
		if len(queries) < 10 {
			t.Errorf("%s: %d queries", path, len(queries))
		}
		for _, q := range queries {
			known := []string{"job", "instance"}
			for _, found := range aMetric.FindAllStringSubmatch(q.expr, -1) {
				labels, _ := all.labels(strings.TrimSuffix(found[0], found[2]))
				known = append(known, labels...)
			}
			var grouped []string
			for _, found := range aGrouping.FindAllStringSubmatch(q.expr, -1) {
				grouped = append(grouped, strings.FieldsFunc(found[1], func(c rune) bool { return c == ',' || c == ' ' })...)
			}
			mustBeAmong(t, q.expr, grouped, known)
			if strings.Contains(q.expr, "by (") {
				known = grouped
			}
			var told []string
			for _, found := range aTemplate.FindAllStringSubmatch(q.texts, -1) {
				told = append(told, found[1])
			}
			mustBeAmong(t, q.expr, told, known)
		}
	}
	for _, found := range aVariable.FindAllStringSubmatch(string(contents(t, dashboard)), -1) {
		labels, _ := all.labels(found[1])
		mustBeAmong(t, found[0], found[2:], append(labels, "job", "instance"))
	}
}

func mustBeAmong(t *testing.T, where string, labels, known []string) {
	t.Helper()
	for _, label := range labels {
		if !slices.Contains(known, label) {
			t.Errorf("%s: there is no label %s", where, label)
		}
	}
}

// Each metric of ours has a panel, and so have the file descriptors, which callers and backends take.
func TestDashboardShowsEveryMetric(t *testing.T) {
	var shown string
	for _, q := range queriesIn(t, dashboard) {
		shown += q.expr + "\n"
	}
	must := slices.Sorted(maps.Keys(ours(t)))
	for _, name := range append(must, "process_open_fds", "process_max_fds") {
		if !regexp.MustCompile(`\b` + name + `(_bucket|_sum|_count)?\{`).MatchString(shown) {
			t.Errorf("no panel shows %s", name)
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
