package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/fakebackend"
)

// While the store is away, keys that were used go on, and others are told to try again.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	a, server, database := onPostgres(t)
	g := a.gateway()
	used, unused := a.make("keys", "create", "--name", "used"), a.make("keys", "create", "--name", "unused")
	time.Sleep(time.Second) // what was made just now is forgotten as a change
	g.mustGet(200, "", used.Token)
	for _, statement := range []string{
		`ALTER DATABASE "` + database + `" ALLOW_CONNECTIONS false`,
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '` + database + `'`,
	} {
		if _, err := server.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	g.log.await(t, "the store of keys is away")
	g.mustCount("specgate_store_away", "1")
	g.mustGet(200, "", used.Token)
	got := g.with(unused.Token)
	if got.status != 503 || !strings.Contains(got.body, `"code":"unavailable"`) || got.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s %v", got.status, got.body, got.header)
	}
	for range 5 {
		g.mustGet(503, "unavailable", unused.Token)
	}
	g.mustCount(unavailable("store_away"), "6")
	if n := strings.Count(g.log.String(), `"msg":"request failed"`); n != 1 {
		t.Errorf("the log says %d times why keys cannot be checked", n)
	}
	if _, err := server.ExecContext(t.Context(), `ALTER DATABASE "`+database+`" ALLOW_CONNECTIONS true`); err != nil {
		t.Fatal(err)
	}
	g.log.await(t, "the store of keys is back")
	g.mustGet(200, "", unused.Token)
	g.mustGet(401, "", signed(strings.Repeat("a", 16)))
	g.mustCount("specgate_store_away", "0")
	g.mustCount(`specgate_key_lookups_total{result="away"}`, "6")
	g.mustCount(`specgate_key_lookups_total{result="unknown"}`, "1")
}

// A token stands in the command's output, and in nothing else.
func TestTokensAreKeptNowhere(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	g := a.gateway()
	key := a.make("keys", "create", "--name", "k")
	rotated := a.make("keys", "rotate", "k", "--grace", "1h")
	gone := a.make("keys", "create", "--name", "gone")
	a.run("keys", "revoke", gone.Token)
	var told strings.Builder
	for _, token := range []string{key.Token, rotated.Token, gone.Token, key.Token + "x", key.Token[:40]} {
		got := g.with(token, "OpenAI-Project: "+strings.Repeat("0", 24))
		told.WriteString(got.body)
		told.WriteString(a.try("keys", "show", token).stderr)
		told.WriteString(a.try("keys", "revoke", token+"x").stderr)
	}
	told.WriteString(g.log.String() + g.metrics())
	for _, args := range [][]string{{"list", "--all"}, {"list", "--all", "--format", "json"}, {"show", "k", "--format", "json"}} {
		told.WriteString(a.run(append([]string{"keys"}, args...)...))
	}
	for _, file := range a.files() {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		told.Write(content)
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, %v", file, info.Mode(), err)
		}
	}
	for _, m := range []made{key, rotated, gone} {
		if secret := strings.TrimPrefix(m.Token, "sg-"+m.ID+"-")[:16]; strings.Contains(told.String(), secret) {
			t.Errorf("a part of the token %s is told", m.Token)
		}
	}
}

func TestStaticTokensNeedNoStore(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	g := startWith(t, "store: sqlite://"+file, fakebackend.JSON(200, answered))
	g.mustGet(200, "", testToken)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the store was opened: %v", err)
	}
}

func TestStoreIsNeededToStart(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Auth.Mode, cfg.Store = config.AuthKeys, config.NewSecret("postgres://u:pa55word@127.0.0.1:1/d")
	_, err := newGateway(cfg, slog.New(slog.DiscardHandler))
	if err == nil || strings.Contains(err.Error(), "pa55word") {
		t.Errorf("the error is %v", err)
	}
}

// A use is noted, if only when the gateway ends.
func TestLastUse(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	t.Run("", func(t *testing.T) {
		key := a.make("keys", "create", "--name", "k")
		admin{t, a.url}.gateway().mustGet(200, "", key.Token)
	})
	text := a.run("keys", "show", "k")
	if today := time.Now().UTC().Format("last used        2006-"); !strings.Contains(text, today) {
		t.Errorf("the key is shown as\n%s", text)
	}
}
