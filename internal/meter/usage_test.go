package meter

import (
	"math"
	"testing"

	"github.com/specgate/specgate/internal/completion"
)

// A backend that counts nonsense is believed as far as the sums of a day can bear.
func TestCountsHaveABound(t *testing.T) {
	t.Parallel()
	got, ok := usageIn([]byte(`{"usage":{"prompt_tokens":1125899906842624,"completion_tokens":9223372036854775807}}`))
	want := completion.Tokens{Prompt: math.MaxInt32, Completion: math.MaxInt32, Reported: true}
	if !ok || got != want {
		t.Errorf("%+v, %t", got, ok)
	}
}
