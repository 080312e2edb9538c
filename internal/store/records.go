package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/specgate/specgate/internal/store/sqlgen"
	"github.com/specgate/specgate/internal/usage"
)

// documents are records as they are kept: what each says, beside its id.
func documents(records []usage.Record) []sqlgen.Usage {
	rows := make([]sqlgen.Usage, len(records))
	var text []byte
	for i := range records {
		r := records[i]
		rows[i].ID, r.ID = r.ID, ""
		text = r.AppendJSON(text[:0])
		rows[i].Record = string(text)
	}
	return rows
}

func recordOf(row sqlgen.Usage) (r usage.Record, err error) {
	if err := json.Unmarshal([]byte(row.Record), &r); err != nil {
		return r, fmt.Errorf("record %s: %w", row.ID, err)
	}
	r.ID = row.ID
	return r, nil
}

// addRecords goes to the server once for all of them.
func (postgres) addRecords(ctx context.Context, tx sqlgen.DBTX, records []usage.Record) ([]usage.Record, error) {
	byID, given := make(map[string]*usage.Record, len(records)), []byte{'{'}
	for i, d := range documents(records) {
		given = append(append(append(append(given, '"'), d.ID...), `":`...), d.Record...)
		given = append(given, ',')
		byID[d.ID] = &records[i]
	}
	given[len(given)-1] = '}'
	ids, err := sqlgen.New(tx).AddRecords(ctx, string(given))
	if err != nil {
		return nil, err
	}
	added := make([]usage.Record, len(ids))
	for i, id := range ids {
		added[i] = *byID[id]
	}
	return added, nil
}

// atOnce is how many records one statement of SQLite takes. A call costs as much as a record does; beyond this it is
// the records that cost.
const atOnce = 16

// Values have no names in these: the driver would look for each among all of them.
var (
	addOne  = "INSERT INTO usage (id, record) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"
	addMany = strings.Replace(addOne, "(?, ?)", strings.Repeat("(?, ?), ", atOnce-1)+"(?, ?)", 1)
)

// addRecords adds some at a time, by calls within the process; taking JSON apart costs SQLite several times what the
// records do. Where a statement finds some of its records there already it does not say which, and they are added one
// by one: that happens only after a failure. The context ends the transaction, which shows at the next record; if it
// were that of each statement, the driver would start a goroutine for each.
func (sqlite) addRecords(ctx context.Context, tx sqlgen.DBTX, records []usage.Record) ([]usage.Record, error) {
	ctx = context.WithoutCancel(ctx)
	rows := documents(records)
	many := len(rows) - len(rows)%atOnce
	if many > 0 {
		all, err := addAll(ctx, tx, rows[:many])
		if err != nil {
			return nil, err
		}
		if !all {
			many = 0
		}
	}
	added := slices.Clip(records[:many])
	for i := many; i < len(rows); i++ {
		n, err := insert(ctx, tx, addOne, rows[i].ID, rows[i].Record)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			added = append(added, records[i])
		}
	}
	return added, nil
}

// addAll adds records in whole statements, and reports whether none was there before; else it has added none.
func addAll(ctx context.Context, tx sqlgen.DBTX, rows []sqlgen.Usage) (all bool, err error) {
	if _, err := tx.ExecContext(ctx, "SAVEPOINT before"); err != nil {
		return false, err
	}
	args := make([]any, 2*atOnce)
	for some := range slices.Chunk(rows, atOnce) {
		for i := range some {
			args[2*i], args[2*i+1] = some[i].ID, some[i].Record
		}
		n, err := insert(ctx, tx, addMany, args...)
		if err != nil {
			return false, err
		}
		if n < atOnce {
			_, err := tx.ExecContext(ctx, "ROLLBACK TO before")
			return false, err
		}
	}
	return true, nil
}

func insert(ctx context.Context, tx sqlgen.DBTX, statement string, args ...any) (rows int64, err error) {
	done, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}
