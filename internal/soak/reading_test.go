package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// event is a chunk of the errand that the tests below read.
func event(text, reason string) string {
	return fmt.Sprintf(`data: {"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"text":%q,"index":0,"logprobs":null,"finish_reason":%s}]}`, text, reason) + "\n\n"
}

// What is not noticed here would be noticed nowhere.
func TestReadingOfStreams(t *testing.T) {
	t.Parallel()
	said := func(i int) string { return event(piece("id", "p0 ", i), "null") }
	const done = "data: [DONE]\n\n"
	last := event("", `"length"`)
	broken := `data: {"error":{"message":"m","type":"server_error","param":null,"code":"upstream_error"}}` + "\n\n"
	for name, test := range map[string]struct {
		stream string
		want   ending
		wrong  string // what the error says; "" for none
	}{
		"whole":            {said(0) + ": ping\n" + said(1) + said(2) + last + done, whole, ""},
		"in one event":     {event(text("id", "p0", 3), `"length"`) + done, whole, ""},
		"an error":         {said(0) + broken, ending{200, "upstream_error", true}, ""},
		"lost":             {said(0) + said(2) + last + done, ending{}, "lost"},
		"lost at the end":  {said(0) + said(1) + last + done, whole, "not whole"},
		"doubled":          {said(0) + said(0) + said(1) + said(2) + last + done, ending{}, "doubled"},
		"out of order":     {said(1) + said(0) + said(2) + last + done, ending{}, "out of order"},
		"another's":        {event("id-2/p0/0;", "null"), ending{}, "another's"},
		"after its end":    {said(0) + said(1) + said(2) + last + said(0), ending{}, "after its end"},
		"no reason to end": {said(0) + said(1) + said(2) + done, whole, "not whole"},
		"silence":          {said(0) + said(1) + said(2) + last, ending{}, "neither [DONE] nor an error"},
		"more after DONE":  {said(0) + said(1) + said(2) + last + done + last, whole, "after the last event"},
		"more after error": {broken + done, ending{200, "upstream_error", true}, "after the last event"},
		"no code":          {strings.Replace(broken, `,"code":"upstream_error"`, "", 1), ending{200, "", true}, "no code"},
		"broken JSON":      {"data: {\n\n", ending{}, "unexpected end"},
		"another field":    {"event: x\n" + said(0), ending{}, "no event"},
		"usage unasked":    {strings.Replace(said(0), `"choices"`, `"usage":{},"choices"`, 1) + said(1) + said(2) + last + done, whole, "usage"},
		"another model":    {strings.Replace(said(0), `"m"`, `"x"`, 1), ending{}, "labels"},
		"no logprobs":      {strings.Replace(said(0), `"logprobs":null,`, "", 1), ending{}, "lacks"},
		"an unknown end":   {strings.Replace(last, "length", "eos_token", 1), ending{}, "finish_reason"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReading(errand{id: "id", model: "m", prompts: []string{"p0 "}, n: 1, events: 3, stream: true})
			how, err := r.stream(bytes.NewBufferString(test.stream), http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}})
			if how != test.want || (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("%v, %v", how, err)
			}
		})
	}
}

func TestExplanations(t *testing.T) {
	t.Parallel()
	good, cut := entry{backend: flap, behaviour: honest}, entry{backend: flap, behaviour: honest, cut: true}
	busy := entry{backend: liar, behaviour: status(503, "", "")}
	unreachable, unavailable := ending{502, "upstream_error", false}, ending{503, "unavailable", false}
	for name, test := range map[string]struct {
		model string
		how   ending
		known []entry
		want  bool
	}{
		"whole":                         {modelFlap, whole, []entry{good}, true},
		"whole, and nobody has said it": {modelFlap, whole, nil, false},
		"whole after a 503":             {modelAll, whole, []entry{busy, good}, true},
		"an error for nothing":          {modelFlap, unreachable, []entry{good}, false},
		"cut":                           {modelFlap, unreachable, []entry{cut}, true},
		"nobody there":                  {modelFlap, unreachable, nil, true},
		"nobody there, who never goes":  {modelLiar, unreachable, nil, false},
		"nobody takes it":               {modelLiar, unavailable, nil, true},
		"withheld, yet done":            {modelAll, unavailable, []entry{good}, false},
		"another error than the true":   {modelLiar, ending{500, "", false}, []entry{busy}, false},
		"a broken promise":              {modelLiar, whole, []entry{{backend: liar, behaviour: lies[2]}}, false},
	} {
		if got := explained(errand{model: test.model, kind: "plain"}, test.how, test.known); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A client that left may or may not have been served, but it is counted once.
func TestCountersAreCompared(t *testing.T) {
	t.Parallel()
	r := newReport()
	r.counts[counter{200, ""}], r.left = 10, 3
	for name, test := range map[string]struct {
		counted map[counter]int
		same    bool
	}{
		"each left unserved": {map[counter]int{{200, ""}: 10, {499, "client_closed"}: 3}, true},
		"one left served":    {map[counter]int{{200, ""}: 11, {499, "client_closed"}: 2}, true},
		"one lost":           {map[counter]int{{200, ""}: 10, {499, "client_closed"}: 2}, false},
		"one doubled":        {map[counter]int{{200, ""}: 11, {499, "client_closed"}: 3}, false},
		"one as another":     {map[counter]int{{200, ""}: 9, {499, "client_closed"}: 4}, false},
	} {
		if err := r.compare(test.counted); (err == nil) != test.same {
			t.Errorf("%s: %v", name, err)
		}
	}
}
