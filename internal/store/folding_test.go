package store_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/store"
	"github.com/specgate/specgate/internal/usage"
)

// A day that has many sums is deleted in pieces, so that nobody waits for long.
func TestOldSumsAreForgottenInPieces(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		var all []usage.Record
		for i := range 2500 {
			r := recordAt(now)
			r.Key, r.User = fmt.Sprint("key", i), "one"
			all = append(all, r)
		}
		must(t, s.AddUsage(t.Context(), all))
		statements := s.Counted(t)
		must(t, s.ForgetUsage(t.Context(), time.Time{}, now.AddDate(0, 0, 2), time.Now().Add(time.Hour)))
		if n := statements.Load(); n < 2*3 {
			t.Errorf("%d statements", n)
		}
		sums, err := s.Sums(t.Context(), everything, store.UsageBy{Key: true})
		same(t, "sums", 0, len(sums), err)
	})
}

// readsAll is where a plan has all rows read that may be too old.
var readsAll = regexp.MustCompile(`Seq Scan on \w+ old|SCAN old\b`)

// However much usage is kept, what is too old is found by an index: where nothing is, nothing is read.
func TestOldUsageIsFoundByIndex(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		for day := range 40 {
			var all []usage.Record
			for i := range 200 {
				r := recordAt(now.AddDate(0, 0, day))
				r.Key = fmt.Sprint("key", i)
				all = append(all, r)
			}
			must(t, s.AddUsage(t.Context(), all))
		}
		_, err := raw(t, url).ExecContext(t.Context(), "ANALYZE")
		must(t, err)
		for _, days := range []int{0, 1, 20} { // none, few and half are older
			plans := s.PlansOfUpkeep(t, now.AddDate(0, 0, days))
			if strings.Count(plans, "usage_scopes_day") != 1 || readsAll.MatchString(plans) {
				t.Errorf("%d days:\n%s", days, plans)
			}
		}
	})
}

// However many users and models a caller names, few sums are kept of a day that is over, and nothing of them is lost.
func TestSumsOfADayAreBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		t.Helper()
		s := open(t, url)
		add := func(at time.Time, key string, users, models int) {
			t.Helper()
			var all []usage.Record
			for i := range users {
				r := recordAt(at)
				r.Key, r.User, r.Model = key, fmt.Sprintf("%032x", i), fmt.Sprint("model", i%models)
				all = append(all, r)
			}
			must(t, s.AddUsage(t.Context(), all))
		}
		yesterday := time.Now().UTC().AddDate(0, 0, -1)
		add(yesterday, "users", 10_100, 2)
		add(yesterday, "models", 1_100, 1_100)
		add(yesterday, "few", 900, 900)
		add(time.Now(), "today", 1_100, 1_100)
		filter := store.UsageFilter{Since: yesterday.Truncate(24 * time.Hour), Until: time.Now().AddDate(0, 0, 1)}
		totals := func() []store.UsageSum {
			t.Helper()
			sums, err := s.Sums(t.Context(), filter, store.UsageBy{Key: true})
			must(t, err)
			return sums
		}
		before := totals()
		for range 2 {
			must(t, s.ForgetUsage(t.Context(), time.Time{}, time.Time{}, time.Now().Add(-time.Second)))
		}
		same(t, "totals", before, totals(), nil)
		count := func(want int, key string, by store.UsageBy) {
			t.Helper()
			filter.Key = key
			sums, err := s.Sums(t.Context(), filter, by)
			same(t, key, want, len(sums), err)
		}
		count(10_000+1, "users", store.UsageBy{User: true})
		count(2, "users", store.UsageBy{Model: true})
		count(1_000+1, "models", store.UsageBy{Model: true, User: true})
		count(900, "few", store.UsageBy{Model: true, User: true})
		count(1_100, "today", store.UsageBy{Model: true, User: true})
		add(yesterday, "models", 1_100, 1_100)
		must(t, s.ForgetUsage(t.Context(), time.Time{}, time.Time{}, time.Now().Add(-time.Second)))
		count(1_000+1, "models", store.UsageBy{Model: true})
	})
}
