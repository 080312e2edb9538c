package upstream_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/upstream"
)

func TestModels(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ in, want string }{
		"OpenAI":    {`{"object":"list","data":[{"id":"a","object":"model","created":5,"owned_by":"o"}]}`, `{"data":[{"created":5,"id":"a","object":"model","owned_by":"o"}],"object":"list"}`},
		"bare":      {`[{"id":"a"},{"id":""},{"id":5},{},null,"x",{"id":"b","object":"x","created":1.9,"owned_by":null}]`, `{"data":[{"created":0,"id":"a","object":"model","owned_by":"main"},{"created":1,"id":"b","object":"model","owned_by":"main"}],"object":"list"}`},
		"Ollama":    {`{"object":"list","data":null}`, `{"data":[],"object":"list"}`},
		"llama.cpp": {`{"models":[{"name":"x"}],"data":[{"id":"a","meta":{"n":12345678901234567890,"f":1.0}}]}`, `{"data":[{"created":0,"id":"a","meta":{"n":12345678901234567890,"f":1.0},"object":"model","owned_by":"main"}],"models":[{"name":"x"}],"object":"list"}`},
		"empty":     {` {"data":[]} `, `{"data":[],"object":"list"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := fakebackend.New(t, fakebackend.JSON(200, test.in))
			list, err := newClient(t, backend.URL, withKeys).Models(caller(t))
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(list)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("list (-want +got):\n%s", diff)
			}
			mustKeep(t, "ModelList", got)
		})
	}
}

func TestModelsRequest(t *testing.T) {
	t.Parallel()
	backend := fakebackend.New(t, fakebackend.JSON(200, `{"data":[]}`))
	if _, err := newClient(t, backend.URL, withKeys).Models(caller(t)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"GET /v1/models HTTP/1.1", "Accept: application/json", "Authorization: Bearer sk-gateway",
		"Host: " + strings.TrimPrefix(backend.URL, "http://"), "Openai-Organization: org-ours", "Openai-Project: proj_ours",
		"User-Agent: test/1", "X-Request-Id: " + requestID,
	}
	if diff := cmp.Diff(want, head(backend.Requests()[0])); diff != "" {
		t.Errorf("head (-want +got):\n%s", diff)
	}
}

func TestModelsFailures(t *testing.T) {
	t.Parallel()
	unreadable := upstreamError("The backend's list of models cannot be read.")
	tests := map[string]struct {
		reply fakebackend.Reply
		want  told
	}{
		"404":       {fakebackend.JSON(404, `{"detail":"Not Found"}`), told{Status: 404, Type: "invalid_request_error", Message: "Not Found"}},
		"401":       {fakebackend.JSON(401, ""), told{Status: 502, Type: "server_error", Code: "upstream_auth", Message: "The backend refused the gateway's credential.", NoRetry: true}},
		"no JSON":   {fakebackend.JSON(200, "<html>"), upstreamError("The backend's list of models is not JSON.")},
		"no list":   {fakebackend.JSON(200, `{"models":[]}`), unreadable},
		"a text":    {fakebackend.JSON(200, `"x"`), unreadable},
		"an object": {fakebackend.JSON(200, `{"data":{}}`), unreadable},
		"an error":  {fakebackend.JSON(200, `{"error":{"message":"boom"}}`), spent(upstreamError("boom"))},
		"too large": {fakebackend.JSON(200, strings.Repeat(" ", 1001)), upstreamError("The backend's answer is larger than 1000 bytes.")},
		"stall":     {fakebackend.Stall("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), timedOut()},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := fakebackend.New(t, test.reply)
			client := newClient(t, backend.URL, impatient(name), func(o *upstream.Options) { o.MaxResponse = 1000 })
			_, err := client.Models(caller(t))
			if diff := cmp.Diff(test.want, toldOf(t, err)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
