package main

import (
	"strings"
	"testing"
)

// What was mistyped is named, and what may have been meant; not what came after it.
func TestMistypedCommandsAndFlags(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	for line, want := range map[string]string{
		"keys crate --name n":                         `there is no command "specgate keys crate"; did you mean specgate keys create?`,
		"key create --name n":                         `there is no command "specgate key"; did you mean specgate keys?`,
		"usage recrods --limit 5":                     `there is no command "specgate usage recrods"; did you mean specgate usage records?`,
		"usage orgs":                                  `write specgate usage --by org`,
		"keys create --name n --requests-per-minut 5": "unknown flag: --requests-per-minut; did you mean --requests-per-minute?",
		"keys create --name n --rpm 5":                "unknown flag: --rpm; did you mean --requests-per-minute?",
		"orgs update default --tpd=5":                 "unknown flag: --tpd; did you mean --tokens-per-day?",
		"keys create --name n --colour red":           "unknown flag: --colour\n",
		"keys --nmae n":                               "unknown flag: --nmae\n",
	} {
		got := a.try(strings.Fields(line)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, want) || strings.Contains(want, "no command") && strings.Contains(got.stderr, "flag") {
			t.Errorf("%s: %d %s", line, got.code, got.stderr)
		}
	}
}

func TestGraceInDays(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	a.run("keys", "create", "--name", "k")
	for grace, want := range map[string]int{"7d": exitOK, "90m": exitOK, "0": exitOK, "-1h": exitUsage, "-1d": exitUsage, "d": exitUsage, "99999999d": exitUsage, "soon": exitUsage} {
		if got := a.try("keys", "rotate", "k", "--grace="+grace); got.code != want {
			t.Errorf("%s: %d %s", grace, got.code, got.stderr)
		}
	}
}

// A key that is revoked is found by its name, where no other has it now; it is shown, and nothing else.
func TestRevokedKeysAreFound(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, a admin) {
		t.Helper()
		gone := a.make("keys", "create", "--name", "k")
		a.run("keys", "revoke", "k")
		if shown := a.run("keys", "show", "k"); !strings.Contains(shown, gone.ID) || !strings.Contains(shown, "revoked") {
			t.Errorf("shown as %s", shown)
		}
		for _, verb := range []string{"enable", "disable", "rotate", "update"} {
			if got := a.try("keys", verb, "k"); got.code != exitFailure || !strings.Contains(got.stderr, "the key is revoked, for good") {
				t.Errorf("%s: %d %s", verb, got.code, got.stderr)
			}
		}
		other := a.make("keys", "create", "--name", "k")
		if shown := a.run("keys", "show", "k"); !strings.Contains(shown, other.ID) {
			t.Errorf("shown as %s", shown)
		}
		a.run("keys", "revoke", "k")
		if got := a.try("keys", "show", "k"); got.code != exitFailure || !strings.Contains(got.stderr, "give the id") {
			t.Errorf("of two: %d %s", got.code, got.stderr)
		}
	})
}
