package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/specgate/specgate/internal/store/sqlgen"
	"github.com/specgate/specgate/internal/usage"
)

var _ usage.Sink = (*Store)(nil)

// AddUsage keeps records, and adds those that were not there to the sums of their days, in one transaction.
func (s *Store) AddUsage(ctx context.Context, records []usage.Record) error {
	err := s.addUsage(ctx, records, s.engine.addRecords)
	if errors.Is(err, errSomeLeft) {
		err = s.addUsage(ctx, records, addEach)
	}
	if err != nil && s.engine.refused(err) {
		return fmt.Errorf("%w: %w", usage.ErrRefused, err)
	}
	return err
}

// adder keeps records, and gives those that were not there.
type adder func(ctx context.Context, tx sqlgen.DBTX, records []usage.Record) ([]usage.Record, error)

func (s *Store) addUsage(ctx context.Context, records []usage.Record, add adder) error {
	if err := s.engine.there(); err != nil || len(records) == 0 {
		return err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("add usage: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	var to sqlgen.DBTX = tx
	if s.engine.repeats() {
		to = s.prepared.within(s.db, tx)
	}
	added, err := add(ctx, to, records)
	if err != nil {
		return fmt.Errorf("add usage: %w", err)
	}
	if err := addToSums(ctx, s.engine, to, added); err != nil {
		return fmt.Errorf("add usage: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("add usage: %w", err)
	}
	return nil
}

// UsageSecret is what users are hashed with, the same for all who have the store. It is made once.
func (s *Store) UsageSecret(ctx context.Context) ([]byte, error) {
	const name = "usage"
	q := s.queries()
	if secret, err := q.Secret(ctx, name); !errors.Is(err, sql.ErrNoRows) {
		return secret, found(err, "secret of usage")
	}
	made := make([]byte, 32)
	_, _ = rand.Read(made) // never fails
	if err := q.AddSecret(ctx, sqlgen.AddSecretParams{Name: name, Value: made}); err != nil {
		return nil, fmt.Errorf("make the secret of usage: %w", err)
	}
	secret, err := q.Secret(ctx, name)
	return secret, found(err, "secret of usage")
}

// UsageFilter chooses records and sums. What is empty chooses all.
type UsageFilter struct {
	Since, Until                            time.Time // a record is chosen from Since on, and before Until
	Organization, Project, Key, Model, User string    // ids; the name of the model; the hash of the user
}

// Records lists records in the order of time, at most most of them, after one with the id after; empty begins.
func (s *Store) Records(ctx context.Context, f UsageFilter, after string, most int) ([]usage.Record, error) {
	rows, err := s.queries().Records(ctx, sqlgen.RecordsParams{
		After: max(after, usage.FirstID(f.Since)), Before: usage.FirstID(f.Until), Most: int32(most),
		Organization: f.Organization, Project: f.Project, Key: f.Key, Model: f.Model, UserHash: f.User,
	})
	return recordsOf(rows, err)
}

// NewestRecords is Records against the order of time, before one with the id before; empty begins.
func (s *Store) NewestRecords(ctx context.Context, f UsageFilter, before string, most int) ([]usage.Record, error) {
	rows, err := s.queries().NewestRecords(ctx, sqlgen.NewestRecordsParams{
		Since: usage.FirstID(f.Since), Before: cmp.Or(before, usage.FirstID(f.Until)), Most: int32(most),
		Organization: f.Organization, Project: f.Project, Key: f.Key, Model: f.Model, UserHash: f.User,
	})
	return recordsOf(rows, err)
}

func recordsOf(rows []sqlgen.Usage, err error) ([]usage.Record, error) {
	if err != nil {
		return nil, found(err, "usage")
	}
	records := make([]usage.Record, len(rows))
	for i, row := range rows {
		if records[i], err = recordOf(row); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// UsageBy says by what sums are kept apart.
type UsageBy struct{ Day, Organization, Project, Key, Model, User bool }

// UsageSum is the use of one of those that are kept apart; empty is what is not.
type UsageSum struct {
	Day                                     time.Time // of UTC
	Organization, Project, Key, Model, User string

	Requests, Errors, Cancelled, Estimated int64 // Estimated are those requests whose tokens nobody reported
	Prompt, Cached, Completion, Reasoning  int64 // tokens
}

// Sums adds up whole days of UTC, those of the filter's times included.
func (s *Store) Sums(ctx context.Context, f UsageFilter, by UsageBy) ([]UsageSum, error) {
	rows, err := s.queries().SumDays(ctx, sqlgen.SumDaysParams{
		ByDay: by.Day, ByOrganization: by.Organization, ByProject: by.Project, ByKey: by.Key, ByModel: by.Model, ByUser: by.User,
		Since: dayOf(f.Since), Until: dayOf(f.Until.Add(day - 1)),
		Organization: f.Organization, Project: f.Project, Key: f.Key, Model: f.Model, UserHash: f.User,
	})
	if err != nil {
		return nil, found(err, "usage")
	}
	return mapped(rows, sumOf), nil
}

func sumOf(r sqlgen.SumDaysRow) UsageSum {
	return UsageSum{
		Day: time.UnixMilli(r.Day * day.Milliseconds()).UTC(), Organization: r.OrganizationID, Project: r.ProjectID, Key: r.KeyID,
		Model: r.Model, User: r.UserHash,
		Requests: r.Requests, Errors: r.Errors, Cancelled: r.Cancelled, Estimated: r.Estimated,
		Prompt: r.PromptTokens, Cached: r.CachedTokens, Completion: r.CompletionTokens, Reasoning: r.ReasoningTokens,
	}
}

const day = 24 * time.Hour

// dayOf is the number of a day of UTC; 0 and before for 1970.
func dayOf(t time.Time) int64 { return t.UnixMilli() / day.Milliseconds() }
