package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"
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
