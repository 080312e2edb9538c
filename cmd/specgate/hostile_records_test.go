package main

import (
	"database/sql"
	"encoding/json"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/fakebackend"
)

// What callers write into records is kept as it is, found as it is, and does nothing else; of a user nothing is kept.
func TestHostileRecords(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, a admin, db *sql.DB) {
		t.Helper()
		g := startWith(t, "auth: {mode: keys}\nusage: {"+spooledIn(t)+"}\nstore: '"+a.url+"'", fakebackend.JSON(200, answered))
		key := a.make("keys", "create", "--name", "k")
		texts := []string{
			`'; DROP TABLE usage; --`, `" OR ""="`, `' OR '1'='1`, `$1 ? %s :a @b`, `%`, `_`, `*`, `{"at":1}`, `"},"x":{"id":"1`, "\x1b[2J\u202e\u009b", "a\nb", `\`, "ключ", "${HOME} `id`",
		}
		for _, text := range texts {
			body, err := json.Marshal(map[string]string{"model": text, "prompt": "x", "user": "user " + text})
			if err != nil {
				t.Fatal(err)
			}
			if got := g.complete(string(body), "Authorization: Bearer "+key.Token); got.status != 200 {
				t.Errorf("%q: %d %s", text, got.status, got.body)
			}
		}
		a.awaitRecords(len(texts))
		for _, text := range texts {
			for _, filter := range [][]string{{"--model", text}, {"--user", "user " + text}} {
				var found []sumView
				if err := json.Unmarshal([]byte(a.run(append([]string{"usage", "--format", "json", "--by", "model"}, filter...)...)), &found); err != nil {
					t.Fatal(err)
				}
				if len(found) != 1 || found[0].Requests != 1 || found[0].Model == nil || *found[0].Model != text {
					t.Errorf("%q: %+v", filter, found)
				}
			}
			for _, flag := range []string{"--key", "--org", "--project"} {
				if got := a.try("usage", flag, text); got.code == exitOK {
					t.Errorf("%s %q: %s", flag, text, got.stdout)
				}
			}
		}
		if table := a.run("usage", "--by", "model"); strings.ContainsFunc(strings.ReplaceAll(table, "\n", ""), unprintable) || strings.Count(table, "\n") != len(texts)+1 {
			t.Errorf("%q", table)
		}
		if text, _ := dump(t, db); strings.Contains(text, "user ") {
			t.Errorf("the store holds a user:\n%s", text)
		}
	})
}
