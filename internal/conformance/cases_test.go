package conformance_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/conformance"
)

// Whoever looks up what a case goes by finds it.
func TestPointersResolve(t *testing.T) {
	t.Parallel()
	var document any
	if err := yaml.Unmarshal(gen.Spec, &document); err != nil {
		t.Fatal(err)
	}
	for _, c := range newSuite(t).Cases() {
		if value := resolve(document, c.Pointer); value == nil {
			t.Errorf("%s: nothing is at %s", c.ID, c.Pointer)
		}
	}
}

// resolve follows a JSON pointer, and nothing is behind one that leads nowhere.
func resolve(value any, pointer string) any {
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch container := value.(type) {
		case map[string]any:
			value = container[unescape.Replace(step)]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(container) {
				return nil
			}
			value = container[i]
		default:
			return nil
		}
	}
	return value
}

func TestCasesAreTold(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z-]+/[a-z0-9_-]+$`)
	seen := map[string]bool{}
	for _, c := range newSuite(t).Cases() {
		if !form.MatchString(c.ID) || seen[c.ID] {
			t.Errorf("%q is no id, or is there twice", c.ID)
		}
		seen[c.ID] = true
		if !strings.HasSuffix(c.Says, ".") || c.Level != conformance.Required && c.Level != conformance.Quality {
			t.Errorf("%s is %q and says %q", c.ID, c.Level, c.Says)
		}
	}
}

// Another contract has other cases: its numbers, its rules and its fields.
func TestAnotherContractHasOtherCases(t *testing.T) {
	t.Parallel()
	spec := string(gen.Spec)
	for old, changed := range map[string]string{
		"          minimum: 0\n          maximum: 5\n":                                               "          minimum: 0\n          maximum: 20\n",
		"        - id: best-of-unstreamed\n":                                                         "        - id: drafts-unstreamed\n",
		"          minimum: 0\n          maximum: 2\n          default: 1\n          example: 0.7\n": "          default: 1\n          example: 0.7\n",
	} {
		if strings.Count(spec, old) != 1 {
			t.Fatalf("the contract has not one %q", old)
		}
		spec = strings.Replace(spec, old, changed, 1)
	}
	suite, err := conformance.New([]byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	says := map[string]string{}
	for _, c := range suite.Cases() {
		says[c.ID] = c.Says
	}
	if got := says["limits/logprobs-maximum-past"]; got != "logprobs 21 is past its limit." {
		t.Errorf("past the limit of logprobs is %q", got)
	}
	if says["rules/drafts-unstreamed-broken"] == "" || says["rules/best-of-unstreamed-broken"] != "" {
		t.Error("the rules are not those of the contract")
	}
	if says["limits/temperature-maximum-at"] != "" || says["limits/top_p-maximum-at"] == "" {
		t.Error("the limits are not those of the contract")
	}
}

func TestNewWantsAContract(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{"", "openapi: 3.0.3\ninfo: {title: x, version: '1'}\npaths: {}\n"} {
		if _, err := conformance.New([]byte(spec)); err == nil {
			t.Errorf("%q is taken for one", spec)
		}
	}
}
