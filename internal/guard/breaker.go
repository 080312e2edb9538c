package guard

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Breaker says when a backend that fails is left alone: after so many failures in a row, or within Window where
// they are at least half of what was asked, nothing goes to it for Open. Then one request may try, and
// one more each time that Open has passed without a word of it. Failures of 0 is never.
type Breaker struct {
	Failures int
	Window   time.Duration
	Open     time.Duration
}

// verdict is what a request says of the backend.
type verdict int

const (
	sound  verdict = iota // it works
	faulty                // it does not
	silent                // nothing can be said
)

var (
	errFaulty = errors.New("the backend is at fault")
	errSilent = errors.New("the backend is not to blame")
)

func (v verdict) err() error { return [...]error{nil, errFaulty, errSilent}[v] }

// Verdicts lists what Options.Tried is called with: the backend works, or it does not, or nothing can be said.
func Verdicts() []string { return []string{"sound", "faulty", "silent"} }

// breaker is a circuit breaker in which a request counts when it ends, and not when it began: one that
// fails after minutes would lie before any window.
type breaker struct {
	circuit *gobreaker.TwoStepCircuitBreaker[struct{}] // nil where there is none
	until   atomic.Pointer[time.Time]                  // when an open circuit is half open
	open    time.Duration                              // how long a trial is waited for, too
	tried   func(verdict string)

	mu     sync.Mutex
	trial  *trial // the request that a half-open circuit waits for; nil where it may have one
	hanged int    // trials in a row that were given up
}

// trial is a request that tries a half-open circuit. The breaker's mu guards it.
type trial struct {
	done    func(error) // tells the circuit
	until   time.Time   // when it is given up
	givenUp bool        // which was its word to the circuit, unless it has a better one

	over chan struct{} // closed when it has ended
}

// maxDoublings is how often the time for a trial is doubled. Each is a request of somebody's: where trials
// hang, they are to be few.
const maxDoublings = 8

// buckets is how finely a window rolls.
const buckets = 10

func newBreaker(o Options) *breaker {
	b := &breaker{open: o.Breaker.Open, tried: o.Tried}
	if o.Breaker.Failures <= 0 {
		return b
	}
	b.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         o.Name,
		Interval:     o.Breaker.Window,
		BucketPeriod: max(o.Breaker.Window/buckets, 1),
		Timeout:      o.Breaker.Open,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return int(c.ConsecutiveFailures) >= o.Breaker.Failures ||
				int(c.TotalFailures) >= o.Breaker.Failures && 2*c.TotalFailures >= c.TotalFailures+c.TotalSuccesses
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errSilent) },
		OnStateChange: func(name string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				until := time.Now().Add(o.Breaker.Open)
				b.until.Store(&until)
			}
			o.Logger.Warn("circuit of an upstream", slog.String("upstream", name), slog.String("state", to.String()))
		},
	})
	return b
}

// state is that of the circuit, as Guard.Circuit has it.
func (b *breaker) state() int {
	if b.circuit == nil {
		return int(gobreaker.StateClosed)
	}
	return int(b.circuit.State())
}

// wait is how long nothing is let through; 0 where something may be. A circuit that waits for a trial
// says a second: nobody knows.
func (b *breaker) wait() time.Duration {
	switch gobreaker.State(b.state()) {
	case gobreaker.StateOpen:
		return max(time.Until(*b.until.Load()), 1)
	case gobreaker.StateHalfOpen:
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.trial != nil {
			return min(max(time.Until(b.trial.until), 0), time.Second)
		}
	}
	return 0
}

// ticket is one request that may pass. It belongs to one goroutine.
type ticket struct {
	breaker *breaker
	trial   *trial // nil for a request like any
}

// enter gives a ticket, or reports that nothing may pass.
func (b *breaker) enter() (t ticket, ok bool) {
	if b.circuit == nil || b.circuit.State() == gobreaker.StateClosed {
		return ticket{breaker: b}, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.trial != nil && time.Until(b.trial.until) <= 0 {
		b.trial.givenUp = true
		b.hanged++
		b.trial.done(errSilent)
		b.trial = nil
	}
	done, err := b.circuit.Allow()
	if err != nil {
		return ticket{}, false
	}
	if state := b.circuit.State(); state != gobreaker.StateHalfOpen { // another has closed it since
		done(errSilent)
		return ticket{breaker: b}, state == gobreaker.StateClosed
	}
	b.trial = &trial{done: done, until: time.Now().Add(b.open << min(b.hanged, maxDoublings)), over: make(chan struct{})}
	return ticket{b, b.trial}, true
}

// over is closed when the request has tried a half-open circuit; nil where it does not.
func (t *ticket) over() <-chan struct{} {
	if t.trial == nil {
		return nil
	}
	return t.trial.over
}

// tell says what the request says of the backend. After the first time, a trial is a request like any.
func (t *ticket) tell(v verdict) {
	if t.trial == nil {
		t.breaker.count(v)
		return
	}
	t.breaker.settle(t.trial, v)
	t.trial = nil
}

// settle ends a trial. One that was given up still opens or closes the circuit, if that is half open:
// a backend that is slow is not to be kept from it by its pace.
func (b *breaker) settle(t *trial, v verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(t.over)
	b.tried(Verdicts()[v])
	if b.trial == t {
		b.trial = nil
	}
	if v != silent {
		b.hanged = 0
	}
	switch {
	case b.circuit.State() == gobreaker.StateClosed: // another has closed it since
		b.count(v)
	case v != silent || !t.givenUp:
		t.done(v.err())
	}
}

// answered says that the backend has begun to answer, which is enough for a trial: a stream may last
// for hours.
func (t *ticket) answered() {
	if t.trial != nil {
		t.tell(sound)
	}
}

// count is for requests of a closed circuit.
func (b *breaker) count(v verdict) {
	if b.circuit == nil || b.circuit.State() != gobreaker.StateClosed {
		return
	}
	if done, err := b.circuit.Allow(); err == nil {
		done(v.err())
	}
}
