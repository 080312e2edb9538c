package store_test

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/store"
)

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

// Who changes the schema, or died over it behind a pooler, keeps nobody waiting for whom there is nothing to change.
func TestStartWaitsForNoChangeOfTheSchema(t *testing.T) {
	onBoth(t, func(t *testing.T, at string) {
		t.Helper()
		open(t, at)
		holdLock(t, at)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		s, err := store.Open(ctx, at)
		must(t, err)
		must(t, s.Close())
	})
}

// A server must answer soon; what is asked of it then may take longer.
func TestSchemaTakesItsTime(t *testing.T) {
	t.Parallel()
	at := newPostgres(t)
	conn, err := raw(t, at).Conn(t.Context())
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.ExecContext(t.Context(), "SELECT pg_advisory_lock($1)", int64(0x73706563_67617465))
	must(t, err)
	released := make(chan error, 1)
	go func() {
		_, err := conn.ExecContext(t.Context(), "SELECT pg_sleep(2), pg_advisory_unlock($1)", int64(0x73706563_67617465))
		released <- err
	}()
	s, err := store.Open(t.Context(), withQuery(t, at, "connect_timeout", "1"))
	must(t, err, <-released)
	must(t, s.Close())
}

// withQuery is a URL with one thing more behind the question mark.
func withQuery(t *testing.T, at, name, value string) string {
	t.Helper()
	u, err := url.Parse(at)
	must(t, err)
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// holdLock takes the lock on the schema of a store until the test is over.
func holdLock(t *testing.T, at string) {
	t.Helper()
	take, db := "SELECT pg_advisory_lock($1)", (*sql.DB)(nil)
	arguments := []any{int64(0x73706563_67617465)}
	if strings.HasPrefix(at, "sqlite://") {
		take, arguments, db = "BEGIN EXCLUSIVE", nil, raw(t, at+"-migrate")
	} else {
		db = raw(t, at)
	}
	conn, err := db.Conn(t.Context())
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = conn.ExecContext(t.Context(), take, arguments...)
	must(t, err)
}

// The lock ends with the start that took it: a session that a pooler keeps for others must not have it.
func TestSchemaIsUnlocked(t *testing.T) {
	at := newPostgres(t)
	open(t, at)
	var held int
	must(t, raw(t, at).QueryRowContext(t.Context(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())").Scan(&held))
	same(t, "locks that are held", 0, held, nil)
}

// What a pooler that shares connections by the transaction needs, every query can do.
func TestSimpleQueries(t *testing.T) {
	s := open(t, withQuery(t, newPostgres(t), "default_query_exec_mode", "exec"))
	o, err := s.Organization(t.Context(), "")
	must(t, err)
	k := newKey(t, s, o)
	before, err := s.Changes(t.Context(), keys.Revision{})
	must(t, err, s.AddKey(t.Context(), k), s.Used(t.Context(), map[string]time.Time{k.ID: now}))
	got, err := s.KeyNamed(t.Context(), "twin")
	same(t, "last use", now, got.LastUsed, err)
	c, err := s.Changes(t.Context(), before.Revision)
	same(t, "changes", []string{k.ID}, c.Keys, err)
}

// A file that took another's place is not what is open: nothing more is read of the one that is gone.
func TestFileIsReplaced(t *testing.T) {
	file := t.TempDir() + "/a.db"
	s := open(t, "sqlite://"+file)
	o, _ := s.Organization(t.Context(), "")
	k := newKey(t, s, o)
	must(t, s.AddKey(t.Context(), k), os.Rename(file, file+".away"))
	fails := func(when string) {
		t.Helper()
		_, one := s.Key(t.Context(), k.ID)
		_, two := s.Holdings(t.Context(), o.ID)
		_, three := s.Changes(t.Context(), keys.Revision{})
		four := s.Used(t.Context(), map[string]time.Time{k.ID: now})
		five := s.AddUsage(t.Context(), nil)
		for _, err := range []error{one, two, three, four, five} {
			if err == nil || !strings.Contains(err.Error(), "replaced or deleted") {
				t.Errorf("%s: %v", when, err)
			}
		}
	}
	fails("deleted")
	must(t, os.WriteFile(file, nil, 0o600))
	fails("replaced")
	must(t, os.Remove(file), os.Rename(file+".away", file))
	_, err := s.Key(t.Context(), k.ID)
	must(t, err)
}

func TestURLsThatAreRefused(t *testing.T) {
	const password = "pa55word"
	for _, url := range []string{"", "x", "mysql://u:" + password + "@h/d", "sqlite://", "sqlite://:memory:", "postgres://u:" + password + "@h:port/d", "sqlite:///no/such/folder/x.db", "postgres://u:" + password + "@127.0.0.1:1/d"} {
		_, err := store.Open(t.Context(), url)
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%q: %v", url, err)
		}
	}
}
