package token_test

import (
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/token"
)

// What is long enough and of a token's letters behind its prefix is taken for one, wherever it stands.
func TestForm(t *testing.T) {
	t.Parallel()
	long, short := strings.Repeat("a2-_", 10), strings.Repeat("a", 39)
	for text, want := range map[string]string{
		"": "", "sg-": "sg-", "sg-" + short: "sg-" + short, "sg" + long: "sg" + long, "xx-" + long: "xx-" + long,
		"sg-" + long: "sg-…", "a=sg-" + long + ";b": "a=sg-…;b", "SG-" + strings.ToUpper(long): "sg-…", "sg-b sg-" + long: "sg-b sg-…",
		"sg-" + short + ".a": "sg-" + short + ".a", strings.Repeat("é", 20) + "Sg-" + long: strings.Repeat("é", 20) + "sg-…",
	} {
		if got := token.Masked(text, "…"); got != want || token.Within(text) != (want != text) {
			t.Errorf("%q: %q, %v", text, got, token.Within(text))
		}
	}
}
