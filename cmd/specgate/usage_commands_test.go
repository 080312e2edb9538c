package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/store"
	"github.com/specgate/specgate/internal/usage"
)

// usedStore is a store with two organizations, in which records are of two days.
func usedStore(t *testing.T) (a admin, acme, search, billing made) {
	t.Helper()
	a = newAdmin(t)
	acme = a.make("orgs", "create", "--name", "acme")
	a.run("projects", "create", "--name", "web", "--org", "acme")
	search = a.make("keys", "create", "--name", "search")
	billing = a.make("keys", "create", "--name", "billing", "--org", "acme", "--project", "web")
	s, err := store.Open(t.Context(), a.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	secret, err := s.UsageSecret(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	web, err := s.Project(t.Context(), acme.ID, "web")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 4, 23, 0, 0, 0, time.UTC)
	record := func(key made, at time.Time, model, user string) usage.Record {
		return usage.Record{
			ID: usage.NewID(at), At: at.UnixMilli(), Key: key.ID, Organization: key.Organization, Model: model, Status: 200,
			Prompt: 10, Cached: 1, Completion: 5, Reasoning: 2, Reported: true, User: usage.Hash(secret, user),
		}
	}
	ofWeb := record(billing, at, "b\x1b[31m", "alice")
	ofWeb.Project = web.ID
	failed := record(search, at.Add(2*time.Hour), "a", "bob")
	failed.Status, failed.Error, failed.Completion = 502, "upstream_error", 0
	if err := s.AddUsage(t.Context(), []usage.Record{record(search, at, "a", "alice"), ofWeb, failed}); err != nil {
		t.Fatal(err)
	}
	return a, acme, search, billing
}

var ofMarch = []string{"--since", "2026-03-04", "--until", "2026-03-05"}

func TestUsageIsShown(t *testing.T) {
	t.Parallel()
	a, acme, search, billing := usedStore(t)
	for name, test := range map[string]struct {
		args []string
		want string // by fields
	}{
		"by day":          {nil, "2026-03-04 2 0 0 20 2 10 4 30 0\n2026-03-05 1 1 0 10 1 0 2 10 0"},
		"all":             {[]string{"--by", "none"}, "3 1 0 30 3 10 6 40 0"},
		"by key":          {[]string{"--by", "key"}, search.ID + " search 2 1 0 20 2 5 4 25 0\n" + billing.ID + " billing 1 0 0 10 1 5 2 15 0"},
		"by organization": {[]string{"--by", "organization", "--key", "billing"}, acme.ID + " acme 1 0 0 10 1 5 2 15 0"},
		"by day and model": {
			[]string{"--by", "model,day", "--org", "default"}, "2026-03-04 a 1 0 0 10 1 5 2 15 0\n2026-03-05 a 1 1 0 10 1 0 2 10 0",
		},
		"by project": {[]string{"--by", "model", "--project", "web"}, "b\uFFFD[31m 1 0 0 10 1 5 2 15 0"},
		"of a user":  {[]string{"--by", "none", "--user", "alice"}, "2 0 0 20 2 10 4 30 0"},
		"of nobody":  {[]string{"--by", "none", "--user", "eve"}, ""},
		"of a model": {[]string{"--by", "none", "--model", "a", "--key", search.Token}, "2 1 0 20 2 5 4 25 0"},
		"one day":    {[]string{"--by", "day", "--since", "2026-03-05"}, "2026-03-05 1 1 0 10 1 0 2 10 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines []string
			for line := range strings.Lines(a.run(append(append([]string{"usage"}, ofMarch...), test.args...)...)) {
				lines = append(lines, strings.Join(strings.Fields(line), " "))
			}
			want := strings.Split(test.want, "\n")
			if test.want == "" {
				want = nil
			}
			if diff := cmp.Diff(sorted(want), sorted(lines[1:])); diff != "" {
				t.Errorf("%s (-want +got):\n%s", lines[0], diff)
			}
		})
	}
}

func sorted(lines []string) map[string]bool {
	all := map[string]bool{}
	for _, line := range lines {
		all[line] = true
	}
	return all
}

// What used nothing was not estimated.
func TestRefusalsAreNoEstimates(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	g := startWith(t, "auth: {mode: keys}\nusage: {"+spooledIn(t)+"}\nstore: '"+a.url+"'", fakebackend.JSON(200, withUsage(2, 3)), fakebackend.JSON(200, answered))
	key := a.make("keys", "create", "--name", "k", "--model", "m")
	g.mustGet(200, "", key.Token)
	g.complete(`{"model":"other","prompt":"x"}`, "Authorization: Bearer "+key.Token)
	g.complete(`{`, "Authorization: Bearer "+key.Token)
	for _, r := range a.awaitRecords(3) {
		if r.Estimated {
			t.Errorf("%+v", r)
		}
	}
	g.mustGet(200, "", key.Token)
	a.awaitRecords(4)
	if sum := a.run("usage", "--by", "none", "--format", "json"); !strings.Contains(sum, "\"estimated_requests\": 1\n") {
		t.Error(sum)
	}
}

// Who used the most comes first, whatever ids they have.
func TestUsageByTokens(t *testing.T) {
	t.Parallel()
	a, acme, search, billing := usedStore(t)
	text := a.run(append([]string{"usage", "--by", "key"}, ofMarch...)...)
	if first, second := strings.Index(text, search.ID), strings.Index(text, billing.ID); first < 0 || second < first {
		t.Errorf("listed\n%s", text)
	}
	if text := a.run(append([]string{"usage", "--by", "org"}, ofMarch...)...); !strings.Contains(text, acme.ID) || !strings.HasPrefix(text, "ORGANIZATION") {
		t.Errorf("by org:\n%s", text)
	}
}

func TestUsageAsJSON(t *testing.T) {
	t.Parallel()
	a, _, search, _ := usedStore(t)
	var got []map[string]any
	text := a.run(append([]string{"usage", "--by", "key", "--key", "search", "--format", "json"}, ofMarch...)...)
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err, text)
	}
	want := []map[string]any{{
		"key": search.ID, "key_name": "search", "requests": 2.0, "errors": 1.0, "cancelled": 0.0, "estimated_requests": 0.0,
		"prompt_tokens": 20.0, "cached_tokens": 2.0, "completion_tokens": 5.0, "reasoning_tokens": 4.0, "total_tokens": 25.0,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRecordsAreListed(t *testing.T) {
	t.Parallel()
	a, _, _, billing := usedStore(t)
	lines := strings.Split(strings.TrimSpace(a.run(append([]string{"usage", "records", "--format", "json"}, ofMarch...)...)), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], `"time":"2026-03-05T01:00:00.000Z"`) || !strings.Contains(lines[0], `"error":"upstream_error"`) {
		t.Errorf("listed %q", lines)
	}
	reversed := strings.Split(strings.TrimSpace(a.run(append([]string{"usage", "records", "--format", "json", "--oldest"}, ofMarch...)...)), "\n")
	if slices.Reverse(reversed); !slices.Equal(lines, reversed) {
		t.Errorf("the oldest first, backwards: %q", reversed)
	}
	if one := a.run(append([]string{"usage", "records", "--format", "json", "--limit", "1"}, ofMarch...)...); one != lines[0]+"\n" {
		t.Errorf("the newest is %q", one)
	}
	table := a.run(append([]string{"usage", "records", "--key", "billing"}, ofMarch...)...)
	if n := strings.Count(table, "\n"); n != 2 || !strings.Contains(table, billing.ID) || strings.Contains(table, "\x1b") {
		t.Errorf("listed\n%s", table)
	}
	got := a.try(append([]string{"usage", "records", "--limit", "2"}, ofMarch...)...)
	if strings.Count(got.stdout, "\n") != 3 || !strings.Contains(got.stderr, "--limit 0") {
		t.Errorf("listed %+v", got)
	}
}

// What is wrong with a question is said together with how it should be asked.
func TestUsageSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	a.run("orgs", "create", "--name", "acme")
	for args, want := range map[string]string{
		"usage keys":               "specgate usage --by key",
		"usage recrods":            "did you mean specgate usage records?",
		"usage --by keys":          "it must be of day, organization, project, key, model, user, or none",
		"usage --since yesterday":  `--since is "yesterday": write 2026-11-01`,
		"usage --until 1x":         "--until is",
		"usage --until 90d":        "--since is not before --until",
		"usage --key none":         `key "none": not found`,
		"usage --org none":         `organization "none": not found`,
		"usage --project none":     `project "none": not found`,
		"usage --project default":  "2 projects are called",
		"usage records --key sg-x": "that is no token",
		"usage --key sk-secret":    `key "…": not found`,
	} {
		if got := a.try(strings.Fields(args)...); got.code == exitOK || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: %d %s", args, got.code, got.stderr)
		}
	}
}

// A question that cannot be asked ends like any other wrong use of a command.
func TestUsageIsNotAskedSo(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	a.run("orgs", "create", "--name", "acme")
	for _, args := range []string{
		"usage --since yesterday", "usage --since 99999999999d", "usage --until 1x", "usage --until 90d",
		"usage records --limit -1", "usage records --since 36601d",
	} {
		if got := a.try(strings.Fields(args)...); got.code != exitUsage || got.stdout != "" {
			t.Errorf("%s: %+v", args, got)
		}
	}
	a.run("usage", "--since", "36000d")
}

// Commands that only read make no file, and say that there is none.
func TestReadingMakesNoStore(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"usage", "usage records", "keys list", "keys show k", "orgs list", "projects list"} {
		a := newAdmin(t)
		path := strings.TrimPrefix(a.url, "sqlite://")
		got := a.try(strings.Fields(args)...)
		if got.code != exitFailure || got.stdout != "" || !strings.Contains(got.stderr, "there is no store at "+path) {
			t.Errorf("%s: %+v", args, got)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s made a file: %v", args, err)
		}
	}
}

// An argument that looks like a secret is not repeated, whoever gave it out.
func TestArgumentsThatLookLikeSecretsAreNotRepeated(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	a.run("orgs", "create", "--name", "acme")
	for _, secret := range []string{"sk-proj-4f", "sk-abc", "x9Kq2LmN7pRs4TuV8wXy1ZaBcD", "eyJhbGciOiJIUzI1NiIsInR5cCI6.e30.x_-1"} {
		for _, args := range []string{"keys revoke %", "keys show %", "usage --key %", "usage --key=%", "usage --org %", "usage %", "keys create --name k --org %"} {
			got := a.try(strings.Fields(strings.ReplaceAll(args, "%", secret))...)
			if got.code == exitOK || strings.Contains(got.stdout+got.stderr, secret) || !strings.Contains(got.stderr, "…") {
				t.Errorf("%s: %+v", args, got)
			}
		}
	}
	if got := a.try("keys", "show", "task-of-the-organization-2026"); !strings.Contains(got.stderr, "task-of-the-organization-2026") {
		t.Errorf("a name is hidden: %s", got.stderr)
	}
}
