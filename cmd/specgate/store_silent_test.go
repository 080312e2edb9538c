package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// silent is a server of PostgreSQL that says nothing, once a connection has been begun; it returns its address.
func silent(t *testing.T, begin func(net.Conn)) string {
	t.Helper()
	l := listenAnywhere(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var open []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				for _, c := range open {
					_ = c.Close()
				}
				return
			}
			open = append(open, conn)
			begin(conn)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

// letIn is what a server, or a pooler before one that is away, says to whom it lets in without TLS and a password.
func letIn(conn net.Conn) {
	b := pgproto3.NewBackend(conn, conn)
	for {
		first, err := b.ReceiveStartupMessage()
		if err != nil {
			return
		}
		if _, ok := first.(*pgproto3.SSLRequest); !ok {
			break
		}
		_, _ = io.WriteString(conn, "N")
	}
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	_ = b.Flush()
}

// A command does not wait for long for a store that takes the connection and never answers, and says which one it is.
func TestStoreThatIsSilent(t *testing.T) {
	t.Parallel()
	for _, begin := range []func(net.Conn){func(net.Conn) {}, letIn} {
		at := silent(t, begin)
		for _, line := range []string{"keys list", "keys create --name k", "orgs list", "projects list", "usage"} {
			t.Run(line, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), bounded)
				defer cancel()
				got := tryWithin(ctx, "postgres://u:pa55word@"+at+"/d", line)
				if ctx.Err() != nil || got.code != exitFailure {
					t.Errorf("code %d, %v", got.code, ctx.Err())
				}
				mustNameStore(t, got, at)
			})
		}
	}
}

// Nor is it left out which store it is that stops answering later.
func TestStoreThatFallsSilent(t *testing.T) {
	t.Parallel()
	a, _, name := onPostgres(t)
	a.run("keys", "list")
	tx, err := database(t, "pgx", a.url).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), "LOCK TABLE keys, organizations, projects IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"keys list", "keys create --name k"} {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		got := tryWithin(ctx, a.url, line)
		cancel()
		if got.code != exitFailure {
			t.Errorf("%s: %+v", line, got)
		}
		mustNameStore(t, got, "/"+name)
	}
}

// mustNameStore fails the test where a command has not said in one line by which setting and where its store is.
func mustNameStore(t *testing.T, got result, where string) {
	t.Helper()
	if strings.Count(got.stderr, "\n") != 1 || !strings.Contains(got.stderr, "store (SPECGATE_STORE): ") || !strings.Contains(got.stderr, where) || strings.Contains(got.stderr, "pa55word") {
		t.Errorf("told: %q", got.stderr)
	}
}

// tryWithin runs a command on a store until ctx ends.
func tryWithin(ctx context.Context, store, line string) result {
	var stdout, stderr bytes.Buffer
	code := run(ctx, strings.Fields(line), terminal{stdout: &stdout, stderr: &stderr, getenv: func(name string) string {
		return map[string]string{"SPECGATE_STORE": store}[name]
	}})
	return result{code, stdout.String(), stderr.String()}
}
