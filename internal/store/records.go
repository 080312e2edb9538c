package store

import (
	"context"
	"encoding/json"
	"errors"
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

// Values have no names in these: the driver would look for each among all of them. A statement that may fail after it
// has written keeps a copy of each page that it writes to, for half of what it costs. IGNORE leaves none that may, and
// leaves out whatever is refused, as well as what is there.
var (
	addOne  = "INSERT INTO usage (id, record) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"
	addMany = "INSERT OR IGNORE INTO usage (id, record) VALUES (?, ?)" + strings.Repeat(", (?, ?)", atOnce-1)
)

// errSomeLeft is that some of the records were left out, and that nobody can tell which. The transaction is of no use
// then, and addEach takes them in another: that happens only after a failure.
var errSomeLeft = errors.New("some of the records were left out")

// addRecords adds some at a time, by calls within the process; taking JSON apart costs SQLite several times what the
// records do. The context ends the transaction, which shows at the next record; if it were that of each statement, the
// driver would start a goroutine for each.
func (sqlite) addRecords(ctx context.Context, tx sqlgen.DBTX, records []usage.Record) ([]usage.Record, error) {
	ctx = context.WithoutCancel(ctx)
	args := make([]any, 2*atOnce)
	many := len(records) - len(records)%atOnce
	for some := range slices.Chunk(documents(records[:many]), atOnce) {
		for i := range some {
			args[2*i], args[2*i+1] = some[i].ID, some[i].Record
		}
		n, err := insert(ctx, tx, addMany, args...)
		if err != nil {
			return nil, err
		}
		if n < atOnce {
			return nil, errSomeLeft
		}
	}
	rest, err := addEach(ctx, tx, records[many:])
	return append(slices.Clip(records[:many]), rest...), err
}

// addEach adds records to SQLite one by one, and gives those that were not there.
func addEach(ctx context.Context, tx sqlgen.DBTX, records []usage.Record) (added []usage.Record, err error) {
	ctx = context.WithoutCancel(ctx)
	for i, row := range documents(records) {
		n, err := insert(ctx, tx, addOne, row.ID, row.Record)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			added = append(added, records[i])
		}
	}
	return added, nil
}

func insert(ctx context.Context, tx sqlgen.DBTX, statement string, args ...any) (rows int64, err error) {
	done, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}
