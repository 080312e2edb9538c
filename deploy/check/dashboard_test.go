package check

import (
	"encoding/json"
	"strings"
	"testing"
)

// panels are those of the dashboard, with what they ask for.
func panels(t *testing.T) map[string][]string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title       string
			FieldConfig struct{ Defaults struct{ Unit string } }
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "../grafana/dashboards/specgate.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			found[p.Title] = append(found[p.Title], target.Expr)
			if bytes := strings.Contains(target.Expr, "_bytes{"); bytes != (p.FieldConfig.Defaults.Unit == "bytes") {
				t.Errorf("%s shows %s in %q", p.Title, target.Expr, p.FieldConfig.Defaults.Unit)
			}
		}
	}
	return found
}

func TestDashboardMixesNothing(t *testing.T) {
	found := panels(t)
	for _, expr := range found["Duration"] {
		if !strings.Contains(expr, `,error_type=""}`) {
			t.Errorf("refusals, which take no time, pull it down: %s", expr)
		}
	}
	for _, expr := range found["Usage that waits"] {
		if !strings.Contains(expr, "specgate_usage_") {
			t.Errorf("it is no usage: %s", expr)
		}
	}
	if len(found["Duration"]) < 2 || len(found["Usage that waits"]) == 0 || len(found["Bodies of requests held"]) == 0 {
		t.Errorf("of %d panels some are missing", len(found))
	}
}
