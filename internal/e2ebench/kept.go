package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Limits that nobody reaches, of a token of the settings and of a key.
const (
	inSettings = ", limits: {requests_per_minute: 1000000000, tokens_per_minute: 1000000000000, parallel: 1000, tokens_per_day: 1000000000000000, tokens_per_month: 1000000000000000}"
	asFlags    = "--requests-per-minute 1000000000 --tokens-per-minute 1000000000000 --parallel 1000 " +
		"--tokens-per-day 1000000000000000 --tokens-per-month 1000000000000000"
)

// kept compares gateways, each a process of its own: bare ones, of which the second shows how far two of the same are
// apart; with limits; and with a key, limits and records in SQLite.
func kept(ctx context.Context, f *field, o options) error {
	if o.kept == 0 {
		return nil
	}
	o.rounds = o.kept
	gateways := &field{dir: f.dir, upstream: f.upstream}
	defer func() { f.processes = append(f.processes, gateways.processes...) }() // they end with the others
	if err := gateways.startKept(ctx, o); err != nil {
		return err
	}
	fmt.Print("| connections | gateway | CPU of bare | p50 of bare | throughput of bare | CPU a request | p50 |\n|---|---|---|---|---|---|---|\n")
	for _, connections := range []int{1, 16} {
		turns, err := rounds(ctx, gateways, o, shapes()[0], connections)
		if err != nil {
			return err
		}
		reportKept(gateways, connections, turns)
	}
	return nil
}

func (f *field) startKept(ctx context.Context, o options) error {
	store := "sqlite://" + filepath.Join(f.dir, "kept.db")
	key, err := newKey(ctx, o, store, asFlags)
	if err != nil {
		return err
	}
	bare, limited := "auth: {tokens: [{name: load, token: "+token+"}]}\n", "auth: {tokens: [{name: load, token: "+token+inSettings+"}]}\n"
	for _, g := range []struct{ name, auth, token string }{
		{"bare", bare, token},
		{"bare again", bare, token},
		{"limits", limited, token},
		{"key and limits", "auth: {mode: keys}\nstore: '" + store + "'\nusage: {records: never}\n", key},
		{"key, limits and records", "auth: {mode: keys}\nstore: '" + store + "'\n", key},
	} {
		file := filepath.Join(f.dir, strings.ReplaceAll(g.name, " ", "-")+".yaml")
		settings := "ops_listen: \"\"\nlog: {format: json}\n" + g.auth + "upstreams: {fast: {kind: vllm, base_url: \"http://" + f.upstream + "/v1\", api_key: k}}\n"
		if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
			return err
		}
		if err := f.enter(g.name, func(address string) (int, error) {
			return f.start(ctx, address, o.specgate, "serve", "--config", file, "--listen", address)
		}); err != nil {
			return err
		}
		f.contestant(g.name).token = g.token
	}
	return nil
}

// newKey makes a key, with limits and whatever else flags say.
func newKey(ctx context.Context, o options, store, flags string) (string, error) {
	args := append([]string{"keys", "create", "--name", "load", "--format", "json", "--store", store}, strings.Fields(flags)...)
	out, err := exec.CommandContext(ctx, o.specgate, args...).Output() //nolint:gosec // our own program
	if err != nil {
		return "", fmt.Errorf("make a key: %w", err)
	}
	var made struct{ Token string }
	err = json.Unmarshal(out, &made)
	return made.Token, err
}

// reportKept prints medians of the rounds' own ratios.
func reportKept(f *field, connections int, turns map[string][]turn) {
	for _, c := range f.contestants {
		of := func(get func(turn) float64) float64 {
			return median(turns[c.name], func(i int, t turn) float64 { return get(t) / get(turns["bare"][i]) })
		}
		duration := func(get func(turn) time.Duration) string {
			return short(time.Duration(median(turns[c.name], func(_ int, t turn) float64 { return float64(get(t)) })))
		}
		fmt.Printf("| %d | %s | %.3f | %.3f | %.3f | %s | %s |\n", connections, c.name,
			of(func(t turn) float64 { return float64(t.cpu) }), of(func(t turn) float64 { return float64(t.p50) }), of(func(t turn) float64 { return t.rate }),
			duration(func(t turn) time.Duration { return t.cpu }), duration(func(t turn) time.Duration { return t.p50 }))
	}
}
