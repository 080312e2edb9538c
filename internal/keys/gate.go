package keys

import (
	"context"
	"errors"
	"sync/atomic"
)

// gate lets few look-ups of ids that are not remembered at the source at one time, and few others wait.
// Such ids cost nothing to make up: without it those of one stranger would take all of the source's
// connections, and hold as many requests as he has.
type gate struct {
	places  chan struct{}
	waiting atomic.Int64
}

// waitFor is how many wait for each place.
const waitFor = 16

var errBusy = errors.New("too many keys that are not known are looked up at one time")

func newGate(places int) *gate { return &gate{places: make(chan struct{}, places)} }

// enter takes a place, which leave gives back; errBusy where too many wait for one.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.places <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > int64(waitFor*cap(g.places)) {
		return errBusy
	}
	select {
	case g.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errBusy
	}
}

func (g *gate) leave() { <-g.places }
