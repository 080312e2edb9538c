package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/specgate/specgate/internal/limits"
	"github.com/specgate/specgate/internal/store/sqlgen"
	"github.com/specgate/specgate/internal/usage"
)

var (
	_ usage.Keeper = (*Store)(nil)
	_ limits.Seed  = Seed{}
)

// fewRecords are deleted at one time, so that nobody waits for long.
const fewRecords = 1000

// ForgetUsage deletes records and sums from before two times, where none of either is zero. Of several instances
// one does it, at most once until the given time.
func (s *Store) ForgetUsage(ctx context.Context, records, days, until time.Time) error {
	q := s.queries()
	ours, err := q.BeginUpkeep(ctx, sqlgen.BeginUpkeepParams{Now: millis(time.Now()), Until: millis(until)})
	if err != nil || ours == 0 {
		return found(err, "upkeep")
	}
	if !records.IsZero() {
		err = untilNone(func() (int64, error) {
			return q.DeleteRecords(ctx, sqlgen.DeleteRecordsParams{Before: usage.FirstID(records), Most: fewRecords})
		})
	}
	if err == nil && !days.IsZero() {
		err = untilNone(func() (int64, error) { return q.DeleteDay(ctx, dayOf(days)) })
	}
	if err != nil {
		return fmt.Errorf("delete old usage: %w", err)
	}
	return nil
}

func untilNone(some func() (int64, error)) error {
	for {
		if n, err := some(); err != nil || n == 0 {
			return err
		}
	}
}

// Seed is what a store knows to a limiter that begins.
type Seed struct{ *Store }

// Used is what a scope of the limits has used of the day and the month of a time.
func (s Seed) Used(ctx context.Context, scope string, at time.Time) (ofDay, ofMonth int64, err error) {
	year, month, _ := at.UTC().Date()
	today, begins := dayOf(at), dayOf(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC))
	kind, id, _ := strings.Cut(scope, ":")
	q := s.queries()
	switch kind {
	case "organization":
		row, err := q.TokensOfOrganization(ctx, sqlgen.TokensOfOrganizationParams{Today: today, ID: id, MonthBegins: begins})
		return row.OfDay, row.OfMonth, found(err, "usage")
	case "project":
		row, err := q.TokensOfProject(ctx, sqlgen.TokensOfProjectParams{Today: today, ID: id, MonthBegins: begins})
		return row.OfDay, row.OfMonth, found(err, "usage")
	default: // a key, or a token of the settings
		row, err := q.TokensOfKey(ctx, sqlgen.TokensOfKeyParams{Today: today, ID: id, MonthBegins: begins})
		return row.OfDay, row.OfMonth, found(err, "usage")
	}
}
