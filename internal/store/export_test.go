package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/specgate/specgate/internal/store/sqlgen"
	"github.com/specgate/specgate/internal/usage"
)

// Counted puts a counter of statements between the store and its database.
func (s *Store) Counted(t *testing.T) *atomic.Int64 {
	t.Helper()
	c := &counter{open: func(ctx context.Context) (driver.Conn, error) {
		if p, ok := s.engine.(postgres); ok {
			return stdlib.GetConnector(*p.config).Connect(ctx)
		}
		return s.following.Driver().Open(fileURI(s.engine.(sqlite).path) + sqlitePragmas)
	}}
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	s.db = sql.OpenDB(c)
	return &c.statements
}

// PlansOfUpkeep are how the database would delete what is older than a day, in the words of its own.
func (s *Store) PlansOfUpkeep(t *testing.T, before time.Time) string {
	t.Helper()
	e := &explaining{DB: s.db, with: "EXPLAIN QUERY PLAN "}
	if _, ok := s.engine.(postgres); ok {
		e.with = "EXPLAIN "
	}
	q := sqlgen.New(e)
	_, err := q.DeleteRecords(t.Context(), sqlgen.DeleteRecordsParams{Before: usage.FirstID(before), Most: fewRecords})
	if err = errors.Join(err, forgetDays(t.Context(), q, dayOf(before))); err != nil {
		t.Fatal(err)
	}
	return e.plans.String()
}

// explaining runs no statement, but has it explained.
type explaining struct {
	*sql.DB
	with  string
	plans strings.Builder
}

func (e *explaining) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	rows, err := e.QueryContext(ctx, e.with+query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	for rows.Next() && err == nil {
		row := make([]any, len(columns))
		for i := range row {
			row[i] = new(any)
		}
		err = rows.Scan(row...)
		fmt.Fprintln(&e.plans, *row[len(row)-1].(*any))
	}
	return driver.RowsAffected(0), errors.Join(err, rows.Err())
}

type counter struct {
	open       func(context.Context) (driver.Conn, error)
	statements atomic.Int64
}

func (c *counter) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.open(ctx)
	return counted{conn, c}, err
}

func (*counter) Driver() driver.Driver { return nil }

type counted struct {
	driver.Conn
	by *counter
}

func (c counted) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.by.statements.Add(1)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c counted) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.by.statements.Add(1)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}
