// Command sdk-go runs OpenAI's SDK for Go against a running specgate: OPENAI_BASE_URL (with /v1) and
// OPENAI_API_KEY say which, as the SDK reads them itself; MODEL is specgate-1 where it is not set. It exits
// with 1 where a scenario fails.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

var scenarios = []struct {
	name string
	run  func(context.Context, openai.Client) error
}{
	{"completion", completion},
	{"stream", stream},
	{"logprobs", logprobs},
	{"unprocessable", unprocessable},
	{"unauthorized", unauthorized},
}

func main() {
	client := openai.NewClient(option.WithMaxRetries(0))
	failed := 0
	for _, scenario := range scenarios {
		if err := try(client, scenario.run); err != nil {
			failed = 1
			fmt.Printf("FAIL go %s\n%v\n", scenario.name, err)
			continue
		}
		fmt.Println("ok   go", scenario.name)
	}
	os.Exit(failed)
}

func try(client openai.Client, run func(context.Context, openai.Client) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return run(ctx, client)
}

func asked() openai.CompletionNewParams {
	model := os.Getenv("MODEL")
	if model == "" {
		model = "specgate-1"
	}
	return openai.CompletionNewParams{
		Model:  openai.CompletionNewParamsModel(model),
		Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("The capital of France is")},
	}
}

func completion(ctx context.Context, client openai.Client) error {
	params := asked()
	params.MaxTokens, params.Seed = openai.Int(8), openai.Int(1)
	answer, err := client.Completions.New(ctx, params)
	if err != nil {
		return err
	}
	usage := answer.Usage
	if answer.Choices[0].Text == "" || answer.Choices[0].FinishReason == "" || answer.Model != string(params.Model) {
		return fmt.Errorf("got %s", answer.RawJSON())
	}
	if usage.CompletionTokens < 1 || usage.CompletionTokens > 8 || usage.TotalTokens != usage.PromptTokens+usage.CompletionTokens {
		return fmt.Errorf("usage: %s", usage.RawJSON())
	}
	return nil
}

func stream(ctx context.Context, client openai.Client) error {
	params := asked()
	params.MaxTokens, params.Seed, params.Temperature = openai.Int(8), openai.Int(1), openai.Float(0)
	whole, err := client.Completions.New(ctx, params)
	if err != nil {
		return err
	}
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	chunks := client.Completions.NewStreaming(ctx, params)
	defer func() { _ = chunks.Close() }()
	var text string
	var last openai.Completion
	for chunks.Next() {
		last = chunks.Current()
		for _, choice := range last.Choices {
			text += choice.Text
		}
	}
	if err := chunks.Err(); err != nil {
		return err
	}
	if text != whole.Choices[0].Text || last.Usage.TotalTokens != whole.Usage.TotalTokens {
		return fmt.Errorf("text %q and %s, of %s", text, last.RawJSON(), whole.RawJSON())
	}
	return nil
}

func logprobs(ctx context.Context, client openai.Client) error {
	params := asked()
	params.MaxTokens, params.Logprobs, params.Temperature = openai.Int(5), openai.Int(3), openai.Float(0)
	answer, err := client.Completions.New(ctx, params)
	if err != nil {
		return err
	}
	found := answer.Choices[0].Logprobs
	if strings.Join(found.Tokens, "") != answer.Choices[0].Text || len(found.TopLogprobs) != len(found.Tokens) {
		return fmt.Errorf("got %s", answer.RawJSON())
	}
	for i, token := range found.Tokens {
		if found.TokenLogprobs[i] > 0 || found.TopLogprobs[i][token] != found.TokenLogprobs[i] {
			return fmt.Errorf("token %d: %s", i, found.RawJSON())
		}
	}
	return nil
}

func unprocessable(ctx context.Context, client openai.Client) error {
	params := asked()
	params.Temperature = openai.Float(3)
	return refused(ctx, client, params, openai.Error{StatusCode: 422, Param: "temperature", Code: "less_than_equal"})
}

func unauthorized(ctx context.Context, client openai.Client) error {
	return refused(ctx, client, asked(), openai.Error{StatusCode: 401, Code: "invalid_api_key"}, option.WithAPIKey("sg-wrong"))
}

func refused(ctx context.Context, client openai.Client, params openai.CompletionNewParams, want openai.Error, options ...option.RequestOption) error {
	_, err := client.Completions.New(ctx, params, options...)
	var e *openai.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("no error of the API: %w", err)
	}
	if e.StatusCode != want.StatusCode || e.Param != want.Param || e.Code != want.Code || e.Message == "" {
		return fmt.Errorf("got %d %s", e.StatusCode, e.RawJSON())
	}
	return nil
}
