package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// report tells what the servers hold after the load, and what gateways ask of PostgreSQL while nobody asks them.
func (s *servers) report(ctx context.Context, gateways int) error {
	if err := s.reportIdle(ctx, gateways); err != nil {
		return err
	}
	if err := s.reportTables(ctx); err != nil {
		return err
	}
	return s.reportScopes(ctx)
}

func (s *servers) reportIdle(ctx context.Context, gateways int) error {
	const resting = 20 * time.Second
	const commits = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
	time.Sleep(2 * time.Second) // for what the load left, and for backends to tell of it
	began, err := s.used(ctx)
	if err != nil {
		return err
	}
	before, err := s.number(ctx, commits)
	if err != nil {
		return err
	}
	time.Sleep(resting)
	after, err := s.number(ctx, commits)
	if err != nil {
		return err
	}
	ended, err := s.used(ctx)
	if err != nil {
		return err
	}
	open, err := s.connections(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\nidle: %d gateways hold %d connections to PostgreSQL, %.1f transactions a second each, for %.2f %% of a processor each; Redis %.2f %% of one for all\n",
		gateways, open, (after-before)/resting.Seconds()/float64(gateways),
		100*float64(ended.postgres-began.postgres)/float64(resting)/float64(gateways), 100*float64(ended.redis-began.redis)/float64(resting))
	return nil
}

func (s *servers) reportTables(ctx context.Context) error {
	for _, table := range []string{"usage", "usage_daily"} {
		var n [3]float64
		for i, query := range []string{"SELECT count(*) FROM %s", "SELECT pg_table_size('%s')", "SELECT pg_indexes_size('%s')"} {
			var err error
			if n[i], err = s.number(ctx, fmt.Sprintf(query, table)); err != nil {
				return err
			}
		}
		fmt.Printf("\nPostgreSQL, %s: %.0f rows of %.0f bytes, and %.0f in the index\n", table, n[0], n[1]/n[0], n[2]/n[0])
	}
	return nil
}

// reportScopes tells what the counts of scopes take in Redis, and the marks of requests that may still be settled.
func (s *servers) reportScopes(ctx context.Context) error {
	keys, err := s.cli(ctx, "--scan", "--pattern", "specgate:limits:*")
	if err != nil {
		return err
	}
	sizes := map[string][]int{}
	for key := range strings.Lines(keys) {
		size, err := s.cli(ctx, "memory", "usage", strings.TrimSpace(key), "samples", "0")
		if err != nil {
			return err
		}
		kind := strings.Split(key, ":")[len(strings.Split(key, ":"))-2]
		bytes, err := strconv.Atoi(size)
		if err != nil {
			return err
		}
		sizes[kind] = append(sizes[kind], bytes)
	}
	fmt.Println()
	for kind, of := range sizes {
		fmt.Printf("Redis, keys of a %s: %d, of at most %d bytes\n", kind, len(of), slices.Max(of))
	}
	return nil
}

// reportSQLite tells what a record takes in the file, sums and index and all.
func reportSQLite(ctx context.Context, o options, file string) error {
	out, err := exec.CommandContext(ctx, o.specgate, "usage", "--by", "none", "--format", "json", "--store", "sqlite://"+file).Output() //nolint:gosec // our own program
	if err != nil {
		return fmt.Errorf("specgate usage: %w", err)
	}
	var sums []struct{ Requests float64 }
	if err := json.Unmarshal(out, &sums); err != nil || len(sums) != 1 {
		return fmt.Errorf("specgate usage printed %s: %w", out, err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	fmt.Printf("\nSQLite: %.0f records, %.0f bytes of the file each, sums and index among them\n", sums[0].Requests, float64(info.Size())/sums[0].Requests)
	return nil
}
