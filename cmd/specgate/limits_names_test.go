package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
)

// Who knows what a limit is called in one place can write it in each: in the settings, as a flag, in JSON, and where
// refusals are counted and told.
func TestLimitsAreCalledAlike(t *testing.T) {
	t.Parallel()
	names := []string{"parallel", "requests_per_minute", "tokens_per_day", "tokens_per_minute", "tokens_per_month"}
	a := newAdmin(t)
	args := []string{"keys", "create", "--name", "k"}
	for _, name := range names {
		args = append(args, "--"+strings.ReplaceAll(name, "_", "-"), "1")
	}
	a.make(args...)
	var shown struct{ Limits map[string]int }
	if err := json.Unmarshal([]byte(a.run("keys", "show", "k", "--format", "json")), &shown); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(names, slices.Sorted(maps.Keys(shown.Limits))); diff != "" {
		t.Errorf("in JSON they are called (-want +got):\n%s", diff)
	}
	text := a.run("keys", "show", "k")
	for _, name := range names {
		words := strings.ReplaceAll(name, "_", " ")
		if !strings.Contains(text, "1 "+words) {
			t.Errorf("no %q in\n%s", words, text)
		}
		g := startWith(t, limitedTo(name+": 1"), fakebackend.JSON(200, answered))
		if name == "parallel" {
			continue // which one after the other is not reached
		}
		g.complete(plainBody)
		if message := g.complete(plainBody).error(t).Message; !strings.Contains(message, "limit of 1 "+words+" of this token") {
			t.Errorf("%s is told as: %s", name, message)
		}
		if metrics := g.metrics(); !strings.Contains(metrics, `specgate_limit_refusals_total{limit="`+name+`",scope="token"}`) {
			t.Errorf("refusals are not counted as those of %s", name)
		}
	}
}
