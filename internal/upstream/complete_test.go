package upstream_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/upstream"
)

// zipped compresses text with gzip.
func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// inPieces answers with a body of one chunk for each byte.
func inPieces(body string) fakebackend.Reply {
	return func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, "Content-Type: application/json")
		for _, b := range []byte(body) {
			c.Chunk(string([]byte{b}))
		}
		c.End()
	}
}

func TestConformingAnswerPassesToTheByte(t *testing.T) {
	t.Parallel()
	odd := "\n { \"z\" : [1.0,1e2,12345678901234567890] ,\"created\":0,\"id\":\"x\",\"object\":\"text_completion\",\"model\":\"other\"," +
		"\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3,\"prompt_tokens_details\":null}," +
		"\"choices\":[{\"stop_reason\":null,\"text\":\"\\u003cb>&\u2028\",\"index\":7,\"finish_reason\":\"length\",\"logprobs\":{\"tokens\":[null],\"top_logprobs\":null}}]}\r\n"
	alike := strings.Replace(answer, `"x"`, `"Usage":{"x":1},"Error":1,"Model"`, 1)
	tests := map[string]struct {
		body  string
		reply fakebackend.Reply
	}{
		"plain":           {answer, fakebackend.JSON(200, answer)},
		"look-alike keys": {alike, fakebackend.JSON(200, alike)},
		"odd":             {odd, fakebackend.JSON(200, odd)},
		"in pieces":       {odd, inPieces(odd)},
		"no type":         {answer, fakebackend.Body(200, "", answer)},
		"gzip":            {odd, fakebackend.JSON(200, zipped(t, odd), "Content-Encoding: gzip")},
		"until it closes": {answer, fakebackend.Raw("HTTP/1.0 200 OK\r\n\r\n" + answer)},
		"five megabytes":  {strings.Replace(answer, "<b>", strings.Repeat("0123456789", 500_000), 1), fakebackend.JSON(200, strings.Replace(answer, "<b>", strings.Repeat("0123456789", 500_000), 1))},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := &repairs{}
			got, err := complete(t, test.reply, func(o *upstream.Options) { o.Repaired = made.add })
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Body) != test.body {
				t.Errorf("body of %d bytes, want %d", len(got.Body), len(test.body))
			}
			if len(made.kinds) > 0 || got.Stream != nil {
				t.Errorf("repairs %v, stream %v", made.kinds, got.Stream)
			}
		})
	}
}

func TestAnswerPassesOnTheLimits(t *testing.T) {
	t.Parallel()
	got, err := complete(t, fakebackend.JSON(200, answer, "x-ratelimit-limit-requests: 5", "Retry-After: 1", "openai-version: x"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(http.Header{"X-Ratelimit-Limit-Requests": {"5"}}, got.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

func TestAnswerSizeLimit(t *testing.T) {
	t.Parallel()
	limit := func(n int) func(*upstream.Options) { return func(o *upstream.Options) { o.MaxResponse = n } }
	tooLarge := spent(upstreamError("The backend's answer is larger than 100 bytes."))
	if _, err := complete(t, fakebackend.JSON(200, answer), limit(len(answer))); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	for name, reply := range map[string]fakebackend.Reply{
		"past it":   fakebackend.JSON(200, answer),
		"in pieces": inPieces(answer),
		"inflated":  fakebackend.JSON(200, zipped(t, strings.Repeat(" ", 1<<20)), "Content-Encoding: gzip"),
	} {
		_, err := complete(t, reply, limit(100))
		if diff := cmp.Diff(tooLarge, toldOf(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestUnusableAnswers(t *testing.T) {
	t.Parallel()
	unusable := func(why string) told {
		return spent(upstreamError("The backend's answer cannot be used: " + why + "."))
	}
	tests := map[string]struct {
		body string
		want told
	}{
		"half":             {answer[:50], unusable("it is not JSON")},
		"two":              {answer + answer, unusable("it is not JSON")},
		"NaN":              {strings.Replace(answer, "1.0", "NaN", 1), unusable("it is not JSON")},
		"null":             {"null", unusable("it has no choices")},
		"an array":         {"[" + answer + "]", unusable("it has no choices")},
		"no choices":       {`{"id":"a"}`, unusable("it has no choices")},
		"choices null":     {`{"id":"a","choices":null}`, unusable("it has no choices")},
		"no text":          {`{"choices":[{"index":0}]}`, unusable("a choice in it has no text")},
		"text null":        {`{"choices":[{"text":null}]}`, unusable("a choice in it has no text")},
		"a choice of none": {`{"choices":[null]}`, unusable("a choice in it has no text")},
		"a chat":           {`{"choices":[{"message":{"content":"hi"}}]}`, unusable("a choice in it has no text")},
		"an error":         {`{"error":{"message":"boom","type":"InternalServerError","param":null,"code":500}}`, spent(told{Status: 502, Type: "InternalServerError", Code: "500", Message: "boom"})},
		"a text for error": {`{"error":"boom"}`, spent(upstreamError("boom"))},
		"a flat error":     {`{"object":"error","message":"boom","code":400}`, spent(told{Status: 502, Type: "server_error", Code: "400", Message: "boom"})},
		"a mute error":     {`{"error":{"x":1}}`, spent(upstreamError("The backend reported an error."))},
		"error and answer": {strings.Replace(answer, `"x":1.0`, `"error":{"message":"boom"}`, 1), spent(upstreamError("boom"))},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := complete(t, fakebackend.JSON(200, test.body))
			if diff := cmp.Diff(test.want, toldOf(t, err)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "boom") {
				t.Errorf("the log is told the backend's words: %v", err)
			}
		})
	}
}
