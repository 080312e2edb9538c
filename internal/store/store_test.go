package store_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		_, err = s.ChangeKey(t.Context(), k.ID, func(there *keys.Key) error { *there = k; return nil })
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

func TestChanges(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		o, _ := s.Organization(t.Context(), "")
		before, err := s.Changes(t.Context(), 0)
		must(t, err)
		k := newKey(t, s, o)
		must(t, s.AddKey(t.Context(), k))
		c, err := s.Changes(t.Context(), before.Revision)
		same(t, "a new key", keys.Changes{Revision: before.Revision + 1, Keys: []string{k.ID}, Organizations: []string{}}, c, err)
		must(t, s.AddProject(t.Context(), keys.NewProject(o.ID, "p", now)))
		c, err = s.Changes(t.Context(), c.Revision)
		same(t, "a new project", keys.Changes{Revision: before.Revision + 2, Keys: []string{}, Organizations: []string{o.ID}}, c, err)
		_, err = s.ChangeOrganization(t.Context(), "", func(o *keys.Organization) error { o.Disabled = true; return nil })
		must(t, err, s.Used(t.Context(), map[string]time.Time{k.ID: now, "none": now}))
		c, err = s.Changes(t.Context(), c.Revision)
		same(t, "an organization", keys.Changes{Revision: before.Revision + 3, Keys: []string{}, Organizations: []string{o.ID}}, c, err)
		_, err = s.ChangeKey(t.Context(), k.ID, func(*keys.Key) error { return errors.New("no") })
		c, changes := s.Changes(t.Context(), c.Revision)
		if err == nil || changes != nil || c.Revision != before.Revision+3 {
			t.Errorf("a change that failed: %v, %v, revision %d", err, changes, c.Revision)
		}
	})
}

func TestUsesOnlyGoForward(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		o, _ := s.Organization(t.Context(), "")
		k := newKey(t, s, o)
		must(t, s.AddKey(t.Context(), k))
		for _, at := range []time.Time{now, now.Add(time.Minute), now} {
			must(t, s.Used(t.Context(), map[string]time.Time{k.ID: at}))
		}
		got, err := s.Key(t.Context(), k.ID)
		same(t, "last used", now.Add(time.Minute), got.LastUsed, err)
	})
}

// Changes by many at once: none is lost, and no revision is given twice.
func TestManyAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s, other := open(t, url), open(t, url)
		o, _ := s.Organization(t.Context(), "")
		k := newKey(t, s, o)
		must(t, s.AddKey(t.Context(), k))
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				_, err := []*store.Store{s, other}[i%2].ChangeKey(t.Context(), k.ID, func(k *keys.Key) error {
					k.Limits.Requests++
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		got, err := s.Key(t.Context(), k.ID)
		same(t, "changes", 40, int(got.Limits.Requests), err)
		c, err := s.Changes(t.Context(), 0)
		same(t, "revision", 41, int(c.Revision), err)
	})
}

// Instances that start at one time on a store where nothing is: one makes the schema, all can work.
func TestManyStartAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				s, err := store.Open(t.Context(), url)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Organization(t.Context(), ""); err != nil {
					t.Error(err)
				}
				_ = s.Close()
			})
		}
		all.Wait()
		orgs, err := open(t, url).Organizations(t.Context())
		same(t, "organizations", 1, len(orgs), err)
	})
}

// A program that was rolled back finds the schema of the one after it.
func TestNewerSchema(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		open(t, url)
		db := raw(t, url)
		_, err := db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, $1)", true)
		must(t, err)
		_, err = open(t, url).Organization(t.Context(), "")
		must(t, err)
	})
}

func TestPostgresTellsOfChanges(t *testing.T) {
	s := open(t, newPostgres(t))
	o, _ := s.Organization(t.Context(), "")
	ctx, cancel := context.WithCancel(t.Context())
	told, ended := make(chan struct{}, 100), make(chan struct{})
	go func() {
		s.Listen(ctx, func() { told <- struct{}{} })
		close(ended)
	}()
	defer func() { cancel(); <-ended }()
	for deadline := time.After(20 * time.Second); ; { // until it listens
		must(t, s.AddKey(t.Context(), newKey(t, s, o)))
		select {
		case <-told:
			return
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			t.Fatal("no change was told of")
		}
	}
}

func TestURLsThatAreRefused(t *testing.T) {
	const password = "pa55word"
	for _, url := range []string{"", "x", "mysql://u:" + password + "@h/d", "sqlite://", "postgres://u:" + password + "@h:port/d", "sqlite:///no/such/folder/x.db", "postgres://u:" + password + "@127.0.0.1:1/d"} {
		_, err := store.Open(t.Context(), url)
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%q: %v", url, err)
		}
	}
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
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
	}
}
