package main

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/fakebackend"
)

// A caller who puts a token where something else belongs finds it in no log, record or metric.
func TestTokensOfCallersAreNotRepeated(t *testing.T) {
	t.Parallel()
	const fixed, neighbour, hashed, operators = "a-token-of-the-settings", "a-token-of-another", "a-token-by-its-hash", "a-token-of-operators"
	listed := fmt.Sprintf("tokens: [{name: n, token: %s}, {name: o, token: %s}, {name: h, sha256: %x}]", fixed, neighbour, sha256.Sum256([]byte(hashed)))
	onBothStores(t, func(t *testing.T, a admin, db *sql.DB) {
		t.Helper()
		managed := a.make("keys", "create", "--name", "k").Token
		other := a.make("keys", "create", "--name", "other").Token
		for auth, token := range map[string]string{"mode: keys": managed, listed: fixed} {
			g := startWith(t, "ops: {token: "+operators+"}\nauth: {"+auth+"}\nusage: {records: always, "+spooledIn(t)+"}\nstore: '"+a.url+"'", fakebackend.JSON(200, answered))
			bearer := "Authorization: Bearer " + token
			all := []string{token, other, "a " + token + " b", strings.ToUpper(managed), operators}
			if auth == listed {
				all = append(all, neighbour, "a "+neighbour+" b", hashed)
			}
			for _, told := range all {
				g.complete(`{"model":"`+told+`","prompt":"x","user":"`+told+`"}`, "x-request-id: "+strings.ReplaceAll(told, " ", "."), "OpenAI-Project: "+told, bearer)
				g.complete(`{"model":"`+told+`","prompt":"x","user":"`+told+`"}`, bearer)
				g.send("GET", "/v1/models/"+url.PathEscape(told), "", bearer)
			}
			g.log.await(t, `"route":"/v1/models/`)
			g.end()
			if err := g.awaitEnd(); err != nil {
				t.Error(err)
			}
			text, _ := dump(t, db)
			text += g.log.String() + a.run("usage", "--by", "model") + a.run("usage", "records")
			for _, token := range []string{managed, other, fixed, strings.ToUpper(managed), neighbour, hashed, operators} {
				if strings.Contains(text, token) {
					t.Errorf("%s: %s is told in\n%s", auth, token, text)
				}
			}
			if !strings.Contains(g.log.String(), `"model":"…"`) && !strings.Contains(g.log.String(), `"model":"sg-…"`) {
				t.Errorf("the log has no model:\n%s", g.log.String())
			}
		}
	})
}

// No text of a key, an organization or a project takes a token in, and none is repeated.
func TestNoTextHoldsAToken(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	token := a.make("keys", "create", "--name", "k").Token
	for _, text := range []string{token, "it is " + token, token[:60]} {
		for _, args := range [][]string{
			{"keys", "create", "--name", "x", "--description", text},
			{"keys", "create", "--name", "x", "--model", text},
			{"keys", "update", "k", "--description", text},
			{"keys", "update", "k", "--model", text + "**"},
			{"keys", "create", "--name", text},
			{"orgs", "create", "--name", text},
			{"orgs", "rename", "default", text},
			{"projects", "create", "--name", text},
		} {
			got := a.try(args...)
			if got.code == exitOK || !strings.Contains(got.stderr, "token") || strings.Contains(got.stdout+got.stderr, text[:60]) {
				t.Errorf("%q: %d %s %s", args, got.code, got.stdout, got.stderr)
			}
		}
	}
	a.run("keys", "update", "k", "--description", "sg-x is how they begin", "--model", "sg-7b-*")
}

// Nor in a trace, where its backend repeats it too.
func TestTokensOfCallersAreNotTraced(t *testing.T) {
	t.Parallel()
	token := "sg-" + strings.Repeat("a", 16) + "-" + strings.Repeat("b", 59)
	for _, told := range []string{token, testToken} {
		g, r := startTraced(t, nil, "", fakebackend.JSON(200, strings.Replace(answered, `"model":"m"`, `"model":"`+told+`"`, 1)))
		if got := g.complete(`{"model":"`+told+`","prompt":"x"}`, "x-request-id: one"); got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
		spans := r.of("one")
		if text := fmt.Sprint(spans); len(spans) < 2 || strings.Contains(text, told) {
			t.Errorf("%s is told in %s", told, text)
		}
	}
}
