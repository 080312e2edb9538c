package conformance

import (
	"errors"
	"fmt"
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

// mostSilent is how many cases in a row may get no answer in their time. Of an endpoint that hangs, the others
// would tell nothing more, and take hours.
const mostSilent = 5

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
