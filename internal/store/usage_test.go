package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/store"
	"github.com/specgate/specgate/internal/usage"
)

// recordAt is a record with something in every field.
func recordAt(at time.Time) usage.Record {
	return usage.Record{
		ID: usage.NewID(at), At: at.UnixMilli(), Key: "k", Organization: "o", Project: "p", Model: hostile, Upstream: "u",
		Status: 200, Error: "", Prompt: 1, Cached: 2, Completion: 3, Reasoning: 4, Reported: true,
		Duration: 5, FirstToken: 6, Streamed: true, User: "h",
	}
}

var everything = store.UsageFilter{Since: now.AddDate(-1, 0, 0), Until: now.AddDate(1, 0, 0)}

func TestRecordsComeBack(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		first, second := recordAt(now), recordAt(now.Add(time.Second))
		second.Cancelled, second.Streamed, second.Reported, second.Status, second.Error = true, false, false, 499, "client_closed"
		must(t, s.AddUsage(t.Context(), []usage.Record{second, first}), s.AddUsage(t.Context(), nil))
		got, err := s.Records(t.Context(), everything, "", 10)
		same(t, "records", []usage.Record{first, second}, got, err)
		got, err = s.Records(t.Context(), everything, first.ID, 10)
		same(t, "records after the first", []usage.Record{second}, got, err)
		got, err = s.Records(t.Context(), everything, "", 1)
		same(t, "one record", []usage.Record{first}, got, err)
		within := everything
		within.Since, within.Until = now.Add(time.Millisecond), now.Add(time.Second)
		got, err = s.Records(t.Context(), within, "", 10)
		same(t, "records between the two", []usage.Record{}, got, err)
	})
}

// What is added again counts once, in whatever batches it comes.
func TestReplayCountsOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		var all []usage.Record
		for i := range 30 {
			all = append(all, recordAt(now.Add(time.Duration(i)*time.Hour)))
		}
		must(t, s.AddUsage(t.Context(), all[:20]), s.AddUsage(t.Context(), all[10:]), s.AddUsage(t.Context(), append(all, all...)))
		sums, err := s.Sums(t.Context(), everything, store.UsageBy{Day: true})
		want := []store.UsageSum{
			{Day: now.Truncate(24 * time.Hour), Requests: 19, Prompt: 19, Cached: 38, Completion: 57, Reasoning: 76},
			{Day: now.Truncate(24 * time.Hour).Add(24 * time.Hour), Requests: 11, Prompt: 11, Cached: 22, Completion: 33, Reasoning: 44},
		}
		same(t, "sums", want, sums, err)
	})
}

// Sums are kept apart by what is asked for, and chosen by what the filter says.
func TestSums(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		one, other, failed, left := recordAt(now), recordAt(now), recordAt(now), recordAt(now)
		other.Key, other.Project, other.Model, other.User, other.Reported = "k2", "p2", "m2", "", false
		failed.Status, failed.Error = 502, "upstream_error"
		left.Status, left.Error, left.Cancelled = 499, "client_closed", true
		must(t, s.AddUsage(t.Context(), []usage.Record{one, other, failed, left}))
		tokens := func(n int64, s store.UsageSum) store.UsageSum {
			s.Requests, s.Prompt, s.Cached, s.Completion, s.Reasoning, s.Day = n, n, 2*n, 3*n, 4*n, time.UnixMilli(0).UTC()
			return s
		}
		sums, err := s.Sums(t.Context(), everything, store.UsageBy{Key: true, User: true})
		want := []store.UsageSum{
			tokens(3, store.UsageSum{Key: "k", User: "h", Errors: 1, Cancelled: 1}),
			tokens(1, store.UsageSum{Key: "k2", Estimated: 1}),
		}
		same(t, "by key and user", want, sums, err)
		for _, of := range []store.UsageFilter{{Key: "k2"}, {Project: "p2"}, {Model: "m2"}, {Organization: "o", Key: "k2"}} {
			of.Since, of.Until = now, now.Add(time.Second)
			sums, err = s.Sums(t.Context(), of, store.UsageBy{})
			same(t, fmt.Sprintf("%+v", of), []store.UsageSum{tokens(1, store.UsageSum{Estimated: 1})}, sums, err)
		}
		for _, none := range []store.UsageFilter{{Organization: "x"}, {User: "x"}, {Key: "k", Model: "m2"}} {
			none.Since, none.Until = everything.Since, everything.Until
			sums, err = s.Sums(t.Context(), none, store.UsageBy{})
			same(t, fmt.Sprintf("%+v", none), []store.UsageSum{}, sums, err)
		}
	})
}

// Instances that add to the same sums at one time neither wait for each other in a circle nor lose anything.
func TestManyAddUsageAtOnce(t *testing.T) {
	const writers, batches, each = 4, 10, 50
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		var all sync.WaitGroup
		for range writers {
			s := open(t, url)
			all.Go(func() {
				for range batches {
					var records []usage.Record
					for i := range each {
						r := recordAt(now)
						r.Key = fmt.Sprint("key", i%7)
						records = append(records, r)
					}
					rand.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
					if err := s.AddUsage(t.Context(), records); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		sums, err := open(t, url).Sums(t.Context(), everything, store.UsageBy{})
		if err != nil || len(sums) != 1 || sums[0].Requests != writers*batches*each || sums[0].Completion != 3*writers*batches*each {
			t.Errorf("%+v, %v", sums, err)
		}
	})
}

// A store that is busy takes no longer to say so than it is given.
func TestUsageDoesNotWaitForLong(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		must(t, s.AddUsage(t.Context(), []usage.Record{recordAt(now)}))
		other := raw(t, url)
		conn, err := other.Conn(t.Context())
		must(t, err)
		defer func() { _ = conn.Close() }()
		for _, statement := range []string{"BEGIN", "UPDATE usage_daily SET requests = requests"} {
			_, err = conn.ExecContext(t.Context(), statement)
			must(t, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		began := time.Now()
		if err := s.AddUsage(ctx, []usage.Record{recordAt(now)}); err == nil {
			t.Error("what is locked was written")
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		_, err = conn.ExecContext(t.Context(), "ROLLBACK")
		must(t, err, s.AddUsage(t.Context(), []usage.Record{recordAt(now)}))
	})
}

// What the database will never take is told from a database that is away.
func TestRecordsAreRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		_, err := raw(t, url).ExecContext(t.Context(), "CREATE UNIQUE INDEX once ON usage ((record->>'upstream'))")
		must(t, err, s.AddUsage(t.Context(), []usage.Record{recordAt(now)}))
		if err := s.AddUsage(t.Context(), []usage.Record{recordAt(now)}); !errors.Is(err, usage.ErrRefused) {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.AddUsage(ctx, []usage.Record{recordAt(now)}); err == nil || errors.Is(err, usage.ErrRefused) {
			t.Error(err)
		}
		_, err = raw(t, url).ExecContext(t.Context(), "DROP TABLE usage")
		must(t, err)
		if err := s.AddUsage(t.Context(), []usage.Record{recordAt(now)}); err == nil || errors.Is(err, usage.ErrRefused) {
			t.Error(err)
		}
	})
}

func TestOldUsageIsForgotten(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		var all []usage.Record
		for i := range 2500 {
			all = append(all, recordAt(now.Add(time.Duration(i-2000)*time.Hour)))
		}
		must(t, s.AddUsage(t.Context(), all))
		forget := func(records, days time.Time) {
			t.Helper()
			must(t, s.ForgetUsage(t.Context(), records, days, time.Now().Add(-time.Second)))
		}
		count := func(want, wantDays int) {
			t.Helper()
			records, err := s.Records(t.Context(), everything, "", 5000)
			same(t, "records", want, len(records), err)
			sums, err := s.Sums(t.Context(), everything, store.UsageBy{Day: true})
			same(t, "days", wantDays, len(sums), err)
		}
		count(2500, 106)
		forget(time.Time{}, time.Time{})
		count(2500, 106)
		forget(now, now.AddDate(0, 0, -10))
		count(500, 32)
		must(t, s.ForgetUsage(t.Context(), now.AddDate(1, 0, 0), time.Time{}, time.Now().Add(time.Hour)))
		count(0, 32)
		must(t, s.AddUsage(t.Context(), all[2400:]))
		forget(now.AddDate(1, 0, 0), time.Time{}) // another has done so just now
		count(100, 32)
	})
}

// A time far ahead, which an instance with a wrong clock has set, keeps nobody from deleting what is too old.
func TestUpkeepAfterAWrongClock(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		must(t, s.AddUsage(t.Context(), []usage.Record{recordAt(now)}), s.ForgetUsage(t.Context(), time.Time{}, time.Time{}, time.Now().AddDate(1, 0, 0)))
		must(t, s.ForgetUsage(t.Context(), now.AddDate(0, 1, 0), now.AddDate(0, 1, 0), time.Now().Add(time.Hour)))
		records, err := s.Records(t.Context(), everything, "", 1)
		same(t, "records", 0, len(records), err)
		_, ofMonth, err := store.Seed{Store: s}.Used(t.Context(), "key:k", now)
		same(t, "tokens of the month", 0, ofMonth, err)
	})
}

// What a quota is counted from is read without the many rows that users make.
func TestSeedDoesNotReadTheSumsOfUsers(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		first, second := recordAt(now), recordAt(now)
		second.User, second.Model = "another", "another"
		must(t, s.AddUsage(t.Context(), []usage.Record{first, second}), s.AddUsage(t.Context(), []usage.Record{second}))
		_, err := raw(t, url).ExecContext(t.Context(), "DROP TABLE usage_daily")
		must(t, err)
		for _, scope := range []string{"key:k", "project:p", "organization:o"} {
			day, month, err := store.Seed{Store: s}.Used(t.Context(), scope, now)
			same(t, scope, [2]int64{8, 8}, [2]int64{day, month}, err)
		}
	})
}

// SQLite takes any word for a type, and two that are not parted for one of its own.
func TestColumnsHaveTypes(t *testing.T) {
	url := "sqlite://" + filepath.Join(t.TempDir(), "store.db")
	open(t, url)
	rows, err := raw(t, url).QueryContext(t.Context(), `SELECT m.name || '.' || c.name, c.type, c."notnull" OR c.pk > 0
		FROM sqlite_schema AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table' AND m.name LIKE 'usage%'`)
	must(t, err)
	defer func() { _ = rows.Close() }()
	seen := 0
	for ; rows.Next(); seen++ {
		var column, kind string
		var filled bool
		must(t, rows.Scan(&column, &kind, &filled))
		if !filled || !slices.Contains([]string{"integer", "text", "boolean"}, strings.ToLower(kind)) {
			t.Errorf("%s is %q, never null: %t", column, kind, filled)
		}
	}
	if must(t, rows.Err()); seen < 20 {
		t.Errorf("%d columns", seen)
	}
}

func TestSecretIsMadeOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		first, err := open(t, url).UsageSecret(t.Context())
		must(t, err)
		again, err := open(t, url).UsageSecret(t.Context())
		same(t, "secret", first, again, err)
		if len(first) != 32 || strings.Trim(string(first), "\x00") == "" {
			t.Errorf("the secret is %x", first)
		}
	})
}

// What a scope has used is that of its day and its month, in UTC.
func TestSeed(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		month := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		other := recordAt(now)
		other.Key, other.Project = "k2", "p2"
		must(t, s.AddUsage(t.Context(), []usage.Record{
			recordAt(now), other, recordAt(month), recordAt(month.Add(-1)), recordAt(now.Truncate(24 * time.Hour).Add(-1)),
		}))
		for scope, want := range map[string][2]int64{
			"key:k": {4, 12}, "token:k2": {4, 4}, "project:p": {4, 12}, "organization:o": {8, 16}, "key:o": {0, 0},
		} {
			day, ofMonth, err := store.Seed{Store: s}.Used(t.Context(), scope, now)
			same(t, scope, want, [2]int64{day, ofMonth}, err)
		}
	})
}
