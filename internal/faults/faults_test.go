package faults_test

import (
	"math"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/faults"
)

// parse reads a script that is in order.
func parse(t *testing.T, text string) *faults.Script {
	t.Helper()
	s, err := faults.Parse("faults.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// due lists which of the first ten requests fall under a rule, by their numbers.
func due(s *faults.Script, h http.Header) []int64 {
	var all []int64
	for n := int64(1); n <= 10; n++ {
		if s.Decide(n, h) != nil {
			all = append(all, n)
		}
	}
	return all
}

func TestDecideByCount(t *testing.T) {
	for condition, want := range map[string][]int64{
		"nth: 3":                        {3},
		"every: 4":                      {4, 8},
		"from: 9":                       {9, 10},
		"to: 2":                         {1, 2},
		"from: 3\n    to: 5":            {3, 4, 5},
		"every: 2\n    from: 5":         {6, 8, 10},
		"every: 3\n    to: 5":           {3},
		"probability: 1":                {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
		"nth: 10\n    header: {A: b}":   nil,
		"every: 1":                      {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
		"from: 10\n    probability: 1.": {10},
	} {
		s := parse(t, "rules:\n  - status: 500\n    "+condition+"\n")
		if diff := cmp.Diff(want, due(s, nil)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", condition, diff)
		}
	}
}

func TestDecideByHeader(t *testing.T) {
	s := parse(t, "rules:\n  - {header: {x-fault: slow, X-Run: '*'}, status: 500}\n")
	tests := []struct {
		name string
		h    http.Header
		want bool
	}{
		{"both", http.Header{"X-Fault": {"slow"}, "X-Run": {"7"}}, true},
		{"one", http.Header{"X-Fault": {"slow"}}, false},
		{"another value", http.Header{"X-Fault": {"Slow"}, "X-Run": {"7"}}, false},
		{"none", http.Header{}, false},
	}
	for _, test := range tests {
		if got := s.Decide(1, test.h) != nil; got != test.want {
			t.Errorf("%s: %v; want %v", test.name, got, test.want)
		}
	}
}

func TestDecideTakesTheFirstRuleThatMatches(t *testing.T) {
	s := parse(t, `
rules:
  - {name: second, nth: 2, status: 500}
  - {every: 2, status: 429}
  - {name: rest, byte_by_byte: true}
`)
	var got []string
	for n := int64(1); n <= 4; n++ {
		got = append(got, s.Decide(n, nil).Name)
	}
	if diff := cmp.Diff([]string{"rest", "second", "rest", "rules[1]"}, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

// A seed gives the same requests again, another seed gives others, and each gives about as many as the
// probability says.
func TestDecideByProbability(t *testing.T) {
	const requests = 20000
	hits := func(seed string, p float64) (all []bool, share float64) {
		s := parse(t, "seed: "+seed+"\nrules: [{probability: 0.3, status: 500}, {probability: 0.5, status: 429}]\n")
		for n := int64(1); n <= requests; n++ {
			f := s.Decide(n, nil)
			all = append(all, f != nil && f.Status == 500)
			if f != nil && f.Status == 429 {
				share++
			}
		}
		sum := 0.0
		for _, hit := range all {
			if hit {
				sum++
			}
		}
		// Five standard deviations: a chance of one in a million to fail where all is right.
		if deviation := math.Abs(sum/requests - p); deviation > 5*math.Sqrt(p*(1-p)/requests) {
			t.Errorf("seed %s: %v of the requests; want %v", seed, sum/requests, p)
		}
		return all, share / requests
	}
	first, second := hits("1", 0.3)
	// The second rule decides on its own: it takes half of the rest, not all of it or none.
	if math.Abs(second-0.35) > 5*math.Sqrt(0.35*0.65/requests) {
		t.Errorf("the second rule takes %v of the requests; want 0.35", second)
	}
	again, _ := hits("1", 0.3)
	other, _ := hits("18446744073709551615", 0.3)
	if !cmp.Equal(first, again) || cmp.Equal(first, other) {
		t.Errorf("same again: %v; same under another seed: %v", cmp.Equal(first, again), cmp.Equal(first, other))
	}
	if without := parse(t, "rules: [{probability: 0.3, status: 500}]"); (without.Decide(1, nil) != nil) != first[0] {
		t.Error("the seed is not 1 where none is set")
	}
}

func TestParseReadsEveryEffect(t *testing.T) {
	s := parse(t, `
rules:
  - {nth: 1, before_first_byte: 2s, between_events: 50ms, malformed_after: 0, no_done: true, byte_by_byte: true}
  - {nth: 2, cut_after: 3}
  - {nth: 3, status: 429, retry_after: 1500ms}
  - {nth: 4, status: 429}
`)
	none, three := 0, 3
	want := []*faults.Fault{
		{Name: "rules[0]", BeforeFirstByte: 2 * time.Second, BetweenEvents: 50 * time.Millisecond, MalformedAfter: &none, NoDone: true, ByteByByte: true, RetryAfter: time.Second},
		{Name: "rules[1]", CutAfter: &three, RetryAfter: time.Second},
		{Name: "rules[2]", Status: 429, RetryAfter: 1500 * time.Millisecond},
		{Name: "rules[3]", Status: 429, RetryAfter: time.Second},
		nil,
	}
	for i, fault := range want {
		if diff := cmp.Diff(fault, s.Decide(int64(i+1), nil)); diff != "" {
			t.Errorf("request %d (-want +got):\n%s", i+1, diff)
		}
	}
	if s.Rules() != 4 {
		t.Errorf("%d rules", s.Rules())
	}
}

// A rule may be written once and used again, as YAML has it.
func TestParseFollowsAliases(t *testing.T) {
	s := parse(t, "rules:\n  - {nth: 1, header: &h {A: b}, status: 500}\n  - {nth: 2, header: *h, status: 500}\n")
	if diff := cmp.Diff([]int64{1, 2}, due(s, http.Header{"A": {"b"}})); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestParseGivesEveryProblem(t *testing.T) {
	const keys = "a rule has header, name, nth, every, from, to, probability, before_first_byte, between_events, status, retry_after, cut_after, malformed_after, no_done, byte_by_byte"
	tests := []struct{ name, script, want string }{
		{"nothing", "# nothing\n", "f: holds no rules"},
		{"no rules", "seed: 1\n", "f:1: there are no rules"},
		{"empty rules", "rules: []\n", "f:1: rules must be a list of at least one rule, with a dash before each"},
		{"a list", "- a\n", "f:1: a script must hold settings, as name: value\nf:1: there are no rules"},
		{"no YAML", "rules:\n  - a: [\n", "f:3: this is not YAML: did not find expected node content"},
		{"two documents", "rules: [{status: 500}]\n---\nrules: []\n", "f:2: this is not YAML: a second document begins here: a file holds one"},
		{"no effect", "rules:\n  - nth: 1\n", "f:2: rules[0] does nothing: say what is to go wrong, such as status: 500"},
		{"never reached", "rules:\n  - status: 500\n  - status: 429\n", "f:3: rules[1] is never reached: rules[0] has no condition and takes every request; put it last"},
		{"many", `seed: -1
ruls: 1
rules:
  - {nth: 0, status: 503}
  - nth: 2
    every: 2
    from: 9
    to: 3
    header: {A: }
    probability: 1.5
    status: 500
    status: 429
    cut_after: -1
    no_done: yes
    cut: 1
    retry_after: 5
  - status: 500
    retry_after: 2s
  - before_first_byte:
  - plain
`, `f:1: seed must be an integer, 0 or more
f:2: ruls means nothing here: a script has seed and rules
f:4: rules[0].nth must be an integer, 1 or more: requests are counted from 1
f:4: rules[0].status must be 429 or 500
f:6: rules[1].every stands beside nth: nth is one request; remove either
f:7: rules[1].from stands beside nth: nth is one request; remove either
f:8: rules[1].to stands beside nth: nth is one request; remove either
f:8: rules[1].to is before from: no request is both
f:9: rules[1].header.A must have a value, or "*" for any
f:10: rules[1].probability must be a number above 0 and up to 1, such as 0.1 for one request in ten
f:12: status is there twice: remove this one or that on line 11
f:13: rules[1].cut_after must be a number of events, 0 or more
f:13: rules[1].cut_after stands beside status: an error is no stream; remove either
f:14: rules[1].no_done must be true or false
f:14: rules[1].no_done stands beside status: an error is no stream; remove either
f:14: rules[1].no_done stands beside cut_after: a stream that is cut has no end; remove either
f:15: rules[1].cut means nothing: ` + keys + `
f:16: rules[1].retry_after must be a time with its unit, such as 250ms or 2s
f:16: rules[1].retry_after goes with status: 429 alone
f:18: rules[2].retry_after goes with status: 429 alone
f:19: rules[3].before_first_byte must have a single value
f:19: rules[3] is never reached: rules[2] has no condition and takes every request; put it last
f:20: rules[4] must hold settings, as name: value`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := faults.Parse("f", []byte(test.script))
			if err == nil {
				t.Fatal("accepted")
			}
			if diff := cmp.Diff(strings.Split(test.want, "\n"), strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// What docs/faults.md shows can be used as it stands there.
func TestDocsHaveScriptsThatWork(t *testing.T) {
	docs, err := os.ReadFile("../../docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(docs), -1)
	if len(examples) < 8 {
		t.Errorf("%d examples", len(examples))
	}
	for _, example := range examples {
		parse(t, example[1])
	}
}

func FuzzParse(f *testing.F) {
	f.Add("rules: [{nth: 1, status: 500}]")
	f.Add("seed: 1\nrules:\n  - &a {every: 2, cut_after: 0}\n  - *a\n")
	f.Add("rules: &r [*r]")
	f.Add("{rules: {a: b}, seed: []}")
	f.Fuzz(func(_ *testing.T, text string) {
		s, err := faults.Parse("f", []byte(text))
		if err == nil {
			s.Decide(1, nil)
		}
	})
}
