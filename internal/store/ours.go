package store

import (
	"context"
	"database/sql"
	"errors"
)

// The names of the tables and views that programs have made. In PostgreSQL they are those of the schema that new
// tables come into, without what an extension has put there.
const (
	sqliteTables   = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND substr(name, 1, 7) <> 'sqlite_'"
	postgresTables = "SELECT c.relname AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace" +
		" WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f')" +
		" AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
)

var errForeign = errors.New("the database is another program's, and is left as it is: name one of its own")

// asked is a database, or one connection to it.
type asked interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// ours fails for a database in which another program has its tables, or its versions in the table in which this one
// has them. There is that table alone where a start has died before the first migration.
func ours(ctx context.Context, db asked, tables string) error {
	var versions, first, others int
	count := "SELECT count(CASE WHEN name = 'goose_db_version' THEN 1 END), count(CASE WHEN name = 'key_projects' THEN 1 END)," +
		" count(CASE WHEN name <> 'goose_db_version' THEN 1 END) FROM (" + tables + ") AS tables"
	err := db.QueryRowContext(ctx, count).Scan(&versions, &first, &others)
	switch {
	case err != nil:
		return err
	case others == 0 && versions == 0, versions > 0 && first > 0:
		return nil
	case others > 0:
		return errForeign
	}
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM goose_db_version WHERE version_id > 0").Scan(&others)
	if err == nil && others > 0 {
		return errForeign
	}
	return err
}
