package store_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"

	"github.com/specgate/specgate/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// onBoth runs a test on an empty store of each kind, given by its URL. PostgreSQL is where
// SPECGATE_TEST_POSTGRES says, as .ci/services starts it.
func onBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		test(t, "sqlite://"+filepath.Join(t.TempDir(), "a b?c#d%25.db"))
	})
	t.Run("postgres", func(t *testing.T) { test(t, newPostgres(t)) })
}

// newPostgres makes a database that is gone after the test.
func newPostgres(tb testing.TB) string {
	tb.Helper()
	server := os.Getenv("SPECGATE_TEST_POSTGRES")
	if server == "" {
		tb.Skip("SPECGATE_TEST_POSTGRES is not set")
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		tb.Fatal(err)
	}
	name := "t_" + rand.Text()
	if _, err := db.ExecContext(tb.Context(), `CREATE DATABASE "`+name+`"`); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := db.ExecContext(context.Background(), `DROP DATABASE "`+name+`" WITH (FORCE)`); err != nil {
			tb.Error(err)
		}
		_ = db.Close()
	})
	u, err := url.Parse(server)
	if err != nil {
		tb.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// raw is the database itself.
func raw(t *testing.T, at string) *sql.DB {
	t.Helper()
	driver := "pgx"
	if path, ok := strings.CutPrefix(at, "sqlite://"); ok {
		driver, at = "sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()
	}
	db, err := sql.Open(driver, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func open(tb testing.TB, url string) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
