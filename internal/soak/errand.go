package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// The models, by who has them.
const (
	modelAll  = "soak-all"  // each of the three
	modelFlap = "soak-flap" // the one that comes and goes, and behind it the slow one
	modelSlow = "soak-slow"
	modelLiar = "soak-liar" // under another name there
)

// errand is one request, and what its client means to do about it.
type errand struct {
	id      string
	kind    string // for the table
	model   string
	prompts []string // each begins with its name and a space
	n       int
	events  int // of each choice
	stream  bool
	usage   bool
	leaves  leaving
	fault   *fault // nil where the request keeps the contract
	took    time.Duration
}

// leaving is when a client goes who does not wait for the end. At most one of its fields is set.
type leaving struct {
	after  time.Duration // the request was sent; -1 for at once
	events int           // have been read
	bytes  int           // of the answer have been read, wherever that is
	within bool          // the request's own body
}

// fault is what a client does wrong, and what it has to be told.
type fault struct {
	name   string
	spoil  func(body, token, mediaType *string)
	ending ending
}

var wrongs = []fault{
	{"temperature", func(b, _, _ *string) { *b = strings.Replace(*b, `{`, `{"temperature":2.5,`, 1) }, ending{422, "less_than_equal", false}},
	{"no JSON", func(b, _, _ *string) { *b = strings.TrimSuffix(*b, "}") }, ending{422, "json_invalid", false}},
	{"best_of", func(b, _, _ *string) { *b = strings.Replace(*b, `"n":`, `"best_of":1,"n":`, 1) }, ending{422, "value_error", false}},
	{"token", func(_, t, _ *string) { *t = "sg-nobody" }, ending{401, "invalid_api_key", false}},
	{"model", func(b, _, _ *string) { *b = strings.Replace(*b, `"model":"`, `"model":"no-`, 1) }, ending{404, "model_not_found", false}},
	{"media type", func(_, _, m *string) { *m = "text/plain" }, ending{415, "unsupported_media_type", false}},
}

// newErrand draws the next request of a client.
func newErrand(draw *rand.Rand, id string) errand {
	e := errand{id: id, kind: "plain", n: 1, events: 1 + draw.IntN(20), prompts: []string{"p0 "}}
	e.model = []string{modelAll, modelAll, modelFlap, modelSlow, modelLiar}[draw.IntN(5)]
	switch e.stream = draw.IntN(2) == 0; {
	case draw.IntN(4) == 0:
		e.kind, e.n = "batch", 1+draw.IntN(3)
		for i := range draw.IntN(3) {
			e.prompts = append(e.prompts, fmt.Sprintf("p%d ", i+1))
		}
	case e.stream:
		e.kind = "stream"
	}
	if draw.IntN(20) == 0 {
		e.prompts[0] += strings.Repeat("long ", draw.IntN(20_000))
	}
	e.usage = e.stream && draw.IntN(2) == 0
	switch draw.IntN(100) {
	case 0, 1, 2:
		e.kind, e.fault, e.n = "wrong", &wrongs[draw.IntN(len(wrongs))], 2
	default:
		if draw.IntN(3) == 0 {
			e.leaves = newLeaving(draw, e.stream)
		}
	}
	return e
}

func newLeaving(draw *rand.Rand, stream bool) leaving {
	switch way := draw.IntN(8); {
	case way == 0:
		return leaving{within: true}
	case way == 1:
		return leaving{after: -1}
	case way < 4 || !stream:
		return leaving{after: time.Duration(1 + draw.IntN(int(300*time.Millisecond)))}
	case way < 6:
		return leaving{events: 1 + draw.IntN(10)}
	default:
		return leaving{bytes: 1 + draw.IntN(3000)}
	}
}

// body is the request as it is sent.
func (e errand) body() string {
	fields := map[string]any{"model": e.model, "prompt": e.prompts, "n": e.n, "max_tokens": e.events, "stream": e.stream}
	if len(e.prompts) == 1 {
		fields["prompt"] = e.prompts[0]
	}
	if e.usage {
		fields["stream_options"] = map[string]any{"include_usage": true}
	}
	body, err := json.Marshal(fields)
	if err != nil {
		panic(err) // there is nothing in it that could not be JSON
	}
	return string(body)
}

// piece is the text of one event. It says whose it is and which.
func piece(id, prompt string, event int) string {
	name, _, _ := strings.Cut(prompt, " ")
	return fmt.Sprintf("%s/%s/%d;", id, name, event)
}

// text is all that a choice of a prompt says.
func text(id, prompt string, events int) string {
	var b strings.Builder
	for i := range events {
		b.WriteString(piece(id, prompt, i))
	}
	return b.String()
}
