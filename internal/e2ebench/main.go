// Command e2ebench measures the gateway against nginx and against a plain httputil.ReverseProxy: the
// same load, through each in turn, round after round, to the same fast upstream, on one machine. It
// starts all of them itself, and knows the gateway by its binary alone.
//
// Figures of one run are ratios; what a request takes in milliseconds depends on the machine and on
// what else it does.
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
	rounds   int           // of the whole comparison
	each     time.Duration // of load on one contestant in one round
	only     string        // the one load to measure; empty for all
	starts   int           // of the gateway that are timed
	streams  int           // that are opened at once and left idle
	most     int           // streams that are opened at once, and have to be served
	kept     int           // rounds of gateways with keys, limits and records
	open     string        // numbers of idle streams, each of which one gateway has open at once
	scale    int           // rounds of gateways on each store
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "e2ebench:", err)
		os.Exit(1) //nolint:gocritic // the signal's handler goes with the process
	}
}

// run does what args say: a part that this command plays in its own comparison, or the comparison.
func run(ctx context.Context, args []string) error {
	if len(args) == 2 {
		switch args[0] {
		case "upstream":
			return serveUpstream(args[1])
		case "proxy":
			return serveProxy(args[1])
		}
	}
	var o options
	flags := flag.NewFlagSet("e2ebench", flag.ContinueOnError)
	flags.StringVar(&o.specgate, "specgate", "bin/specgate", "the gateway's `binary`")
	flags.IntVar(&o.rounds, "rounds", 5, "how often each contestant has its turn")
	flags.DurationVar(&o.each, "each", 3*time.Second, "how long a turn is")
	flags.StringVar(&o.only, "only", "", "the one `load` to measure, by its name in the table")
	flags.IntVar(&o.starts, "starts", 10, "starts of the gateway that are timed; 0 leaves it out")
	flags.IntVar(&o.streams, "streams", 2000, "idle streams whose memory is measured; 0 leaves it out")
	flags.IntVar(&o.most, "most", 10_000, "streams that are opened at once in the end; 0 leaves it out")
	flags.IntVar(&o.kept, "kept", 0, "rounds of a gateway with keys, limits and records beside one without")
	flags.StringVar(&o.open, "open", "", "`numbers` of idle streams that a gateway has open at once, while others ask it: 1000,5000")
	flags.IntVar(&o.scale, "scale", 0, "rounds of gateways on SQLite, and of one and four on PostgreSQL and Redis, which .ci/services starts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	f, err := newField(ctx, o)
	if err != nil {
		return err
	}
	defer f.stop()
	for _, part := range []func(context.Context, *field, options) error{compare, starts, streams, kept, open, scale} {
		if err := part(ctx, f, o); err != nil {
			return err
		}
	}
	return nil
}
