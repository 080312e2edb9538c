// Command soak runs the gateway under everything that goes wrong at once, and holds it to account. In
// front of three backends, of which one comes and goes, one is slow and one lies, it lets some hundred
// clients ask, a third of whom leave early. Each piece of each answer says whose it is and which, so that
// nothing can be lost, doubled or mixed up unseen; the backends note what they did, so that each error has
// to be a true one; and in the end the gateway has to count what its clients count, and to hold nothing
// any more.
//
// It starts all of them itself, and knows the gateway by its binary and its operations listener alone.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

type options struct {
	specgate string        // the gateway's binary
	load     time.Duration // of load, the warming up included
	clients  int
	seed     uint64 // of what clients ask and backends do; what meets what is up to the machine
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1) //nolint:gocritic // the signal's handler goes with the process
	}
}

func run(ctx context.Context, args []string) error {
	o := options{}
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.StringVar(&o.specgate, "specgate", "bin/specgate", "the gateway's `binary`")
	flags.DurationVar(&o.load, "time", time.Minute, "how long there is load")
	flags.IntVar(&o.clients, "clients", 200, "how many ask at one time")
	flags.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of what is asked and of what goes wrong")
	if err := flags.Parse(args); err != nil {
		return err
	}
	fmt.Printf("soak: %v with %d clients, -seed %d\n", o.load, o.clients, o.seed)
	return soak(ctx, o)
}

// soak loads the gateway for a while to warm it up, looks what it holds at rest, loads it for the rest of
// the time, and looks again.
func soak(ctx context.Context, o options) error {
	books := newLedger()
	backends, err := startBackends(ctx, o.seed, books)
	if err != nil {
		return err
	}
	defer backends.close()
	g, err := startGateway(ctx, o.specgate, backends)
	if err != nil {
		return err
	}
	defer g.kill()
	r := newReport()
	all := newClients(o, g.front, books, r)
	if r.fresh, err = g.atRest(ctx, nil); err != nil {
		return err
	}
	warm := min(o.load/6, 30*time.Second)
	all.ask(ctx, warm)
	backends.release()
	if r.warm, err = g.atRest(ctx, r); err != nil {
		return err
	}
	all.ask(ctx, o.load-warm)
	backends.release()
	if r.after, err = g.atRest(ctx, r); err != nil {
		return err
	}
	r.judge(backends.running())
	if err := g.end(); err != nil {
		r.offend("the gateway's end: %v", err)
	}
	r.print(books)
	return r.verdict()
}
