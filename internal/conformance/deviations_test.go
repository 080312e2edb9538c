package conformance_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/conformance"
)

// Each case goes red where its rule is broken, and no other does.
func TestEachCaseFindsItsDeviation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, c := range b.suite.Cases() {
		t.Run(c.ID, func(t *testing.T) {
			d, ok := b.deviationOf(c)
			if !ok {
				t.Fatal("no deviation is scripted")
			}
			touched := b.touched(d)
			if !slices.Contains(touched, c.ID) {
				t.Fatalf("the deviation does not touch it, but %q", touched)
			}
			for _, result := range b.run(t, deviant{specgate: b.specgate, deviation: d}, touched...) {
				want := conformance.Holds
				if result.Case.ID == c.ID {
					want = conformance.Deviates
				}
				if result.Verdict != want {
					t.Errorf("%s %s: %s", result.Case.ID, result.Verdict, result.Reason)
				}
			}
		})
	}
	for id := range deviations {
		if !slices.ContainsFunc(b.suite.Cases(), func(c conformance.Case) bool { return c.ID == id }) {
			t.Errorf("there is a deviation for %s, which is no case", id)
		}
	}
}

// deviationOf is the one that is scripted for a case. The cases that are made of the contract's fields, limits
// and rules send one body each, of which the contract says whether it is to be accepted.
func (b *bench) deviationOf(c conformance.Case) (deviation, bool) {
	if make, ok := deviations[c.ID]; ok {
		return make(), true
	}
	if !slices.Contains([]string{"fields", "limits", "rules"}, c.Group()) || len(b.requests[c.ID]) != 1 {
		return deviation{}, false
	}
	only := b.requests[c.ID][0]
	d := deviation{when: func(s *seen) bool { return s.body == only.body && s.path == only.path }}
	if d.answer = refuse; only.status == http.StatusUnprocessableEntity {
		d.answer = take
	}
	return d, true
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
