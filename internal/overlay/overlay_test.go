package overlay_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/contract"
	"github.com/specgate/specgate/internal/overlay"
)

// usable is what a gateway wants of a contract, as far as this package can know.
func usable(spec []byte) error {
	doc, err := contract.Load(spec)
	if err != nil {
		return err
	}
	_, err = contract.Compile(doc.Components.Schemas["CompletionRequest"])
	return err
}

const head = "overlay: 1.0.0\ninfo: {title: t, version: '1'}\nactions:\n"

// of is an overlay of actions, each in one line.
func of(actions ...string) string { return head + "- " + strings.Join(actions, "\n- ") + "\n" }

const (
	request    = "$.components.schemas.CompletionRequest"
	field      = request + ".properties."
	answer     = "$.components.schemas.Completion"
	operation  = "$.paths['/v1/completions'].post"
	rests      = ", on which the gateway's code rests"
	firstAt    = "actions[0], target "
	lowerLimit = " may be raised from "
)

// Each is refused, and the reason says which action it was, where it was aimed and what it broke.
var refused = []struct{ name, overlay, want string }{
	{"empty", "", "it is empty"},
	{"no YAML", "overlay: [", "it is not an Overlay document: "},
	{"a list", "[1]", "it is not an Overlay document: "},
	{"two documents", of("{target: $.info, update: {title: x}}") + "---\n{}\n", "it holds more than one document"},
	{"an OpenAPI document", string(gen.Spec), "it is not an Overlay document: overlay, its version, is missing"},
	{"version 2", strings.Replace(of("{target: $.info, remove: true}"), "1.0.0", "2.0.0", 1), `it is of version "2.0.0"`},
	{"a version that is to come", strings.Replace(of("{target: $.info, remove: true}"), "1.0.0", "1.9.0", 1), `it is of version "1.9.0"`},
	{"no info", "overlay: 1.0.0\nactions: [{target: $.info, update: {title: x}}]", "info must have a title and a version"},
	{"no actions", "overlay: 1.0.0\ninfo: {title: t, version: '1'}\n", "it has no actions"},
	{"a misspelt key", of("{target: $.info, updates: {title: x}}"), firstAt + "$.info: updates is no key of an Overlay document (did you mean update?)"},
	{"nothing to do", of("{target: $.info, description: x}"), firstAt + "$.info: it neither updates nor removes anything"},
	{"the whole document", of("{target: $, remove: true}"), firstAt + "$: the whole document cannot be removed"},
	{"a merge key", of("{target: " + field + "logprobs, update: {<<: {maximum: 20}}}"), firstAt + field + "logprobs: << merges nothing here: write out the keys"},
	{"an alias", of("{target: "+field+"logprobs, update: &limit {maximum: 20}}", "{target: "+field+"n, update: *limit}"), "actions[1], target " + field + "n: *limit is an alias: write out what it stands for"},
	{"no number", of("{target: " + field + "temperature, update: {maximum: .nan}}"), firstAt + field + "temperature: .nan is no number of JSON"},
	{"no end", of("{target: " + field + "temperature, update: {maximum: -.Inf}}"), firstAt + field + "temperature: -.Inf is no number of JSON"},
	{"an unknown key", of("{target: $.info, update: {title: x}, merge: deep}"), firstAt + "$.info: merge is no key of an Overlay document"},
	{"an unknown key of the whole", of("{target: $.info, update: {title: x}}") + "action: []\n", "action is no key of an Overlay document"},
	{"no target", of("{update: {title: x}}"), "actions[0], target : it has no target"},
	{"both update and remove", of("{target: $.info.title, update: x, remove: true}"), "it has more than one of update, remove and copy"},
	{"no JSONPath", of("{target: 'components.schemas', update: {}}", "{target: '$..[', remove: true}"), firstAt + "components.schemas: invalid JSONPath"},
	{"a hyphen after a dot", of("{target: " + request + ".x-rules, update: [{id: x}]}"), firstAt + request + ".x-rules: invalid JSONPath expression: a name with a hyphen stands in brackets, ['x-rules']"},

	{"meets nothing", of("{target: $.info, update: {title: x}}", "{target: "+field+"logprob, update: {maximum: 20}}"), "actions[1], target " + field + "logprob: target matched zero nodes"},
	{"removes nothing", of("{target: " + field + "logprobs.pattern, remove: true}"), firstAt + field + "logprobs.pattern: target matched zero nodes"},
	{"an object for a number", of("{target: " + field + "logprobs, update: {maximum: {is: 20}}}"), firstAt + field + "logprobs: property \"maximum\": incompatible"},
	{"a schema for true", of("{target: " + request + ", update: {additionalProperties: {type: string}}}"), firstAt + request + ": property \"additionalProperties\": incompatible overlay update and target types: an object, a list and a plain value do not take each other's place: an action before this one has to remove what is there, and this one to update the object that held it"},

	{"adds a path", of("{target: $.paths, update: {/v1/chat/completions: {post: {responses: {'200': {description: x}}}}}}"), "it adds paths./v1/chat/completions" + rests},
	{"removes a path", of("{target: \"$.paths['/v1/models']\", remove: true}"), "it removes paths./v1/models" + rests},
	{"adds a method", of("{target: \"$.paths['/v1/models']\", update: {post: {responses: {'200': {description: x}}}}}"), "it adds paths./v1/models.post" + rests},
	{"renames an operation", of("{target: \"" + operation + "\", update: {operationId: complete}}"), "it changes paths./v1/completions.post.operationId" + rests},
	{"adds a parameter", of("{target: \"" + operation + ".parameters\", update: [{name: X-Team, in: header, schema: {type: string}}]}"), "it changes paths./v1/completions.post.parameters" + rests},
	{"renames a parameter", of("{target: $.components.parameters.Project, update: {name: X-Project}}"), "it changes components.parameters.Project.name" + rests},
	{"frees a parameter", of("{target: \"$.paths['/v1/models/{model}'].get.parameters[0]\", update: {required: false}}"), "parameters[0].required may not be taken back"},
	{"another media type", of("{target: \"" + operation + ".requestBody.content\", update: {text/plain: {schema: {type: string}}}}"), "it adds paths./v1/completions.post.requestBody.content.text/plain" + rests},
	{"a body that may be absent", of("{target: \"" + operation + ".requestBody\", update: {required: false}}"), "it changes paths./v1/completions.post.requestBody.required" + rests},
	{"another schema", of("{target: \"" + operation + ".requestBody.content['application/json'].schema\", update: {$ref: '#/components/schemas/Prompt'}}"), "schema.$ref" + rests},
	{"removes a status", of("{target: \"" + operation + ".responses['422']\", remove: true}"), "it removes paths./v1/completions.post.responses.422" + rests},
	{"adds a status", of("{target: \"" + operation + ".responses\", update: {'418': {description: x}}}"), "it adds paths./v1/completions.post.responses.418" + rests},
	{"lets everybody in", of("{target: \"" + operation + "\", update: {security: []}}"), "it adds paths./v1/completions.post.security" + rests},
	{"lets everybody in everywhere", of("{target: $.security, remove: true}"), "it removes security" + rests},
	{"another scheme", of("{target: $.components.securitySchemes.bearerAuth, update: {scheme: basic}}"), "it changes components.securitySchemes.bearerAuth.scheme" + rests},
	{"a schema more", of("{target: $.components.schemas, update: {Team: {type: string}}}"), "it adds components.schemas.Team" + rests},
	{"another OpenAPI", of("{target: $, update: {openapi: 3.1.0}}"), "it changes openapi" + rests},

	{"an answer's field", of("{target: " + answer + ".properties.usage, remove: true}"), "it removes components.schemas.Completion.properties.usage" + rests},
	{"lists without a bound", of("{target: '$.components.schemas.Prompt.oneOf[*].maxItems', remove: true}"), "must be a number of at most 8192"},
	{"a bound that is none", of("{target: '$.components.schemas.Stop.oneOf[1]', update: {maxItems: 1000000}}"), "must be a number of at most 8192"},
	{"an answer's limit", of("{target: $.components.schemas.Logprobs.properties.top_logprobs, update: {maxItems: 5}}"), "it adds components.schemas.Logprobs.properties.top_logprobs.maxItems" + rests},
	{"an answer that is closed", of("{target: " + answer + ", update: {additionalProperties: false}}"), "it changes components.schemas.Completion.additionalProperties" + rests},
	{"an answer's list of codes", of("{target: \"$.components.schemas.ErrorObject.properties.code['x-extensible-enum'][0]\", remove: true}"), "components.schemas.ErrorObject.properties.code.x-extensible-enum" + rests},
	{"everything that has a type", of("{target: \"$..properties[?@.type == 'string']\", update: {maxLength: 9}}"), "maxLength" + rests},

	{"beside a reference", of("{target: \"" + operation + ".parameters[1]\", update: {required: true}}"), firstAt + operation + ".parameters[1]: paths./v1/completions.post.parameters[1].required stands beside a $ref, where OpenAPI reads nothing but a description: its place is $.components.parameters.Project"},
	{"beside a field's reference", of("{target: " + field + "stop, update: {maxItems: 16}}"), "properties.stop.maxItems stands beside a $ref, where OpenAPI reads nothing but a description: its place is $.components.schemas.Stop"},
	{"a rule on a header", of("{target: $.components.parameters.Project.schema, update: {x-rules: []}}"), "it adds components.parameters.Project.schema.x-rules" + rests},

	{"removes a field", of("{target: " + field + "seed, remove: true}"), "it removes components.schemas.CompletionRequest.properties.seed" + rests},
	{"another type", of("{target: " + field + "seed, update: {type: string}}"), "it changes components.schemas.CompletionRequest.properties.seed.type" + rests},
	{"another format", of("{target: " + field + "seed, update: {format: int32}}"), "it changes components.schemas.CompletionRequest.properties.seed.format" + rests},
	{"a model that is null", of("{target: " + field + "model, update: {nullable: true}}"), "it adds components.schemas.CompletionRequest.properties.model.nullable" + rests},
	{"a default", of("{target: " + field + "max_tokens, update: {default: 256}}"), "it changes components.schemas.CompletionRequest.properties.max_tokens.default" + rests},
	{"a model that may be absent", of("{target: '" + request + ".required[0]', remove: true}"), "CompletionRequest.required must go on to list model"},
	{"nothing required", of("{target: " + request + ".required, remove: true}"), "CompletionRequest.required must go on to list model"},
	{"a form less", of("{target: '$.components.schemas.Prompt.oneOf[2]', remove: true}"), "it changes components.schemas.Prompt.oneOf" + rests},
	{"no choices", of("{target: " + field + "n, update: {minimum: 0}}"), "properties.n.minimum" + lowerLimit + "1, not lowered"},
	{"no lower limit", of("{target: " + field + "logprobs.minimum, remove: true}"), "properties.logprobs.minimum" + lowerLimit + "0, not lowered"},
	{"an empty model", of("{target: " + field + "model, update: {minLength: 0}}"), "properties.model.minLength" + lowerLimit + "1, not lowered"},
	{"any number of choices", of("{target: " + field + "n.maximum, remove: true}"), "properties.n.maximum must be a number of at most 1024"},
	{"too many alternatives", of("{target: " + field + "logprobs, update: {maximum: 100000}}"), "properties.logprobs.maximum must be a number of at most 1024"},
	{"keys that look alike", of("{target: " + request + ", update: {x-exact-keys: false}}"), "it changes components.schemas.CompletionRequest.x-exact-keys" + rests},
	{"biases of texts", of("{target: " + field + "logit_bias.additionalProperties, update: {type: string}}"), "properties.logit_bias.additionalProperties may change in its limits alone"},

	{"a keyword that is misspelt", of("{target: " + field + "logprobs, update: {maximun: 5}}"), "properties.logprobs.maximun is no keyword (did you mean maximum?)"},
	{"one of a field more", of("{target: " + request + ".properties, update: {top_k: {type: integer, minimun: 1}}}"), "properties.top_k.minimun is no keyword (did you mean minimum?)"},
	{"a default of a field more", of("{target: " + request + ".properties, update: {top_k: {type: integer, default: 40}}}"), "properties.top_k.default may not be: nothing fills it in"},
	{"a default deep in it", of("{target: " + request + ".properties, update: {guided: {type: object, properties: {default: {type: array, items: {type: integer, default: 1}}}}}}"), "properties.guided.properties.default.items.default may not be: nothing fills it in"},
	{"a default of fields without a name", of("{target: "+request+".additionalProperties, remove: true}", "{target: "+request+", update: {additionalProperties: {type: integer, default: 1}}}"), "additionalProperties.default may not be: nothing fills it in"},
	{"any depth", of("{target: \"" + request + "['x-max-depth']\", remove: true}"), "CompletionRequest.x-max-depth may be changed, not removed"},
	{"no depth", of("{target: " + request + ", update: {x-max-depth: 0}}"), "x-max-depth is no integer from 1 to 10000"},
	{"no rules", of("{target: \"" + request + "['x-rules']\", remove: true}"), "CompletionRequest.x-rules must go on to have logit-bias-keys as it is"},
	{"a rule less", of("{target: \"" + request + "['x-rules'][?@.id == 'best-of-above-n']\", remove: true}"), "CompletionRequest.x-rules must go on to have best-of-above-n as it is"},
	{"another rule", of("{target: \"" + request + "['x-rules'][1].when\", update: {equals: {stream: true}}}"), "CompletionRequest.x-rules must go on to have best-of-above-n as it is"},

	{"a rule that stands there already", of("{target: \"" + request + "['x-rules']\", update: [{id: best-of-above-n, msg: x, loc: [body, seed], require: {set: [seed]}}]}"), firstAt + request + "['x-rules']: components.schemas.CompletionRequest.x-rules must not have best-of-above-n twice"},
	{"two rules of one id", of("{target: \"" + request + "['x-rules']\", update: [{id: x, msg: x, loc: [body], require: {set: [model]}}, {id: x, msg: y, loc: [body], require: {set: [model]}}]}"), "CompletionRequest.x-rules must not have x twice"},

	{"no number fits", of("{target: " + request + ".properties, update: {top_k: {type: integer, minimum: 5, maximum: 1}}}"), firstAt + request + ".properties: components.schemas.CompletionRequest.properties.top_k has a minimum of 5 and a maximum of 1, so that no value fits"},
	{"no open range", of("{target: " + request + ".properties, update: {top_k: {type: number, minimum: 1, maximum: 1, exclusiveMaximum: true}}}"), "properties.top_k has a minimum of 1 and a maximum of 1, so"},
	{"no integer between", of("{target: " + request + ".properties, update: {top_k: {type: integer, minimum: 1, maximum: 2, exclusiveMinimum: true, exclusiveMaximum: true}}}"), "properties.top_k has a minimum of 1 and a maximum of 2, so"},
	{"no text fits", of("{target: " + request + ".properties, update: {team: {type: object, properties: {name: {type: string, minLength: 5, maxLength: 1}}}}}"), "properties.team.properties.name has a minLength of 5 and a maxLength of 1, so"},
	{"no list fits", of("{target: " + request + ".properties, update: {tags: {oneOf: [{type: string}, {type: array, minItems: 5, maxItems: 1}]}}}"), "properties.tags.oneOf[1] has a minItems of 5 and a maxItems of 1, so"},
	{"nothing to choose from", of("{target: " + request + ".properties, update: {team: {type: string, enum: []}}}"), "properties.team.enum lists nothing, so"},
	{"no project to choose", of("{target: $.components.parameters.Project.schema, update: {enum: []}}"), "components.parameters.Project.schema.enum lists nothing, so"},
	{"no number fits any more", of("{target: "+field+"seed.example, remove: true}", "{target: "+field+"seed, update: {minimum: 9, maximum: 1}}"), "actions[1], target " + field + "seed: components.schemas.CompletionRequest.properties.seed has a minimum of 9 and a maximum of 1, so"},

	{"a negative length", of("{target: " + field + "user, update: {maxLength: -1}}"), firstAt + field + "user: components.schemas.CompletionRequest.properties.user.maxLength must be a whole number of at least 0, not -1"},
	{"a number for a text", of("{target: " + field + "user, update: {description: 5}}"), firstAt + field + "user: components.schemas.CompletionRequest.properties.user.description must be a text, not 5"},
	{"half an item", of("{target: '$.components.schemas.Stop.oneOf[1]', update: {maxItems: 2.5}}"), firstAt + "$.components.schemas.Stop.oneOf[1]: components.schemas.Stop.oneOf[1].maxItems must be a whole number of at least 0, not 2.5"},
	{"a text for a number", of("{target: " + field + "logprobs, update: {maximum: many}}"), "properties.logprobs.maximum must be a number, not a text"},
	{"null for a limit", of("{target: " + field + "temperature, update: {maximum: null}}"), "properties.temperature.maximum must be a number, not null"},
	{"a number for a name", of("{target: " + request + ".required, update: [5]}"), "CompletionRequest.required must be a list of texts, not a list with 5 in it"},
	{"a number for a field more", of("{target: " + request + ".properties, update: {top_k: 5}}"), "properties.top_k must be a schema, which is an object, not 5"},
	{"a text for the choices of one", of("{target: " + request + ".properties, update: {team: {type: string, enum: a}}}"), "properties.team.enum must be a list, not a text"},
	{"a text for a flag of an operation", of("{target: \"" + operation + "\", update: {deprecated: soon}}"), "paths./v1/completions.post.deprecated must be true or false, not a text"},
	{"a number for a version", of("{target: $.info, update: {version: 5}}"), firstAt + "$.info: Info.version must be a text, not a number"},
	{"a number for a contact", of("{target: $.info, update: {contact: 5}}"), firstAt + "$.info: Contact must be an object, not a number"},

	{"a default past its limit", of("{target: " + field + "max_tokens, update: {maximum: 8}}"), firstAt + field + "max_tokens: validate the contract: "},
	{"an example past its limit", of("{target: " + field + "model, update: {enum: [phi-4]}}"), "(an example has to keep the contract: change it with what it is an example of, or remove it)"},
	{"a limit that is a text", of("{target: " + field + "logprobs, update: {maxLength: 5}}"), "keyword maxLength is not enforced here"},
	{"a keyword that is not known", of("{target: " + field + "logprobs, update: {exclusiveMaximum: true}}"), "it adds components.schemas.CompletionRequest.properties.logprobs.exclusiveMaximum" + rests},
	{"a pattern that is none", of("{target: " + field + "user, update: {pattern: '(', example: '('}}"), firstAt + field + "user: "},
	{"a rule that says nothing", of("{target: \"" + request + "['x-rules']\", update: [{id: x}]}"), "x-rules[4]: "},
	{"a rule on no field", of("{target: \"" + request + "['x-rules']\", update: [{id: x, msg: x, loc: [body, top_k], require: {set: [top_k]}}]}"), "field top_k is not declared"},
	{"a field that looks like another", of("{target: " + request + ".properties, update: {Model: {type: string}}}"), "properties model and Model differ in letter case alone"},
}

func TestRefused(t *testing.T) {
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			got, err := overlay.Apply(gen.Spec, []byte(c.overlay), usable)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v\nwant %s", err, c.want)
			}
			if got != nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("%d bytes beside %q", len(got), err)
			}
			if strings.Contains(c.want, rests) && !strings.HasPrefix(err.Error(), firstAt+"$") {
				t.Errorf("the action is not named: %v", err)
			}
		})
	}
}

// What one action breaks, a later one may mend; what is broken at the end is laid to the one that broke it.
func TestBlame(t *testing.T) {
	const (
		harmless = "{target: $.info, update: {title: x}}"
		breaks   = "{target: " + field + "seed, update: {type: string}}"
		mends    = "{target: " + field + "seed, update: {type: integer}}"
		also     = "{target: " + answer + ".required, remove: true}"
	)
	for _, c := range []struct {
		actions []string
		want    string
	}{
		{[]string{harmless, breaks, mends, harmless}, ""},
		{[]string{harmless, breaks, harmless}, "actions[1], target " + field + "seed: it changes components.schemas.CompletionRequest.properties.seed.type"},
		{[]string{breaks, also}, "actions[0], target " + field + "seed: it changes components.schemas.CompletionRequest.properties.seed.type"},
		{[]string{breaks, mends, also, harmless}, "actions[2], target " + answer + ".required: it removes components.schemas.Completion.required"},
	} {
		_, err := overlay.Apply(gen.Spec, []byte(of(c.actions...)), usable)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%v:\n got %v\nwant %s", c.actions, err, c.want)
		}
	}
}

// Each is taken, and the result says at the place what the action says.
func TestTaken(t *testing.T) {
	for _, c := range []struct {
		name, action, place string
		want                any
	}{
		{"a greater maximum", "{target: " + field + "logprobs, update: {maximum: 20}}", "components.schemas.CompletionRequest.properties.logprobs.maximum", 20},
		{"a fraction for an integer", "{target: " + field + "temperature, update: {maximum: 1.5}}", "components.schemas.CompletionRequest.properties.temperature.maximum", 1.5},
		{"a maximum less", "{target: " + field + "temperature.maximum, remove: true}", "components.schemas.CompletionRequest.properties.temperature.maximum", nil},
		{"a lower penalty", "{target: " + field + "presence_penalty, update: {minimum: -10}}", "components.schemas.CompletionRequest.properties.presence_penalty.minimum", -10},
		{"a limit where there was none", "{target: " + field + "max_tokens, update: {maximum: 4096}}", "components.schemas.CompletionRequest.properties.max_tokens.maximum", 4096},
		{"fewer biases", "{target: " + field + "logit_bias.additionalProperties, update: {maximum: 10}}", "components.schemas.CompletionRequest.properties.logit_bias.additionalProperties.maximum", 10},
		{"a higher minimum", "{target: " + field + "frequency_penalty, update: {minimum: -1}}", "components.schemas.CompletionRequest.properties.frequency_penalty.minimum", -1},
		{"a field that is required", "{target: " + request + ".required, update: [user]}\n- {target: \"" + operation + ".requestBody.content['application/json'].examples.*.value\", update: {user: u}}", "components.schemas.CompletionRequest.required", []any{"model", "prompt", "user"}},
		{"a pattern", "{target: " + field + "user, update: {pattern: '^[a-z0-9-]+$'}}", "components.schemas.CompletionRequest.properties.user.pattern", "^[a-z0-9-]+$"},
		{"a declared extra", "{target: " + request + ".properties, update: {top_k: {type: integer, minimum: 1}}}", "components.schemas.CompletionRequest.properties.top_k.minimum", 1},
		{"no extras of an object within", "{target: " + field + "stream_options, update: {additionalProperties: false}}", "components.schemas.CompletionRequest.properties.stream_options.additionalProperties", false},
		{"a flatter body", "{target: " + request + ", update: {x-max-depth: 8}}", "components.schemas.CompletionRequest.x-max-depth", 8},
		{"a rule more", "{target: \"" + request + "['x-rules']\", update: [{id: x, msg: x, loc: [body, seed], require: {set: [seed]}, when: {set: [logprobs]}}]}", "components.schemas.CompletionRequest.x-rules.4.id", "x"},
		{"one number alone", "{target: " + request + ".properties, update: {top_k: {type: integer, minimum: 1, maximum: 1}}}", "components.schemas.CompletionRequest.properties.top_k.maximum", 1},
		{"a schema in the place of true", "{target: " + request + ".additionalProperties, remove: true}\n- {target: " + request + ", update: {additionalProperties: {type: string}}}", "components.schemas.CompletionRequest.additionalProperties.type", "string"},
		{"an object without extras in a field more", "{target: " + request + ".properties, update: {team: {type: object, additionalProperties: false}}}", "components.schemas.CompletionRequest.properties.team.additionalProperties", false},
		{"a field that is called description", "{target: " + request + ".properties, update: {description: {type: integer}}}", "components.schemas.CompletionRequest.properties.description.type", "integer"},
		{"a date for a text", "{target: " + field + "user, update: {title: 2026-01-02}}", "components.schemas.CompletionRequest.properties.user.title", time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)},
		{"a field that is called default", "{target: " + request + ".properties, update: {default: {type: integer}}}", "components.schemas.CompletionRequest.properties.default.type", "integer"},
		{"a project that is required", "{target: $.components.parameters.Project, update: {required: true}}", "components.parameters.Project.required", true},
		{"the server", "{target: $, update: {servers: [{url: 'https://llm.example.com'}]}}", "servers", []any{
			map[string]any{"url": "/", "description": "The gateway that this file was got from."},
			map[string]any{"url": "http://127.0.0.1:8420", "description": "A gateway on this machine, at its default address."},
			map[string]any{"url": "https://llm.example.com"},
		}},
		{"what an answer is called", "{target: " + answer + ".properties.id, update: {description: x}}", "components.schemas.Completion.properties.id.description", "x"},
		{"an extension", "{target: \"" + operation + "\", update: {x-team: search}}", "paths./v1/completions.post.x-team", "search"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec, err := overlay.Apply(gen.Spec, []byte(of(c.action)), usable)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, at(t, spec, c.place)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// at is the value at a dotted place of a document.
func at(t *testing.T, spec []byte, place string) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(spec, &value); err != nil {
		t.Fatal(err)
	}
	for key := range strings.SplitSeq(place, ".") {
		switch part := value.(type) {
		case map[string]any:
			value = part[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(part) {
				t.Fatalf("%s: nothing at %s", place, key)
			}
			value = part[i]
		default:
			value = nil
		}
	}
	return value
}

// Nothing but what an action says is written otherwise than openapi.yaml has it.
func TestTheRestStays(t *testing.T) {
	spec, err := overlay.Apply(gen.Spec, []byte(of("{target: "+field+"logprobs, update: {maximum: 20}}")), usable)
	if err != nil {
		t.Fatal(err)
	}
	before, after := strings.Split(string(gen.Spec), "\n"), strings.Split(string(spec), "\n")
	var changed []string
	for i := range min(len(before), len(after)) {
		if before[i] != after[i] {
			changed = append(changed, fmt.Sprint(strings.TrimSpace(before[i]), " -> ", strings.TrimSpace(after[i])))
		}
	}
	if diff := cmp.Diff([]string{"maximum: 5 -> maximum: 20"}, changed); diff != "" || len(before) != len(after) {
		t.Errorf("%d lines of %d (-want +got)\n%s", len(after), len(before), diff)
	}
}
