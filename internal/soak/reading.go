package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// reading holds an answer to what was asked for. It knows what each choice has to say.
type reading struct {
	errand errand
	want   []string // by choice
	said   []int    // how much of it has come
	ended  []bool   // whether its finish_reason has
	usages int
	id     string // of the answer
}

// document is an answer, a chunk or an error.
type document struct {
	ID      string          `json:"id"`
	Object  string          `json:"object"`
	Created int             `json:"created"`
	Model   string          `json:"model"`
	Choices []choice        `json:"choices"`
	Usage   json.RawMessage `json:"usage"`
	Error   json.RawMessage `json:"error"`
	Detail  json.RawMessage `json:"detail"`
}

type choice struct {
	Text         *string         `json:"text"`
	Index        *int            `json:"index"`
	Logprobs     json.RawMessage `json:"logprobs"`
	FinishReason *string         `json:"finish_reason"`
}

func newReading(e errand) *reading {
	r := &reading{errand: e}
	for _, p := range e.prompts {
		for range e.n {
			r.want = append(r.want, text(e.id, p, e.events))
		}
	}
	r.said, r.ended = make([]int, len(r.want)), make([]bool, len(r.want))
	return r
}

// whole reads an answer that is no stream.
func (r *reading) whole(resp *http.Response, raw []byte) (ending, error) {
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		return ending{}, fmt.Errorf("status %d comes as %q", resp.StatusCode, got)
	}
	var d document
	if err := json.Unmarshal(raw, &d); err != nil {
		return ending{}, fmt.Errorf("status %d: %w in %s", resp.StatusCode, err, brief(raw))
	}
	if resp.StatusCode != http.StatusOK {
		if (resp.StatusCode == http.StatusUnprocessableEntity) != (d.Detail != nil) {
			return ending{}, fmt.Errorf("status %d: %s", resp.StatusCode, brief(raw))
		}
		code, err := codeOf(d.Error)
		return ending{status: resp.StatusCode, code: code}, err
	}
	if err := r.take(d); err != nil {
		return ending{}, fmt.Errorf("%w in %s", err, brief(raw))
	}
	return whole, r.complete()
}

// stream reads events to their end, which is [DONE], an error event, or where the client leaves.
func (r *reading) stream(body io.Reader, header http.Header) (ending, error) {
	if got := header.Get("Content-Type"); got != "text/event-stream; charset=utf-8" {
		return ending{}, fmt.Errorf("a stream comes as %q", got)
	}
	in := bufio.NewReader(body)
	for events := 1; ; events++ {
		data, err := nextEvent(in)
		if err != nil {
			return ending{}, err
		}
		if data == "[DONE]" {
			return whole, errors.Join(r.complete(), mustEnd(in))
		}
		var d document
		if err := json.Unmarshal([]byte(data), &d); err != nil {
			return ending{}, fmt.Errorf("event %d: %w in %s", events, err, brief([]byte(data)))
		}
		if d.Error != nil {
			code, err := codeOf(d.Error)
			return ending{http.StatusOK, code, true}, errors.Join(err, mustEnd(in))
		}
		if err := r.take(d); err != nil {
			return ending{}, fmt.Errorf("event %d: %w in %s", events, err, brief([]byte(data)))
		}
		if events == r.errand.leaves.events {
			return ending{}, errLeft
		}
	}
}

// nextEvent reads an event as the gateway writes them, and passes over its comments.
func nextEvent(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	for ; err == nil && line == ": ping\n"; line, err = in.ReadString('\n') {
	}
	if err != nil {
		return "", silent(err)
	}
	empty, err := in.ReadString('\n')
	if err != nil {
		return "", silent(err)
	}
	data, ok := strings.CutPrefix(line, "data: ")
	if !ok || empty != "\n" {
		return "", fmt.Errorf("no event: %s and %q", brief([]byte(line)), empty)
	}
	return strings.TrimSuffix(data, "\n"), nil
}

// silent says what an end is that nothing has announced.
func silent(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the stream ended as if it were whole, with neither [DONE] nor an error")
	}
	return err
}

// mustEnd fails where anything follows the last event.
func mustEnd(in *bufio.Reader) error {
	rest, err := io.ReadAll(in)
	if errors.Is(err, errLeft) {
		return err
	}
	if err != nil || len(rest) > 0 {
		return errors.Join(fmt.Errorf("after the last event came %s", brief(rest)), err)
	}
	return nil
}

// take holds a document to what has to come next.
func (r *reading) take(d document) error {
	if r.id == "" {
		r.id = d.ID
	}
	if d.ID == "" || d.ID != r.id || d.Object != "text_completion" || d.Created == 0 || d.Model != r.errand.model {
		return errors.New("wrong labels")
	}
	for _, c := range d.Choices {
		if err := r.hear(c); err != nil {
			return err
		}
	}
	if d.Usage != nil && string(d.Usage) != "null" {
		r.usages++
	}
	return nil
}

// hear holds one choice to its text, of which the next piece must come next.
func (r *reading) hear(c choice) error {
	if c.Index == nil || c.Text == nil || c.Logprobs == nil || *c.Index < 0 || *c.Index >= len(r.want) {
		return errors.New("a choice lacks something")
	}
	i := *c.Index
	if r.ended[i] {
		return fmt.Errorf("choice %d goes on after its end", i)
	}
	if rest := r.want[i][r.said[i]:]; !strings.HasPrefix(rest, *c.Text) {
		return fmt.Errorf("choice %d: lost, doubled, out of order or another's: %q where %q is next", i, *c.Text, brief([]byte(rest)))
	}
	r.said[i] += len(*c.Text)
	if c.FinishReason == nil {
		return nil
	}
	if *c.FinishReason != "length" && *c.FinishReason != "stop" {
		return fmt.Errorf("finish_reason %q", *c.FinishReason)
	}
	r.ended[i] = true
	return nil
}

// complete fails where anything is missing at the end.
func (r *reading) complete() error {
	for i, want := range r.want {
		if r.said[i] != len(want) || !r.ended[i] {
			return fmt.Errorf("choice %d is not whole: %d of %d bytes", i, r.said[i], len(want))
		}
	}
	if wanted := !r.errand.stream || r.errand.usage; wanted != (r.usages == 1) {
		return fmt.Errorf("usage came %d times", r.usages)
	}
	return nil
}

// codeOf reads an error object, all four keys of which have to be there.
func codeOf(raw json.RawMessage) (string, error) {
	var keys map[string]*string
	if err := json.Unmarshal(raw, &keys); err != nil {
		return "", fmt.Errorf("%w in the error %s", err, brief(raw))
	}
	for _, key := range []string{"message", "type", "param", "code"} {
		if v, ok := keys[key]; !ok || v == nil && (key == "message" || key == "type") {
			return "", fmt.Errorf("no %s in the error %s", key, brief(raw))
		}
	}
	if code := keys["code"]; code != nil {
		return *code, nil
	}
	return "", nil
}

func brief(b []byte) string {
	const most = 300
	if len(b) > most {
		return fmt.Sprintf("%q… (%d bytes)", b[:most], len(b))
	}
	return fmt.Sprintf("%q", b)
}
