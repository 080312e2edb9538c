package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// servers are PostgreSQL, in a database of our own, and Redis. They are asked by psql and redis-cli, which come with them.
type servers struct {
	server, database string // the URL of PostgreSQL, and the name of the database
	store, redis     string // URLs for gateways
	pids             struct{ postgres, redis int }
}

// used is what the servers have done so far, or for one answer.
type used struct {
	postgres, redis time.Duration // of processors
	calls, micros   float64       // of Redis' scripts, and what they took by its own clock
}

// since is what was done for each of so many answers.
func (u used) since(before used, answers float64) used {
	return used{
		postgres: time.Duration(float64(u.postgres-before.postgres) / answers),
		redis:    time.Duration(float64(u.redis-before.redis) / answers),
		calls:    (u.calls - before.calls) / answers,
		micros:   (u.micros - before.micros) / answers,
	}
}

func findServers(ctx context.Context) (*servers, error) {
	s := &servers{server: os.Getenv("SPECGATE_TEST_POSTGRES"), redis: os.Getenv("SPECGATE_TEST_REDIS"), database: fmt.Sprintf("e2ebench_%d", os.Getpid())}
	u, err := url.Parse(s.server)
	if err != nil {
		return nil, err
	}
	if s.server == "" || s.redis == "" {
		return nil, errors.New(`the comparison of stores needs both servers: .ci/services start; eval "$(.ci/services env)"`)
	}
	if _, err := s.ask(ctx, s.server, "CREATE DATABASE "+s.database); err != nil {
		return nil, err
	}
	u.Path = "/" + s.database
	s.store = u.String()
	pid, err := s.ask(ctx, s.server, "SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)")
	if err != nil {
		return nil, err
	}
	if s.pids.postgres, err = strconv.Atoi(pid); err != nil {
		return nil, err
	}
	info, err := s.info(ctx, "server")
	if err != nil {
		return nil, err
	}
	s.pids.redis, err = strconv.Atoi(info["process_id"])
	return s, err
}

func (s *servers) close(ctx context.Context) {
	_, _ = s.ask(context.WithoutCancel(ctx), s.server, "DROP DATABASE "+s.database+" WITH (FORCE)")
}

// ask is a query of one value.
func (s *servers) ask(ctx context.Context, at, query string) (string, error) {
	out, err := exec.CommandContext(ctx, "psql", "--no-psqlrc", "-qAtX", "-v", "ON_ERROR_STOP=1", at, "-c", query).CombinedOutput() //nolint:gosec // our own query
	if err != nil {
		return "", fmt.Errorf("psql: %w\n%s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

func (s *servers) number(ctx context.Context, query string) (float64, error) {
	text, err := s.ask(ctx, s.store, query)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(text, 64)
}

func (s *servers) cli(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "redis-cli", append([]string{"-u", s.redis}, args...)...).Output() //nolint:gosec // our own arguments
	return strings.TrimSpace(string(out)), err
}

// info is a section of what Redis tells of itself.
func (s *servers) info(ctx context.Context, section string) (map[string]string, error) {
	out, err := s.cli(ctx, "info", section)
	if err != nil {
		return nil, fmt.Errorf("redis-cli: %w", err)
	}
	told := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(out))
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok {
			told[name] = value
		}
	}
	return told, nil
}

// used by PostgreSQL is the CPU of all its processes, also of those that have ended.
func (s *servers) used(ctx context.Context) (u used, err error) {
	if u.redis, err = cpuOf(s.pids.redis); err != nil {
		return u, err
	}
	postgres := contestant{pid: s.pids.postgres}
	running, err := postgres.cpu()
	if err != nil {
		return u, err
	}
	ended, err := cpuOfEnded(s.pids.postgres)
	u.postgres = running + ended
	if err != nil {
		return u, err
	}
	u.calls, u.micros, err = s.scripts(ctx)
	return u, err
}

// scripts is how often Redis ran one, and how many microseconds all of them took.
func (s *servers) scripts(ctx context.Context) (calls, micros float64, err error) {
	told, err := s.info(ctx, "commandstats")
	if err != nil || told["cmdstat_evalsha"] == "" {
		return 0, 0, err
	}
	_, err = fmt.Sscanf(told["cmdstat_evalsha"], "calls=%g,usec=%g", &calls, &micros)
	return calls, micros, err
}

func (s *servers) connections(ctx context.Context) (int, error) {
	n, err := s.number(ctx, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'specgate'")
	return int(n), err
}
