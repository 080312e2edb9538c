package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/specgate/specgate/internal/fakebackend"
)

// eachStore runs a test on a store of each kind.
func eachStore(t *testing.T, test func(t *testing.T, a admin)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, newAdmin(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		a, _, _ := onPostgres(t)
		test(t, a)
	})
}

// records are all that the store has, the oldest first.
func (a admin) records() (all []recordView) {
	a.t.Helper()
	text := json.NewDecoder(strings.NewReader(a.run("usage", "records", "--limit", "0", "--oldest", "--format", "json")))
	for {
		var r recordView
		switch err := text.Decode(&r); err {
		case nil:
			all = append(all, r)
		case io.EOF:
			return all
		default:
			a.t.Fatal(err)
		}
	}
}

// awaitRecords waits until there are as many records, and fails the test where there are more.
func (a admin) awaitRecords(n int) []recordView {
	a.t.Helper()
	for end := deadline(); ; time.Sleep(10 * time.Millisecond) {
		all := a.records()
		if len(all) == n {
			time.Sleep(2 * flushed)
			all = a.records()
		}
		if len(all) > n || len(all) == n || time.Now().After(end) {
			if len(all) != n {
				a.t.Fatalf("%d records, want %d: %+v", len(all), n, all)
			}
			return all
		}
	}
}

// flushed is longer than a record is in memory alone.
const flushed = 300 * time.Millisecond

// spooledIn is the setting of a spool that is gone after the test, for PostgreSQL too.
func spooledIn(t *testing.T) string {
	t.Helper()
	return "spool: '" + filepath.Join(t.TempDir(), "spool") + "'"
}

// hushed is a request whose prompt must not be kept.
const hushed = `{"model":"m","prompt":"` + secret + `","suffix":"` + secret + `","user":"` + secret + `-user"`

// However a request ends, there is one record of it, which says what its caller got.
func TestOneRecordForEachRequest(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, a admin) {
		t.Helper()
		replies := script{
			"plain":      fakebackend.JSON(200, strings.Replace(withUsage(30, 7), `"total`, `"prompt_tokens_details":{"cached_tokens":20},"completion_tokens_details":{"reasoning_tokens":4},"total`, 1)),
			"unreported": fakebackend.JSON(200, strings.ReplaceAll(answered, "there", secret)),
			"stream":     fakebackend.Events(fakebackend.Data(first, last, `{`+names+`,"choices":[],"usage":`+someUsage+`}`, "[DONE]")),
			"broken":     fakebackend.Events(fakebackend.Data(first)),
			"refused":    fakebackend.JSON(400, `{"error":{"message":"`+secret+`","type":"x","code":"`+secret+`"}}`),
			"down":       fakebackend.Reset(""),
		}
		g := startWith(t, "auth: {mode: keys}\nusage: {"+spooledIn(t)+"}\nstore: '"+a.url+"'\n", replies.reply)
		key := a.make("keys", "create", "--name", "k", "--model", "m")
		tight := a.make("keys", "create", "--name", "tight", "--requests-per-minute", "1", "--tokens-per-minute", "10")
		shown := a.run("keys", "show", "k", "--format", "json")
		var of struct {
			Organization string
			Project      string `json:"default_project"`
		}
		if err := json.Unmarshal([]byte(shown), &of); err != nil {
			t.Fatal(err)
		}
		ask := func(id, body, token string, header ...string) {
			t.Helper()
			g.complete(body, append(header, "X-Request-Id: "+id, "Authorization: Bearer "+token)...)
		}
		ask("plain", hushed+`}`, key.Token)
		ask("unreported", plainBody, key.Token)
		ask("stream", streamed, key.Token)
		ask("broken", streamed, key.Token)
		ask("refused", plainBody, key.Token)
		ask("down", plainBody, key.Token)
		ask("invalid", hushed+`,"n":0}`, key.Token)
		ask("model", `{"model":"`+many(200, "é")+`\u0000","prompt":"`+secret+`"}`, key.Token)
		ask("project", hushed+`}`, key.Token, "OpenAI-Project: "+strings.Repeat("0", 24))
		ask("large", hushed+`}`, tight.Token)
		ask("plain", hushed+`,"max_tokens":1}`, tight.Token)
		ask("plain", hushed+`,"max_tokens":1}`, tight.Token)
		ask("stranger", hushed+`}`, "sg-nobody")
		g.send("GET", "/v1/models", "", "Authorization: Bearer "+key.Token)

		got := a.awaitRecords(12)
		base := recordView{Key: key.ID, Organization: of.Organization, Project: of.Project, Model: "m", Upstream: "default", Status: 200}
		record := func(change func(r *recordView)) recordView {
			r := base
			change(&r)
			return r
		}
		user := got[slices.IndexFunc(got, func(r recordView) bool { return r.User != "" })].User
		want := []recordView{
			record(func(r *recordView) {
				r.Prompt, r.Cached, r.Completion, r.Reasoning, r.User = 30, 20, 7, 4, user
			}),
			record(func(r *recordView) { r.Prompt, r.Completion, r.Estimated = 1, 4, true }),
			record(func(r *recordView) { r.Prompt, r.Completion, r.Streamed = 2, 3, true }),
			record(func(r *recordView) {
				r.Prompt, r.Completion, r.Estimated, r.Streamed, r.Error = 1, 1, true, true, "upstream_error"
			}),
			record(func(r *recordView) { r.Status, r.Error = 400, "other" }),
			record(func(r *recordView) { r.Status, r.Error = 502, "upstream_error" }),
			record(func(r *recordView) { r.Status, r.Error, r.Model, r.Upstream = 422, "greater_than_equal", "", "" }),
			record(func(r *recordView) {
				r.Status, r.Error, r.Model, r.Upstream = 403, "model_not_allowed", strings.Repeat("é", 128), ""
			}),
			record(func(r *recordView) {
				r.Status, r.Error, r.Model, r.Upstream, r.Project = 403, "project_not_allowed", "", "", ""
			}),
			record(func(r *recordView) {
				r.Key, r.Prompt, r.Cached, r.Completion, r.Reasoning, r.User = tight.ID, 30, 20, 7, 4, user
			}),
			record(func(r *recordView) {
				r.Key, r.Status, r.Error, r.Upstream, r.User = tight.ID, 429, "rate_limit_exceeded", "", user
			}),
			record(func(r *recordView) {
				r.Key, r.Status, r.Error, r.Upstream, r.User = tight.ID, 429, "rate_limit_exceeded", "", user
			}),
		}
		inOrder := cmpopts.SortSlices(func(a, b recordView) bool { return a.told() < b.told() })
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(recordView{}, "ID", "Time", "Duration", "FirstToken"), cmpopts.IgnoreUnexported(recordView{}), inOrder); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if len(user) != 32 || strings.Trim(user, "0123456789abcdef") != "" {
			t.Errorf("the user is %q", user)
		}
		for _, r := range got {
			if at, err := time.Parse(time.RFC3339, r.Time); err != nil || time.Since(at) > time.Minute || r.Duration < 0 || r.Duration > 60_000 {
				t.Errorf("%+v", r)
			}
			if (r.FirstToken != nil) != r.Streamed {
				t.Errorf("the first token came after %v: %+v", r.FirstToken, r)
			}
		}
		a.mustNotHold(secret)
	})
}

// told is what a record says that does not differ from run to run.
func (v recordView) told() string {
	v.ID, v.Time, v.Duration, v.FirstToken = "", "", 0, nil
	return fmt.Sprint(v)
}

// mustNotHold fails the test where a column, or a file of the store, has a text.
func (a admin) mustNotHold(text string) {
	a.t.Helper()
	told := a.run("usage", "records", "--format", "json") + a.run("usage", "--by", "key,model,user", "--format", "json")
	if strings.HasPrefix(a.url, "sqlite://") {
		for _, file := range a.files() {
			content, err := os.ReadFile(file)
			if err != nil {
				a.t.Fatal(err)
			}
			told += string(content)
		}
	}
	if strings.Contains(told, text) {
		a.t.Error("what was asked or answered is kept")
	}
}

// A caller who leaves is charged for what came until then.
func TestLeavingIsRecorded(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	at := awaited{make(chan string, 1), make(chan string, 1)}
	g := startWith(t, "auth: {mode: keys}\nstore: '"+a.url+"'\n", script{
		"stream": at.leaver(beginStream(fakebackend.Data(first, first))),
		"plain":  at.leaver(func(*fakebackend.Conn) {}),
	}.reply)
	key := a.make("keys", "create", "--name", "k")
	for _, id := range []string{"stream", "plain"} {
		ctx, leave := context.WithCancel(t.Context())
		body := map[string]string{"stream": streamed, "plain": plainBody}[id]
		req := g.request(ctx, "POST", completions, strings.NewReader(body), "X-Request-Id: "+id, "Authorization: Bearer "+key.Token)
		go func() {
			resp, err := g.client.Do(req)
			if err == nil {
				_, _ = io.ReadFull(resp.Body, make([]byte, len(fakebackend.Data(first, first))))
				leave()
				_ = resp.Body.Close()
			}
		}()
		<-at.reached
		if id == "plain" {
			leave()
		}
		<-at.gone
		leave()
	}
	got := a.awaitRecords(2)
	for i, completed := range []int64{2, 0} {
		r := got[i]
		if r.Status != 499 || r.Error != "client_closed" || !r.Cancelled || r.Prompt != 1 || r.Completion != completed || !r.Estimated || r.Upstream != "default" {
			t.Errorf("%+v", r)
		}
	}
}

// A stream is asked for its usage, of which callers who did not ask see nothing.
func TestUsageOfStreamsIsAskedFor(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	g := startWith(t, "auth: {mode: keys}\nstore: '"+a.url+"'\n", fakebackend.Events(fakebackend.Data(first, last, `{`+names+`,"choices":[],"usage":`+someUsage+`}`, "[DONE]")))
	key := a.make("keys", "create", "--name", "k")
	for body, sees := range map[string]bool{streamed: false, streamedUsage: true} {
		got := g.complete(body, "Authorization: Bearer "+key.Token)
		if strings.Contains(got.body, `"total_tokens"`) != sees || !strings.HasSuffix(got.body, "data: [DONE]\n\n") {
			t.Errorf("%s: got %s", body, got.body)
		}
	}
	for _, r := range g.backend.Requests() {
		if !strings.Contains(string(r.Body), `"stream_options":{"include_usage":true}`) {
			t.Errorf("the backend got %s", r.Body)
		}
	}
}

// Static tokens are recorded where that is wanted, by their names; nothing is where it is not.
func TestWhatIsRecorded(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]int{"always": 1, "never": 0, "auto": 0} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			a := newAdmin(t)
			a.run("orgs", "enable", "default") // makes the store
			g := startWith(t, "usage: {records: "+setting+"}\nstore: '"+a.url+"'\nauth: {tokens: [{name: friend, token: "+testToken+"}]}", fakebackend.JSON(200, answered))
			g.mustGet(200, "", testToken)
			if got := a.awaitRecords(want); want == 1 && (got[0].Key != "friend" || got[0].Organization != "" || got[0].Completion != 2) {
				t.Errorf("%+v", got)
			}
			if want == 1 && !strings.Contains(a.run("usage", "--by", "key", "--key", "friend"), "friend") {
				t.Error("the token is not found")
			}
		})
	}
	a := newAdmin(t)
	g := startWith(t, "usage: {records: never}\nstore: '"+a.url+"'\nauth: {mode: keys}", fakebackend.JSON(200, answered))
	g.mustGet(200, "", a.make("keys", "create", "--name", "k").Token)
	a.awaitRecords(0)
}
