package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/specgate/specgate/internal/keys"
)

// onBothStores runs a test with a store of each kind. db is the store's own database.
func onBothStores(t *testing.T, test func(t *testing.T, a admin, db *sql.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		a := newAdmin(t)
		a.run("orgs", "enable", "default") // makes the store
		test(t, a, database(t, "sqlite", "file:"+(&url.URL{Path: strings.TrimPrefix(a.url, "sqlite://")}).EscapedPath()+"?_pragma=busy_timeout(10000)"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		a, _, _ := onPostgres(t)
		a.run("orgs", "enable", "default") // makes the store
		test(t, a, database(t, "pgx", a.url))
	})
}

func database(t *testing.T, driver, at string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// dump is every row of every table, and the names of the tables.
func dump(t *testing.T, db *sql.DB) (text string, tables []string) {
	t.Helper()
	list := "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
	if _, err := db.ExecContext(t.Context(), list); err != nil {
		list = "SELECT name FROM sqlite_master WHERE type = 'table'"
	}
	for _, table := range query(t, db, list) {
		name := fmt.Sprint(table[0])
		tables = append(tables, name)
		for _, row := range query(t, db, `SELECT * FROM "`+name+`"`) {
			for _, cell := range row {
				if b, ok := cell.([]byte); ok {
					cell = string(b)
				}
				text += fmt.Sprintln(cell)
			}
		}
	}
	return text, tables
}

func query(t *testing.T, db *sql.DB, statement string) (all [][]any) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // it is read to its end
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		cells, places := make([]any, len(columns)), make([]any, len(columns))
		for i := range cells {
			places[i] = &cells[i]
		}
		if err := rows.Scan(places...); err != nil {
			t.Fatal(err)
		}
		all = append(all, cells)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// Whoever has the database has no token: not of a key that works, nor of one that was rotated or revoked.
func TestDatabaseHoldsNoToken(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, a admin, db *sql.DB) {
		t.Helper()
		g := a.gateway()
		tokens := []string{a.make("keys", "create", "--name", "k").Token, a.make("keys", "rotate", "k", "--grace", "1h").Token, a.make("keys", "create", "--name", "gone").Token}
		for _, token := range tokens {
			g.mustGet(200, "", token)
		}
		a.run("keys", "revoke", "gone")
		g.soon(401, tokens[2])
		text, tables := dump(t, db)
		if !slices.Contains(tables, "keys") || !strings.Contains(text, "gone") {
			t.Fatalf("the dump of %v is\n%s", tables, text)
		}
		text += g.log.String() + g.metrics()
		for _, token := range tokens {
			if _, secret, _ := strings.Cut(strings.TrimPrefix(token, "sg-"), "-"); strings.Contains(text, secret[:16]) {
				t.Errorf("a part of the token %s is told", token)
			}
		}
	})
}

// What is given as a name or a text is kept and given back as it is, or refused, with nothing kept.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	good := map[string]string{
		"quotes": `'; DROP TABLE keys; --`, "double quotes": `" OR ""="`, "a placeholder": `$1 ? %s :a @b`, "a pattern": `%_\`, "JSON": `{"at":1}`,
		"an escape in words": `\x1b[31m\u0000`, "other letters": "ключ 鍵 مفتاح", "HTML": `<script>alert(1)</script>&`, "a template": "${HOME} `id` $(id)",
	}
	bad := map[string]string{
		"NUL": "a\x00b", "an escape": "a\x1b[2Jb", "a new line": "a\nb", "a tab": "a\tb", "C1": "a\u009b31mb", "not UTF-8": "a\xffb", "RTL": "a\u202eb",
		"nothing to see": "a\u200bb", "too long": strings.Repeat("a", 300),
	}
	onBothStores(t, func(t *testing.T, a admin, db *sql.DB) {
		t.Helper()
		for name, text := range good {
			a.run("orgs", "create", "--name", text)
			a.run("projects", "create", "--name", text, "--org", text)
			key := a.make("keys", "create", "--name", text, "--description", text, "--model", text, "--org", text, "--project", text)
			shown := a.run("keys", "show", text)
			if n := strings.Count(shown, text); n != 6 || !strings.Contains(shown, key.ID) {
				t.Errorf("%s: shown as\n%s", name, shown)
			}
			a.run("keys", "revoke", text)
		}
		a.make("keys", "create", "--name", "k")
		before, _ := dump(t, db)
		for name, text := range bad {
			for _, args := range [][]string{
				{"orgs", "create", "--name", text},
				{"orgs", "rename", "default", text},
				{"projects", "create", "--name", text},
				{"projects", "rename", "default", text},
				{"keys", "create", "--name", text},
				{"keys", "update", "k", "--name", text},
				{"keys", "update", "k", "--description", text},
				{"keys", "update", "k", "--model", text},
				{"keys", "show", text},
				{"keys", "revoke", text},
				{"keys", "list", "--org", text},
				{"keys", "list", text},
				{"keys", "list", "--" + text},
			} {
				got := a.try(args...)
				if got.code == exitOK || got.stderr == "" || strings.ContainsFunc(strings.ReplaceAll(got.stderr, "\n", ""), unprintable) {
					t.Errorf("%s: %q: exit code %d, %q", name, args[:2], got.code, got.stderr)
				}
			}
		}
		if after, _ := dump(t, db); slices.Compare(linesOf(before), linesOf(after)) != 0 {
			t.Errorf("the store was changed:\n%s\n\n%s", before, after)
		}
	})
}

func linesOf(text string) []string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return lines
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// What somebody else wrote into the store is shown, and not obeyed by the terminal.
func TestTablesHoldNoControls(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, a admin, db *sql.DB) {
		t.Helper()
		a.make("keys", "create", "--name", "k", "--model", "m")
		hostile := "\x1b]0;x\x07\x1b[2Jname\r\u202e\u009b\n"
		for _, statement := range []string{
			"UPDATE keys SET name = $1, description = $1", "UPDATE organizations SET name = $1", "UPDATE projects SET name = $1",
		} {
			if _, err := db.ExecContext(t.Context(), statement, hostile); err != nil {
				t.Fatal(err)
			}
		}
		for _, args := range [][]string{{"keys", "list"}, {"orgs", "list"}, {"projects", "list"}, {"keys", "show", hostile}} {
			text := a.run(args...)
			if !strings.Contains(text, "[2Jname") || strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), unprintable) || strings.Contains(text, "name\n") {
				t.Errorf("%q: %q", args[:2], text)
			}
		}
	})
}

// A mistyped command may hold a token or a password. Where its output is kept, it must not.
func TestArgumentsAreNotRepeated(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	token := a.make("keys", "create", "--name", "k").Token
	secret := token[22:38]
	for _, held := range []string{token, token[:40], token + "x", "sg-" + secret, "postgres://u:" + secret + "@h/d", "postgres://u:a b" + secret + "@h/d", `postgres://u:"` + secret + `@h/d`} {
		for _, args := range [][]string{
			{held},
			{"keys", held},
			{"keys", "list", held},
			{"keys", "show", "x" + held},
			{"keys", "list", "--" + held},
			{"keys", "list", "--format", held},
			{"keys", "list", "--format=" + held},
			{"keys", "list", "--all=" + held},
			{"keys", "create", "--name", "k", "--expires", held},
			{"keys", "list", "--org", held},
			{"keys", "rotate", "k", "--grace", held},
			{"orgs", "disable", held},
			{"projects", "disable", held},
			{"keys", "list", "--store", "x" + held},
			{"serve", held},
			{"serve", "--listen", held},
			{"conformance", held, held},
			{"healthcheck", "--listen", held},
		} {
			got := a.try(args...)
			if got.code == exitOK || strings.Contains(got.stderr+got.stdout, secret) {
				t.Errorf("%q: exit code %d, %s", args, got.code, got.stderr)
			}
		}
	}
}

// Nothing of an answer tells whether an id that was guessed is a key's.
func TestWrongIDAndWrongSecretAnswerAlike(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	key := a.make("keys", "create", "--name", "k")
	revoked := a.make("keys", "create", "--name", "gone")
	disabled := a.make("keys", "create", "--name", "off")
	a.run("keys", "revoke", "gone")
	a.run("keys", "disable", "off")
	g := a.gateway()
	want := g.with("sg-nothing")
	for name, token := range map[string]string{
		"wrong secret": signed(key.ID), "wrong id": signed(strings.Repeat("a", 16)), "revoked": revoked.Token, "disabled": disabled.Token, "mistyped": key.Token[:len(key.Token)-1] + "b",
	} {
		got := g.with(token, "OpenAI-Project: "+strings.Repeat("0", 24))
		if got.status != 401 || got.body != want.body || headerNames(got.header) != headerNames(want.header) {
			t.Errorf("%s: got %d %s %v; want %s", name, got.status, got.body, got.header, want.body)
		}
	}
}

// signed is a token for an id, with a secret that nobody has.
func signed(id string) string {
	token, _ := keys.NewSecret(id)
	return token
}

func headerNames(h http.Header) string {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// Headers choose among what a key may use, whatever stands in them.
func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	g := a.gateway()
	key := a.make("keys", "create", "--name", "k")
	for _, value := range []string{`' OR '1'='1`, "default", "%", "*", "../" + key.Organization, key.Organization + "'", strings.Repeat("a", 3000), "org-org-" + key.Organization, "\u202e" + key.Organization} {
		for _, name := range []string{"OpenAI-Organization", "OpenAI-Project"} {
			got := g.with(key.Token, name+": "+value)
			if got.status != 403 && got.status != 422 || strings.Contains(got.body, value) && len(value) > 8 {
				t.Errorf("%s: %q: got %d %s", name, value, got.status, got.body)
			}
		}
	}
	user := `'; DROP TABLE keys; -- \u0000\u001b[2J\u202e`
	got := g.complete(`{"model":"m","prompt":"x","user":"`+user+`"}`, "Authorization: Bearer "+key.Token)
	if got.status != 200 || strings.Contains(g.log.String(), "DROP TABLE") {
		t.Errorf("got %d %s", got.status, got.body)
	}
	g.mustGet(200, "", key.Token)
}

// What one project spends, or may use, another neither sees nor loses.
func TestProjectsSpendTheirOwn(t *testing.T) {
	t.Parallel()
	eachCounting(t, func(t *testing.T, more string) {
		t.Helper()
		a := newAdmin(t)
		g := a.gatewayWithAnswer(more, withUsage(50, 40))
		a.run("projects", "create", "--name", "web", "--requests-per-minute", "1", "--tokens-per-day", "500")
		others := a.make("projects", "create", "--name", "app", "--requests-per-minute", "5", "--tokens-per-day", "1000")
		web := a.make("keys", "create", "--name", "web", "--project", "web", "--model", "m")
		app := a.make("keys", "create", "--name", "app", "--project", "app", "--model", "other")
		g.mustGet(200, "", web.Token)
		g.mustGet(429, "rate_limit_exceeded", web.Token)
		g.mustGet(403, "", web.Token, "OpenAI-Project: "+others.ID)
		got := g.complete(`{"model":"other","prompt":"x"}`, "Authorization: Bearer "+app.Token)
		got.mustLeave(t, 200, "5 4 1000 983")
		g.mustGet(403, "", app.Token) // m is for web alone
	})
}
