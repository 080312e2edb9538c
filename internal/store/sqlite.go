package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqlite is a file: that which was at path when it was opened.
type sqlite struct {
	path   string
	opened os.FileInfo
}

func (s sqlite) place() string { return s.path }

func (s sqlite) name() string { return s.path }

// Writers wait for one another; a transaction that begins by reading could not become one that writes
// without failing, so each takes the right to write at once.
const sqlitePragmas = "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)" +
	"&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)"

func openSQLite(ctx context.Context, path string) (*Store, error) {
	switch path {
	case "":
		return nil, errors.New("the URL names no file: write sqlite://FILE")
	case ":memory:":
		return nil, errors.New("a store in memory would be gone with the command that makes a key: write sqlite://FILE")
	}
	if err := private(path); err != nil {
		return nil, err
	}
	if err := oursAt(ctx, path); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return sqliteAt(path, sqlitePragmas)
}

func sqliteAt(path, pragmas string) (*Store, error) {
	opened, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	var dbs [2]*sql.DB
	for i, most := range []int{4, 1} {
		if dbs[i], err = sql.Open("sqlite", fileURI(path)+pragmas); err != nil {
			return nil, err
		}
		dbs[i].SetMaxOpenConns(most)
	}
	return &Store{db: dbs[0], following: dbs[1], engine: sqlite{path, opened}}, nil
}

// oursAt is ours for a file, which may be no database; of another program's not even its mode is to be changed.
func oursAt(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite", fileURI(path)+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return ours(ctx, db, sqliteTables)
}

// private makes a file that nobody else can read, where there is none. What SQLite puts beside it has the
// same rights.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return f.Close()
}

// fileURI takes a path as it is, whatever it has in it.
func fileURI(path string) string { return "file:" + (&url.URL{Path: path}).EscapedPath() }

// lock holds a database beside the file, in which nothing is ever written: SQLite has locks of files on
// every system, and frees those of a process that dies.
func (s sqlite) lock(ctx context.Context, _ *sql.DB) (unlock func() error, err error) {
	path := s.path + "-migrate"
	if err := private(path); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", fileURI(path)+"?_pragma=busy_timeout(60000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for another process to change the schema: %w", err), db.Close())
	}
	return db.Close, nil
}

// errReplaced is a file that is another than that which is open. The other is not opened too: it would be
// read with the log that belongs to the first, which spoils it.
var errReplaced = errors.New("the file of the store was replaced or deleted while it was open: stop the gateway, and start it again as https://github.com/specgate/specgate/blob/main/docs/keys.md says of copies")

// there compares what is open with what is at its path now.
func (s sqlite) there() error {
	if now, err := os.Stat(s.path); err != nil || !os.SameFile(s.opened, now) {
		return errReplaced
	}
	return nil
}

// repeats: to read the text of a statement takes longer than to run it.
func (sqlite) repeats() bool { return true }

// refused knows the codes for what is too large, breaks a constraint, or is of the wrong type.
func (sqlite) refused(err error) bool {
	var answer *driver.Error
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.Code() & 0xff { // without what it says more exactly
	case sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH:
		return true
	default:
		return false
	}
}

// listen cannot tell.
func (sqlite) listen(ctx context.Context, _ func()) { <-ctx.Done() }
