package main

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/fakebackend"
)

// startOverlaid runs a gateway with an overlay of those in docs/overlays.
func startOverlaid(t *testing.T, name string, replies ...fakebackend.Reply) *running {
	t.Helper()
	return startWith(t, "contract: {overlay: ../../docs/overlays/"+name+".yaml}\n", replies...)
}

// page fetches what is no operation of the contract.
func (g *running) page(path string) string {
	g.t.Helper()
	got := g.do(g.request(g.t.Context(), "GET", path, nil))
	if got.status != 200 {
		g.t.Fatalf("%s: %d %s", path, got.status, abridged(got.body))
	}
	return got.body
}

// mustServe looks for a value in the contract that is served, in both of its forms.
func (g *running) mustServe(place string, want any) {
	g.t.Helper()
	for path, read := range map[string]func([]byte, any) error{"/openapi.yaml": yaml.Unmarshal, "/openapi.json": json.Unmarshal} {
		var value any
		if err := read([]byte(g.page(path)), &value); err != nil {
			g.t.Fatalf("%s: %v", path, err)
		}
		for key := range strings.SplitSeq(place, ".") {
			switch part := value.(type) {
			case map[string]any:
				value = part[key]
			case []any:
				value = part[1]
			}
		}
		if diff := cmp.Diff(asJSON(g.t, want), asJSON(g.t, value)); diff != "" {
			g.t.Errorf("%s: %s (-want +got)\n%s", path, place, diff)
		}
	}
	if page := g.page("/playground/spec.js"); !strings.Contains(page, "/openapi.json") {
		g.t.Errorf("the pages show another document: %s", abridged(page))
	}
}

const inRequest = "components.schemas.CompletionRequest."

func TestOverlayForEvaluation(t *testing.T) {
	t.Parallel()
	g := startOverlaid(t, "evaluation", fakebackend.JSON(200, answered))
	g.mustForward(with("logprobs", "20"))
	g.mustForward(with("n", "200"))
	g.mustRefuse(with("logprobs", "21"), violation{Loc: `["body","logprobs"]`, Msg: "Input should be less than or equal to 20", Type: "less_than_equal"})
	g.mustRefuse(with("n", "201"), violation{Loc: `["body","n"]`, Msg: "Input should be less than or equal to 200", Type: "less_than_equal"})
	g.mustServe(inRequest+"properties.logprobs.maximum", 20)
	g.mustServe(inRequest+"properties.n.maximum", 200)
}

// Nothing caps how many alternatives an answer has: one with 20 passes as it came, whole and in a stream.
func TestOverlayAnswers(t *testing.T) {
	t.Parallel()
	var tops []string
	for i := range 20 {
		tops = append(tops, `"t`+number(float64(i))+`":-1.5`)
	}
	choice := `{"text":" x","index":0,"logprobs":{"tokens":[" x"],"token_logprobs":[-1.5],"top_logprobs":[{` + strings.Join(tops, ",") + `}],"text_offset":[0]},"finish_reason":"stop"}`
	body := answerWith(choice)
	g := startOverlaid(t, "evaluation", fakebackend.JSON(200, body), fakebackend.Events(fakebackend.Data(body, "[DONE]")))
	if got := g.mustForward(with("logprobs", "20")); got.body != body {
		t.Errorf("got %s", got.body)
	}
	if got := g.mustForward(`{"model":"m","prompt":"x","logprobs":20,"stream":true}`); !strings.Contains(got.body, body) {
		t.Errorf("got %s", got.body)
	}
}

func TestOverlayForEditors(t *testing.T) {
	t.Parallel()
	g := startOverlaid(t, "editors", fakebackend.JSON(200, answered))
	g.mustForward(with("stop", texts(16)))
	g.mustForward(with("max_tokens", "1024"))
	g.mustRefuse(with("stop", texts(17)), violation{Loc: `["body","stop"]`, Msg: "List should have at most 16 items after validation, not 17", Type: "too_long"})
	g.mustRefuse(with("max_tokens", "1025"), violation{Loc: `["body","max_tokens"]`, Msg: "Input should be less than or equal to 1024", Type: "less_than_equal"})
	g.mustServe("components.schemas.Stop.oneOf.1.maxItems", 16)
	g.mustServe(inRequest+"properties.max_tokens.maximum", 1024)
}

func TestOverlayOfAClosedList(t *testing.T) {
	t.Parallel()
	g := startOverlaid(t, "closed", fakebackend.JSON(200, answered))
	const model = `Input should be 'qwen2.5-coder' or 'phi-4'`
	g.mustForward(`{"model":"phi-4","prompt":"x"}`)
	g.mustForward(`{"model":"qwen2.5-coder","prompt":"x","stream_options":null}`)
	g.mustRefuse(`{"model":"phi-3","prompt":"x"}`, violation{Loc: `["body","model"]`, Msg: model, Type: "literal_error"})
	g.mustRefuse(`{"model":"phi-4","prompt":"x","top_k":40}`, violation{Loc: `["body","top_k"]`, Msg: "Extra inputs are not permitted", Type: "extra_forbidden"})
	g.mustServe(inRequest+"additionalProperties", false)
	g.mustServe(inRequest+"properties.model.enum", []string{"qwen2.5-coder", "phi-4"})
	plain := start(t, fakebackend.JSON(200, answered))
	plain.mustForward(`{"model":"phi-3","prompt":"x","top_k":40}`)
}

// writeOverlay puts an overlay of actions into a file, and gives its path.
func writeOverlay(t *testing.T, actions string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "overlay.yaml")
	if err := os.WriteFile(path, []byte("overlay: 1.0.0\ninfo: {title: t, version: '1'}\nactions:\n"+actions), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Headers and the path are held to what the overlay says too.
func TestOverlayOfParameters(t *testing.T) {
	t.Parallel()
	g := startWith(t, "contract: {overlay: '"+writeOverlay(t, `
- target: $.components.parameters.Project
  update: {required: true, schema: {enum: [proj_a, proj_b]}, example: proj_a}
- target: $.paths['/v1/models/{model}'].get.parameters[0]
  update: {schema: {maxLength: 4}, example: m}
`)+"'}\n", fakebackend.JSON(200, answered))
	for _, c := range []struct {
		header string
		want   violation
	}{
		{"X-Request-Id: none", violation{Loc: `["header","openai-project"]`, Msg: "Field required", Type: "missing"}},
		{"OpenAI-Project: proj_c", violation{Loc: `["header","openai-project"]`, Msg: "Input should be 'proj_a' or 'proj_b'", Type: "literal_error"}},
	} {
		if diff := cmp.Diff([]violation{c.want}, g.complete(plainBody, c.header).violations(t)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.header, diff)
		}
	}
	if got := g.complete(plainBody, "OpenAI-Project: proj_b"); got.status != 200 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	want := []violation{{Loc: `["path","model"]`, Msg: "String should have at most 4 characters", Type: "string_too_long"}}
	if diff := cmp.Diff(want, g.send("GET", "/v1/models/phi-4", "", "OpenAI-Project: proj_a").violations(t)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

const (
	body       = "$.paths['/v1/completions'].post.requestBody.content['application/json']"
	single     = `{target: "` + body + `", update: {example: {model: m, prompt: x, stream_options: {}}}}` + "\n"
	unstreamed = `{target: "$.components.schemas.CompletionRequest['x-rules']", update: [{id: unstreamed, loc: [body, stream_options], ` +
		`msg: cannot be used with stream, when: {set: [stream_options]}, require: {equals: {stream: false}}}]}` + "\n"
	mend = " (an example has to keep the contract: change it with what it is an example of, or remove it)"
)

// A refused overlay stops the start; the commands that show the configuration say why as well.
func TestOverlayRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, actions, want string }{
		{"meets nothing", "- {target: $.info.titel, update: x}\n", "actions[0], target $.info.titel: target matched zero nodes"},
		{"a path more", "- {target: $.paths, update: {/v1/x: {}}}\n", "actions[0], target $.paths: it adds paths./v1/x, on which the gateway's code rests (https://github.com/specgate/specgate/blob/main/docs/overlays.md lists what may change)"},
		{"cannot be enforced", "- {target: $.components.schemas.CompletionRequest.properties.seed, update: {enum: [one]}}\n", "actions[0], target $.components.schemas.CompletionRequest.properties.seed: "},
		{"an example that breaks a rule more", "- " + unstreamed, "actions[0], target $.components.schemas.CompletionRequest['x-rules']: invalid example: example streaming of POST /v1/completions: body.stream_options: Value error, cannot be used with stream" + mend},
		{"an example that is too deep", "- {target: $.components.schemas.CompletionRequest, update: {x-max-depth: 1}}\n", "actions[0], target $.components.schemas.CompletionRequest: invalid example: example batch of POST /v1/completions: JSON decode error: nesting deeper than 1" + mend},
		{"an example of the schema's own", "- {target: $.components.schemas.CompletionRequest, update: {example: {model: m, prompt: x, stream_options: {}}}}\n", "actions[0], target $.components.schemas.CompletionRequest: invalid example: example of the schema: body.stream_options: "},
		{"the one example", "- {target: \"" + body + ".examples\", remove: true}\n- " + single, "actions[1], target " + body + ": invalid example: example of POST /v1/completions: body.stream_options: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := writeOverlay(t, c.actions)
			want := "contract.overlay: " + path + ": " + c.want
			cfg := config.Default()
			cfg.Contract.Overlay = path
			if _, err := newGateway(cfg, slog.New(slog.DiscardHandler)); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("serve: %v\nwant %s", err, want)
			}
			for _, command := range []string{"config check", "config print", "spec"} {
				got := invoke(t, command, map[string]string{"SPECGATE_OVERLAY": path})
				if got.code != exitFailure || !strings.Contains(got.stderr, want) {
					t.Errorf("%s: %d %s\nwant %s", command, got.code, got.stderr, want)
				}
			}
		})
	}
	got := invoke(t, "config check", map[string]string{"SPECGATE_OVERLAY": filepath.Join(t.TempDir(), "none")})
	if got.code != exitFailure || !strings.Contains(got.stderr, "contract.overlay cannot be read: ") {
		t.Errorf("%d %s", got.code, got.stderr)
	}
}

// An example that a new limit refuses may be changed with it, or removed.
func TestOverlayOfExamples(t *testing.T) {
	t.Parallel()
	for name, action := range map[string]string{
		"changed":     `{target: "` + body + `.examples.streaming.value.stream_options", remove: true}`,
		"removed":     `{target: "` + body + `.examples.streaming", remove: true}`,
		"all removed": `{target: "` + body + `.examples", remove: true}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := newContract(config.Contract{Overlay: writeOverlay(t, "- "+unstreamed+"- "+action+"\n")}); err != nil {
				t.Error(err)
			}
		})
	}
}

// What is printed is what is served.
func TestOverlaySpec(t *testing.T) {
	t.Parallel()
	g := startOverlaid(t, "closed")
	env := map[string]string{"SPECGATE_OVERLAY": "../../docs/overlays/closed.yaml"}
	if got := invoke(t, "spec", env); got.stdout != g.page("/openapi.yaml") || got.stdout == string(gen.Spec) {
		t.Errorf("%d bytes, %s", len(got.stdout), got.stderr)
	}
	if got := invoke(t, "spec --contract-overlay ../../docs/overlays/editors.yaml", env); !strings.Contains(got.stdout, "maxItems: 16") {
		t.Errorf("%d bytes, %s", len(got.stdout), got.stderr)
	}
	if got := invoke(t, "spec --config "+filepath.Join(t.TempDir(), "none"), nil); got.code != exitFailure || got.stdout != "" {
		t.Errorf("%d, %d bytes, %s", got.code, len(got.stdout), got.stderr)
	}
	if got := invoke(t, "spec", map[string]string{"SPECGATE_LISTEN": ":8420"}); got.stdout != string(gen.Spec) {
		t.Errorf("%d bytes, %s", len(got.stdout), got.stderr)
	}
}

// Without an overlay nobody writes the contract anew.
func TestNoOverlay(t *testing.T) {
	t.Parallel()
	spec, err := newContract(config.Contract{})
	if err != nil || &spec[0] != &gen.Spec[0] || len(spec) != len(gen.Spec) {
		t.Errorf("%d bytes, %v", len(spec), err)
	}
}
