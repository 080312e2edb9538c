package guard

import (
	"context"
	"log/slog"
	"time"

	"github.com/specgate/specgate/internal/apierror"
)

// Health says how a backend is asked whether it is well. An Interval of 0 is never.
type Health struct {
	Interval time.Duration
	Timeout  time.Duration // for an answer
	Path     string        // below the address of the backend
}

// patience is how many probes in a row must fail before a backend is ill: one can be lost to anything. The very first is
// enough, for nothing speaks against it.
const patience = 2

// probe asks the backend until ctx ends, the first time at once.
func (g *Guard) probe(ctx context.Context) {
	ticks := time.NewTicker(g.options.Health.Interval)
	defer ticks.Stop()
	for failed := 0; ; {
		if err := g.question(ctx); err != nil {
			failed++
		} else {
			failed = 0
		}
		if ctx.Err() != nil {
			return
		}
		g.find(ctx, failed >= patience || failed > 0 && !g.found.Load())
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}

// question asks the backend once. A bug on the way fails the probe: on this goroutine it would end the
// process.
func (g *Guard) question(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			bug := apierror.Recovered(p)
			g.options.Logger.ErrorContext(ctx, "probe of an upstream broke off", slog.String("upstream", g.options.Name), slog.String("cause", bug.Cause.Error()))
			err = bug
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, g.options.Health.Timeout)
	defer cancel()
	return g.backend.Probe(ctx, g.options.Health.Path)
}

// find notes whether the backend is ill, and logs where that is new.
func (g *Guard) find(ctx context.Context, ill bool) { //nolint:revive // ill is what was found, and chooses no behaviour
	was := g.ill.Swap(ill)
	g.found.Store(true)
	if was == ill {
		return
	}
	state := "healthy"
	if ill {
		state = "unhealthy"
	}
	g.options.Logger.WarnContext(ctx, "health of an upstream", slog.String("upstream", g.options.Name), slog.String("state", state))
}
