package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// way is one way to keep keys, limits and records: by one gateway, or by several that share a store.
type way struct {
	name     string
	gateways []*contestant
}

// spent is a turn of a way, and what it cost the servers for one answer.
type spent struct {
	turn
	used
	connections int // to PostgreSQL, in the middle of it
}

// scale compares ways to keep keys, limits and records, and then tells what the servers and the files hold.
func scale(ctx context.Context, f *field, o options) error {
	if o.scale == 0 {
		return nil
	}
	s, err := findServers(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	own := &field{dir: f.dir, upstream: f.upstream}
	defer own.end()
	ways, err := own.startWays(ctx, o, s)
	if err != nil {
		return err
	}
	for _, load := range []shape{shapes()[0], ofUsers()} {
		turns, err := own.turns(ctx, o, s, ways, load)
		if err != nil {
			return err
		}
		reportWays(load, ways, turns)
	}
	if err := own.trickle(ctx, ways[len(ways)-1].gateways[0]); err != nil {
		return err
	}
	if err := s.report(ctx, onPostgres(ways)); err != nil {
		return err
	}
	own.end() // SQLite's log goes back into its file
	return reportSQLite(ctx, o, own.sqlite())
}

// trickle has a gateway count something in each half second of a minute, of which there are then as many counts as
// there can be.
func (f *field) trickle(ctx context.Context, gate *contestant) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for range 310 {
		<-tick.C
		conn, _, err := openStream(ctx, gate, "trickle")
		if err != nil {
			return err
		}
		if err := conn.Close(); err != nil {
			return err
		}
	}
	return nil
}

// ofUsers is a load of which each day has thousands of sums.
func ofUsers() shape {
	s := shapes()[0]
	s.name, s.users = "1 KB, 5,000 users", 5000
	return s
}

func (f *field) sqlite() string { return filepath.Join(f.dir, "scale.db") }

func (f *field) startWays(ctx context.Context, o options, s *servers) (ways []way, err error) {
	const keys = "auth: {mode: keys}\nstore: '"
	sqlite := "sqlite://" + f.sqlite()
	inSQLite, err := scopedKey(ctx, o, sqlite)
	if err != nil {
		return nil, err
	}
	shared, err := scopedKey(ctx, o, s.store)
	if err != nil {
		return nil, err
	}
	simple, err := simpleKey(ctx, o, s.store)
	if err != nil {
		return nil, err
	}
	inPostgres, inRedis := keys+s.store+"'\n", keys+s.store+"'\nlimits: {backend: '"+s.redis+"'}\n"
	for _, w := range []struct {
		name, settings, token string
		gateways              int
	}{
		{"bare", "auth: {tokens: [{name: load, token: " + token + "}]}\n", token, 1},
		{"SQLite, memory", keys + sqlite + "'\n", inSQLite, 1},
		{postgresWays + "memory", inPostgres, shared, 1},
		{postgresWays + "Redis for requests of a key", inRedis, simple, 1},
		{postgresWays + "Redis", inRedis, shared, 1},
		{postgresWays + "Redis, 4 gateways", inRedis, shared, 4},
	} {
		one := way{name: w.name}
		for i := range w.gateways {
			c, err := f.startWay(ctx, o, fmt.Sprintf("%s %d", w.name, i), w.settings)
			if err != nil {
				return nil, err
			}
			c.token = w.token
			one.gateways = append(one.gateways, c)
		}
		ways = append(ways, one)
	}
	return ways, nil
}

// postgresWays is what the names of ways on PostgreSQL begin with.
const postgresWays = "PostgreSQL, "

// onPostgres is how many gateways have their store there.
func onPostgres(ways []way) (n int) {
	for _, w := range ways {
		if strings.HasPrefix(w.name, postgresWays) {
			n += len(w.gateways)
		}
	}
	return n
}

func (f *field) startWay(ctx context.Context, o options, name, settings string) (*contestant, error) {
	file := filepath.Join(f.dir, strings.ReplaceAll(name, " ", "-")+".yaml")
	settings += "ops_listen: \"\"\nlog: {format: json}\nupstreams: {fast: {kind: vllm, base_url: \"http://" + f.upstream + "/v1\", api_key: k}}\n"
	settings += "usage: {spool: '" + file + "-spool'}\n"
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		return nil, err
	}
	err := f.enter(name, func(address string) (int, error) {
		return f.start(ctx, address, o.specgate, "serve", "--config", file, "--listen", address)
	})
	return f.contestant(name), err
}

// scopedKey makes a key with all limits, in a project and an organization that have them too.
func scopedKey(ctx context.Context, o options, store string) (string, error) {
	for _, scope := range []string{"orgs", "projects"} {
		if err := manage(ctx, o, store, scope+" update default "+asFlags); err != nil {
			return "", err
		}
	}
	return newKey(ctx, o, store, asFlags)
}

// simpleKey makes a key that has a limit of requests alone, in an organization that has none.
func simpleKey(ctx context.Context, o options, store string) (string, error) {
	if err := manage(ctx, o, store, "orgs create --name simple"); err != nil {
		return "", err
	}
	return newKey(ctx, o, store, "--org simple --requests-per-minute 1000000000")
}

func manage(ctx context.Context, o options, store, command string) error {
	out, err := exec.CommandContext(ctx, o.specgate, append(strings.Fields(command), "--store", store)...).CombinedOutput() //nolint:gosec // our own program
	if err != nil {
		return fmt.Errorf("specgate %s: %w\n%s", command, err, out)
	}
	return nil
}

// turns has the ways take turns, in an order that changes, after one turn that is not counted.
func (f *field) turns(ctx context.Context, o options, s *servers, ways []way, load shape) (map[string][]spent, error) {
	turns := map[string][]spent{}
	order := slices.Clone(ways)
	for round := -1; round < o.scale; round++ {
		for _, w := range order {
			t, err := f.turn(ctx, o, s, w, load)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			if round >= 0 {
				turns[w.name] = append(turns[w.name], t)
			}
		}
		order = append(order[1:], order[0])
	}
	return turns, nil
}

// turn is one of a way: 64 connections, spread over its gateways.
func (f *field) turn(ctx context.Context, o options, s *servers, w way, load shape) (t spent, err error) {
	before, err := s.used(ctx)
	if err != nil {
		return t, err
	}
	var all sync.WaitGroup
	parts, errs := make([]turn, len(w.gateways)), make([]error, len(w.gateways))
	for i, c := range w.gateways {
		all.Go(func() { parts[i], errs[i] = f.load(ctx, c, load, 64/len(w.gateways), o.each) })
	}
	time.Sleep(o.each / 2)
	t.connections, err = s.connections(ctx)
	all.Wait()
	if err := errors.Join(append(errs, err)...); err != nil {
		return t, err
	}
	after, err := s.used(ctx)
	if err != nil {
		return t, err
	}
	t.turn = together(parts)
	t.used = after.since(before, t.rate*o.each.Seconds())
	return t, nil
}

// together is what gateways did at the same time: rates add up, and the rest is the mean by answers; of p99 it is the worst.
func together(parts []turn) (all turn) {
	var cpu, p50 float64
	for _, t := range parts {
		all.rate += t.rate
		all.failed += t.failed
		all.p99 = max(all.p99, t.p99)
		cpu += float64(t.cpu) * t.rate
		p50 += float64(t.p50) * t.rate
	}
	all.cpu, all.p50 = time.Duration(cpu/all.rate), time.Duration(p50/all.rate)
	return all
}
