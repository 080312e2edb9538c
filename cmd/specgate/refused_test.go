package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
)

func TestBodiesThatAreNoDocument(t *testing.T) {
	t.Parallel()
	g := start(t)
	noObject := violation{`["body"]`, "Input should be a valid dictionary or object to extract fields from", "model_attributes_type"}
	twice := func(key string) violation {
		return violation{`["body",` + key + `]`, "Keys should not be repeated", "duplicate_key"}
	}
	lookalike := func(key string) violation {
		return violation{`["body",` + key + `]`, "Keys should not differ from a declared one in letter case alone", "duplicate_key"}
	}
	tests := map[string]violation{
		`[]`:                 noObject,
		`null`:               noObject,
		`"{}"`:               noObject,
		`5`:                  noObject,
		``:                   {`["body"]`, "Field required", "missing"},
		`{"model":`:          {`["body",9]`, "JSON decode error: unexpected end of the document", "json_invalid"},
		"\uFEFF" + plainBody: {`["body",0]`, "JSON decode error: unexpected byte order mark", "json_invalid"},

		`{"model":"m","prompt":"x","model":"n"}`:                     twice(`"model"`),
		`{"model":"m","prompt":"x","\u006dodel":"n"}`:                twice(`"model"`),
		`{"model":"m","prompt":"x","z":1,"z":1}`:                     twice(`"z"`),
		`{"model":"m","prompt":"x","z":[{"a":{"b":1,"b":2}}]}`:       {`["body","z",0,"a","b"]`, "Keys should not be repeated", "duplicate_key"},
		`{"model":"m","prompt":"x","logit_bias":{"1":1,"\u0031":2}}`: {`["body","logit_bias","1"]`, "Keys should not be repeated", "duplicate_key"},
		`{"model":"m","prompt":"x","Model":"n"}`:                     lookalike(`"Model"`),
		`{"model":"m","prompt":"x","ſtream":true}`:                   lookalike(`"ſtream"`),
		`{"model":"m","prompt":"x","\u017ftream":true}`:              lookalike(`"ſtream"`),
		`{"model":"m","prompt":"x","\u212A":1,"logprobſ":true}`:      lookalike(`"logprobſ"`),
		`{"model":"m","prompt":"x","stream":true,"stream_options":{"Include_Usage":true}}`: {
			`["body","stream_options","Include_Usage"]`, "Keys should not differ from a declared one in letter case alone", "duplicate_key",
		},
		`{"model":"m","prompt":"x","a":` + many(64, "[") + many(64, "]") + `}`: {`["body",93]`, "JSON decode error: nesting deeper than 64", "json_invalid"},
		`{"model":"m","prompt":"x","a":` + many(1<<20, "["):                    {`["body",93]`, "JSON decode error: nesting deeper than 64", "json_invalid"},
	}
	for body, want := range tests {
		g.mustRefuse(body, want)
	}
}

// Malformed JSON is one violation, at a byte of the body.
func TestMalformedJSON(t *testing.T) {
	t.Parallel()
	g := start(t)
	for body, offset := range map[string]int{
		"{\"model\":\"m\",\"prompt\":\"\xff\"}":         23,
		"{\"model\":\"m\",\"prompt\":\"\xc3\xa9\xc3\"}": 25,
		"{\"model\":\"m\",\"prompt\":\"\xed\xa0\x80\"}": 23,
		`{"model":"m","prompt":"\ud800"}`:               23,
		`{"model":"m","prompt":"\udc00\ud800"}`:         23,
		`{"model":"m","prompt":"x","z\ud83d":1}`:        28,
		`{"model":"m","prompt":NaN}`:                    22,
		`{"model":"m","prompt":"x","n":Infinity}`:       30,
		`{"model":"m","prompt":"x","n":-}`:              31,
		`{"model":"m","prompt":"x","n":0x1}`:            31,
		`{"model":"m","prompt":"x"},`:                   26,
		plainBody + plainBody:                           26,
		`{"model":"m","prompt":"x",}`:                   26,
		`{"model":"m" "prompt":"x"}`:                    13,
		`{'model':'m'}`:                                 1,
		"{\"model\":\"m\",\"prompt\":\"a\nb\"}":         24,
		`{"model":"m","prompt":"\x"}`:                   23,
		`{"model":"m","prompt":tru}`:                    22,
		`{"model":"m","prompt":"x"`:                     25,
		"//x\n" + plainBody:                             0,
		"\x00":                                          0,
	} {
		before := len(g.backend.Requests())
		got := g.complete(body)
		if got.status != 422 {
			t.Errorf("%q: got %d", body, got.status)
			continue
		}
		all := got.violations(t)
		if len(all) != 1 || all[0].Type != "json_invalid" || !strings.HasPrefix(all[0].Msg, "JSON decode error: ") {
			t.Errorf("%q: got %+v", body, all)
		}
		if want := fmt.Sprintf(`["body",%d]`, offset); all[0].Loc != want {
			t.Errorf("%q: got %s, want %s: %s", body, all[0].Loc, want, all[0].Msg)
		}
		if e := got.error(t); e.Param != nil {
			t.Errorf("%q: param is %q, want null", body, *e.Param)
		}
		if len(g.backend.Requests()) != before {
			t.Errorf("%q reached the backend", body)
		}
	}
}

func TestViolationsBeyondTheCap(t *testing.T) {
	t.Parallel()
	g := start(t)
	var keys []string
	for i := range 70 {
		keys = append(keys, fmt.Sprintf(`"k%02d":1`, i))
	}
	got := g.complete(`{"model":"m","prompt":"x","logit_bias":{` + strings.Join(keys, ",") + `}}`)
	all := got.violations(t)
	if len(all) != 65 {
		t.Fatalf("got %d violations, want 64 and what counts the rest", len(all))
	}
	if last := (violation{`["body"]`, "… and 6 more", "too_many_violations"}); all[64] != last {
		t.Errorf("the last is %+v, want %+v", all[64], last)
	}
	if first := `["body","logit_bias","k00"]`; all[0].Loc != first {
		t.Errorf("the first is at %s, want %s", all[0].Loc, first)
	}
	if got := g.complete(`{"model":"m","prompt":"x","logit_bias":{` + strings.Join(keys[:64], ",") + `}}`); len(got.violations(t)) != 64 {
		t.Errorf("64 violations are told as %d", len(got.violations(t)))
	}
}

func TestKeysAreCut(t *testing.T) {
	t.Parallel()
	g := start(t)
	long := many(65, "é")
	g.mustRefuse(`{"model":"m","prompt":"x","`+long+`":1,"`+long+`":1}`, violation{
		`["body","` + many(64, "é") + `"]`, "Keys should not be repeated", "duplicate_key",
	})
	g.mustRefuse(`{"model":"m","prompt":"x","logit_bias":{"`+long+`":1}}`, violation{
		`["body","logit_bias","` + many(64, "é") + `"]`, "String should match pattern '^[0-9]+$'", "string_pattern_mismatch",
	})
}

// Where a violation stands is told once as a list and once with dots, the body's own left out.
func TestParam(t *testing.T) {
	t.Parallel()
	g := start(t)
	for body, want := range map[string]string{
		`{"model":"m","prompt":["a","b","c",5]}`:                                            "prompt.3",
		`{"model":"m","prompt":"x","logit_bias":{"a.b":1}}`:                                 "logit_bias.a.b",
		`{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage":"yes"}}`: "stream_options.include_usage",
		`[]`:    "null",
		``:      "null",
		`{"mod`: "null",
		`{}`:    "model",
	} {
		if got := orNull(g.complete(body).error(t).Param); got != want {
			t.Errorf("%s: param %s, want %s", body, got, want)
		}
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// padded is a request of an exact size.
func padded(size int) string { return plainBody + many(size-len(plainBody), " ") }

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	const limit = 1 << 16
	g := startWith(t, "limits: {body: 64KiB}\n", fakebackend.JSON(200, answered))
	for name, test := range map[string]struct {
		body   io.Reader
		header []string
		status int
	}{
		"at the limit":                {strings.NewReader(padded(limit)), nil, 200},
		"at the limit, chunked":       {io.MultiReader(strings.NewReader(padded(limit))), nil, 200},
		"at the limit, from gzip":     {strings.NewReader(zipped(t, padded(limit))), []string{"Content-Encoding: gzip"}, 200},
		"past the limit":              {strings.NewReader(padded(limit + 1)), nil, 413},
		"past the limit, chunked":     {io.MultiReader(strings.NewReader(padded(limit + 1))), nil, 413},
		"past the limit, from gzip":   {strings.NewReader(zipped(t, padded(limit+1))), []string{"Content-Encoding: gzip"}, 413},
		"far past it, from gzip":      {strings.NewReader(zipped(t, padded(50*limit))), []string{"Content-Encoding: gzip"}, 413},
		"gzip in chunks past it":      {io.MultiReader(strings.NewReader(zipped(t, padded(limit+1)))), []string{"Content-Encoding: gzip"}, 413},
		"past the limit and no token": {strings.NewReader(padded(limit + 1)), []string{"Authorization:"}, 413},
	} {
		before := len(g.backend.Requests())
		got := g.do(g.request(t.Context(), "POST", completions, test.body, test.header...))
		mustKeepContract(t, completions, got)
		if got.status != test.status {
			t.Errorf("%s: got %d %s", name, got.status, abridged(got.body))
		}
		if test.status == 413 && (got.code(t) != "body_too_large" || got.error(t).Type != "invalid_request_error") {
			t.Errorf("%s: got %s", name, got.body)
		}
		asked := g.backend.Requests()[before:]
		if (len(asked) == 1) != (test.status == 200) {
			t.Errorf("%s: the backend got %d requests", name, len(asked))
		}
		for _, r := range asked {
			if diff := cmp.Diff(padded(limit), string(r.Body)); diff != "" || r.Header.Get("Content-Encoding") != "" {
				t.Errorf("%s: the backend got another body, encoded as %q", name, r.Header.Get("Content-Encoding"))
			}
		}
	}
}

// The answer to a caller without a token is there before a byte of his body is.
func TestNoTokenNoBody(t *testing.T) {
	t.Parallel()
	g := start(t)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(g.front, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(bounded)); err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(conn, "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10485760\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	if text := string(all); !strings.HasPrefix(text, "HTTP/1.1 401 ") || !strings.Contains(text, "\r\nWww-Authenticate: Bearer\r\n") {
		t.Errorf("got %s", text)
	}
	if n := len(g.backend.Requests()); n != 0 {
		t.Errorf("the backend got %d requests", n)
	}
}

// A client that sends its ten megabytes anyway learns why they were not wanted.
func TestNoTokenLargeBody(t *testing.T) {
	t.Parallel()
	g := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), bounded)
	defer cancel()
	for range 3 { // the answer may be overtaken by the end of the connection
		req := g.request(ctx, "POST", completions, strings.NewReader(padded(10<<20)), "Authorization:")
		resp, err := g.client.Do(req)
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("got %d", resp.StatusCode)
		}
		return
	}
	t.Error("no answer came")
}
