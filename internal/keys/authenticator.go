package keys

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/specgate/specgate/internal/auth"
)

// Options say how an Authenticator goes about it. The zero of each but Source and Logger is its
// default.
type Options struct {
	Source Source
	Logger *slog.Logger
	Looked func(LookUp) // is told how each look-up of a key ended; nobody is

	Poll    time.Duration // between two questions for what has changed: 500 ms
	Lookup  time.Duration // for an answer of the source: 2 s
	Noted   time.Duration // between two notes of when keys were used: 1 m
	Noting  time.Duration // for one such note: 5 s
	Trusted time.Duration // how long what is known is good for while the source is away: 5 m
	Kept    time.Duration // how long what is known is good for although nothing is said to have changed: 10 m
	Size    int           // keys, unknown ids and organizations that are remembered, of each: 10,000
	Unknown int           // look-ups at one time of ids that are not remembered: 4; 16 times as many wait
}

// LookUp is how the source was found when it was asked for a key.
type LookUp string

// The ways in which a look-up ends. Busy is one that was not made, because of too many others.
const (
	Found   LookUp = "found"
	Unknown LookUp = "unknown"
	Away    LookUp = "away"
	Busy    LookUp = "busy"
)

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&o.Poll, 500 * time.Millisecond},
		{&o.Lookup, 2 * time.Second},
		{&o.Noted, time.Minute},
		{&o.Noting, 5 * time.Second},
		{&o.Trusted, 5 * time.Minute},
		{&o.Kept, 10 * time.Minute},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if o.Size == 0 {
		o.Size = 10_000
	}
	if o.Unknown == 0 {
		o.Unknown = 4
	}
	if o.Looked == nil {
		o.Looked = func(LookUp) {}
	}
	return o
}

// Authenticator knows who bears a token, from what it remembers or from the source. What is changed
// there holds here within Poll and the time of a question.
type Authenticator struct {
	options Options
	memory  *memory
	usage   usage
	compare func() // is told of each comparison of a secret; nil but in tests
	end     context.CancelFunc
	running sync.WaitGroup
}

// New begins to follow a source, and fails where that does not answer. Close ends it.
func New(ctx context.Context, o Options) (*Authenticator, error) {
	o = o.withDefaults()
	m, err := newMemory(ctx, o)
	if err != nil {
		return nil, err
	}
	a := &Authenticator{options: o, memory: m}
	following, end := context.WithCancel(context.WithoutCancel(ctx))
	a.end = end
	poke := make(chan struct{}, 1)
	a.running.Go(func() { m.follow(following, poke) })
	a.running.Go(func() {
		o.Source.Listen(following, func() {
			select {
			case poke <- struct{}{}:
			default: // it will be asked anyway
			}
		})
	})
	a.running.Go(func() { a.usage.write(following, o) })
	return a, nil
}

// Close notes what was used since the last time, and waits for what runs.
func (a *Authenticator) Close() {
	a.end()
	a.running.Wait()
}

// Away reports whether the source did not answer when it was asked last for what has changed.
func (a *Authenticator) Away() bool {
	a.memory.mu.Lock()
	defer a.memory.mu.Unlock()
	return a.memory.away
}

// Authenticate finds the key of a token and what of the organization's a request may use with it. An
// id that nobody has goes the same way as a secret that is wrong, up to the same comparison and answer.
func (a *Authenticator) Authenticate(ctx context.Context, r auth.Request) (auth.Principal, error) {
	token, ok := ParseToken(r.Token)
	if !ok {
		return auth.Principal{}, auth.ErrToken
	}
	now := time.Now()
	k, h := a.memory.both(token.ID, now)
	if k == nil {
		var err error
		if k, err = a.memory.key(ctx, token.ID); errors.Is(err, ErrNotFound) {
			k = &known{}
		} else if err != nil {
			return auth.Principal{}, err
		}
		now = time.Now()
	}
	if !a.matches(&k.Key, token.Hash, now) || k.State(now) != "active" {
		return auth.Principal{}, auth.ErrToken
	}
	if h == nil {
		var err error
		if h, err = a.memory.holdings(ctx, k.Organization); err != nil {
			return auth.Principal{}, err
		}
	}
	if h.Disabled {
		return auth.Principal{}, auth.ErrToken
	}
	if k.firstOf(now) {
		a.usage.note(k.ID, now)
	}
	return k.principal(h, r)
}

// matches compares a secret with the key's, and with the one before while that is good. The key that
// is not there has neither.
func (a *Authenticator) matches(k *Key, secret Hash, now time.Time) bool {
	current := a.equal(&secret, &k.Secret)
	previous := a.equal(&secret, &k.Previous)
	if !now.Before(k.PreviousUntil) {
		previous = 0
	}
	return current|previous == 1 && k.ID != ""
}

func (a *Authenticator) equal(x, y *Hash) int {
	if a.compare != nil {
		a.compare()
	}
	return subtle.ConstantTimeCompare(x[:], y[:])
}
