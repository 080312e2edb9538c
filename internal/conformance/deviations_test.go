package conformance_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/conformance"
)

// Each case goes red where its rule is broken, in whichever way, and no other does.
func TestEachCaseFindsItsDeviations(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, c := range b.suite.Cases() {
		all := b.deviationsOf(c)
		if all[c.ID] == nil {
			t.Errorf("%s: no deviation is scripted", c.ID)
		}
		for name, deviate := range all {
			t.Run(name, func(t *testing.T) { b.onlyFinds(t, c.ID, deviate()) })
		}
	}
	for name := range deviations {
		if !slices.ContainsFunc(b.suite.Cases(), func(c conformance.Case) bool { return c.ID == caseOf(name) }) {
			t.Errorf("there is a deviation for %s, which is no case", name)
		}
	}
}

// onlyFinds expects a deviation to be found by one case alone.
func (b *bench) onlyFinds(t *testing.T, id string, d deviation) {
	t.Helper()
	touched := b.touched(d)
	if !slices.Contains(touched, id) {
		t.Fatalf("the deviation does not touch it, but %q", touched)
	}
	for _, result := range b.run(t, deviant{specgate: b.specgate, deviation: d}, touched...) {
		want := conformance.Holds
		if result.Case.ID == id {
			want = conformance.Deviates
		}
		if result.Verdict != want {
			t.Errorf("%s %s: %s", result.Case.ID, result.Verdict, result.Reason)
		}
	}
}

// caseOf is the case that a deviation is for.
func caseOf(name string) string {
	id, _, _ := strings.Cut(name, ",")
	return id
}

// deviationsOf are those for a case: the scripted ones, and those that its one request has by its group.
func (b *bench) deviationsOf(c conformance.Case) scripts {
	all := scripts{}
	if slices.Contains([]string{"fields", "limits", "rules"}, c.Group()) && len(b.requests[c.ID]) == 1 {
		all = made(c.ID, b.requests[c.ID][0])
	}
	for name, deviate := range deviations {
		if caseOf(name) == c.ID {
			all[name] = deviate
		}
	}
	return all
}

// made are the deviations of a case that was made of the contract's fields, limits and rules, and that sends
// one request: the contract says whether it is to be accepted.
func made(id string, only seen) scripts {
	to := func(answer func(*reply)) func() deviation {
		return on(func(s *seen) bool { return s.body == only.body && s.path == only.path }, nil, answer)
	}
	if only.came.status == http.StatusUnprocessableEntity {
		return scripts{id: to(take), id + ", of another type": to(violation(anotherType)), id + ", at another place": to(violation(anotherPlace))}
	}
	all := scripts{id: to(refuse)}
	if strings.HasPrefix(id, "limits/") && only.came.status == http.StatusOK {
		all[id+", a choice too many"] = to(anotherChoice)
		all[id+", no choice"] = to(edit(func(answer object) { answer["choices"] = []any{} }))
	}
	return all
}

// An endpoint that takes what it should refuse goes to no great expense over it.
func TestRequestsAreSmall(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for id, all := range b.requests {
		for _, s := range all {
			if strings.Contains(s.body, `"prompt":`) && !strings.Contains(s.body, `"max_tokens":`) && id != "sampling/max-tokens-default" && id != "fields/missing-prompt" {
				t.Errorf("%s asks for text without end: %.100s", id, s.body)
			}
		}
	}
}
