package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/specgate/specgate/gen/client"
)

func stream(ctx context.Context, s *session) error {
	r := s.request(prompt)
	r.MaxTokens, r.Seed, r.Temperature = ptr[int64](8), ptr[int64](1), ptr(0.0)
	whole, err := s.complete(ctx, r)
	if err != nil {
		return err
	}
	r.StreamOptions = &client.CompletionRequest_StreamOptions{IncludeUsage: ptr(true)}
	var text string
	var reasons []string
	var usage *client.CompletionUsage
	count := 0
	err = s.chunks(ctx, r, func(chunk client.CompletionChunk) {
		count++
		for _, choice := range chunk.Choices {
			text += choice.Text
			if choice.FinishReason != nil {
				reasons = append(reasons, string(*choice.FinishReason))
			}
		}
		if chunk.Usage != nil {
			usage = chunk.Usage
		}
	})
	want := whole.Choices[0]
	return errors.Join(
		err,
		check(count > 2 && text == want.Text, "%d chunks, %q of %q", count, text, want.Text),
		check(len(reasons) == 1 && reasons[0] == string(want.FinishReason), "got %q", reasons),
		check(reflect.DeepEqual(usage, whole.Usage), "got %+v, want %+v", usage, whole.Usage),
	)
}

// chunks reads a stream to [DONE], and fails where it ends before.
func (s *session) chunks(ctx context.Context, r client.CompletionRequest, each func(client.CompletionChunk)) error {
	r.Stream = ptr(true)
	response, err := s.raw().CreateCompletion(ctx, nil, r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("refused: %s", response.Status)
	}
	lines := bufio.NewReader(response.Body) // a Scanner would refuse long lines
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return errors.New("the stream broke off before [DONE]")
		}
		if err != nil {
			return err
		}
		data, ok := strings.CutPrefix(line, "data:")
		if !ok { // a blank line, or the comment that keeps the connection
			continue
		}
		if data = strings.TrimSpace(data); data == "[DONE]" {
			return nil
		}
		chunk, err := read(data)
		if err != nil {
			return err
		}
		each(chunk)
	}
}

// raw is the client that leaves the body of an answer to its caller.
func (s *session) raw() client.ClientInterface { return s.api.ClientInterface }

// read gives the chunk in an event, or the error in its place.
func read(data string) (client.CompletionChunk, error) {
	var broken client.Error
	if err := json.Unmarshal([]byte(data), &broken); err == nil && broken.Error.Message != "" {
		return client.CompletionChunk{}, fmt.Errorf("the generation broke off: %s", broken.Error.Message)
	}
	var chunk client.CompletionChunk
	err := json.Unmarshal([]byte(data), &chunk)
	return chunk, err
}
