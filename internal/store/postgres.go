package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres is a server.
type postgres struct{ config *pgx.ConnConfig }

func openPostgres(ctx context.Context, url string) (*Store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil { // what the parser says may repeat the URL
		return nil, errors.New("the URL is not one that PostgreSQL takes: write postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = answerTime
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "specgate"
	}
	p := postgres{config}
	s := &Store{db: connections(config, 8), following: connections(config, 1), engine: p}
	if err := p.answers(ctx, s.db); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// answerTime is how long a server may take to let somebody in, and again for its first answer; connect_timeout in the
// URL is another.
const answerTime = 5 * time.Second

// answers asks the first question, to which the answer never takes long: who has been let in may wait all the same, for
// a pooler in front of a server that is away, or for one that has stopped. What is asked after it may take its time, a
// migration among it.
func (p postgres) answers(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	asked, cancel := context.WithTimeout(ctx, p.config.ConnectTimeout)
	defer cancel()
	err = ours(asked, conn, postgresTables)
	switch {
	case err == nil:
		return nil
	case asked.Err() != nil && ctx.Err() == nil:
		return fmt.Errorf("%s let us in, and has not answered for %s", p.name(), p.config.ConnectTimeout)
	default:
		return fmt.Errorf("%s: %w", p.name(), err)
	}
}

func (p postgres) name() string {
	return fmt.Sprintf("%s:%d/%s", p.config.Host, p.config.Port, p.config.Database)
}

// place names the tables: the same whoever connects, and however the URL is written.
func (p postgres) place() string {
	return p.name() + " " + p.config.RuntimeParams["search_path"]
}

func connections(config *pgx.ConnConfig, most int) *sql.DB {
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns((most + 1) / 2)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(30 * time.Minute)
	return db
}

// schemaLock is the name of the lock, a number that nobody else is likely to use.
const schemaLock = 0x73706563_67617465

// lock takes an advisory lock for as long as a transaction lasts. One of a session would stay with a
// connection that a pooler has handed to somebody else by the time it is to be freed; and who waits in a
// transaction keeps one of the pooler's connections, of which the one who has the lock needs another.
func (postgres) lock(ctx context.Context, db *sql.DB) (unlock func() error, err error) {
	for {
		tx, locked, err := tryLock(ctx, db)
		if err != nil {
			return nil, fmt.Errorf("lock the schema: %w", err)
		}
		if locked {
			return tx.Commit, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another instance to change the schema: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// tryLock gives the transaction that has the lock, if nobody else has it.
func tryLock(ctx context.Context, db *sql.DB) (tx *sql.Tx, locked bool, err error) {
	if tx, err = db.BeginTx(ctx, nil); err != nil {
		return nil, false, err
	}
	err = tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock($1)", int64(schemaLock)).Scan(&locked)
	if err != nil || !locked {
		return nil, false, errors.Join(err, tx.Rollback())
	}
	return tx, true, nil
}

// refused knows the classes of codes for data that is out of range or malformed, that breaks a constraint, and that
// is too large.
func (postgres) refused(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && slices.ContainsFunc([]string{"22", "23", "54"}, func(class string) bool {
		return strings.HasPrefix(answer.Code, class)
	})
}

// repeats is for the driver, which keeps what it has prepared.
func (postgres) repeats() bool { return false }

// there is for the connections to find out.
func (postgres) there() error { return nil }

// again is how long a connection that broke is not tried anew. Meanwhile changes are found by asking.
const again = 5 * time.Second

// listen waits for the notices of the trigger on revision, over a connection of its own.
func (p postgres) listen(ctx context.Context, changed func()) {
	for ctx.Err() == nil {
		_ = p.notices(ctx, changed) // the connection is gone, and why shows where the database is asked
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

func (p postgres) notices(ctx context.Context, changed func()) error {
	conn, err := pgx.ConnectConfig(ctx, p.config.Copy())
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, "LISTEN specgate_changed"); err != nil {
		return err
	}
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
		changed()
	}
}
