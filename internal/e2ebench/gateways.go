package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func (f *field) sqlite() string { return filepath.Join(f.dir, "scale.db") }

// plan is what the gateways of a way are told.
type plan struct {
	name, settings, token string
	gateways              int
}

// plans makes the keys of all ways.
func (f *field) plans(ctx context.Context, o options, s *servers) ([]plan, error) {
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
	return []plan{
		{"bare", "auth: {tokens: [{name: load, token: " + token + "}]}\n", token, 1},
		{"SQLite, memory", keys + sqlite + "'\n", inSQLite, 1},
		{postgresWays + "memory", inPostgres, shared, 1},
		{postgresWays + "Redis for requests of a key", inRedis, simple, 1},
		{postgresWays + "Redis", inRedis, shared, 1},
		{postgresWays + "Redis, 4 gateways", inRedis, shared, 4},
	}, nil
}

func (f *field) startWays(ctx context.Context, o options, s *servers) (ways []way, err error) {
	plans, err := f.plans(ctx, o, s)
	if err != nil {
		return nil, err
	}
	for _, p := range plans {
		one := way{name: p.name}
		for i := range p.gateways {
			c, err := f.startWay(ctx, o, fmt.Sprintf("%s %d", p.name, i), p.settings)
			if err != nil {
				return nil, err
			}
			c.token = p.token
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
