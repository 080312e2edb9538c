package store

import (
	"context"
	"encoding/json"

	"github.com/specgate/specgate/internal/store/sqlgen"
	"github.com/specgate/specgate/internal/usage"
)

// dayOfUse is what the sums of a day are kept apart by. Its names in JSON are those that the query takes apart.
type dayOfUse struct {
	Day          int64  `json:"day"` // since 1970
	Organization string `json:"organization"`
	Project      string `json:"project"`
	Key          string `json:"key"`
	Model        string `json:"model"`
	User         string `json:"user"`
}

// daySum is what records add to one of those sums.
type daySum struct {
	dayOfUse
	Requests   int64 `json:"requests"`
	Errors     int64 `json:"errors"`
	Cancelled  int64 `json:"cancelled"`
	Estimated  int64 `json:"estimated"`
	Prompt     int64 `json:"prompt"`
	Cached     int64 `json:"cached"`
	Completion int64 `json:"completion"`
	Reasoning  int64 `json:"reasoning"`
}

// addToSums adds records to the sums of their days, and those to the tokens of what has quotas.
func addToSums(ctx context.Context, e engine, tx sqlgen.DBTX, records []usage.Record) error {
	if len(records) == 0 {
		return nil
	}
	days := daySums(records)
	return e.addSums(ctx, tx, days, scopeSums(days))
}

// addSums goes to the server once for each of the two. The queries change sums in one order, so that no two instances
// wait for each other.
func (postgres) addSums(ctx context.Context, tx sqlgen.DBTX, days map[int]*daySum, scopes map[int]*scopeSum) error {
	ofDays, err := json.Marshal(days)
	if err != nil {
		return err
	}
	ofScopes, err := json.Marshal(scopes)
	if err != nil {
		return err
	}
	q := sqlgen.New(tx)
	if err := q.AddToDays(ctx, string(ofDays)); err != nil {
		return err
	}
	return q.AddToScopes(ctx, string(ofScopes))
}

// Values have no names in these, as in addOne.
const (
	addToDay = `INSERT INTO usage_daily (
    day, organization_id, project_id, key_id, model, user_hash, requests, errors, cancelled, estimated,
    prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (day, organization_id, project_id, key_id, model, user_hash) DO UPDATE
SET requests = requests + excluded.requests,
    errors = errors + excluded.errors,
    cancelled = cancelled + excluded.cancelled,
    estimated = estimated + excluded.estimated,
    prompt_tokens = prompt_tokens + excluded.prompt_tokens,
    cached_tokens = cached_tokens + excluded.cached_tokens,
    completion_tokens = completion_tokens + excluded.completion_tokens,
    reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens`
	addToScope = `INSERT INTO usage_scopes (scope, id, day, tokens) VALUES (?, ?, ?, ?)
ON CONFLICT (scope, id, day) DO UPDATE SET tokens = tokens + excluded.tokens`
)

// addSums adds one sum at a time, for the reasons of addRecords.
func (sqlite) addSums(ctx context.Context, tx sqlgen.DBTX, days map[int]*daySum, scopes map[int]*scopeSum) error {
	ctx = context.WithoutCancel(ctx)
	for _, d := range days {
		if _, err := insert(ctx, tx, addToDay, d.Day, d.Organization, d.Project, d.Key, d.Model, d.User, d.Requests, d.Errors, d.Cancelled,
			d.Estimated, d.Prompt, d.Cached, d.Completion, d.Reasoning); err != nil {
			return err
		}
	}
	for _, s := range scopes {
		if _, err := insert(ctx, tx, addToScope, s.Scope, s.ID, s.Day, s.Tokens); err != nil {
			return err
		}
	}
	return nil
}

func daySums(records []usage.Record) map[int]*daySum {
	sums, places := map[int]*daySum{}, map[dayOfUse]int{}
	for i := range records {
		r := &records[i]
		of := dayOfUse{r.At / day.Milliseconds(), r.Organization, r.Project, r.Key, r.Model, r.User}
		place, ok := places[of]
		if !ok {
			place = len(sums)
			places[of], sums[place] = place, &daySum{dayOfUse: of}
		}
		sums[place].add(r)
	}
	return sums
}

func (s *daySum) add(r *usage.Record) {
	s.Requests++
	switch {
	case r.Cancelled:
		s.Cancelled++
	case r.Error != "":
		s.Errors++
	}
	if r.Estimated() {
		s.Estimated++
	}
	s.Prompt += r.Prompt
	s.Cached += r.Cached
	s.Completion += r.Completion
	s.Reasoning += r.Reasoning
}
