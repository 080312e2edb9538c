package store

import (
	"context"
	"database/sql"
	"sync"

	"github.com/specgate/specgate/internal/store/sqlgen"
)

// statements are those that were prepared, by their texts. They end with the database.
type statements struct {
	mu sync.Mutex
	of map[string]*sql.Stmt
}

func (s *statements) get(ctx context.Context, db *sql.DB, text string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if statement := s.of[text]; statement != nil {
		return statement, nil
	}
	statement, err := db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	if s.of == nil {
		s.of = map[string]*sql.Stmt{}
	}
	s.of[text] = statement
	return statement, nil
}

// within is a transaction that runs prepared statements.
func (s *statements) within(db *sql.DB, tx *sql.Tx) sqlgen.DBTX {
	return preparedTx{tx, db, s, map[string]*sql.Stmt{}}
}

type preparedTx struct {
	*sql.Tx
	db     *sql.DB
	all    *statements
	within map[string]*sql.Stmt // closed with the transaction
}

func (t preparedTx) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	statement := t.within[text]
	if statement == nil {
		of, err := t.all.get(ctx, t.db, text)
		if err != nil {
			return nil, err
		}
		statement = t.StmtContext(ctx, of)
		t.within[text] = statement
	}
	return statement.ExecContext(ctx, args...)
}
