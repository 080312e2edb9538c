// Command go runs the scenarios of clients/ with the Go client, gen/client, against a running specgate.
// SPECGATE_URL (without /v1) and TOKEN say which; MODEL is specgate-1 where it is not set. It
// exits with 1 where a scenario fails.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/specgate/specgate/gen/client"
)

var scenarios = []struct {
	name string
	run  func(context.Context, *session) error
}{
	{"completion", completion},
	{"batch", batch},
	{"tokens", tokens},
	{"choices", choices},
	{"logprobs", logprobs},
	{"stream", stream},
	{"violations", violations},
	{"unauthorized", unauthorized},
	{"models", models},
}

func main() {
	api, err := client.NewClientWithResponses(env("SPECGATE_URL", "http://127.0.0.1:8420"),
		client.WithRequestEditorFn(bearer(os.Getenv("TOKEN"))))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s := &session{api: api, model: env("MODEL", "specgate-1")}
	failed := 0
	for _, scenario := range scenarios {
		if err := s.try(scenario.run); err != nil {
			failed = 1
			fmt.Printf("FAIL go %s\n%v\n", scenario.name, err)
			continue
		}
		fmt.Println("ok   go", scenario.name)
	}
	os.Exit(failed)
}

// session is a client and the model that it asks.
type session struct {
	api   *client.ClientWithResponses
	model string
}

func (s *session) try(run func(context.Context, *session) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return run(ctx, s)
}

func env(name, absent string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return absent
}

func bearer(token string) client.RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
}

// request asks for a completion of a text.
func (s *session) request(prompt string) client.CompletionRequest {
	r := client.CompletionRequest{Model: s.model}
	must(r.Prompt.FromPrompt0(prompt))
	return r
}

// complete asks, and takes no refusal.
func (s *session) complete(ctx context.Context, r client.CompletionRequest) (*client.Completion, error) {
	answer, err := s.api.CreateCompletionWithResponse(ctx, nil, r)
	if err != nil {
		return nil, err
	}
	if answer.JSON200 == nil {
		return nil, fmt.Errorf("refused: %s %s", answer.Status(), answer.Body)
	}
	return answer.JSON200, nil
}

// must is for the methods of unions: they fail where their argument is no JSON, which none here is.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func ptr[T any](value T) *T { return &value }

// check gives an error where what a scenario says does not hold.
func check(holds bool, format string, args ...any) error { //nolint:revive // holds is what is claimed, and steers nothing
	if holds {
		return nil
	}
	return fmt.Errorf(format, args...)
}
