package contract

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

var seeds = []string{
	body(`"p"`), body(`["a","b"]`), body(`[1,2.0,3e0]`), body(`[[1],[2,3]]`), body(`[]`), body(`[[]]`), body(`null`), body(`[1,"a"]`),
	with(`"best_of":3,"n":2,"stream":false,"logit_bias":{"1":-100,"22":1e1},"seed":9223372036854775807`),
	with(`"stream":true,"stream_options":{"include_usage":true,"x":[{}]},"stop":["a","b"],"top_k":1e400`),
	with(`"temperature":0.7,"top_p":1,"frequency_penalty":-2,"presence_penalty":2.0,"logprobs":5,"max_tokens":0,"echo":true`),
	with(`"user":"\ud83d\ude00é\u0000","suffix":"\"\\\/\b\f\n\r\t"`),
	with(`"Model":1,"n":0,"best_of":"1","stop":[1,2,3,4,5],"x":{"a":1,"a":2}`),
	with(`"best_of":2.00000000000000000002,"n":2.00000000000000000001`),
	`{"logit_bias":{` + badKeys(40) + `},"prompt":"p"}`,
	`{"model":"","prompt":{},"stream_options":{}}`, `[]`, ``, ` `, `{`, "\ufeff{}", `{"a":"\ud800"}`, `nul`, `{"a":01}`,
	`{"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"text":"t","index":0,"logprobs":{"tokens":["a",null],` +
		`"token_logprobs":[null,-1.5],"top_logprobs":[null,{"a":-1}],"text_offset":[0]},"finish_reason":"stop"}],"usage":null}`,
}

// badKeys are members of logit_bias of which both the key and the value are wrong.
func badKeys(n int) string {
	members := make([]string, n)
	for i := range members {
		members[i] = fmt.Sprintf(`"k%d":null`, i)
	}
	return strings.Join(members, ",")
}

// TestGenerated takes the oracles over documents of all kinds, so that each change meets them without
// any fuzzing.
func TestGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("many documents")
	}
	for _, name := range []string{"CompletionRequest", strictRequest, everything, "Completion", "CompletionChunk"} {
		o := newOracle(t, name)
		r := rand.New(rand.NewPCG(1, 2))
		for range 80 {
			choices := make([]byte, r.IntN(200))
			for i := range choices {
				choices[i] = byte(r.Uint32())
			}
			document := generate(o.schema, choices)
			o.agrees(t, document)
			o.explained(t, document)
			if t.Failed() {
				t.Fatalf("%s: %q", name, document)
			}
		}
	}
}

// FuzzCheck takes any bytes, and all that is checked.
func FuzzCheck(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	oracles := []*oracle{
		newOracle(f, "CompletionRequest"), newOracle(f, strictRequest), newOracle(f, everything),
		newOracle(f, "Completion"), newOracle(f, "CompletionChunk"), newOracle(f, "ValidationError"),
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		for _, o := range oracles {
			o.agrees(t, document)
		}
	})
}

// FuzzRequest takes requests that come close to the contract, and documents close to a schema that has
// what the contract does without.
func FuzzRequest(f *testing.F) {
	seedChoices(f)
	request, other := newOracle(f, "CompletionRequest"), newOracle(f, everything)
	f.Fuzz(func(t *testing.T, choices []byte) {
		request.agrees(t, generate(request.schema, choices))
		other.agrees(t, generate(other.schema, choices))
	})
}

// FuzzResponse takes answers that come close to the contract, whole ones and pieces of streamed ones.
func FuzzResponse(f *testing.F) {
	seedChoices(f)
	whole, piece := newOracle(f, "Completion"), newOracle(f, "CompletionChunk")
	f.Fuzz(func(t *testing.T, choices []byte) {
		whole.agrees(t, generate(whole.schema, choices))
		piece.agrees(t, generate(piece.schema, choices))
	})
}

// FuzzExplain holds what is said of refused documents to the truth: requests, stricter ones and answers,
// by the first byte built from the others or these themselves.
func FuzzExplain(f *testing.F) {
	oracles := []*oracle{newOracle(f, "CompletionRequest"), newOracle(f, strictRequest), newOracle(f, "Completion"), newOracle(f, everything)}
	kinds := byte(len(oracles))
	for kind := range 2 * kinds {
		for _, seed := range seeds {
			f.Add(append([]byte{kind}, seed...))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		o, document := oracles[data[0]%kinds], data[1:]
		if data[0]/kinds%2 == 1 {
			document = generate(o.schema, data[1:])
		}
		defer showIfFailed(t, document)
		o.explained(t, document)
	})
}

// seedChoices adds some that reach all parts of the generator.
func seedChoices(f *testing.F) {
	f.Helper()
	for i := range 64 {
		choices := make([]byte, 0, 400)
		for j := range cap(choices) {
			choices = append(choices, byte((i*j*j+i*31+j*7)>>(i%5)))
		}
		f.Add(choices)
	}
}

func showIfFailed(t *testing.T, document []byte) {
	t.Helper()
	if t.Failed() {
		t.Logf("document: %.4000q", document)
	}
}

// agrees holds what the program does with a document to the oracle.
func (o *oracle) agrees(t *testing.T, document []byte) {
	t.Helper()
	defer showIfFailed(t, document)
	spans := make([]Span, len(facts[o.name]))
	err := o.program.Check(document, spans)
	if want := o.accepts(document); want != (err == nil) {
		t.Errorf("%s: accepted by the oracle %v, and the program says %v", o.name, want, err)
		return
	}
	if err != nil {
		worded(t, asInvalid(t, err).Violations)
		return
	}
	root, err := readTree(document)
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range facts[o.name] {
		if want := span(root, path); spans[i] != want {
			t.Errorf("%s stands at %v, not at %v", path, want, spans[i])
		}
	}
}

// worded holds each item to its form.
func worded(t *testing.T, list []Violation) {
	t.Helper()
	for _, v := range list {
		if v.Type == "" || v.Msg == "" || !utf8.ValidString(v.Msg) || v.Loc[0] != "body" {
			t.Errorf("incomplete: %#v", v)
		}
		for _, part := range v.Loc[1:] {
			key, isKey := part.(string)
			if n, isPosition := part.(int); !isKey && (!isPosition || n < 0) {
				t.Errorf("loc %v", v.Loc)
			}
			if !utf8.ValidString(key) || utf8.RuneCountInString(key) > 64 || strings.Contains(v.Msg, key) && len(key) > 32 {
				t.Errorf("loc %q", v.Loc)
			}
		}
	}
}
