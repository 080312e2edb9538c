package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// saying is a 422 with these violations, each "place type msg", with / between the steps of a place.
func saying(t *testing.T, violations ...string) string {
	t.Helper()
	var detail []map[string]any
	for _, v := range violations {
		parts := strings.SplitN(v, " ", 3)
		var loc []any
		for step := range strings.SplitSeq(parts[0], "/") {
			var position float64
			if _, err := fmt.Sscanf(step, "%g", &position); err == nil {
				loc = append(loc, position)
			} else {
				loc = append(loc, step)
			}
		}
		detail = append(detail, map[string]any{"loc": loc, "type": parts[1], "msg": parts[2]})
	}
	first := detail[0]
	loc := first["loc"].([]any)
	var param any
	if len(loc) > 1 && first["type"] != jsonInvalid {
		param = dotted(loc[1:])
	}
	text, err := json.Marshal(map[string]any{"detail": detail, "error": map[string]any{
		"message": fmt.Sprint(dotted(loc), ": ", first["msg"]), "type": "invalid_request_error", "param": param, "code": first["type"],
	}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const (
	twice     = " duplicate_key Keys should not be repeated"
	aboveN    = "body/best_of value_error Value error, best_of must be greater than n"
	unstream  = "body/best_of value_error Value error, best_of above 1 cannot be used with stream"
	tooSmall  = "body/n greater_than_equal Input should be greater than or equal to 1"
	tooDeep   = " json_invalid JSON decode error: nesting deeper than 64"
	malformed = " json_invalid JSON decode error: expected a value"
	badKey    = " string_pattern_mismatch String should match pattern '^[0-9]+$'"
)

// Each refusal names what is wrong with the body, and nothing else.
func TestRefusalsThatHold(t *testing.T) {
	for _, c := range []struct{ body, said string }{
		{bad, saying(t, tooSmall)},
		{pair, saying(t, aboveN)},
		{`{"model":"m","prompt":"x","n":0,"best_of":2,"stream":true}`, saying(t, unstream, tooSmall)},
		{`{"model":"m","prompt":"x","n":2,"best_of":"x"}`, saying(t, "body/best_of int_type Input should be a valid integer")},
		{`{"model":"m","prompt":"x","model":7}`, saying(t, "body/model"+twice)},
		{`{"model":"m","prompt":"x","n":0,"n":1}`, saying(t, tooSmall, "body/n"+twice)},
		{`{"model":"m","prompt":"x","Model":7}`, saying(t, "body/Model"+twice)},
		{`{"model":"m","prompt":"x","ſtream":7}`, saying(t, "body/ſtream"+twice)},
		{`{"model":"m","prompt":"x","stream":true,"stream_options":{"Include_usage":1}}`, saying(t, "body/stream_options/Include_usage"+twice)},
		{`{"model":"m","prompt":"x","extra":[{"a":1,"\u0061":2}]}`, saying(t, "body/extra/0/a"+twice)},
		{`{"model":"m","prompt":"x","logit_bias":{"a":101}}`, saying(t, "body/logit_bias/a"+badKey, "body/logit_bias/a less_than_equal Input should be less than or equal to 100")},
		{`{"model":"m","prompt":["a",1]}`, saying(t, "body/prompt/1 string_type Input should be a valid string")},
		{`{"model":"m","prompt":5}`, saying(t, "body/prompt union_error Input should be a valid string")},
		{`{"prompt":"x"}`, saying(t, "body/model missing Field required")},
		{`[]`, saying(t, "body model_attributes_type Input should be a valid dictionary")},
		{` `, saying(t, "body missing Field required")},
		{`{"model":`, saying(t, "body/9"+malformed)},
		{"\ufeff" + good, saying(t, "body/0"+malformed)},
		{`{"model":"m","prompt":"\ud800"}`, saying(t, "body/23"+malformed)},
		{"{\"model\":\"m\",\"prompt\":\"\xff\"}", saying(t, "body/23"+malformed)},
		{`{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, saying(t, "body/68"+tooDeep)},
		{`{"model":"m","prompt":"x","echo":true}`, saying(t, "body/echo unsupported_parameter Parameter echo is not supported")},
		{`{"model":"m","prompt":["a","b"],"n":3}`, saying(t, "body/prompt value_error Value error, the number of prompts times n must not exceed 5 for this model's backend")},
		{`{"model":"m","prompt":"x","n":1.00000000000000000000001}`, saying(t, "body/n int_from_float Input should be a valid integer")},
		{`{"model":"m","prompt":"x","max_tokens":1e400}`, saying(t, "body/max_tokens int_parsing_size Unable to parse")},
	} {
		if got := disagreements(t, asked(c.body, 422, c.said)); len(got) > 0 {
			t.Errorf("%s: %s", c.body, got)
		}
	}
}

// Each refusal says of the body what is not so, or leaves out what is.
func TestRefusalsThatDoNotHold(t *testing.T) {
	deep := `{"a":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `,"model":"m","prompt":"x"}`
	for name, c := range map[string]struct{ body, said string }{
		"valid, and malformed":                    {good, saying(t, "body/3"+malformed)},
		"valid, and too deep":                     {deep, saying(t, "body/67"+tooDeep)},
		"valid, and a key that stands twice":      {good, saying(t, "body/model"+twice)},
		"valid, and a rule that is kept":          {`{"model":"m","prompt":"x","n":2,"best_of":3}`, saying(t, aboveN)},
		"valid, and a rule on absent fields":      {good, saying(t, aboveN)},
		"valid, and both at 1":                    {`{"model":"m","prompt":"x","n":1.0,"best_of":1}`, saying(t, aboveN)},
		"valid, and a key that is right":          {`{"model":"m","prompt":"x","logit_bias":{"5":1}}`, saying(t, "body/logit_bias/5"+badKey)},
		"valid, and a parameter that is not sent": {good, saying(t, "body/echo unsupported_parameter Parameter echo is not supported")},
		"valid, and prompts that are few":         {good, saying(t, "body/prompt value_error Value error, the number of prompts times n must not exceed 5 for this model's backend")},
		"valid, and more than was said":           {good, saying(t, "body too_many_violations … and 3 more")},
		"valid, and a header that is right":       {good, saying(t, "header/openai-project string_pattern_mismatch String should match")},
		"one further violation":                   {bad, saying(t, tooSmall, "body/top_p float_type Input should be a valid number")},
		"one further rule":                        {bad, saying(t, tooSmall, aboveN)},
		"one further key":                         {bad, saying(t, tooSmall, "body/prompt"+twice)},
		"one further fault of JSON":               {bad, saying(t, tooSmall, "body/3"+malformed)},
		"one violation twice":                     {bad, saying(t, tooSmall, tooSmall)},
		"more where all are listed":               {bad, saying(t, tooSmall, "body too_many_violations … and 3 more")},
		"another place":                           {bad, saying(t, "body/best_of greater_than_equal Input should be greater than or equal to 1")},
		"another type":                            {bad, saying(t, "body/n less_than_equal Input should be less than or equal to 128")},
		"another kind":                            {`{"model":"m","prompt":"x","n":"1"}`, saying(t, "body/n string_type Input should be a valid string")},
		"another rule":                            {pair, saying(t, unstream)},
		"a rule left out":                         {`{"model":"m","prompt":"x","top_p":2,"n":2,"best_of":1}`, saying(t, "body/top_p less_than_equal Input should be less than or equal to 1")},
		"a violation left out":                    {`{"model":"m","prompt":"x","top_p":2,"n":0}`, saying(t, tooSmall)},
		"a union left out":                        {`{"model":"m","prompt":[true],"n":0}`, saying(t, tooSmall)},
		"a key left out":                          {`{"model":"m","prompt":"x","n":0,"n":1}`, saying(t, tooSmall)},
		"the value that comes second":             {`{"model":"m","prompt":"x","n":1,"n":0}`, saying(t, tooSmall, "body/n"+twice)},
		"malformed, and refused for something":    {`{"model":"m","prompt":"x","n":0`, saying(t, tooSmall)},
		"malformed before the place":              {`{"model" "m"}     `, saying(t, "body/15"+malformed)},
		"malformed past the end":                  {`{"model":`, saying(t, "body/10"+malformed)},
		"malformed twice":                         {`{"model":`, saying(t, "body/9"+malformed, "body/9"+malformed)},
		"malformed and not too deep":              {`{"model":`, saying(t, "body/9"+tooDeep)},
		"too deep, at another place":              {`{"a":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`, saying(t, "body/69"+tooDeep)},
		"too deep, and malformed":                 {`{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, saying(t, "body/68"+malformed)},
		"a number that is within its limit":       {`{"model":"m","prompt":"x","temperature":0.1}`, saying(t, "body/temperature less_than_equal Input should be less than or equal to 2")},
		"another code":                            {bad, strings.Replace(saying(t, tooSmall), `"code":"greater`, `"code":"less`, 1)},
		"another message":                         {bad, strings.Replace(saying(t, tooSmall), `"message":"body.n: `, `"message":"body.n `, 1)},
		"another param":                           {bad, strings.Replace(saying(t, tooSmall), `"param":"n"`, `"param":"body.n"`, 1)},
		"a param for the whole":                   {`[]`, strings.Replace(saying(t, "body model_attributes_type x"), `"param":null`, `"param":"body"`, 1)},
		"one of ours in the backend's form":       {good, strings.Replace(saying(t, "body missing x"), `"message":"body: x"`, `"message":"x"`, 1)},
		"no detail":                               {bad, `{"detail":[],"error":{"message":"x","type":"t","param":null,"code":null}}`},
		"no place":                                {bad, strings.Replace(saying(t, tooSmall), `["body","n"]`, `[]`, 1)},
	} {
		if got := disagreements(t, asked(c.body, 422, c.said)); len(got) == 0 {
			t.Errorf("%s: nobody disagrees", name)
		}
	}
}

// What OpenAPI has no words for is not to be accepted either, nor handed to a backend that refuses it.
func TestAcceptedAgainstTheContract(t *testing.T) {
	for _, body := range []string{
		pair,
		`{"model":"m","prompt":"x","prompt":"x"}`,
		`{"model":"m","prompt":"x","Prompt":"x"}`,
		`{"model":"m","prompt":"\udc00"}`,
		"{\"model\":\"m\",\"prompt\":\"\xff\"}",
		`{"model":"m","prompt":"x","logit_bias":{"a":1}}`,
		`{"model":"m","prompt":"x","a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`,
	} {
		for status, answer := range map[int]string{200: answered, 422: backends} {
			if got := disagreements(t, asked(body, status, answer)); len(got) == 0 {
				t.Errorf("%d %s: nobody disagrees", status, body)
			}
		}
	}
}

// A list that was cut short says so where the contract cuts it, and not before.
func TestListsThatAreCut(t *testing.T) {
	var keys, some []string
	for i := range 70 {
		key := fmt.Sprintf("k%02d", i)
		keys = append(keys, `"`+key+`":1`)
		some = append(some, "body/logit_bias/"+key+badKey)
	}
	body := `{"model":"m","prompt":"x","logit_bias":{` + strings.Join(keys, ",") + `}}`
	for listed, agree := range map[int]bool{64: true, 63: false, 65: false} {
		said := saying(t, append(some[:listed:listed], fmt.Sprintf("body too_many_violations … and %d more", 70-listed))...)
		if got := disagreements(t, asked(body, 422, said)); (len(got) == 0) != agree {
			t.Errorf("%d: %.300s", listed, got)
		}
	}
}
