package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/specgate/specgate/internal/store/sqlgen"
)

// Callers say what users and models there are, as many as they like, and sums are kept for long. Of a day that is over,
// so many are kept apart of each key in a project; the rest is summed as that of another. It is not done as they come,
// for then each batch would have to count what is there.
const (
	mostUsers  = 10_000 // pairs of one and a model
	mostModels = 1_000
	another    = "other"
)

// foldedFor is for how many days after its own records may come out of a spool and make a day longer again.
const foldedFor = 7

// foldDays bounds the days that are over.
func (s *Store) foldDays(ctx context.Context, now time.Time) error {
	today := dayOf(now)
	full, err := s.queries().FullDays(ctx, sqlgen.FullDaysParams{Since: today - foldedFor, Until: today, Most: mostModels})
	for i := 0; i < len(full) && err == nil; i++ {
		for _, take := range []taking{takeUsers, takeModels} {
			if err == nil {
				err = untilNone(func() (int64, error) { return s.fold(ctx, full[i], take) })
			}
		}
	}
	if err != nil {
		return fmt.Errorf("sum up users: %w", err)
	}
	return nil
}

// fold takes some sums, and adds them to those that they become.
func (s *Store) fold(ctx context.Context, of sqlgen.FullDaysRow, take taking) (n int64, err error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }()
	q := sqlgen.New(tx)
	rows, into, err := take(ctx, q, of)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	text, err := json.Marshal(folded(rows, into))
	if err != nil {
		return 0, err
	}
	if err := q.AddToDays(ctx, string(text)); err != nil {
		return 0, err
	}
	return int64(len(rows)), tx.Commit()
}

// taking takes some of the sums of a day, and says what becomes of each.
type taking func(ctx context.Context, q *sqlgen.Queries, of sqlgen.FullDaysRow) (rows []sqlgen.UsageDaily, into func(*dayOfUse), err error)

func takeUsers(ctx context.Context, q *sqlgen.Queries, of sqlgen.FullDaysRow) ([]sqlgen.UsageDaily, func(*dayOfUse), error) {
	beyond, err := q.UsersBeyond(ctx, sqlgen.UsersBeyondParams{
		Day: of.Day, Organization: of.OrganizationID, Project: of.ProjectID, Key: of.KeyID, Most: fewRecords, Kept: mostUsers,
	})
	if err != nil {
		return nil, nil, err
	}
	list := chosen(beyond, func(r sqlgen.UsersBeyondRow) dayOfUse { return dayOfUse{Model: r.Model, User: r.UserHash} })
	rows, err := q.TakeUsers(ctx, sqlgen.TakeUsersParams{
		Day: of.Day, Organization: of.OrganizationID, Project: of.ProjectID, Key: of.KeyID, Chosen: list,
	})
	return rows, func(d *dayOfUse) { d.User = another }, err
}

// takeModels takes those that were asked for least.
func takeModels(ctx context.Context, q *sqlgen.Queries, of sqlgen.FullDaysRow) ([]sqlgen.UsageDaily, func(*dayOfUse), error) {
	beyond, err := q.ModelsBeyond(ctx, sqlgen.ModelsBeyondParams{
		Day: of.Day, Organization: of.OrganizationID, Project: of.ProjectID, Key: of.KeyID, Most: fewRecords, Kept: mostModels,
	})
	if err != nil {
		return nil, nil, err
	}
	rows, err := q.TakeModels(ctx, sqlgen.TakeModelsParams{
		Day: of.Day, Organization: of.OrganizationID, Project: of.ProjectID, Key: of.KeyID,
		Chosen: chosen(beyond, func(model string) dayOfUse { return dayOfUse{Model: model} }),
	})
	return rows, func(d *dayOfUse) { d.Model, d.User = another, another }, err
}

// chosen is a list as the queries take it apart.
func chosen[R any](rows []R, of func(R) dayOfUse) string {
	list := make(map[int]dayOfUse, len(rows))
	for i, r := range rows {
		list[i] = of(r)
	}
	text, _ := json.Marshal(list) // strings and numbers can be written
	return string(text)
}

func folded(rows []sqlgen.UsageDaily, into func(*dayOfUse)) map[int]*daySum {
	sums, places := map[int]*daySum{}, map[dayOfUse]int{}
	for _, r := range rows {
		of := dayOfUse{r.Day, r.OrganizationID, r.ProjectID, r.KeyID, r.Model, r.UserHash}
		into(&of)
		place, ok := places[of]
		if !ok {
			place = len(sums)
			places[of], sums[place] = place, &daySum{dayOfUse: of}
		}
		sum := sums[place]
		sum.Requests += r.Requests
		sum.Errors += r.Errors
		sum.Cancelled += r.Cancelled
		sum.Estimated += r.Estimated
		sum.Prompt += r.PromptTokens
		sum.Cached += r.CachedTokens
		sum.Completion += r.CompletionTokens
		sum.Reasoning += r.ReasoningTokens
	}
	return sums
}
