// Package faults owns what is to go wrong on purpose with the answers to completion requests, so that
// people can test how their own clients take it: a script of rules, and which of them a request falls
// under. It is pure: it counts nothing, waits for nothing, writes nothing, and must never know how a
// fault is brought about.
package faults

import (
	"math/rand/v2"
	"net/http"
	"time"
)

// Fault is what goes wrong with one answer. The zero Fault is an answer with which nothing does.
type Fault struct {
	Name            string        // of the rule, for the log
	BeforeFirstByte time.Duration // waited before anything is answered
	BetweenEvents   time.Duration // waited before each event of a stream but the first
	Status          int           // 429 or 500, answered in place of a completion; 0 for none
	RetryAfter      time.Duration // told with a 429
	CutAfter        *int          // events of a stream after which the connection breaks; nil for never
	MalformedAfter  *int          // events of a stream after which one comes that is no JSON; nil for never
	NoDone          bool          // a stream ends in good order, but without [DONE]
	ByteByByte      bool          // every byte of the body is sent on its own
}

// Script is what a file of faults says. It may be used by any number of goroutines.
type Script struct {
	seed  uint64
	rules []rule
}

// Rules is how many rules there are.
func (s *Script) Rules() int { return len(s.rules) }

// Decide gives the fault of the nth request, counted from 1, with these headers: that of the first rule
// whose conditions all hold. It is nil where none does. The same script gives the same answer again.
func (s *Script) Decide(nth int64, h http.Header) *Fault {
	for i := range s.rules {
		r := &s.rules[i]
		if r.counts(nth) && r.bears(h) && s.chance(i, nth) < r.probability {
			return &r.fault
		}
	}
	return nil
}

// chance is a number in [0,1) for a rule and a request, which hangs on nothing but the two and the
// seed: requests that come at the same time do not change each other's.
func (s *Script) chance(rule int, nth int64) float64 {
	return rand.New(rand.NewPCG(s.seed^uint64(rule)<<32, uint64(nth))).Float64() //nolint:gosec // no secret hangs on it
}

// rule says when its fault is due. All its conditions must hold; one that is not set always does.
type rule struct {
	nth, every, from, to int64 // 0 where not set
	header               map[string]string
	probability          float64 // 1 where not set
	always               bool    // there is no condition
	fault                Fault
}

func (r *rule) counts(n int64) bool {
	return (r.nth == 0 || n == r.nth) && (r.every == 0 || n%r.every == 0) && n >= r.from && (r.to == 0 || n <= r.to)
}

// anyValue stands in a script for every value of a header.
const anyValue = "*"

func (r *rule) bears(h http.Header) bool {
	for name, want := range r.header {
		values := h.Values(name)
		if len(values) == 0 || want != anyValue && values[0] != want {
			return false
		}
	}
	return true
}
