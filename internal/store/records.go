package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/specgate/specgate/internal/store/sqlgen"
	"github.com/specgate/specgate/internal/usage"
)

// addRecords goes to the server once for all of them.
func (postgres) addRecords(ctx context.Context, tx *sql.Tx, records []usage.Record) ([]usage.Record, error) {
	byID := make(map[string]usage.Record, len(records))
	for _, r := range records {
		byID[r.ID] = r
	}
	given, err := json.Marshal(byID)
	if err != nil {
		return nil, err
	}
	ids, err := sqlgen.New(tx).AddRecords(ctx, string(given))
	if err != nil {
		return nil, err
	}
	added := make([]usage.Record, len(ids))
	for i, id := range ids {
		added[i] = byID[id]
	}
	return added, nil
}

// addRecords adds one after the other: a call costs little within the process, and taking JSON apart costs SQLite
// several times what the records do. The context ends the transaction, which shows at the next record; if it were that
// of each statement, the driver would start a goroutine for each.
func (sqlite) addRecords(ctx context.Context, tx *sql.Tx, records []usage.Record) ([]usage.Record, error) {
	ctx = context.WithoutCancel(ctx)
	q := sqlgen.New(prepared{tx, map[string]*sql.Stmt{}})
	added := make([]usage.Record, 0, len(records))
	for i := range records {
		n, err := q.AddRecord(ctx, rowOf(&records[i]))
		if err != nil {
			return nil, err
		}
		if n > 0 {
			added = append(added, records[i])
		}
	}
	return added, nil
}

func rowOf(r *usage.Record) sqlgen.AddRecordParams {
	return sqlgen.AddRecordParams{
		ID: r.ID, At: r.At, KeyID: r.Key, OrganizationID: r.Organization, ProjectID: r.Project,
		Model: r.Model, Upstream: r.Upstream, Status: int64(r.Status), ErrorCode: r.Error,
		PromptTokens: r.Prompt, CachedTokens: r.Cached, CompletionTokens: r.Completion, ReasoningTokens: r.Reasoning,
		Reported: r.Reported, Duration: r.Duration, FirstToken: r.FirstToken, Streamed: r.Streamed, Cancelled: r.Cancelled,
		UserHash: r.User,
	}
}

// prepared is a transaction that reads the text of each statement once.
type prepared struct {
	*sql.Tx
	statements map[string]*sql.Stmt // closed with the transaction
}

func (p prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	statement := p.statements[query]
	if statement == nil {
		var err error
		if statement, err = p.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		p.statements[query] = statement
	}
	return statement.ExecContext(ctx, args...)
}
