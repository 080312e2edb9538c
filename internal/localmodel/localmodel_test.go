package localmodel

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

func TestPromptsInEachForm(t *testing.T) {
	for prompt, want := range map[string]int{
		`"Hello World"`:            1,
		`["Hello","World",""]`:     3,
		`[9906, 4435]`:             1,
		`[9906.0, 4.435e3]`:        1,
		`[[9906,4435],[100257]]`:   2,
		` [ [ 0 ] ] `:              1,
		`""`:                       1,
		`null`:                     1,
		`[]`:                       0,
		`"<|endoftext|>"`:          1,
		`"` + "\U0001F600é€" + `"`: 1,
	} {
		got := complete(t, `"n":2,"prompt":`+prompt)
		if len(got.Choices) != want*2 {
			t.Errorf("%s gives %d choices, want %d", prompt, len(got.Choices), want*2)
		}
		for i, c := range got.Choices {
			if c.Index != i || c.Finish == "" {
				t.Errorf("%s: choice %d is %+v", prompt, i, c)
			}
		}
	}
	same := []string{`"Hello World"`, `["Hello World"]`, `[9906, 4435]`, `[[9906, 4435]]`}
	for _, prompt := range same[1:] {
		if diff := cmp.Diff(complete(t, `"seed":1,"prompt":`+same[0]).texts(), complete(t, `"seed":1,"prompt":`+prompt).texts()); diff != "" {
			t.Errorf("%s is not %s:\n%s", prompt, same[0], diff)
		}
	}
}

func TestRefusals(t *testing.T) {
	long := strings.Repeat(" boat", contextTokens)
	for fields, want := range map[string]apierror.Error{
		`"prompt":[100256]`:                                                      {Code: "invalid_token_id", Param: "prompt"},
		`"prompt":[100258]`:                                                      {Code: "invalid_token_id", Param: "prompt"},
		`"prompt":[[1],[9223372036854775807]]`:                                   {Code: "invalid_token_id", Param: "prompt"},
		`"prompt":"x","logit_bias":{"100256":1}`:                                 {Code: "invalid_token_id", Param: "logit_bias"},
		`"prompt":"x","logit_bias":{"` + digits + `":1}`:                         {Code: "invalid_token_id", Param: "logit_bias"},
		`"prompt":"` + long + `"`:                                                {Code: "context_length_exceeded", Param: "prompt", Message: "The context of specgate-1 is 8192 tokens, and this request needs more: 8192 for the prompt, 16 for the completion (max_tokens)."},
		`"prompt":"x","max_tokens":8192`:                                         {Code: "context_length_exceeded", Param: "prompt", Message: "The context of specgate-1 is 8192 tokens, and this request needs more: 1 for the prompt, 8192 for the completion (max_tokens)."},
		`"prompt":"x","max_tokens":8193`:                                         {Code: "context_length_exceeded", Param: "max_tokens", Message: "The context of specgate-1 is 8192 tokens, and this request needs more: 8193 for the completion alone (max_tokens)."},
		`"prompt":"x","max_tokens":9223372036854775807`:                          {Code: "context_length_exceeded", Param: "max_tokens"},
		`"prompt":"x","max_tokens":8190,"suffix":" y z"`:                         {Code: "context_length_exceeded", Param: "prompt", Message: "The context of specgate-1 is 8192 tokens, and this request needs more: 1 for the prompt, 2 for the suffix, 8190 for the completion (max_tokens)."},
		`"prompt":"` + strings.Repeat("x", 2<<20) + `"`:                          {Code: "context_length_exceeded", Param: "prompt"},
		`"prompt":"x","n":128,"max_tokens":2049`:                                 {Code: "work_limit_exceeded", Param: "max_tokens"},
		`"prompt":"x","n":33,"max_tokens":8191`:                                  {Code: "work_limit_exceeded", Param: "max_tokens"},
		`"prompt":["x","y"],"best_of":20,"max_tokens":6554`:                      {Code: "work_limit_exceeded", Param: "max_tokens"},
		`"prompt":"` + long + `","n":33,"max_tokens":0,"echo":true,"logprobs":0`: {Code: "work_limit_exceeded", Param: "prompt"},
	} {
		got := refused(t, fields)
		if got.Status != 400 || got.Type != "invalid_request_error" || got.Code != want.Code || got.Param != want.Param {
			t.Errorf("%.60s: %v, param %s", fields, got, got.Param)
		}
		if want.Message != "" && got.Message != want.Message {
			t.Errorf("%.60s: %s", fields, got.Message)
		}
	}
	complete(t, `"prompt":"`+long+`","max_tokens":0`)
	complete(t, `"prompt":"x","n":128,"max_tokens":64,"temperature":0`)
}

const digits = "99999999999999999999"

func TestUnknownModel(t *testing.T) {
	_, err := model(t).Complete(t.Context(), &completion.Request{Body: []byte(`{"model":"gpt","prompt":"x"}`), Model: "gpt"})
	if e := apierror.From(err); e.Status != 404 || e.Code != "model_not_found" {
		t.Errorf("error %v", err)
	}
	list, err := model(t).Models(t.Context())
	if err != nil || len(list.Data) != 1 || list.Data[0].Id != "specgate-1" || list.Data[0].OwnedBy != "specgate" {
		t.Errorf("models %+v, %v", list, err)
	}
}

// One seed gives the same bytes again, whatever else is asked for; other seeds, other places and no
// seed give others.
func TestSeeds(t *testing.T) {
	const fields = `"prompt":["In the","On the"],"max_tokens":40,"n":3,"temperature":1.5,"logprobs":2`
	seeded := complete(t, fields+`,"seed":9223372036854775807`)
	if diff := cmp.Diff(seeded.Choices, complete(t, fields+`,"seed":9223372036854775807`).Choices); diff != "" {
		t.Errorf("one seed gives two answers:\n%s", diff)
	}
	if slices.Equal(seeded.texts(), complete(t, fields+`,"seed":9223372036854775806`).texts()) {
		t.Error("two seeds that differ in the last digit give one answer")
	}
	if slices.Equal(complete(t, fields).texts(), complete(t, fields).texts()) {
		t.Error("without a seed two answers are the same")
	}
	if one := complete(t, `"prompt":"In the","max_tokens":40,"temperature":1.5,"seed":9223372036854775807`); one.Choices[0].Text != seeded.Choices[0].Text {
		t.Error("the first choice depends on n")
	}
	different := map[string]bool{}
	for seed := range 50 {
		for _, text := range complete(t, fmt.Sprintf(`"prompt":"","max_tokens":30,"n":4,"seed":%d`, seed)).texts() {
			different[text] = true
		}
	}
	if len(different) < 190 {
		t.Errorf("50 seeds of 4 choices give %d texts", len(different))
	}
	if seeded.Fingerprint == "" || seeded.ID == complete(t, `"prompt":""`).ID {
		t.Errorf("id %s, fingerprint %s", seeded.ID, seeded.Fingerprint)
	}
}

func TestFingerprintIsOfModelAndVersion(t *testing.T) {
	other, err := New("other")
	if err != nil {
		t.Fatal(err)
	}
	again, err := New("test")
	if err != nil {
		t.Fatal(err)
	}
	if m := model(t); m.fingerprint == other.fingerprint || m.fingerprint != again.fingerprint {
		t.Errorf("fingerprints %s, %s, %s", m.fingerprint, other.fingerprint, again.fingerprint)
	}
}

func TestMaxTokensAndUsage(t *testing.T) {
	for fields, want := range map[string]map[string]int{
		`"logit_bias":{"100257":-100},"prompt":"Hello World"`:                                   {"prompt_tokens": 2, "completion_tokens": 16, "total_tokens": 18},
		`"logit_bias":{"100257":-100},"prompt":["Hello World","x"],"max_tokens":3,"n":4`:        {"prompt_tokens": 3, "completion_tokens": 24, "total_tokens": 27},
		`"logit_bias":{"100257":-100},"prompt":[1,2,3],"max_tokens":3,"best_of":5`:              {"prompt_tokens": 3, "completion_tokens": 15, "total_tokens": 18},
		`"logit_bias":{"100257":-100},"prompt":"x","max_tokens":5,"suffix":" end"`:              {"prompt_tokens": 1, "completion_tokens": 5, "total_tokens": 6},
		`"logit_bias":{"100257":100},"prompt":"x"`:                                              {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
		`"prompt":"Hello World","max_tokens":0`:                                                 {"prompt_tokens": 2, "completion_tokens": 0, "total_tokens": 2},
		`"prompt":"Hello World","max_tokens":0,"echo":true,"best_of":3,"n":2,"suffix":" there"`: {"prompt_tokens": 2, "completion_tokens": 0, "total_tokens": 2},
		`"prompt":[]`: {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
	} {
		if diff := cmp.Diff(want, complete(t, fields).Usage); diff != "" {
			t.Errorf("%s (-want +got):\n%s", fields, diff)
		}
	}
	if c := complete(t, `"prompt":"x","logit_bias":{"100257":100}`).Choices[0]; c.Text != "" || c.Finish != "stop" {
		t.Errorf("a text that ends at once is %+v", c)
	}
	if c := complete(t, `"prompt":"x","max_tokens":0`).Choices[0]; c.Text != "" || c.Finish != "length" {
		t.Errorf("no tokens are %+v", c)
	}
}

// Null is the default, in every field.
func TestNullIsTheDefault(t *testing.T) {
	nulls := `"best_of":null,"echo":null,"frequency_penalty":null,"logit_bias":null,"logprobs":null,"max_tokens":null,"n":null,` +
		`"presence_penalty":null,"stop":null,"stream":null,"stream_options":null,"suffix":null,"temperature":null,"top_p":null,"user":null`
	want := complete(t, `"prompt":"In the","seed":3`)
	if diff := cmp.Diff(want.Choices, complete(t, `"prompt":"In the","seed":3,`+nulls).Choices); diff != "" {
		t.Errorf("nulls (-default +null):\n%s", diff)
	}
	complete(t, `"prompt":"In the","seed":null`)
	if got := complete(t, `"prompt":null,"seed":3`).texts(); !slices.Equal(got, complete(t, `"prompt":"","seed":3`).texts()) {
		t.Errorf("no prompt gives %q", got)
	}
	if n := len(complete(t, `"prompt":"x","n":2.0,"max_tokens":1e1,"best_of":0.3e1,"logprobs":1.0`).Choices); n != 2 {
		t.Errorf("n of 2.0 is %d", n)
	}
}

// The text ends before the stop, wherever the tokens' borders are.
func TestStop(t *testing.T) {
	const fields = `"prompt":"The capital of France is","temperature":0,"max_tokens":12,"logprobs":0`
	whole := complete(t, fields).Choices[0]
	if !strings.HasPrefix(whole.Text, " Paris") {
		t.Fatalf("the text to stop is %q", whole.Text)
	}
	runes := []rune(whole.Text)
	for from := range runes {
		for length := 1; length <= 6 && from+length <= len(runes); length++ {
			stop := string(runes[from : from+length])
			want, _, _ := strings.Cut(whole.Text, stop)
			for _, form := range []string{fmt.Sprintf("%q", stop), fmt.Sprintf(`["","zzz",%q]`, stop)} {
				got := complete(t, fields+`,"stop":`+form).Choices[0]
				if got.Text != want || got.Finish != "stop" {
					t.Errorf("stop %s gives %q, %s; want %q", form, got.Text, got.Finish, want)
				}
				if shown := strings.Join(got.Logprobs.Tokens, ""); !strings.HasPrefix(shown, want) || !strings.HasPrefix(whole.Text, shown) {
					t.Errorf("stop %s lists %q for %q", form, got.Logprobs.Tokens, want)
				}
			}
		}
	}
	if got := complete(t, fields+`,"stop":["","zzz"]`).Choices[0]; got.Text != whole.Text || got.Finish != whole.Finish {
		t.Errorf("stops that do not come give %+v", got)
	}
}

// best_of gives the best of the very drafts that n would have given, the best first.
func TestBestOfIsTheBest(t *testing.T) {
	mean := func(c choiceRead) float64 {
		sum := 0.0
		for _, p := range c.Logprobs.Logprob {
			sum += *p
		}
		return sum / float64(len(c.Logprobs.Logprob))
	}
	const fields = `"prompt":"In the morning","max_tokens":10,"logprobs":0,"seed":5,"temperature":1.8,"logit_bias":{"100257":-100}`
	drafts := complete(t, fields+`,"n":12`)
	slices.SortStableFunc(drafts.Choices, func(a, b choiceRead) int { return int(math.Copysign(1, mean(b)-mean(a))) })
	got := complete(t, fields+`,"n":3,"best_of":12`)
	if diff := cmp.Diff(drafts.texts()[:3], got.texts()); diff != "" {
		t.Errorf("(-best of 12 +got):\n%s", diff)
	}
}

// The suffix makes a difference, for the better.
func TestSuffixIsLikelierAfterItsCompletion(t *testing.T) {
	m := model(t)
	const prompt, suffix = "In the morning the", " the harbour is quiet."
	score := func(text string) float64 {
		h, sum := after(m.encode(t, prompt+text)), 0.0
		for _, id := range m.encode(t, suffix) {
			sum += math.Log(m.ngrams.probability(h, id))
			h = h.with(id)
		}
		return sum
	}
	with, without := 0.0, 0.0
	for seed := range 100 {
		fields := fmt.Sprintf(`"prompt":%q,"max_tokens":8,"seed":%d`, prompt, seed)
		without += score(complete(t, fields).Choices[0].Text)
		with += score(complete(t, fields+fmt.Sprintf(`,"suffix":%q`, suffix)).Choices[0].Text)
	}
	if with <= without+100 {
		t.Errorf("the suffix has %.2f in mean with it, and %.2f without", with/100, without/100)
	}
}

// An echo begins with the prompt, and scores it as a generation would have.
func TestEchoScoresThePrompt(t *testing.T) {
	const fields = `"prompt":"The capital of France is","temperature":0,"max_tokens":6,"logprobs":3,"logit_bias":{"100257":-100}`
	generated := complete(t, fields).Choices[0]
	echoed := complete(t, fields+`,"echo":true`).Choices[0]
	scored := complete(t, fmt.Sprintf(`"prompt":%q,"max_tokens":0,"logprobs":3,"echo":true`, echoed.Text)).Choices[0]
	if diff := cmp.Diff(echoed.Logprobs, scored.Logprobs); diff != "" {
		t.Errorf("(-generated +scored):\n%s", diff)
	}
	if echoed.Text != "The capital of France is"+generated.Text || scored.Text != echoed.Text || scored.Finish != "length" {
		t.Errorf("the echo is %q, the score %+v", echoed.Text, scored)
	}
	if scored.Logprobs.Logprob[0] != nil || scored.Logprobs.Top[0] != nil {
		t.Error("the first token has a log probability")
	}
	n := len(scored.Logprobs.Tokens) - 6
	if diff := cmp.Diff(generated.Logprobs, &logprobsRead{scored.Logprobs.Tokens[n:], scored.Logprobs.Logprob[n:], scored.Logprobs.Top[n:], scored.Logprobs.Offset[n:]}); diff != "" {
		t.Errorf("without an echo (-generated +scored):\n%s", diff)
	}
	if got := complete(t, `"prompt":"Hello World","max_tokens":0,"echo":true`).Choices[0]; got.Text != "Hello World" || got.Logprobs != nil {
		t.Errorf("an echo alone is %+v", got)
	}
}

// Log probabilities are the model's own, whatever the request does to them.
func TestLogprobsAreBeforeEverything(t *testing.T) {
	for _, k := range []int{0, 1, 5} {
		c := complete(t, fmt.Sprintf(`"prompt":"In the","max_tokens":30,"seed":8,"temperature":2,"top_p":0.9,"frequency_penalty":2,"presence_penalty":-1,"logit_bias":{"279":-100,"99999":16},"logprobs":%d`, k)).Choices[0]
		l := c.Logprobs
		m := model(t)
		h := after(m.encode(t, "In the"))
		for i, name := range l.Tokens {
			if n := len(l.Top[i]); n != k && n != k+1 {
				t.Errorf("%d logprobs list %d tokens", k, n)
			}
			if l.Top[i][name] != *l.Logprob[i] || *l.Logprob[i] >= 0 {
				t.Errorf("token %q has %v, and in the list %v", name, *l.Logprob[i], l.Top[i][name])
			}
			id := m.encode(t, name)
			if len(id) != 1 {
				break // a part of a character
			}
			if want := math.Log(m.ngrams.probability(h, id[0])); want != *l.Logprob[i] {
				t.Errorf("token %q has %v, want %v", name, *l.Logprob[i], want)
			}
			h = h.with(id[0])
		}
	}
}

// Offsets count code points from the start of the prompt, and a character in several tokens is shown
// as bytes.
func TestTokensAndOffsets(t *testing.T) {
	m := model(t)
	const text = "é 😀 ok 中文字 🦄!"
	got := complete(t, fmt.Sprintf(`"prompt":%q,"max_tokens":0,"echo":true,"logprobs":0`, text)).Choices[0]
	if got.Text != text {
		t.Errorf("the echo is %q", got.Text)
	}
	bytes, parts := 0, 0
	for i, id := range m.encode(t, text) {
		piece := m.vocabulary.piece(id)
		if want := utf8.RuneCountInString(text[:bytes]); utf8.ValidString(piece) && (got.Logprobs.Tokens[i] != piece || got.Logprobs.Offset[i] != want) {
			t.Errorf("token %q is %q at %d, want %d", piece, got.Logprobs.Tokens[i], got.Logprobs.Offset[i], want)
		}
		if !utf8.ValidString(piece) {
			parts++
			if !strings.HasPrefix(got.Logprobs.Tokens[i], "bytes:") || !strings.Contains(got.Logprobs.Tokens[i], `\x`) {
				t.Errorf("token %q is shown as %q", piece, got.Logprobs.Tokens[i])
			}
		}
		bytes += len(piece)
	}
	if parts < 3 {
		t.Errorf("only %d tokens are parts of a character", parts)
	}
	smile := m.encode(t, "😀")
	if shown := m.vocabulary.shown(smile[0]); shown != `bytes:\xf0\x9f\x98` {
		t.Errorf("the first part is shown as %s", shown)
	}
}

// A character that a completion leaves unfinished is U+FFFD, and one that the prompt leaves unfinished
// is finished in the echo.
func TestHalfCharacters(t *testing.T) {
	smile := model(t).encode(t, "😀")
	force := fmt.Sprintf(`"logit_bias":{"%d":100},"max_tokens":1`, smile[1])
	prompt := fmt.Sprintf(`"prompt":[%d],`, smile[0])
	if got := complete(t, prompt+force+`,"echo":true,"logprobs":0`).Choices[0]; got.Text != "😀" || !slices.Equal(got.Logprobs.Offset, []int{0, 0}) {
		t.Errorf("with an echo: %q, %+v", got.Text, got.Logprobs)
	}
	if got := complete(t, prompt+force+`,"logprobs":0`).Choices[0]; got.Text != "\uFFFD" || !slices.Equal(got.Logprobs.Offset, []int{1}) {
		t.Errorf("without: %q, %+v", got.Text, got.Logprobs)
	}
	half := fmt.Sprintf(`"prompt":"x","logit_bias":{"%d":100},"max_tokens":1`, smile[0])
	if got := complete(t, half).Choices[0].Text; got != "\uFFFD" {
		t.Errorf("half a character is %q", got)
	}
}

// What is streamed is what would have come at once.
func TestStreamIsTheAnswerInPieces(t *testing.T) {
	smile := model(t).encode(t, "😀")
	for _, fields := range []string{
		`"prompt":"In the","seed":1`,
		`"prompt":["In the","On the",""],"seed":2,"n":3,"max_tokens":40,"logprobs":2`,
		`"prompt":"In the","seed":3,"n":2,"echo":true,"logprobs":0`,
		`"prompt":"In the","seed":4,"temperature":2,"max_tokens":200,"logprobs":1,"frequency_penalty":2`,
		`"prompt":"In the","seed":5,"stop":["the","boat went",".","\n"],"n":8,"max_tokens":60,"logprobs":0`,
		`"prompt":"In the","seed":6,"suffix":" the sea.","n":2,"max_tokens":20,"logprobs":5`,
		fmt.Sprintf(`"prompt":"x","seed":7,"logit_bias":{"%d":99,"%d":99},"max_tokens":50,"logprobs":1`, smile[0], smile[1]),
		fmt.Sprintf(`"prompt":[%d],"seed":8,"logit_bias":{"%d":100},"max_tokens":3,"logprobs":1,"echo":true`, smile[0], smile[1]),
		`"prompt":"Hello World","max_tokens":0,"echo":true,"logprobs":1`,
		`"prompt":"x","max_tokens":0`,
		`"prompt":[]`,
	} {
		want := complete(t, fields)
		chunks := streamed(t, fields+`,"stream":true,"stream_options":{"include_usage":true}`)
		last := chunks[len(chunks)-1]
		if diff := cmp.Diff(want.Usage, last.Usage); diff != "" || len(last.Choices) != 0 {
			t.Errorf("%s: the last chunk is %+v", fields, last)
		}
		if diff := cmp.Diff(want.Choices, joined(t, chunks[:len(chunks)-1], len(want.Choices))); diff != "" {
			t.Errorf("%s (-whole +streamed):\n%s", fields, diff)
		}
		if without := streamed(t, fields+`,"stream":true`); len(without) != len(chunks)-1 {
			t.Errorf("%s: %d chunks without usage, %d with it", fields, len(without), len(chunks))
		}
	}
}

// joined puts the choices of some chunks together.
func joined(t *testing.T, chunks []answered, n int) []choiceRead {
	t.Helper()
	out := make([]choiceRead, n)
	for i, chunk := range chunks {
		if chunk.ID != chunks[0].ID || len(chunk.Choices) != 1 || chunk.Usage != nil {
			t.Fatalf("chunk %d is %+v", i, chunk)
		}
		c := chunk.Choices[0]
		whole := &out[c.Index]
		if whole.Finish != "" {
			t.Errorf("choice %d goes on after its end", c.Index)
		}
		whole.Index, whole.Text, whole.Finish = c.Index, whole.Text+c.Text, c.Finish
		if l := c.Logprobs; l != nil {
			if whole.Logprobs == nil {
				whole.Logprobs = &logprobsRead{Tokens: []string{}, Logprob: []*float64{}, Top: []map[string]float64{}, Offset: []int{}}
			}
			w := whole.Logprobs
			w.Tokens, w.Logprob = append(w.Tokens, l.Tokens...), append(w.Logprob, l.Logprob...)
			w.Top, w.Offset = append(w.Top, l.Top...), append(w.Offset, l.Offset...)
		}
	}
	return out
}

// A chunk has one token, and the choices of a prompt take turns.
func TestStreamHasOneTokenAChunk(t *testing.T) {
	chunks := streamed(t, `"prompt":"In the","seed":1,"n":2,"max_tokens":5,"logprobs":0,"logit_bias":{"100257":-100}`)
	var order []string
	for _, chunk := range chunks {
		c := chunk.Choices[0]
		order = append(order, fmt.Sprintf("%d:%d%s", c.Index, len(c.Logprobs.Tokens), c.Finish))
	}
	want := []string{"0:1", "1:1", "0:1", "1:1", "0:1", "1:1", "0:1", "1:1", "0:1", "1:1", "0:0length", "1:0length"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whoever leaves stops the work, at once.
func TestCancelledBetweenTokens(t *testing.T) {
	reason := errors.New("the caller is gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	req := request(`"prompt":"x","max_tokens":8000,"logit_bias":{"100257":-100}`)
	req.Stream = true
	got, err := model(t).Complete(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := got.Stream.Next(); err != nil {
		t.Fatal(err)
	}
	cancel(reason)
	if _, err := got.Stream.Next(); !errors.Is(err, reason) {
		t.Errorf("the stream goes on with %v", err)
	}
	req.Stream = false
	for _, fields := range []string{`"prompt":"x"`, `"prompt":"x","suffix":"y"`, `"prompt":"x","echo":true,"max_tokens":0`} {
		if _, err := model(t).Complete(ctx, request(fields)); !errors.Is(err, reason) {
			t.Errorf("%s: error %v", fields, err)
		}
	}
}
