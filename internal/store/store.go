// Package store keeps keys, organizations and projects in a database, and the use of them: a file of SQLite,
// or PostgreSQL. It owns the schema and every query, and must never know who asks, over what, or what a key is good for.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/store/sqlgen"
	"github.com/specgate/specgate/internal/usage"
)

//go:embed migrations
var migrations embed.FS

// Store is a database whose schema is this program's, or a later one's. It may be used by many goroutines
// and processes at once.
type Store struct {
	db        *sql.DB
	following *sql.DB // one connection, for Changes alone
	engine    engine
	prepared  statements
}

// engine is what differs between the databases.
type engine interface {
	// lock waits until nobody else changes the schema.
	lock(ctx context.Context, db *sql.DB) (unlock func() error, err error)
	// place is Store.Place.
	place() string
	// name is Store.Name.
	name() string
	// there fails where what was opened is no longer what the URL names.
	there() error
	// repeats reports whether statements are to be prepared here that come again and again.
	repeats() bool
	// addRecords is an adder; errSomeLeft has the transaction given up for another with addEach.
	addRecords(ctx context.Context, tx sqlgen.DBTX, records []usage.Record) ([]usage.Record, error)
	// addSums adds to sums of days and of scopes; the keys of the maps say nothing.
	addSums(ctx context.Context, tx sqlgen.DBTX, days map[int]*daySum, scopes map[int]*scopeSum) error
	// refused reports whether an error is the database's answer to what was to be written, and would be again.
	refused(err error) bool
	// listen is keys.Source's.
	listen(ctx context.Context, changed func())
}

// Open connects to the database at a URL, sqlite://FILE or postgres://…, and brings its schema up to
// date. A file that is not there is made. The errors do not hold the URL.
func Open(ctx context.Context, url string) (*Store, error) {
	var s *Store
	var err error
	switch scheme, rest, _ := strings.Cut(url, "://"); scheme {
	case "sqlite":
		s, err = openSQLite(ctx, rest)
	case "postgres", "postgresql":
		s, err = openPostgres(ctx, url)
	default:
		err = errors.New("the URL is neither sqlite://FILE nor postgres://…")
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %s: %w", s.Name(), err), s.Close())
	}
	return s, nil
}

// OpenToRead is Open for who only reads. A file that is not there is an error, and one that may not be written is read
// as it is; then what changes the store fails.
func OpenToRead(ctx context.Context, url string) (*Store, error) {
	path, ok := strings.CutPrefix(url, "sqlite://")
	if !ok || path == "" {
		return Open(ctx, url)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no store at %s: it is made by a gateway, or by the first key; --store names another", path)
	}
	if writable(path) {
		return Open(ctx, url)
	}
	s, err := readOnly(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open store to read it: %s: %w", path, err)
	}
	return s, nil
}

// Close closes the connections.
func (s *Store) Close() error { return errors.Join(s.following.Close(), s.db.Close()) }

// Place tells the tables of this store from those of others, in words for no one to read. It holds no password.
func (s *Store) Place() string { return s.engine.place() }

// Name is what a store is called to people: a file, or host:port/database. It holds no password.
func (s *Store) Name() string { return s.engine.name() }

func (s *Store) queries() *sqlgen.Queries { return sqlgen.New(s.db) }

// change runs f in a transaction that makes a new revision. It locks the revision first, so that
// changes come one after the other, and what f reads stays true until it is done.
func (s *Store) change(ctx context.Context, f func(q *sqlgen.Queries, revision int64) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a change: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing, once it is committed
	q := sqlgen.New(tx)
	revision, err := q.NextRevision(ctx)
	if err != nil {
		return fmt.Errorf("begin a change: %w", err)
	}
	if err := f(q, revision); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit a change: %w", err)
	}
	return nil
}

// found gives what is not there its name.
func found(err error, what string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%s: %w", what, keys.ErrNotFound)
	default:
		return fmt.Errorf("read %s: %w", what, err)
	}
}

// millis is a time as it is kept; 0 is never.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
