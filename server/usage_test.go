package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/server"
)

// ledger keeps what was recorded.
type ledger chan string

func (l ledger) Record(ctx context.Context, status int, code string) {
	l <- strings.Join([]string{completion.CallOf(ctx).Principal.Name(), http.StatusText(status), code}, " ")
}

// A request that never reaches the operation's end is recorded too, also where that is a bug; what nobody is known
// to have asked is not, and neither is what is no completion.
func TestEachOutcomeIsRecorded(t *testing.T) {
	t.Parallel()
	l := make(ledger, 10)
	s := start(t, func(o *server.Options) {
		o.Usage = l
		o.API = &operations{complete: func(context.Context, *completion.Request) (gen.CreateCompletionResponseObject, error) {
			panic("a bug")
		}}
	})
	s.send("POST", "/v1/completions", `{"model":"m","prompt":"x"}`, "Authorization: Bearer sg-nobody")
	s.send("GET", "/v1/models", "")
	s.send("POST", "/v1/completions", `{"model":"m","prompt":"x"}`)
	s.send("POST", "/v1/completions", `{"model":"m"}`)
	s.send("POST", "/v1/completions", `{"model":"m","prompt":"x"}`, "Content-Type: text/plain")
	close(l)
	var got []string
	for r := range l {
		got = append(got, r)
	}
	want := []string{
		"tester Internal Server Error internal_error", "tester Unprocessable Entity missing",
		"tester Unsupported Media Type unsupported_media_type",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
