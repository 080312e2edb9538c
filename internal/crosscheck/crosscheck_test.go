package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// spec is the contract.
const spec = "../../openapi.yaml"

const (
	good = `{"model":"m","prompt":"x"}`
	bad  = `{"model":"m","prompt":"x","n":0}`
	pair = `{"model":"m","prompt":"x","n":2,"best_of":1}`

	answered = `{"id":"c","object":"text_completion","created":1,"model":"m","choices":[]}`
	byRule   = `{"detail":[{"loc":["body","best_of"],"msg":"Value error, best_of must be greater than n","type":"value_error"}],"error":{"message":"body.best_of: Value error, best_of must be greater than n","type":"invalid_request_error","param":"best_of","code":"value_error"}}`
	range0   = `{"detail":[{"loc":["body","n"],"msg":"x","type":"greater_than_equal"}],"error":{"message":"body.n: x","type":"invalid_request_error","param":"n","code":"greater_than_equal"}}`
	backends = `{"detail":[{"loc":["body"],"msg":"x","type":"value_error"}],"error":{"message":"x","type":"t","param":null,"code":null}}`
)

func TestWhereTheTwoAgree(t *testing.T) {
	for name, test := range map[string]struct {
		body   string
		status int
		answer string
		agree  bool
	}{
		"accepted, and right to be":         {good, 200, answered, true},
		"accepted, and not right to be":     {bad, 200, answered, false},
		"refused for a rule":                {pair, 422, byRule, true},
		"refused, and right to be":          {bad, 422, range0, true},
		"refused, and not right to be":      {good, 422, range0, false},
		"refused by the backend":            {good, 422, backends, true},
		"an answer that is none":            {good, 200, `{}`, false},
		"an error that is none":             {good, 500, `{}`, false},
		"a status that stands for any body": {bad, 429, `{"error":{"message":"x","type":"t","param":null,"code":null}}`, true},
	} {
		if got := disagreements(t, asked(test.body, test.status, test.answer)); (len(got) == 0) != test.agree {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestEventsAreJudged(t *testing.T) {
	for stream, agree := range map[string]bool{
		"data: " + answered + "\n\ndata: [DONE]\n\n":                                   true,
		"data: " + answered + "\n\n: ping\n: ping\ndata: [DONE]\n\n":                   true,
		`data: {"error":{"message":"x","type":"t","param":null,"code":null}}` + "\n\n": true,
		"data: {}\n\n":                false,
		"event: x\ndata: [DONE]\n\n":  false,
		`data: {"error":{}}` + "\n\n": false,
	} {
		e := asked(good, 200, stream)
		e.Answer.Header.Set("Content-Type", "text/event-stream; charset=utf-8")
		if got := disagreements(t, e); (len(got) == 0) != agree {
			t.Errorf("%q: %s", stream, got)
		}
	}
}

// asked is an exchange with the one operation that has a body.
func asked(body string, status int, answer string) exchange {
	e := exchange{Method: "POST", URL: "http://x/v1/completions", Body: []byte(body), Status: status}
	e.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer x"}}
	e.Answer.Header, e.Answer.Body = http.Header{"Content-Type": {"application/json"}}, []byte(answer)
	return e
}

// disagreements judges one exchange by the contract of this tree.
func disagreements(t *testing.T, e exchange) []string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(spec)
	if err != nil {
		t.Fatal(err)
	}
	e.Spec = "openapi.yaml"
	record, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{e.Spec: text, "one.jsonl": record} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := check(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c.disagreements
}

func TestNumbersThatFloatDoesNotTellApart(t *testing.T) {
	for text, want := range map[string]bool{
		"2": true, "-0.5": true, "2.0": true, "9007199254740991": true,
		"2.00000000000000000000000001": false, "-1e-500": false, "9223372036854775808": false, "0.1": false,
	} {
		if got := aloneInFloat(text); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
