package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
)

// The usage is asked for where the caller did not, for it is needed; the caller then sees none of it.
func TestUsageIsAskedFor(t *testing.T) {
	t.Parallel()
	const ended = `{` + names + `,"choices":[],"usage":` + someUsage + `}`
	for request, forwarded := range map[string]string{
		`{"model":"m","prompt":"x","stream":true}`:                                                       `{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage":true}}`,
		`{"stream_options": null ,"model":"m","prompt":"x","stream":true}`:                               `{"stream_options": {"include_usage":true} ,"model":"m","prompt":"x","stream":true}`,
		`{"model":"m","prompt":"x","stream":true,"stream_options":{ }}`:                                  `{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage":true }}`,
		`{"model":"m","prompt":"x","stream":true,"stream_options":{"include_obfuscation":false,"x":1}}`:  `{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false,"x":1}}`,
		`{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage": false,"x":[1.0]}}`:   `{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage": true,"x":[1.0]}}`,
		`{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage":true}, "top_k":1e2 }`: `{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage":true}, "top_k":1e2 }`,
	} {
		g := startWith(t, limitedTo("tokens_per_day: 1000"), fakebackend.Events(fakebackend.Data(first, last, ended, "[DONE]")))
		want := whole
		if request == forwarded {
			want = fakebackend.Data(first, last, ended, "[DONE]")
		}
		if got := g.complete(request); got.body != want {
			t.Errorf("%s\ngot  %s", request, got.body)
		}
		if diff := cmp.Diff(forwarded, string(g.backend.Requests()[0].Body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", request, diff)
		}
	}
}

// Where tokens are not limited, nothing is changed of a request, and nothing is reserved.
func TestNothingIsChangedForOtherLimits(t *testing.T) {
	t.Parallel()
	g := startWith(t, limitedTo("requests_per_minute: 5, parallel: 2"), fakebackend.Events(whole))
	g.complete(streamed).mustLeave(t, 200, "5 4")
	if got := string(g.backend.Requests()[0].Body); got != streamed {
		t.Errorf("the backend got %s", got)
	}
}

// The estimate is that of all prompts and of all choices.
func TestTokensAreReserved(t *testing.T) {
	t.Parallel()
	g := startWith(t, limitedTo("tokens_per_minute: 100000"), fakebackend.JSON(503, `{}`))
	for request, reserved := range map[string]int{
		`"prompt":"x"`:                                          1 + 16,
		`"prompt":""`:                                           16,
		`"prompt":null,"max_tokens":null`:                       16,
		`"prompt":"0123456789","max_tokens":5`:                  4 + 5,
		`"prompt":"x","max_tokens":0`:                           1,
		`"prompt":[]`:                                           16,
		`"prompt":["abc", "defg"],"max_tokens":10`:              1 + 2 + 20,
		`"prompt":[1,2,3],"max_tokens":10`:                      3 + 10,
		`"prompt":[[1,2,3],[ 4 ,5]],"max_tokens":10`:            5 + 20,
		`"prompt":"x","n":3,"max_tokens":10`:                    1 + 30,
		`"prompt":["x","y"],"n":3.0,"max_tokens":1e1`:           2 + 60,
		`"prompt":"x","n":2,"best_of":5,"max_tokens":10`:        1 + 50,
		`"prompt":"abc","suffix":"defghi","max_tokens":1`:       1 + 2 + 1,
		`"prompt":["a\\n,[","b"],"max_tokens":1`:                2 + 1 + 2,
		`"prompt":"x","max_tokens":1,"stop":["x"],"top_k":5000`: 2,
	} {
		g.complete(`{"model":"m",`+request+`}`).mustLeave(t, 503, fmt.Sprint("100000 ", 100000-reserved))
	}
	got := g.complete(`{"model":"m","prompt":"x","max_tokens":9223372036854775807,"n":128}`)
	got.mustLeave(t, 429, "100000 100000")
	if e := got.error(t); got.header.Get("X-Should-Retry") != "false" || !strings.Contains(e.Message, "more than the limit of 100000 tokens per minute of this token") {
		t.Errorf("%v %+v", got.header, e)
	}
}
