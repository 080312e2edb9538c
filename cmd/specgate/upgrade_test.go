package main

import (
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/keys"
)

// opened is the database of a store, and how goose names its kind.
func (a admin) opened() (db *sql.DB, dialect goose.Dialect, folder string) {
	a.t.Helper()
	driver, at := "pgx", a.url
	dialect, folder = goose.DialectPostgres, "postgres"
	if path, ok := strings.CutPrefix(a.url, "sqlite://"); ok {
		driver, at = "sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(5000)"
		dialect, folder = goose.DialectSQLite3, "sqlite"
	}
	db, err := sql.Open(driver, at)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = db.Close() })
	return db, dialect, folder
}

// first makes a store as the first version of the schema has it, with a key in it, and gives the key's token.
func (a admin) first() (token string) {
	a.t.Helper()
	db, dialect, folder := a.opened()
	files := os.DirFS("../../internal/store/migrations/" + folder)
	provider, err := goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		a.t.Fatal(err)
	}
	if _, err := provider.UpTo(a.t.Context(), 1); err != nil {
		a.t.Fatal(err)
	}
	id := keys.NewID()
	token, hash := keys.NewSecret(id)
	_, err = db.ExecContext(a.t.Context(), `INSERT INTO keys (
		id, name, description, organization_id, every_project, default_project_id, models,
		secret_hash, previous_hash, previous_until, disabled, requests, tokens, parallel, day_tokens, month_tokens,
		created_at, expires_at, revoked_at, last_used_at, changed
	) SELECT $1, 'old', 'from before', organization_id, true, id, '["m"]', $2, $3, 0, false, 0, 0, 0, 1000, 0, created_at, 0, 0, 0, 1 FROM projects`,
		id, hash[:], make([]byte, len(hash)))
	if err != nil {
		a.t.Fatal(err)
	}
	execute(a.t, db, "UPDATE revision SET value = 1")
	return token
}

// A store from the first version on is taken forward by who opens it, a gateway or a command, and its keys, limits and
// revisions go on.
func TestStoreOfTheFirstVersion(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"gateway", "command"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			eachStore(t, func(t *testing.T, a admin) {
				t.Helper()
				token := a.first()
				if by == "command" {
					a.run("keys", "update", "old", "--description", "taken forward")
				}
				g := startWith(t, "auth: {mode: keys}\nusage: {"+spooledIn(t)+"}\nstore: '"+a.url+"'", fakebackend.JSON(200, withUsage(50, 40)))
				g.with(token).mustLeave(t, 200, "1000 983")
				a.awaitRecords(1)
				a.run("keys", "update", "old", "--tokens-per-day", "2000")
				g.soonLeft(token, "2000 1910")
				a.run("keys", "revoke", "old")
				g.soon(401, token)
			})
		})
	}
}

// A gateway goes on while a later version takes the schema further, which only ever adds to it; so does one that is
// started then, as where an upgrade is taken back.
func TestStoreOfALaterVersion(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, a admin) {
		t.Helper()
		settings := "auth: {mode: keys}\nusage: {" + spooledIn(t) + "}\nstore: '" + a.url + "'"
		before := startWith(t, settings, fakebackend.JSON(200, answered))
		db, _, _ := a.opened()
		for _, table := range []string{"revision", "organizations", "projects", "keys", "key_projects", "usage", "usage_daily", "usage_scopes", "secrets"} {
			execute(t, db, "ALTER TABLE "+table+" ADD COLUMN later text NOT NULL DEFAULT ''")
		}
		execute(t, db, "CREATE TABLE later (one integer)", "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)")
		key := a.make("keys", "create", "--name", "k", "--tokens-per-day", "1000")
		after := startWith(t, settings, fakebackend.JSON(200, answered))
		for _, g := range []*running{before, after} {
			g.mustGet(200, "", key.Token)
		}
		a.awaitRecords(2)
		a.run("keys", "revoke", "k")
		before.soon(401, key.Token)
		after.soon(401, key.Token)
	})
}
