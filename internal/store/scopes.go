package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/specgate/specgate/internal/limits"
	"github.com/specgate/specgate/internal/store/sqlgen"
)

var _ limits.Seed = Seed{}

// scopeDay is a day of what may have a quota. Its names in JSON are those that the query takes apart.
type scopeDay struct {
	Scope string `json:"scope"` // organization, project or key
	ID    string `json:"id"`
	Day   int64  `json:"day"` // since 1970
}

type scopeSum struct {
	scopeDay
	Tokens int64 `json:"tokens"`
}

func scopeSums(days map[int]*daySum) map[int]*scopeSum {
	sums, places := map[int]*scopeSum{}, map[scopeDay]int{}
	for _, d := range days {
		for _, of := range [...]scopeDay{{"key", d.Key, d.Day}, {"project", d.Project, d.Day}, {"organization", d.Organization, d.Day}} {
			if of.ID == "" {
				continue
			}
			place, ok := places[of]
			if !ok {
				place = len(sums)
				places[of], sums[place] = place, &scopeSum{scopeDay: of}
			}
			sums[place].Tokens += d.Prompt + d.Completion
		}
	}
	return sums
}

// Seed is what a store knows to a limiter that begins.
type Seed struct{ *Store }

// Used is what a scope of the limits has used of the day and the month of a time. A row is read for each day of
// the month, however many records, models and users there were.
func (s Seed) Used(ctx context.Context, scope string, at time.Time) (ofDay, ofMonth int64, err error) {
	kind, id, _ := strings.Cut(scope, ":")
	if kind != "organization" && kind != "project" {
		kind = "key" // or a token of the settings
	}
	year, month, _ := at.UTC().Date()
	row, err := s.queries().TokensOf(ctx, sqlgen.TokensOfParams{
		Scope: kind, ID: id, Today: dayOf(at), MonthBegins: dayOf(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)),
	})
	if err != nil {
		return 0, 0, fmt.Errorf("read usage: %w", err)
	}
	return row.OfDay, row.OfMonth, nil
}
