package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKeysCommands(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	if text := a.run("keys", "create", "--name", "plain"); !strings.Contains(text, "\nsg-") || !strings.Contains(text, "shown this once") {
		t.Errorf("create printed\n%s", text)
	}
	a.run("keys", "create", "--name", "limited", "--description", "for 'tests'; --", "--requests-per-minute", "5", "--tokens-per-minute", "6", "--parallel", "7", "--tokens-per-day", "8", "--tokens-per-month", "9")
	a.run("keys", "update", "limited", "--parallel", "0", "--name", "renamed", "--expires", "2099-01-01")
	var v struct {
		Name, Description, State, Expires string
		Limits                            map[string]int
	}
	if err := json.Unmarshal([]byte(a.run("keys", "show", "renamed", "--format", "json")), &v); err != nil {
		t.Fatal(err)
	}
	if v.Description != "for 'tests'; --" || v.State != "active" || v.Expires != "2099-01-01T00:00:00Z" ||
		v.Limits["requests_per_minute"] != 5 || v.Limits["tokens_per_minute"] != 6 || v.Limits["parallel"] != 0 || v.Limits["tokens_per_day"] != 8 || v.Limits["tokens_per_month"] != 9 {
		t.Errorf("the key is %+v", v)
	}
	a.run("keys", "revoke", "plain")
	if text := a.run("keys", "list"); strings.Contains(text, "plain") || !strings.Contains(text, "renamed") {
		t.Errorf("list printed\n%s", text)
	}
	if text := a.run("keys", "list", "--all"); !strings.Contains(text, "revoked") {
		t.Errorf("list --all printed\n%s", text)
	}
}

func TestOrgsAndProjectsCommands(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	a.make("orgs", "create", "--name", "acme", "--tokens-per-day", "100")
	a.run("orgs", "rename", "acme", "acme & sons")
	a.run("orgs", "update", "acme & sons", "--parallel", "3")
	if text := a.run("orgs", "list"); !strings.Contains(text, "acme & sons") || !strings.Contains(text, "3 parallel, 100 tokens per day") {
		t.Errorf("orgs list printed\n%s", text)
	}
	web := a.make("projects", "create", "--name", "web", "--org", "acme & sons")
	a.run("projects", "rename", web.ID, "shop", "--org", "acme & sons")
	a.run("projects", "update", "shop", "--org", "acme & sons", "--requests-per-minute", "2")
	if text := a.run("projects", "list", "--org", "acme & sons"); !strings.Contains(text, "shop") || !strings.Contains(text, "2 requests per minute") || strings.Count(text, "\n") != 3 {
		t.Errorf("projects list printed\n%s", text)
	}
}

func TestKeysCommandsRefuse(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	a.run("orgs", "create", "--name", "acme")
	a.run("projects", "create", "--name", "web", "--org", "acme")
	for _, test := range []struct {
		code   int
		line   string
		stderr string
	}{
		{2, "keys create", "--name is missing"},
		{2, "keys create --name a --format xml", "must be table or json"},
		{2, "keys rotate", "KEY is missing: write specgate keys rotate KEY\nspecgate: see specgate keys rotate --help\n"},
		{2, "keys forget", "there is no command"},
		{1, "keys create --name a --org none", `organization "none": not found`},
		{1, "keys create --name a --project web", `project "web": not found`},
		{1, "keys create --name a --org acme --project web --default-project default", "none of the key's projects"},
		{1, "keys create --name a --expires yesterday", "write 90d"},
		{1, "keys create --name a --expires 2001-01-01", "which is over"},
		{1, "keys create --name a --expires -1h", "which is over"},
		{1, "keys create --name a --expires 9999999d --format json", "more than 100 years"},
		{1, "keys create --name abcdefghijklmnop", "reads as the id of a key"},
		{1, "keys create --name sg-a", "begins as a token does"},
		{1, "orgs create --name sg-a", "begins as a token does"},
		{2, "keys update a --project= --name b", "give --all-projects"},
		{2, "keys update a --model=", "or --all-models"},
		{2, "keys update a --default-project=", "name a project"},
		{2, "keys update a --project web --all-projects", "both"},
		{2, "keys update a --model m --all-models", "both"},
		{1, "keys list --store sqlite://:memory:", "name a file"},
		{1, "keys create --name a --model a**", "two asterisks"},
		{1, "keys create --name a --parallel -1", "at least 0"},
		{1, "keys create --name \x1b[31m", "cannot be printed"},
		{1, "keys show none", `key "none": not found`},
		{2, "keys rotate none --grace -1s", "negative"},
		{1, "orgs create --name acme", "taken"},
		{1, "orgs rename acme default", "taken"},
		{1, "projects create --name web --org acme", "taken"},
		{1, "keys list --store mysql://h/d", "store must be sqlite://FILE or postgres://"},
	} {
		got := a.try(strings.Fields(test.line)...)
		if got.code != test.code || !strings.Contains(got.stderr, test.stderr) || got.stdout != "" {
			t.Errorf("%s: %+v", test.line, got)
		}
	}
}

func TestExpiryIsRead(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"36500d": "2126-01-07T12:00:00Z", "90d": "2026-05-01T12:00:00Z", "12h": "2026-02-01T00:00:00Z", "2027-01-31": "2027-01-31T00:00:00Z",
		"2027-01-31T12:00:00+02:00": "2027-01-31T10:00:00Z", "never": "0001-01-01T00:00:00Z",
	} {
		got, err := parseExpiry(text, now)
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s is read as %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "1.5d", "0d", "-1d", "soon", "2026-13-01", "9999999d", "9999-12-31", "2126-02-01", "99999999999999999999d"} {
		if got, err := parseExpiry(text, now); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

// What a key may do can be narrowed and widened again, and a change of one thing leaves the others.
func TestKeyIsWidenedAgain(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	for _, name := range []string{"web", "app"} {
		a.run("projects", "create", "--name", name)
	}
	made := a.make("keys", "create", "--name", "k", "--project", "web", "--model", "m", "--requests-per-minute", "5")
	for _, step := range []struct {
		args []string
		want keyView
	}{
		{[]string{"--description", "d"}, keyView{Projects: []string{"web"}, Models: []string{"m"}}},
		{[]string{"--all-models"}, keyView{Projects: []string{"web"}, Models: []string{}}},
		{[]string{"--project", "app", "--model", "n"}, keyView{Projects: []string{"app"}, Models: []string{"n"}}},
		{[]string{"--all-projects"}, keyView{EveryProject: true, Projects: []string{}, Models: []string{"n"}}},
	} {
		var got keyView
		if err := json.Unmarshal([]byte(a.run(append([]string{"keys", "update", made.ID, "--format", "json"}, step.args...)...)), &got); err != nil {
			t.Fatal(err)
		}
		if got.EveryProject != step.want.EveryProject || len(got.Projects) != len(step.want.Projects) || !slices.Equal(got.Models, step.want.Models) || got.Limits.Requests != 5 {
			t.Errorf("%q: %+v", step.args, got)
		}
	}
}

// What is printed when something was made is what is printed of it later.
func TestTimesHaveOneForm(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	type dated struct{ Name, Created string }
	for _, kind := range []string{"orgs", "projects", "keys"} {
		var made dated
		var listed []dated
		if err := errors.Join(
			json.Unmarshal([]byte(a.run(kind, "create", "--name", "x", "--format", "json")), &made),
			json.Unmarshal([]byte(a.run(kind, "list", "--format", "json")), &listed),
		); err != nil {
			t.Fatal(err)
		}
		if _, err := time.Parse("2006-01-02T15:04:05Z", made.Created); err != nil || !slices.Contains(listed, made) {
			t.Errorf("%s: made %v, listed %v: %v", kind, made, listed, err)
		}
	}
}

// full is a disk on which there is no space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// Who could not be shown a token is told how to get another.
func TestTokenThatCannotBePrinted(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	var stderr strings.Builder
	if code := run(t.Context(), []string{"keys", "create", "--name", "k", "--store", a.url}, terminal{stdout: full{}, stderr: &stderr, getenv: func(string) string { return "" }}); code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(stderr.String(), "specgate keys rotate ") {
		t.Errorf("told %s", stderr.String())
	}
}
