package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/specgate/specgate/gen/client"
)

const prompt = "The capital of France is"

func completion(ctx context.Context, s *session) error {
	r := s.request(prompt)
	r.MaxTokens, r.Seed = ptr[int64](8), ptr[int64](1)
	answer, err := s.complete(ctx, r)
	if err != nil {
		return err
	}
	choice, usage := answer.Choices[0], answer.Usage
	return errors.Join(
		check(answer.Object == client.CompletionObjectTextCompletion && answer.Model == s.model, "got %+v", answer),
		check(choice.Text != "" && choice.Logprobs == nil && choice.FinishReason.Valid(), "got %+v", choice),
		check(usage.CompletionTokens > 0 && usage.CompletionTokens <= 8, "got %+v", usage),
		check(usage.TotalTokens == usage.PromptTokens+usage.CompletionTokens, "got %+v", usage),
	)
}

func batch(ctx context.Context, s *session) error {
	r := s.request("")
	must(r.Prompt.FromPrompt1([]string{"one", "two"}))
	r.MaxTokens, r.Echo = ptr[int64](2), ptr(true)
	answer, err := s.complete(ctx, r)
	if err != nil {
		return err
	}
	for i, choice := range answer.Choices {
		if choice.Index != int64(i) || !strings.HasPrefix(choice.Text, []string{"one", "two"}[i]) {
			return fmt.Errorf("choice %d: %+v", i, choice)
		}
	}
	return check(len(answer.Choices) == 2, "got %+v", answer)
}

func tokens(ctx context.Context, s *session) error {
	r := s.request("")
	must(r.Prompt.FromPrompt2([]int64{9906, 4435}))
	r.MaxTokens = ptr[int64](2)
	one, err := s.complete(ctx, r)
	if err != nil {
		return err
	}
	must(r.Prompt.FromPrompt3([][]int64{{9906, 4435}, {9906}}))
	two, err := s.complete(ctx, r)
	if err != nil {
		return err
	}
	return errors.Join(
		check(len(one.Choices) == 1 && one.Usage.PromptTokens == 2, "got %+v", one),
		check(len(two.Choices) == 2 && two.Usage.PromptTokens == 3, "got %+v", two),
	)
}

func choices(ctx context.Context, s *session) error {
	r := s.request(prompt)
	r.MaxTokens, r.N = ptr[int64](2), ptr(2)
	answer, err := s.complete(ctx, r)
	if err != nil {
		return err
	}
	return check(len(answer.Choices) == 2 && answer.Choices[1].Index == 1, "got %+v", answer)
}

func logprobs(ctx context.Context, s *session) error {
	r := s.request(prompt)
	r.MaxTokens, r.Logprobs, r.Temperature = ptr[int64](4), ptr(2), ptr(0.0)
	answer, err := s.complete(ctx, r)
	if err != nil {
		return err
	}
	found := answer.Choices[0].Logprobs
	var text string
	for i, token := range *found.Tokens {
		text += *token
		if logprob := (*found.TokenLogprobs)[i]; *logprob > 0 || len(*(*found.TopLogprobs)[i]) != 2 {
			return fmt.Errorf("token %d: %v, %v", i, *logprob, (*found.TopLogprobs)[i])
		}
	}
	return check(text == answer.Choices[0].Text, "tokens %q of text %q", text, answer.Choices[0].Text)
}

func violations(ctx context.Context, s *session) error {
	r := s.request("")
	must(r.Prompt.FromPrompt2([]int64{9906, -1}))
	r.N, r.Temperature = ptr(0), ptr(3.0)
	answer, err := s.api.CreateCompletionWithResponse(ctx, nil, r)
	if err != nil {
		return err
	}
	refused := answer.JSON422
	if refused == nil {
		return fmt.Errorf("got %s %s", answer.Status(), answer.Body)
	}
	var got []string
	for _, v := range refused.Detail {
		loc := []string{}
		for _, part := range v.Loc {
			raw, err := part.MarshalJSON()
			must(err)
			loc = append(loc, string(raw))
		}
		got = append(got, strings.Join(loc, ".")+" "+v.Type)
	}
	want := []string{`"body"."prompt".1 greater_than_equal`, `"body"."n" greater_than_equal`, `"body"."temperature" less_than_equal`}
	return errors.Join(
		check(slices.Equal(got, want), "got %q", got),
		check(*refused.Error.Param == "prompt.1", "got %+v", refused.Error),
	)
}

func unauthorized(ctx context.Context, s *session) error {
	answer, err := s.api.CreateCompletionWithResponse(ctx, nil, s.request(prompt), bearer("sg-wrong"))
	if err != nil {
		return err
	}
	if answer.StatusCode() != http.StatusUnauthorized || answer.JSON401 == nil {
		return fmt.Errorf("got %s %s", answer.Status(), answer.Body)
	}
	return check(*answer.JSON401.Error.Code == "invalid_api_key", "got %+v", answer.JSON401.Error)
}

func models(ctx context.Context, s *session) error {
	list, err := s.api.ListModelsWithResponse(ctx, nil)
	if err != nil {
		return err
	}
	one, err := s.api.RetrieveModelWithResponse(ctx, s.model, nil)
	if err != nil {
		return err
	}
	if list.JSON200 == nil || one.JSON200 == nil {
		return fmt.Errorf("got %s and %s", list.Status(), one.Status())
	}
	listed := slices.ContainsFunc(list.JSON200.Data, func(m client.Model) bool { return m.Id == s.model })
	return check(listed && one.JSON200.Id == s.model, "got %+v and %+v", list.JSON200, one.JSON200)
}
