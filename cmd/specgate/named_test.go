package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whoever rotates a key sees how long the token before is good, and can end that.
func TestGraceIsShownAndEnded(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	g := a.gateway()
	first := a.make("keys", "create", "--name", "k")
	accepted := regexp.MustCompile(`token before +accepted until 20\d\d-\d\d-\d\dT`)
	if shown := a.run("keys", "show", "k"); accepted.MatchString(shown) {
		t.Errorf("before a rotation:\n%s", shown)
	}
	second := a.make("keys", "rotate", "k", "--grace", "24h")
	if shown := a.run("keys", "show", "k"); !accepted.MatchString(shown) {
		t.Errorf("after it:\n%s", shown)
	}
	g.mustGet(200, "", first.Token)
	if shown := a.run("keys", "update", "k", "--end-grace"); accepted.MatchString(shown) {
		t.Errorf("at its end:\n%s", shown)
	}
	g.soon(401, first.Token)
	g.mustGet(200, "", second.Token)
}

// Keys may have one name: whoever makes the second is told, and whoever names both by it sees which they are.
func TestNamesakesAreListed(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	a.run("orgs", "create", "--name", "acme")
	if got := a.try("keys", "create", "--name", "me"); got.code != exitOK || got.stderr != "" {
		t.Errorf("the first: %s", got.stderr)
	}
	a.run("keys", "create", "--name", "other")
	for _, line := range []string{"keys create --name me --org acme", "keys rename other me"} {
		if got := a.try(strings.Fields(line)...); got.code != exitOK || !strings.Contains(got.stderr, `keys are named "me": commands tell them apart by their ids alone`) {
			t.Errorf("%s: %d %s", line, got.code, got.stderr)
		}
	}
	listed := regexp.MustCompile(`^specgate: 3 keys are named "me": give the id of the one that is meant
specgate: [a-z2-7]{16}: made 20\S+Z, of the organization "default"
specgate: [a-z2-7]{16}: made 20\S+Z, of the organization "default"
specgate: [a-z2-7]{16}: made 20\S+Z, of the organization "acme"
$`)
	for _, line := range []string{"keys show me", "keys revoke me", "usage --key me"} {
		got := a.try(strings.Fields(line)...)
		if lines := strings.SplitAfter(got.stderr, "\n"); got.code != exitFailure || !listed.MatchString(lines[0]+strings.Join(sortedBy(lines[1:], `"acme"`), "")) {
			t.Errorf("%s: %d %s", line, got.code, got.stderr)
		}
	}
}

// sortedBy has the lines with a text in them last.
func sortedBy(lines []string, text string) (sorted []string) {
	var last []string
	for _, line := range lines {
		if strings.Contains(line, text) {
			last = append(last, line)
			continue
		}
		sorted = append(sorted, line)
	}
	return append(sorted, last...)
}

// Whoever does not find a project is told where it was looked for, and where there is one.
func TestProjectsOfOtherOrganizations(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	for _, name := range []string{"acme", "beta"} {
		a.run("orgs", "create", "--name", name)
	}
	a.run("projects", "create", "--name", "search", "--organization", "acme")
	a.run("keys", "create", "--name", "k")
	const of = ` "search": not found in the organization `
	for line, want := range map[string]string{
		"projects update search":                    of + `"default"; there is one in "acme", which --org chooses`,
		"projects show search --org beta":           of + `"beta"; there is one in "acme", which --org chooses`,
		"keys create --name n --project search":     of + `"default"; there is one in "acme", which --org chooses`,
		"projects disable none --organization acme": `"none": not found in the organization "acme"; --org chooses another`,
		"keys update k --project search":            of + `of the key, which it stays in`,
	} {
		if got := a.try(strings.Fields(line)...); got.code != exitFailure || !strings.HasSuffix(got.stderr, want+"\n") {
			t.Errorf("%s: %d %s", line, got.code, got.stderr)
		}
	}
}

// ofHelp is the command in a line of TestMistakesAreToldInPlainWords.
var ofHelp = regexp.MustCompile(`^(usage records|usage|conformance|[a-z]+ [a-z]+)`)

// What is wrong with an argument or a flag is said in plain words, with what is expected and whose help to read.
func TestMistakesAreToldInPlainWords(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	for line, want := range map[string]string{
		"keys create --name n --requests-per-minute abc": `--requests-per-minute is "abc": it must be a whole number, such as 600`,
		"usage records --limit 1.5":                      `--limit is "1.5": it must be a whole number, such as 600`,
		"keys list --all=maybe":                          `--all is "maybe": it must be true or false`,
		`usage --by a"b`:                                 `--by is "a\"b": it must be words with commas between them`,
		"keys rotate k --grace soon":                     `--grace is "soon": it must be a time, such as 7d, 24h or 30m`,
		"conformance http://h/v1 --timeout soon":         `--timeout is "soon": it must be a time, such as 30s or 5m`,
		"orgs list --format":                             `--format needs a value: form to print: table or json`,
		"keys revoke":                                    `KEY is missing: write specgate keys revoke KEY`,
		"keys revoke a b":                                `there is an argument too many, "b": write specgate keys revoke KEY`,
		"orgs rename":                                    `ORGANIZATION and NAME are missing: write specgate orgs rename ORGANIZATION NAME`,
		"projects rename a":                              `NAME is missing: write specgate projects rename PROJECT NAME`,
		"keys create search":                             `specgate keys create takes no argument, such as "search": a name is given by --name`,
		"keys list search":                               `specgate keys list takes no argument, such as "search"`,
		"keys create":                                    `--name is missing`,
	} {
		got := a.try(strings.Fields(line)...)
		wanted := result{code: exitUsage, stderr: "specgate: " + want + "\nspecgate: see specgate " + ofHelp.FindString(line) + " --help\n"}
		if diff := cmp.Diff(wanted, got, cmp.AllowUnexported(result{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}

// Each kind of thing can be shown and renamed alike.
func TestAllAreShownAndRenamedAlike(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	acme := a.make("orgs", "create", "--name", "acme")
	web := a.make("projects", "create", "--name", "web", "--org", "acme")
	key := a.make("keys", "create", "--name", "k", "--org", "acme", "--project", "web")
	for _, kind := range []struct{ name, old, id, in string }{
		{"orgs", "acme", acme.ID, ""}, {"projects", "web", web.ID, "--organization=acme2"}, {"keys", "k", key.ID, ""},
	} {
		in := strings.Fields(kind.in)
		a.run(append([]string{kind.name, "rename", kind.old, kind.old + "2"}, in...)...)
		shown := a.run(append([]string{kind.name, "show", kind.old + "2"}, in...)...)
		if !strings.Contains(shown, kind.id) || !regexp.MustCompile(`name +`+kind.old+"2\n").MatchString(shown) {
			t.Errorf("%s:\n%s", kind.name, shown)
		}
	}
	shown := a.run("keys", "show", "k2")
	for _, want := range []string{`organization +acme2 \(` + acme.ID, `projects +web2 \(` + web.ID, `default project +web2 \(` + web.ID} {
		if !regexp.MustCompile(want).MatchString(shown) {
			t.Errorf("no %s in\n%s", want, shown)
		}
	}
}

// Tables have the names of organizations and projects; ids are for programs, and for what is shown alone.
func TestTablesHaveNames(t *testing.T) {
	t.Parallel()
	a, acme, _, billing := usedStore(t)
	id := regexp.MustCompile(`\b[0-9a-f]{24}\b`)
	for _, line := range []string{"keys list", "projects list --org acme", "usage records --limit 0 --key billing --since 2026-03-04"} {
		table := a.run(strings.Fields(line)...)
		if !regexp.MustCompile(`\bacme\b`).MatchString(table) || !regexp.MustCompile(`\bweb\b`).MatchString(table) || strings.Contains(table, acme.ID) {
			t.Errorf("%s:\n%s", line, table)
		}
		if !strings.HasPrefix(line, "projects") && id.MatchString(table) {
			t.Errorf("%s has ids:\n%s", line, table)
		}
		if json := a.run(append(strings.Fields(line), "--format", "json")...); !strings.Contains(json, acme.ID) {
			t.Errorf("%s, as JSON:\n%s", line, json)
		}
	}
	if table := a.run("usage", "records", "--since", "2026-03-04", "--limit", "0"); !regexp.MustCompile(billing.ID + " +billing +acme +web").MatchString(table) {
		t.Errorf("records:\n%s", table)
	}
}
