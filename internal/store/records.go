package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/specgate/specgate/internal/store/sqlgen"
	"github.com/specgate/specgate/internal/usage"
)

// documents writes records as they are kept: what each says, beside its id. Its room is used again.
type documents struct {
	text []byte
	ends []int
	rows []sqlgen.Usage
}

// of is good until it is called again.
func (d *documents) of(records []usage.Record) []sqlgen.Usage {
	d.text, d.ends, d.rows = d.text[:0], d.ends[:0], d.rows[:0]
	for _, r := range records {
		d.rows = append(d.rows, sqlgen.Usage{ID: r.ID})
		r.ID = ""
		d.text = r.AppendJSON(d.text)
		d.ends = append(d.ends, len(d.text))
	}
	all, begin := string(d.text), 0 // one string for all of them
	for i, end := range d.ends {
		d.rows[i].Record, begin = all[begin:end], end
	}
	return d.rows
}

// usualSize is what most records have room in, in bytes.
const usualSize = 384

func recordOf(row sqlgen.Usage) (r usage.Record, err error) {
	if err := json.Unmarshal([]byte(row.Record), &r); err != nil {
		return r, fmt.Errorf("record %s: %w", row.ID, err)
	}
	r.ID = row.ID
	return r, nil
}

// addRecords goes to the server once for all of them.
func (postgres) addRecords(ctx context.Context, tx sqlgen.DBTX, records []usage.Record) ([]usage.Record, error) {
	var all documents
	byID, given := make(map[string]*usage.Record, len(records)), []byte{'{'}
	for i, d := range all.of(records) {
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

// Values have no names in these: the driver would look for each among all of them. A call costs as much as a record does;
// beyond the largest of these it is the records that cost. A statement that may fail after it has written keeps a copy of
// each page that it writes to, for half of what it costs. IGNORE leaves none that may, and leaves out whatever is refused,
// as well as what is there.
var (
	addOne  = "INSERT INTO usage (id, record) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"
	addSome = [...]string{64: addMany(64), 16: addMany(16), 1: addMany(1)} // by how many records they take
)

func addMany(n int) string {
	return "INSERT OR IGNORE INTO usage (id, record) VALUES (?, ?)" + strings.Repeat(", (?, ?)", n-1)
}

// errSomeLeft is that some of the records were left out, and that nobody can tell which. The transaction is of no use
// then, and addEach takes them in another: that happens only after a failure.
var errSomeLeft = errors.New("some of the records were left out")

// addRecords adds as many at a time as a statement takes, by calls within the process; taking JSON apart costs SQLite
// several times what the records do. The context ends the transaction, which shows at the next record; if it were that of
// each statement, the driver would start a goroutine for each.
func (sqlite) addRecords(ctx context.Context, tx sqlgen.DBTX, records []usage.Record) ([]usage.Record, error) {
	ctx = context.WithoutCancel(ctx)
	at := min(len(records), len(addSome)-1)
	some, args := documents{text: make([]byte, 0, usualSize*at)}, make([]any, 0, 2*at)
	for left, n := records, len(addSome)-1; len(left) > 0; left = left[n:] {
		for n > len(left) || addSome[n] == "" {
			n--
		}
		args = args[:0]
		for _, row := range some.of(left[:n]) {
			args = append(args, row.ID, row.Record)
		}
		added, err := insert(ctx, tx, addSome[n], args...)
		if err != nil {
			return nil, err
		}
		if added < int64(n) {
			return nil, errSomeLeft
		}
	}
	return records, nil
}

// addEach adds records to SQLite one by one, and gives those that were not there.
func addEach(ctx context.Context, tx sqlgen.DBTX, records []usage.Record) (added []usage.Record, err error) {
	ctx = context.WithoutCancel(ctx)
	var all documents
	for i, row := range all.of(records) {
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
