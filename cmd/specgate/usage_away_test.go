package main

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/fakebackend"
)

// While the store takes nothing completions go on, whether each waits for its record or not, and their records
// come when it is back.
func TestUsageWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	for _, durability := range []string{"batch", "request"} {
		t.Run(durability, func(t *testing.T) {
			t.Parallel()
			eachStore(t, func(t *testing.T, a admin) {
				t.Helper()
				g := startWith(t, "auth: {mode: keys}\nusage: {durability: "+durability+", "+spooledIn(t)+"}\nstore: '"+a.url+"'\n", fakebackend.JSON(200, answered))
				key := a.make("keys", "create", "--name", "k")
				g.mustGet(200, "", key.Token)
				free := a.busy()
				defer free()
				for range 20 {
					g.mustGet(200, "", key.Token)
				}
				g.log.await(t, "the store takes no usage")
				if durability == "request" { // it was answered, so it is on disk
					g.mustSpool()
				}
				free()
				g.log.await(t, "the store takes usage again")
				a.awaitRecords(21)
				g.eventually("specgate_usage_spool_bytes", "0")
				g.mustCount("specgate_usage_dropped_total", "0")
			})
		})
	}
}

// Where each answer waits for its record, it is there as soon as the caller has the answer, whatever that is.
func TestEachAnswerWaitsForItsRecord(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, a admin) {
		t.Helper()
		g := startWith(t, "auth: {mode: keys}\nusage: {durability: request, "+spooledIn(t)+"}\nstore: '"+a.url+"'\n", func(c *fakebackend.Conn, r *fakebackend.Request) {
			if strings.Contains(string(r.Body), "stream") {
				fakebackend.Events(whole)(c, r)
				return
			}
			fakebackend.JSON(200, answered)(c, r)
		})
		key := a.make("keys", "create", "--name", "k", "--model", "m")
		for i, body := range []string{plainBody, streamed, "{", `{"model":"x","prompt":"x"}`, streamed, plainBody} {
			g.complete(body, "Authorization: Bearer "+key.Token)
			if n := len(a.records()); n != i+1 {
				t.Fatalf("%d records after %d answers", n, i+1)
			}
		}
	})
}

// mustSpool fails the test where nothing waits in the spool.
func (g *running) mustSpool() {
	g.t.Helper()
	if metrics := g.metrics(); !strings.Contains(metrics, "specgate_usage_spool_bytes") || strings.Contains(metrics, "specgate_usage_spool_bytes 0\n") {
		g.t.Error("nothing is spooled")
	}
}

// What has no room in the spool is counted, and still every completion is answered.
func TestUsageIsLostWhereNothingTakesIt(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	g := startWith(t, "auth: {mode: keys}\nusage: {durability: request, spool_limit: 2KiB}\nstore: '"+a.url+"'\n", fakebackend.JSON(200, answered))
	key := a.make("keys", "create", "--name", "k")
	g.mustGet(200, "", key.Token)
	defer a.busy()()
	for range 20 {
		g.mustGet(200, "", key.Token)
	}
	g.log.await(t, "records of usage are lost")
	if strings.Contains(g.metrics(), "specgate_usage_dropped_total 0\n") {
		t.Error("nothing is counted as lost")
	}
}

// A database that is gone for a while, with its connections.
func TestUsageOutlivesItsDatabase(t *testing.T) {
	t.Parallel()
	a, server, database := onPostgres(t)
	g := startWith(t, "auth: {mode: keys}\nusage: {"+spooledIn(t)+"}\nstore: '"+a.url+"'\n", fakebackend.JSON(200, answered))
	key := a.make("keys", "create", "--name", "k", "--tokens-per-day", "100000")
	time.Sleep(time.Second) // what was made just now is forgotten as a change
	g.mustGet(200, "", key.Token)
	a.awaitRecords(1)
	execute(t, server, `ALTER DATABASE "`+database+`" ALLOW_CONNECTIONS false`,
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '`+database+`'`)
	for range 10 {
		g.mustGet(200, "", key.Token)
	}
	g.log.await(t, "the store takes no usage")
	execute(t, server, `ALTER DATABASE "`+database+`" ALLOW_CONNECTIONS true`)
	g.log.await(t, "the store takes usage again")
	a.awaitRecords(11)
}

func execute(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// A gateway that begins anew grants no day anew, whether it counts in memory or in a Redis that has forgotten.
func TestQuotasOutliveAGateway(t *testing.T) {
	t.Parallel()
	eachCounting(t, func(t *testing.T, more string) {
		t.Helper()
		a := newAdmin(t)
		var key made
		t.Run("before", func(t *testing.T) {
			g := admin{t, a.url}.gatewayWithAnswer("", withUsage(50, 40))
			key = a.make("keys", "create", "--name", "k", "--tokens-per-day", "100")
			g.with(key.Token).mustLeave(t, 200, "100 83")
		})
		g := a.gatewayWithAnswer(more, answered)
		g.with(key.Token).mustLeave(t, 429, "100 10")
		a.run("orgs", "update", "default", "--tokens-per-month", "95")
		a.run("keys", "update", "k", "--tokens-per-day", "0")
		g.soon(429, key.Token)
		a.run("orgs", "update", "default", "--tokens-per-month", "120")
		g.soon(200, key.Token)
	})
}

// What was used while there was no limit at all counts once one is given again.
func TestUseWithoutLimitsCounts(t *testing.T) {
	t.Parallel()
	for _, of := range []string{"keys", "projects", "orgs"} {
		for _, period := range []string{"day", "month"} {
			t.Run(of+" "+period, func(t *testing.T) {
				t.Parallel()
				eachCounting(t, func(t *testing.T, more string) {
					t.Helper()
					a := newAdmin(t)
					g := a.gatewayWithAnswer(more, withUsage(50, 40))
					key := a.make("keys", "create", "--name", "default")
					limit := func(n, left string) {
						a.run(of, "update", "default", "--tokens-per-"+period, n)
						g.soonLeft(key.Token, left)
					}
					limit("1000", "1000 1000")
					g.with(key.Token).mustLeave(t, 200, "1000 983")
					limit("0", "")
					g.with(key.Token).mustLeave(t, 200, "")
					g.with(key.Token).mustLeave(t, 200, "")
					a.awaitRecords(3)
					limit("1000", "1000 730")
				})
			})
		}
	}
}

// The same of a token of the settings, while gateways come and go.
func TestUseOfATokenWithoutLimitsCounts(t *testing.T) {
	t.Parallel()
	eachCounting(t, func(t *testing.T, more string) {
		t.Helper()
		a := newAdmin(t)
		limited := unique(t, limitedTo("tokens_per_day: 1000"))
		free := strings.Replace(limited, "tokens_per_day: 1000", "", 1)
		for i, settings := range []string{limited, free, limited} {
			t.Run("", func(t *testing.T) {
				left := []string{"1000 983", "", "1000 803"}[i]
				more := more + settings + "usage: {records: always}\nstore: '" + a.url + "'"
				startWith(t, more, fakebackend.JSON(200, withUsage(50, 40))).complete(plainBody).mustLeave(t, 200, left)
			})
		}
	})
}

// A quota that counts without what was used before is told of.
func TestUseBeforeThatCannotBeRead(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	g := a.gateway()
	db, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(a.url, "sqlite://")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, name := range []string{"one", "two"} {
		key := a.make("keys", "create", "--name", name, "--tokens-per-day", "1000")
		execute(t, db, "ALTER TABLE usage_scopes RENAME TO away")
		g.with(key.Token).mustLeave(t, 200, "1000 983")
		execute(t, db, "ALTER TABLE away RENAME TO usage_scopes")
	}
	g.mustCount("specgate_limits_unseeded_total", "2")
	if lines := strings.Count(g.log.String(), "what was used before cannot be read"); lines != 1 {
		t.Errorf("%d lines in the log", lines)
	}
}

// soonLeft asks, for nothing that uses tokens, until so much is left.
func (g *running) soonLeft(token, left string) {
	g.t.Helper()
	for end := deadline(); ; time.Sleep(10 * time.Millisecond) {
		got := g.send("GET", "/v1/models", "", "Authorization: Bearer "+token).left()
		if got == left {
			return
		}
		if time.Now().After(end) {
			g.t.Fatalf("%q is left, want %q", got, left)
		}
	}
}

// gatewayWithAnswer is gatewayWith, in front of a backend that gives an answer.
func (a admin) gatewayWithAnswer(more, body string) *running {
	a.t.Helper()
	return startWith(a.t, more+"auth: {mode: keys}\nstore: '"+a.url+"'", fakebackend.JSON(200, body))
}
