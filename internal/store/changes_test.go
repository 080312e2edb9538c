package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/store"
)

func TestChanges(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		o, _ := s.Organization(t.Context(), "")
		before, err := s.Changes(t.Context(), keys.Revision{})
		must(t, err)
		k := newKey(t, s, o)
		must(t, s.AddKey(t.Context(), k))
		c, err := s.Changes(t.Context(), before.Revision)
		same(t, "a new key", keys.Changes{Revision: numbered(c, before.Revision.Number+1), Keys: []string{k.ID}, Organizations: []string{}}, c, err)
		must(t, s.AddProject(t.Context(), keys.NewProject(o.ID, "p", now)))
		c, err = s.Changes(t.Context(), c.Revision)
		same(t, "a new project", keys.Changes{Revision: numbered(c, before.Revision.Number+2), Keys: []string{}, Organizations: []string{o.ID}}, c, err)
		_, err = s.ChangeOrganization(t.Context(), "", func(o *keys.Organization) error { o.Disabled = true; return nil })
		must(t, err, s.Used(t.Context(), map[string]time.Time{k.ID: now, "none": now}))
		c, err = s.Changes(t.Context(), c.Revision)
		same(t, "an organization", keys.Changes{Revision: numbered(c, before.Revision.Number+3), Keys: []string{}, Organizations: []string{o.ID}}, c, err)
		_, err = s.ChangeKey(t.Context(), k.ID, func(*keys.Key, store.Projects) error { return errors.New("no") })
		c, changes := s.Changes(t.Context(), c.Revision)
		if err == nil || changes != nil || c.Revision.Number != before.Revision.Number+3 {
			t.Errorf("a change that failed: %v, %v, revision %d", err, changes, c.Revision.Number)
		}
	})
}

// numbered is the revision that a source told of, which must have a mark and the given number.
func numbered(c keys.Changes, number int64) keys.Revision {
	if c.Revision.Mark == "" {
		return keys.Revision{}
	}
	return keys.Revision{Number: number, Mark: c.Revision.Mark}
}

// A copy from before takes the place of the database, and is then changed past what was known of the other. The
// numbers tell nothing of it, and that of neither is told as what has changed.
func TestCopyThatWentOn(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		o, _ := s.Organization(t.Context(), "")
		known := keys.Revision{}
		for range 3 {
			must(t, s.AddKey(t.Context(), newKey(t, s, o)))
			c, err := s.Changes(t.Context(), known)
			if err != nil || c.Everything != (known == keys.Revision{}) {
				t.Errorf("after a change: %+v, %v", c, err)
			}
			known = c.Revision
		}
		for _, back := range []string{"DELETE FROM revisions WHERE value > 1", "UPDATE revision SET value = 1"} {
			_, err := raw(t, url).ExecContext(t.Context(), back)
			must(t, err)
		}
		c, err := s.Changes(t.Context(), known)
		if err != nil || !c.Everything || c.Revision == known {
			t.Errorf("an older copy: %+v, %v", c, err)
		}
		for range 4 {
			must(t, s.AddKey(t.Context(), newKey(t, s, o)))
		}
		c, err = s.Changes(t.Context(), known)
		if err != nil || !c.Everything || c.Revision.Number <= known.Number {
			t.Errorf("an older copy that went on: %+v, %v", c, err)
		}
	})
}

// Many keys are in use where a database is far away: a statement for each would take too long.
func TestUsesOfManyKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		o, _ := s.Organization(t.Context(), "")
		k := newKey(t, s, o)
		must(t, s.AddKey(t.Context(), k))
		at := map[string]time.Time{k.ID: now}
		for range 2500 {
			at[keys.NewID()] = now
		}
		asked := s.Counted(t)
		must(t, s.Used(t.Context(), at))
		if n := asked.Load(); n > 3 {
			t.Errorf("%d statements", n)
		}
		got, err := s.Key(t.Context(), k.ID)
		same(t, "last used", now, got.LastUsed, err)
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
				_, err := []*store.Store{s, other}[i%2].ChangeKey(t.Context(), k.ID, func(k *keys.Key, _ store.Projects) error {
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
		c, err := s.Changes(t.Context(), keys.Revision{})
		same(t, "revision", 41, int(c.Revision.Number), err)
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
