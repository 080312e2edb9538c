package store_test

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/store"
)

// What another program has made is not written to, also where it keeps its versions in the same way; nor is what a
// version has made that this one cannot follow.
func TestDatabasesThatAreRefused(t *testing.T) {
	versions := "CREATE TABLE goose_db_version (id integer, version_id bigint, is_applied boolean, tstamp timestamp)"
	for name, test := range map[string]struct {
		made []string
		want string
	}{
		"tables":    {[]string{"CREATE TABLE orders (id integer)"}, "another program's"},
		"ours too":  {[]string{"CREATE TABLE keys (id integer)"}, "another program's"},
		"a view":    {[]string{"CREATE VIEW one AS SELECT 1 AS one"}, "another program's"},
		"versions":  {[]string{versions, "INSERT INTO goose_db_version VALUES (1, 1, true, NULL), (2, 2, true, NULL), (3, 3, true, NULL)", "CREATE TABLE orders (id integer)"}, "another program's"},
		"elsewhere": {[]string{versions, "INSERT INTO goose_db_version VALUES (1, 1, true, NULL), (2, 2, true, NULL), (3, 3, true, NULL)"}, "another program's"},
		"later":     {[]string{versions, "INSERT INTO goose_db_version VALUES (1, 0, true, NULL), (2, 99999, true, NULL)", "CREATE TABLE key_projects (id integer)"}, "migrate"},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, url string) {
				t.Helper()
				db := raw(t, url)
				for _, statement := range test.made {
					_, err := db.ExecContext(t.Context(), statement)
					must(t, err)
				}
				before := tables(t, db)
				if s, err := store.Open(t.Context(), url); err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, %v", s, err)
				}
				if after := tables(t, db); !slices.Equal(before, after) {
					t.Errorf("there were %q, and now %q", before, after)
				}
			})
		})
	}
}

// A start that died before the first migration leaves what the next goes on from.
func TestStartOverAfterTheTableOfVersions(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		db := raw(t, url)
		open(t, url)
		for _, name := range tables(t, db) {
			if name, _, _ = strings.Cut(name, " "); name != "goose_db_version" {
				_, err := db.ExecContext(t.Context(), "DROP TABLE "+name+cascade(url))
				must(t, err)
			}
		}
		if strings.HasPrefix(url, "postgres") {
			_, err := db.ExecContext(t.Context(), "DROP FUNCTION specgate_changed, specgate_revised")
			must(t, err)
		}
		_, err := db.ExecContext(t.Context(), "DELETE FROM goose_db_version WHERE version_id > 0")
		must(t, err)
		_, err = open(t, url).Organization(t.Context(), "")
		must(t, err)
	})
}

// What an extension has put into a schema is no other program's.
func TestExtensionsAreNoProgram(t *testing.T) {
	url := newPostgres(t)
	db := raw(t, url)
	_, err := db.ExecContext(t.Context(), "CREATE EXTENSION pg_buffercache")
	must(t, err)
	if all := tables(t, db); len(all) == 0 {
		t.Fatal("the extension has no view here")
	}
	open(t, url)
}

// tables are the names of all tables and views, each with how many rows it has.
func tables(t *testing.T, db *sql.DB) (all []string) {
	t.Helper()
	list := "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
	if _, err := db.ExecContext(t.Context(), list); err != nil {
		list = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%' ORDER BY 1"
	}
	for _, name := range texts(t, db, list) {
		all = append(all, name+" "+texts(t, db, "SELECT count(*) FROM "+name)[0])
	}
	return all
}

// texts are what a query gives, one in each row.
func texts(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	must(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		must(t, rows.Scan(&text))
		all = append(all, text)
	}
	must(t, rows.Err())
	return all
}

// cascade is what PostgreSQL needs to drop a table that others refer to.
func cascade(url string) string {
	if strings.HasPrefix(url, "postgres") {
		return " CASCADE"
	}
	return ""
}
