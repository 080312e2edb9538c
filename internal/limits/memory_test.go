package limits

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// What says nothing any more is forgotten.
func TestAccountsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(nil)
		b := &bench{T: t, Limiter: m}
		for i := range 1000 {
			b.take(1, Scope{fmt.Sprint("key", i), Limits{Requests: 5, Tokens: 5, Parallel: 1}}).Settle(t.Context(), 1)
		}
		b.take(0, Scope{"quota", Limits{DayTokens: 10, Tokens: 5}}).Settle(t.Context(), 5)
		b.take(0, Scope{"runs", Limits{Tokens: 5}})
		time.Sleep(span + step)
		for range 100 {
			b.take(0, Scope{"now", Limits{Requests: 1000}}).Settle(t.Context(), 0)
			time.Sleep(step)
		}
		if m.accounts["quota"] == nil || m.accounts["runs"] == nil || len(m.accounts) != 3 {
			t.Errorf("%d accounts are kept", len(m.accounts))
		}
	})
}

// What is away is asked again by one request a second, and others count elsewhere at once.
func TestAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := &relay{Limiter: NewMemory(nil)}
		var told []error
		b := &bench{T: t, Limiter: NewAway(asked, NewMemory(nil), func(err error) { told = append(told, err) })}
		s := only(Limits{Requests: 5})
		b.must(b.take(0, s), "")
		asked.cut = true
		for range 5 {
			b.must(b.take(0, s), "")
		}
		b.must(b.take(0, s), "requests of key")
		if asked.asked != 2 {
			t.Errorf("it was asked %d times", asked.asked)
		}
		time.Sleep(rest)
		b.must(b.take(0, s), "requests of key")
		b.must(b.take(0, s), "requests of key")
		asked.cut = false
		time.Sleep(rest)
		for range 4 {
			b.must(b.take(0, s), "")
		}
		b.must(b.take(0, s), "requests of key")
		if asked.asked != 8 || len(told) != 2 || !errors.Is(told[0], errCut) || told[1] != nil {
			t.Errorf("asked %d times, told %v", asked.asked, told)
		}
	})
}

func TestAwayAndClosed(t *testing.T) {
	t.Parallel()
	a := NewAway(&relay{Limiter: NewMemory(nil), cut: true}, nil, func(error) {})
	for range 2 {
		if _, err := a.Take(t.Context(), []Scope{only(Limits{Requests: 5})}, 0); !errors.Is(err, ErrAway) {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	told := false
	b := NewAway(cutWith{ctx}, nil, func(error) { told = true })
	if _, err := b.Take(ctx, nil, 0); !errors.Is(err, context.Canceled) || told {
		t.Errorf("a caller who left: %v, told %v", err, told)
	}
}

type cutWith struct{ ctx context.Context }

func (c cutWith) Take(context.Context, []Scope, int64) (*Grant, error) { return nil, c.ctx.Err() }
func (c cutWith) Close() error                                         { return nil }

func BenchmarkTake(b *testing.B) {
	all := Limits{Requests: 1 << 40, Tokens: 1 << 40, Parallel: 1 << 30, DayTokens: 1 << 40, MonthTokens: 1 << 40}
	scopes := []Scope{{"key", all}, {"project", all}, {"org", all}}
	for name, open := range map[string]func() Limiter{
		"memory": func() Limiter { return NewMemory(nil) },
		"redis":  func() Limiter { return newRedis(b) },
	} {
		b.Run(name, func(b *testing.B) {
			l := open()
			b.ReportAllocs()
			for b.Loop() {
				g, err := l.Take(b.Context(), scopes, 100)
				if err != nil || g.Refused != nil {
					b.Fatal(g, err)
				}
				g.Settle(b.Context(), 90)
			}
		})
	}
}
