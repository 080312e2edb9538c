package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/fakebackend"
)

// admin runs commands on one store, beside the gateways that run on it.
type admin struct {
	t   *testing.T
	url string
}

func newAdmin(t *testing.T) admin {
	t.Helper()
	return admin{t, "sqlite://" + filepath.Join(t.TempDir(), "store.db")}
}

// onPostgres is newAdmin on a database of PostgreSQL, where .ci/services has started it. db is of the
// server, and name the database.
func onPostgres(t *testing.T) (a admin, db *sql.DB, name string) {
	t.Helper()
	server := os.Getenv("SPECGATE_TEST_POSTGRES")
	if server == "" {
		t.Skip("SPECGATE_TEST_POSTGRES is not set")
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	name = "t_" + rand.Text()
	if _, err := db.ExecContext(t.Context(), `CREATE DATABASE "`+name+`"`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.ExecContext(context.Background(), `DROP DATABASE "`+name+`" WITH (FORCE)`); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return admin{t, u.String()}, db, name
}

// files are those of the store, and of what waits beside it.
func (a admin) files() []string {
	a.t.Helper()
	path := strings.TrimPrefix(a.url, "sqlite://")
	beside, err := filepath.Glob(path + "-*")
	within, errWithin := filepath.Glob(path + "-spool/*")
	files := slices.DeleteFunc(append(append(beside, within...), path), func(file string) bool { return file == path+"-spool" })
	if err := errors.Join(err, errWithin); err != nil || len(files) < 2 {
		a.t.Fatalf("the store's files are %v, %v", files, err)
	}
	return files
}

// run runs a command and returns its standard output.
func (a admin) run(args ...string) string {
	a.t.Helper()
	got := a.try(args...)
	if got.code != exitOK {
		a.t.Fatalf("%q: exit code %d\n%s", args, got.code, got.stderr)
	}
	return got.stdout
}

func (a admin) try(args ...string) result {
	a.t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(a.t.Context(), args, terminal{stdout: &stdout, stderr: &stderr, getenv: func(name string) string {
		return map[string]string{"SPECGATE_STORE": a.url}[name]
	}})
	return result{code, stdout.String(), stderr.String()}
}

// made is what a command printed of something that it made.
type made struct{ ID, Token, Organization string }

func (a admin) make(args ...string) (m made) {
	a.t.Helper()
	text := a.run(append(args, "--format", "json")...)
	if err := json.Unmarshal([]byte(text), &m); err != nil || m.ID == "" {
		a.t.Fatalf("%q: %v in\n%s", args, err, text)
	}
	return m
}

// gateway runs a gateway on the store.
func (a admin) gateway() *running {
	a.t.Helper()
	return a.gatewayWith("")
}

// gatewayWith is gateway with more settings.
func (a admin) gatewayWith(more string) *running {
	a.t.Helper()
	return startWith(a.t, more+"auth: {mode: keys}\nstore: '"+a.url+"'", fakebackend.JSON(200, answered))
}

// with asks for a completion with a token.
func (g *running) with(token string, header ...string) answer {
	g.t.Helper()
	return g.complete(plainBody, append(header, "Authorization: Bearer "+token)...)
}

// mustGet asks with a token, and fails the test where the answer has another status or code of an error.
func (g *running) mustGet(status int, code, token string, header ...string) {
	g.t.Helper()
	got := g.with(token, header...)
	if got.status != status || code != "" && !strings.Contains(got.body, `"code":"`+code+`"`) {
		g.t.Errorf("got %d %s; want %d %s", got.status, got.body, status, code)
	}
}

// soon asks until a token gets a status, and fails the test after the second that a change may take.
func (g *running) soon(status int, token string) {
	g.t.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		took := time.Since(began)
		if g.with(token).status == status {
			return
		}
		if took > time.Second {
			g.t.Fatalf("no %d within a second", status)
		}
	}
}

func TestKeyWorksAtOnce(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	g := a.gateway()
	g.mustGet(401, "invalid_api_key", "sg-no-token")
	key := a.make("keys", "create", "--name", "search")
	g.mustGet(200, "", key.Token)
	g.mustGet(200, "", key.Token, "OpenAI-Organization: "+key.Organization)
	g.mustGet(401, "invalid_api_key", testToken) // static tokens are for another mode
	if line := g.log.await(t, `"status":200`); !strings.Contains(line, `"principal":"search/`+key.ID+`"`) {
		t.Errorf("the log has %s", line)
	}
}

func TestChangesHoldOnEveryInstance(t *testing.T) {
	for name, store := range map[string]func(t *testing.T) admin{
		"sqlite":   newAdmin,
		"postgres": func(t *testing.T) admin { t.Helper(); a, _, _ := onPostgres(t); return a },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := store(t)
			one, two := a.gateway(), a.gateway()
			key := a.make("keys", "create", "--name", "k")
			for _, step := range []struct {
				status int
				args   []string
			}{
				{401, []string{"keys", "disable", "k"}},
				{200, []string{"keys", "enable", "k"}},
				{401, []string{"orgs", "disable", "default"}},
				{200, []string{"orgs", "enable", key.Organization}},
				{403, []string{"projects", "disable", "default"}},
				{200, []string{"projects", "enable", "default"}},
				{403, []string{"keys", "update", "k", "--model", "other-*"}},
				{200, []string{"keys", "update", "k", "--model", "other-*", "--model", "m"}},
				{401, []string{"keys", "revoke", key.ID}},
			} {
				one.with(key.Token)
				two.with(key.Token)
				a.run(step.args...)
				one.soon(step.status, key.Token)
				two.soon(step.status, key.Token)
			}
			if got := a.try("keys", "enable", key.ID); got.code != exitFailure {
				t.Errorf("a revoked key can be enabled: %+v", got)
			}
		})
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	g := a.gateway()
	first := a.make("keys", "create", "--name", "k")
	g.mustGet(200, "", first.Token)
	second := a.make("keys", "rotate", "k", "--grace", "1m")
	g.soon(200, second.Token)
	g.mustGet(200, "", first.Token)
	third := a.make("keys", "rotate", "k")
	g.soon(401, second.Token)
	g.mustGet(401, "invalid_api_key", first.Token)
	g.mustGet(200, "", third.Token)
	if first.ID != third.ID {
		t.Error("a rotated key has another id")
	}
	short := a.make("keys", "rotate", "k", "--grace", "700ms")
	g.soon(200, short.Token)
	time.Sleep(800 * time.Millisecond)
	g.mustGet(401, "invalid_api_key", third.Token)
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	g := a.gateway()
	key := a.make("keys", "create", "--name", "k", "--expires", "2s")
	g.mustGet(200, "", key.Token)
	time.Sleep(2 * time.Second)
	g.mustGet(401, "invalid_api_key", key.Token)
	if text := a.run("keys", "list"); !strings.Contains(text, "expired") {
		t.Errorf("the list has %s", text)
	}
}

// One organization, and one project, can neither use nor tell of another's.
func TestKeysAreKeptApart(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	g := a.gateway()
	acme := a.make("orgs", "create", "--name", "acme")
	web := a.make("projects", "create", "--name", "web", "--org", "acme")
	app := a.make("projects", "create", "--name", "app", "--org", "acme")
	ours := a.make("keys", "create", "--name", "ours")
	theirs := a.make("keys", "create", "--name", "theirs", "--org", "acme", "--project", "web")
	both := a.make("keys", "create", "--name", "both", "--org", "acme", "--project", "web", "--project", "app", "--default-project", app.ID)

	g.mustGet(200, "", theirs.Token)
	g.mustGet(200, "", theirs.Token, "OpenAI-Project: proj_"+web.ID, "OpenAI-Organization: org-"+acme.ID)
	g.mustGet(200, "", both.Token, "OpenAI-Project: "+web.ID)
	g.mustGet(403, "project_not_allowed", theirs.Token, "OpenAI-Project: "+app.ID)
	g.mustGet(403, "project_not_allowed", ours.Token, "OpenAI-Project: "+web.ID)
	g.mustGet(403, "organization_not_allowed", ours.Token, "OpenAI-Organization: "+acme.ID)
	g.mustGet(403, "organization_not_allowed", theirs.Token, "OpenAI-Organization: "+ours.Organization)

	there := g.with(ours.Token, "OpenAI-Project: "+web.ID)
	nowhere := g.with(ours.Token, "OpenAI-Project: "+strings.Repeat("0", 24))
	if there.body != nowhere.body || there.status != nowhere.status {
		t.Errorf("another's project is told from none: %s; %s", there.body, nowhere.body)
	}
	a.run("projects", "disable", "app", "--org", "acme")
	g.soon(403, both.Token) // by default it is in app
	g.mustGet(200, "", both.Token, "OpenAI-Project: "+web.ID)
}

func TestModelsByPattern(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	g := a.gateway()
	key := a.make("keys", "create", "--name", "k", "--model", "llama3.1:*", "--model", "m")
	g.mustGet(200, "", key.Token)
	for model, want := range map[string]int{"llama3.1:8b": 200, "llama3": 403, "M": 403, "mm": 403} {
		got := g.complete(`{"model":"`+model+`","prompt":"x"}`, "Authorization: Bearer "+key.Token)
		if got.status != want {
			t.Errorf("%s: got %d %s", model, got.status, got.body)
		}
	}
}
