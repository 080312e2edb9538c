package store

import (
	"context"
	"fmt"
	"time"

	"github.com/specgate/specgate/internal/store/sqlgen"
	"github.com/specgate/specgate/internal/usage"
)

var _ usage.Keeper = (*Store)(nil)

// farthest is how far ahead the clock of another instance may have set the time until which nothing is deleted. One
// that is farther ahead was wrong, and is not waited for.
const farthest = 2 * time.Hour

// fewRecords, and as few sums, are deleted at one time, so that nobody waits for long.
const fewRecords = 1000

// ForgetUsage deletes records and sums from before two times, where none of either is zero, and bounds how many sums
// there are of a day. Of several instances one does it, at most once until the given time.
func (s *Store) ForgetUsage(ctx context.Context, records, days, until time.Time) error {
	q := s.queries()
	now := time.Now()
	ours, err := q.BeginUpkeep(ctx, sqlgen.BeginUpkeepParams{Now: millis(now), TooLate: millis(now.Add(farthest)), Until: millis(until)})
	if err != nil || ours == 0 {
		return found(err, "upkeep")
	}
	if !records.IsZero() {
		err = untilNone(func() (int64, error) {
			return q.DeleteRecords(ctx, sqlgen.DeleteRecordsParams{Before: usage.FirstID(records), Most: fewRecords})
		})
	}
	if err == nil && !days.IsZero() {
		err = forgetDays(ctx, q, dayOf(days))
	}
	if err != nil {
		return fmt.Errorf("delete old usage: %w", err)
	}
	return s.foldDays(ctx, now)
}

func forgetDays(ctx context.Context, q *sqlgen.Queries, before int64) error {
	err := untilNone(func() (int64, error) {
		return q.DeleteScopes(ctx, sqlgen.DeleteScopesParams{Before: before, Most: fewRecords})
	})
	if err != nil {
		return err
	}
	return untilNone(func() (int64, error) {
		return q.DeleteDays(ctx, sqlgen.DeleteDaysParams{Before: before, Most: fewRecords})
	})
}

func untilNone(some func() (int64, error)) error {
	for {
		if n, err := some(); err != nil || n == 0 {
			return err
		}
	}
}
