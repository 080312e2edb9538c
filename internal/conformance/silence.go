package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// errSilence is a time that was over before an answer was there.
var errSilence = errors.New("no answer")

func errTimeout(timeout time.Duration) error {
	return fmt.Errorf("%w within %s", errSilence, timeout)
}

// heard is whether an endpoint said anything in a case.
type heard int

const (
	nothing heard = iota // nor had it to: nothing was sent, or it could not be
	something
	onlySilence // until the time was over
)

// mostSilent is how many cases in a row may get no answer in their time, and mostSilentInAll how many of a run. Of
// an endpoint that hangs, the others would tell nothing more, and take hours.
const mostSilent, mostSilentInAll = 5, 20

// patience is what a run has with an endpoint that says nothing.
type patience struct {
	alive      func() bool // whether it completes something plain
	row, inAll int         // cases without an answer
	skipped    map[string]bool
	over       bool
}

// count takes the result of a case. After too many in a row without an answer, an endpoint that completes
// something plain has the rest of the group left out, which is about what it hangs at; one that does not is given up.
func (p *patience) count(result *Result) {
	before := p.row
	if p.row = result.silent(before); p.row <= before {
		return
	}
	p.inAll++
	switch {
	case p.inAll >= mostSilentInAll:
		p.over = true
	case p.row < mostSilent:
	case !p.alive():
		p.over = true
	default:
		p.row = 0
		if p.skipped == nil {
			p.skipped = map[string]bool{}
		}
		p.skipped[result.Case.Group()] = true
	}
}

// works reports whether an endpoint completes something small.
func (s *Suite) works(ctx context.Context, e *endpoint, timeout time.Duration) bool {
	t := &trial{endpoint: e, suite: s}
	var x *Exchange
	within(ctx, timeout, func(ctx context.Context) { x = e.do(ctx, t.hello()) })
	return x.Err == nil && x.Status == http.StatusOK
}

// silent is how many cases in a row had no answer, after so many. One that costs much may take longer than its
// time of an endpoint that is well.
func (r *Result) silent(before int) int {
	switch {
	case r.heard == something:
		return 0
	case r.heard == onlySilence && !r.Case.late:
		return before + 1
	default:
		return before
	}
}

// heard is what the endpoint said in a case.
func (t *trial) heard() heard {
	said := nothing
	for _, x := range t.exchanges {
		switch {
		case x.Err == nil:
			return something
		case errors.Is(x.Err, errSilence):
			said = onlySilence
		}
	}
	return said
}
