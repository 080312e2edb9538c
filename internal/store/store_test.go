package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/limits"
	"github.com/specgate/specgate/internal/store"
)

var someLimits = limits.Limits{Requests: 1, Tokens: 2, Parallel: 3, DayTokens: 4, MonthTokens: 1 << 60}

// hostile is what a statement, a pattern or a terminal could take for its own.
const hostile = `'; DROP TABLE keys; -- " $1 ? % _ \ é`

func TestDefaults(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		o, err := s.Organization(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Project(t.Context(), o.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(o.ID) != 24 || strings.Trim(o.ID, "0123456789abcdef") != "" || o.Name != "default" || o.Disabled || time.Since(o.Created) > time.Hour {
			t.Errorf("organization %+v", o)
		}
		if len(p.ID) != 24 || p.Organization != o.ID || p.Name != "default" || p.ID == o.ID {
			t.Errorf("project %+v", p)
		}
		again, err := open(t, url).Organization(t.Context(), "")
		if err != nil || again != o {
			t.Errorf("opened again: %+v, %v", again, err)
		}
	})
}

// Each field comes back as it went in, whatever stands in it.
func TestEverythingComesBack(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		o, first := keys.NewOrganization(hostile, now)
		o.Limits = someLimits
		side := keys.NewProject(o.ID, hostile, now)
		side.Limits = someLimits
		must(t, s.AddOrganization(t.Context(), o, first), s.AddProject(t.Context(), side))
		k := keys.Key{
			ID: keys.NewID(), Name: hostile, Description: hostile, Organization: o.ID,
			Projects: []string{side.ID}, DefaultProject: side.ID, Models: []string{hostile, "a*"},
			Limits: someLimits, Created: now, Expires: now.Add(time.Hour), Disabled: true,
		}
		k.Rotate(now, 0)
		k.Rotate(now, time.Minute)
		must(t, s.AddKey(t.Context(), k))

		got, err := s.Key(t.Context(), k.ID)
		same(t, "key", k, got, err)
		got, err = s.KeyNamed(t.Context(), hostile)
		same(t, "key by name", k, got, err)
		all, err := s.Keys(t.Context())
		same(t, "keys", []keys.Key{k}, all, err)
		h, err := s.Holdings(t.Context(), o.ID)
		same(t, "holdings", keys.Holdings{Organization: o, Projects: map[string]keys.Project{first.ID: first, side.ID: side}}, h, err)
		projects, err := s.Projects(t.Context(), o.ID)
		same(t, "projects", 2, len(projects), err)
		byName, err := s.Project(t.Context(), o.ID, hostile)
		same(t, "project by name", side, byName, err)

		k.Revoke(now)
		k.Name, k.Limits, k.EveryProject, k.Projects, k.Models = "b", limits.Limits{}, true, nil, nil
		_, err = s.ChangeKey(t.Context(), k.ID, func(there *keys.Key, _ store.Projects) error { *there = k; return nil })
		must(t, err)
		got, err = s.Key(t.Context(), k.ID)
		k.Projects, k.Models = []string{}, []string{}
		same(t, "changed key", k, got, err)
	})
}

func TestNotThere(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		o, _ := s.Organization(t.Context(), "")
		other, first := keys.NewOrganization("other", now)
		must(t, s.AddOrganization(t.Context(), other, first))
		for name, ask := range map[string]func() error{
			"key":                  func() error { _, err := s.Key(t.Context(), "x"); return err },
			"key by name":          func() error { _, err := s.KeyNamed(t.Context(), "x"); return err },
			"organization":         func() error { _, err := s.Organization(t.Context(), "x' OR '1'='1"); return err },
			"holdings":             func() error { _, err := s.Holdings(t.Context(), "x"); return err },
			"project":              func() error { _, err := s.Project(t.Context(), o.ID, "x"); return err },
			"project of another":   func() error { _, err := s.Project(t.Context(), o.ID, first.ID); return err },
			"change of no key":     func() error { _, err := s.ChangeKey(t.Context(), "x", nil); return err },
			"change of no project": func() error { _, err := s.ChangeProject(t.Context(), o.ID, first.ID, nil); return err },
		} {
			if err := ask(); !errors.Is(err, keys.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestNamesAreTakenOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		o, _ := s.Organization(t.Context(), "")
		a, first := keys.NewOrganization("a", now)
		must(t, s.AddOrganization(t.Context(), a, first), s.AddProject(t.Context(), keys.NewProject(o.ID, "p", now)))
		again, itsFirst := keys.NewOrganization("a", now)
		_, renamed := s.ChangeOrganization(t.Context(), "a", func(o *keys.Organization) error { o.Name = "default"; return nil })
		for name, err := range map[string]error{
			"organization": s.AddOrganization(t.Context(), again, itsFirst),
			"renamed":      renamed,
			"project":      s.AddProject(t.Context(), keys.NewProject(o.ID, "p", now)),
		} {
			if !errors.Is(err, store.ErrTaken) {
				t.Errorf("%s: %v", name, err)
			}
		}
		must(t, s.AddProject(t.Context(), keys.NewProject(a.ID, "p", now)))
		for range 2 {
			must(t, s.AddKey(t.Context(), newKey(t, s, o)))
		}
		if _, err := s.KeyNamed(t.Context(), "twin"); err == nil {
			t.Error("one of two keys of a name was chosen")
		}
	})
}

// Who has an id means that key, though another bears it as its name.
func TestIDsGoBeforeNames(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		o, _ := s.Organization(t.Context(), "")
		meant, other := newKey(t, s, o), newKey(t, s, o)
		other.Name = meant.ID
		must(t, s.AddKey(t.Context(), meant), s.AddKey(t.Context(), other))
		got, err := s.ChangeKey(t.Context(), meant.ID, func(k *keys.Key, _ store.Projects) error { k.Revoke(now); return nil })
		same(t, "revoked", meant.ID, got.ID, err)
	})
}

// An id that nobody has is asked for as often as one whose secret is guessed, and no more is read of either.
func TestLookUpsAreOneQuestion(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		o, _ := s.Organization(t.Context(), "")
		k := newKey(t, s, o)
		k.EveryProject, k.Projects = false, []string{k.DefaultProject}
		must(t, s.AddKey(t.Context(), k))
		asked := s.Counted(t)
		for _, id := range []string{k.ID, keys.NewID()} {
			before := asked.Load()
			_, err := s.Key(t.Context(), id)
			if n := asked.Load() - before; n != 1 || (err == nil) != (id == k.ID) {
				t.Errorf("%d questions, %v", n, err)
			}
		}
	})
}

// A key's default project is one of its organization, whatever a program may think.
func TestKeysStayInTheirOrganization(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		o, _ := s.Organization(t.Context(), "")
		other, first := keys.NewOrganization("other", now)
		must(t, s.AddOrganization(t.Context(), other, first))
		k := newKey(t, s, o)
		k.DefaultProject = first.ID
		if err := s.AddKey(t.Context(), k); err == nil {
			t.Error("a key has another organization's project")
		}
	})
}

// newKey is one called twin, of the organization's default project.
func newKey(t *testing.T, s *store.Store, o keys.Organization) keys.Key {
	t.Helper()
	p, err := s.Project(t.Context(), o.ID, "")
	must(t, err)
	k := keys.Key{ID: keys.NewID(), Name: "twin", Organization: o.ID, EveryProject: true, DefaultProject: p.ID, Created: now}
	k.Rotate(now, 0)
	return k
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func same[T any](t *testing.T, what string, want, got T, err error) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(limits.Limits{}, "Since")); diff != "" || err != nil {
		t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
	}
}
