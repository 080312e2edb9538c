package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// shape is one kind of load.
type shape struct {
	name string
	body string
	// users is how many users the requests name, one after the other; 0 leaves the body as it is.
	users int
}

func shapes() []shape {
	fields := `,"max_tokens":40,"temperature":0.7,"top_p":0.95,"seed":42,"stop":["\n\n"],"user":"user-1234"}`
	prose := strings.Repeat("What is the capital of France, and how many people live in it? ", 14)
	ids := make([]string, 2000)
	for i := range ids {
		ids[i] = strconv.Itoa(i * 7919 % 128_000)
	}
	return []shape{
		{name: "1 KB", body: `{"model":"llama3.1:8b","prompt":"` + prose + `"` + fields},
		{name: "2,000 ids", body: `{"model":"llama3.1:8b","prompt":[` + strings.Join(ids, ",") + `]` + fields},
		{name: "100 KB", body: `{"model":"llama3.1:8b","prompt":"` + strings.Repeat(prose, 115) + `"` + fields},
		{name: "stream of 7", body: `{"model":"llama3.1:8b","stream":true,"prompt":"` + prose + `"` + fields},
	}
}

// turn is what one contestant did in one round.
type turn struct {
	rate     float64 // answers a second
	p50, p99 time.Duration
	cpu      time.Duration // of the contestant, for one answer
	failed   int           // of the requests; they are not counted in rate
}

// compare has every shape through every contestant, with many connections and with one.
func compare(ctx context.Context, f *field, o options) error {
	if o.rounds == 0 {
		return nil
	}
	fmt.Print("| load | connections | contestant | of ReverseProxy | of nginx | p50 | p99 | CPU a request | failed |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range shapes() {
		if o.only != "" && s.name != o.only {
			continue
		}
		for _, connections := range []int{64, 1} {
			turns, err := rounds(ctx, f, o, s, connections)
			if err != nil {
				return fmt.Errorf("%s, %d connections: %w", s.name, connections, err)
			}
			report(f, s, connections, turns)
		}
	}
	return nil
}

// rounds lets the contestants take turns, in an order that changes, after one that is not counted.
func rounds(ctx context.Context, f *field, o options, s shape, connections int) (map[string][]turn, error) {
	turns := map[string][]turn{}
	order := slices.Clone(f.contestants)
	for round := -1; round < o.rounds; round++ {
		for _, c := range order {
			each := o.each
			if round < 0 {
				each = time.Second
			}
			t, err := f.load(ctx, c, s, connections, each)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if round >= 0 {
				turns[c.name] = append(turns[c.name], t)
			}
		}
		order = append(order[1:], order[0])
	}
	return turns, nil
}

// script has wrk send one body over and over, and say in one line how that went.
const script = `wrk.method = "POST"
wrk.body = io.open("%s"):read("*a")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer %s"
local users, n, all = %d, 0, {}
function init()
  for i = 1, users do all[i] = wrk.format(nil, nil, nil, (wrk.body:gsub("user%%-1234", "user-" .. i))) end
end
if users > 0 then
  function request() n = n %% users + 1; return all[n] end
end
function done(s, l, r)
  local e = s.errors
  io.write(string.format("DONE %%d %%d %%d %%d %%d (connect %%d, read %%d, write %%d, status %%d, timeout %%d)\n",
    s.requests, s.duration, l:percentile(50), l:percentile(99), e.connect + e.read + e.write + e.status + e.timeout,
    e.connect, e.read, e.write, e.status, e.timeout))
end
`

// afterwards is how long what a contestant does once it has answered counts as well: a gateway keeps its records then.
const afterwards = 400 * time.Millisecond

// load runs wrk against a contestant for a time.
func (f *field) load(ctx context.Context, c *contestant, s shape, connections int, each time.Duration) (turn, error) {
	files := filepath.Join(f.dir, strings.ReplaceAll(c.name, " ", "-"))
	body, lua := files+".body.json", files+".post.lua"
	if err := os.WriteFile(body, []byte(s.body), 0o600); err != nil {
		return turn{}, err
	}
	if err := os.WriteFile(lua, fmt.Appendf(nil, script, body, c.token, s.users), 0o600); err != nil {
		return turn{}, err
	}
	before, err := c.cpu()
	if err != nil {
		return turn{}, err
	}
	wrk := exec.CommandContext(ctx, "wrk", //nolint:gosec // our own arguments
		"-t1", "-c"+strconv.Itoa(connections), "-d"+each.String(), "--timeout=20s", "-s", lua, "http://"+c.address+"/v1/completions")
	out, err := wrk.CombinedOutput()
	if err != nil {
		return turn{}, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	time.Sleep(afterwards)
	after, err := c.cpu()
	if err != nil {
		return turn{}, err
	}
	return read(string(out), after-before)
}

// read understands the line that the script has wrk write. Times are in microseconds.
func read(out string, cpu time.Duration) (turn, error) {
	_, line, _ := strings.Cut(out, "DONE ")
	var requests, duration, p50, p99, failed int
	if _, err := fmt.Sscan(line, &requests, &duration, &p50, &p99, &failed); err != nil {
		return turn{}, fmt.Errorf("read what wrk wrote: %w\n%s", err, out)
	}
	if requests == 0 {
		return turn{}, fmt.Errorf("no request was answered: %s", line)
	}
	return turn{
		rate:   float64(requests) / (float64(duration) / 1e6),
		p50:    time.Duration(p50) * time.Microsecond,
		p99:    time.Duration(p99) * time.Microsecond,
		cpu:    cpu / time.Duration(requests),
		failed: failed,
	}, nil
}

// report prints the medians of all rounds. A ratio is the median of the rounds' own ratios.
func report(f *field, s shape, connections int, turns map[string][]turn) {
	for _, c := range f.contestants {
		of := func(other string) float64 {
			return median(turns[c.name], func(i int, t turn) float64 { return t.rate / turns[other][i].rate })
		}
		duration := func(get func(turn) time.Duration) time.Duration {
			return time.Duration(median(turns[c.name], func(_ int, t turn) float64 { return float64(get(t)) }))
		}
		failed := 0
		for _, t := range turns[c.name] {
			failed += t.failed
		}
		fmt.Printf("| %s | %d | %s | %.2f | %.2f | %s | %s | %s | %d |\n", s.name, connections, c.name, of("ReverseProxy"), of("nginx"),
			short(duration(func(t turn) time.Duration { return t.p50 })),
			short(duration(func(t turn) time.Duration { return t.p99 })),
			short(duration(func(t turn) time.Duration { return t.cpu })), failed)
	}
}

func short(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.2f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.0f ms", float64(d)/1e6)
}

func median[T any](list []T, of func(i int, t T) float64) float64 {
	values := make([]float64, len(list))
	for i, t := range list {
		values[i] = of(i, t)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
