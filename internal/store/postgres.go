package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres is a server.
type postgres struct{ config *pgx.ConnConfig }

func openPostgres(url string) (*Store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil { // what the parser says may repeat the URL
		return nil, errors.New("the URL is not one that PostgreSQL takes: write postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "specgate"
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(4)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(30 * time.Minute)
	return &Store{db: db, engine: postgres{config}}, nil
}

// schemaLock is the name of the lock, a number that nobody else is likely to use.
const schemaLock = 0x73706563_67617465

// lock takes an advisory lock, which the server frees with the connection.
func (postgres) lock(ctx context.Context, db *sql.DB) (unlock func() error, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(schemaLock)); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for another instance to change the schema: %w", err), conn.Close())
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(schemaLock))
		return errors.Join(err, conn.Close())
	}, nil
}

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
