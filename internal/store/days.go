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

// addToSums adds records to the sums of their days, and those to the tokens of what has quotas. The queries change
// each in one order, so that no two instances wait for each other.
func addToSums(ctx context.Context, q *sqlgen.Queries, records []usage.Record) error {
	if len(records) == 0 {
		return nil
	}
	days := daySums(records)
	ofDays, err := json.Marshal(days)
	if err != nil {
		return err
	}
	ofScopes, err := json.Marshal(scopeSums(days))
	if err != nil {
		return err
	}
	if err := q.AddToDays(ctx, string(ofDays)); err != nil {
		return err
	}
	return q.AddToScopes(ctx, string(ofScopes))
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
