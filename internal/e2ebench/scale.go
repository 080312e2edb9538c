package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	defer s.close(ctx)
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
