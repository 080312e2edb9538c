package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// open has one gateway after another hold a number of idle streams, and asks each of them for completions with
// and without these.
func open(ctx context.Context, f *field, o options) error {
	if o.open == "" {
		return nil
	}
	fmt.Print("\n| idle streams | memory of each | descriptors of each | CPU of all | new requests: throughput of that without | p50 without | p50 with | failed |\n" +
		"|---|---|---|---|---|---|---|---|\n")
	for number := range strings.SplitSeq(o.open, ",") {
		n, err := strconv.Atoi(number)
		if err != nil {
			return err
		}
		if err := holds(ctx, f, o, n); err != nil {
			return fmt.Errorf("%d streams: %w", n, err)
		}
	}
	return nil
}

// held is what a gateway has and does at one time.
type held struct {
	turn
	resident, descriptors int
	idle                  float64 // of one processor, while nobody asks
}

// holds measures a gateway of its own, for memory that others have used is not given back at once.
func holds(ctx context.Context, f *field, o options, n int) error {
	own := &field{dir: f.dir, upstream: f.upstream}
	defer own.end()
	file := filepath.Join(f.dir, "open.yaml")
	if err := os.WriteFile(file, []byte(f.specgateConfig(n)), 0o600); err != nil {
		return err
	}
	if err := own.enter("open", func(address string) (int, error) {
		return own.start(ctx, address, o.specgate, "serve", "--config", file, "--listen", address)
	}); err != nil {
		return err
	}
	gate := own.contestants[0]
	if _, err := own.load(ctx, gate, shapes()[0], 16, time.Second); err != nil {
		return err
	}
	without, err := own.look(ctx, gate, o)
	if err != nil {
		return err
	}
	streams, err := openIdle(ctx, gate, n)
	defer leave(streams)
	if err != nil {
		return err
	}
	with, err := own.look(ctx, gate, o)
	if err != nil {
		return err
	}
	each := func(of func(held) int) float64 { return float64(of(with)-of(without)) / float64(n) }
	fmt.Printf("| %d | %.1f KB | %.2f | %.1f %% | %.2f | %s | %s | %d |\n", n,
		each(func(h held) int { return h.resident })/1024, each(func(h held) int { return h.descriptors }),
		100*with.idle, with.rate/without.rate, short(without.p50), short(with.p50), with.failed)
	return nil
}

// look lets a gateway rest, sees what it has and uses, and then asks it for completions.
func (f *field) look(ctx context.Context, gate *contestant, o options) (h held, err error) {
	time.Sleep(2 * time.Second)
	before, err := gate.cpu()
	if err != nil {
		return h, err
	}
	time.Sleep(o.each)
	after, err := gate.cpu()
	if err != nil {
		return h, err
	}
	h.idle = float64(after-before) / float64(o.each)
	if h.resident, err = gate.resident(); err != nil {
		return h, err
	}
	if h.descriptors, err = gate.descriptors(); err != nil {
		return h, err
	}
	h.turn, err = f.load(ctx, gate, shapes()[0], 16, o.each)
	return h, err
}
