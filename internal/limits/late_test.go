package limits

import (
	"context"
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"
)

// lossy stands between an instance and Redis. While it is lost, Redis does what it is asked at once, or when it is
// told to, and nobody hears of it.
type lossy struct {
	redis.Hook
	lost  bool
	later []func() // what Redis has yet to do; not nil where it is held up
}

func (l *lossy) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		switch {
		case !l.lost:
			return next(ctx, cmd)
		case l.later != nil:
			l.later = append(l.later, func() { _ = next(context.WithoutCancel(ctx), redis.NewCmd(ctx, cmd.Args()...)) })
		default:
			_ = next(ctx, cmd)
		}
		err := errors.New("i/o timeout")
		cmd.SetErr(err)
		return err
	}
}

func lossyBench(t *testing.T) (*bench, *lossy, *Redis) {
	t.Helper()
	b := redisBench(t)
	r := b.Limiter.(*Redis)
	b.must(b.take(1, Scope{"other", Limits{DayTokens: 1}}), "").Settle(b.Context(), 0) // Redis has the scripts from here on
	l := &lossy{}
	r.client.AddHook(struct {
		*lossy
		passing
	}{l, passing{}})
	return b, l, r
}

// passing is a hook that lets all pass.
type passing struct{}

func (passing) DialHook(next redis.DialHook) redis.DialHook { return next }
func (passing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// lose has a request taken, or held up, of which nobody hears.
func (l *lossy) lose(b *bench, tokens int64, s Scope) {
	b.Helper()
	l.lost = true
	if _, err := b.Take(b.Context(), []Scope{{b.id(s.ID), s.Limits}}, tokens); err == nil {
		b.Fatal("it was answered")
	}
	l.lost = false
}

// A request that Redis took, and did not say so, costs nothing of a quota once Redis is back: whether it was taken
// before it is given up, or after.
func TestTakenInSilence(t *testing.T) {
	t.Parallel()
	quota := only(Limits{Tokens: 1000, DayTokens: 1000, MonthTokens: 1000, Parallel: 1})
	for name, held := range map[string]bool{"before": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, l, r := lossyBench(t)
			if held {
				l.later = []func(){}
			}
			l.lose(b, 1000, quota)
			if !held {
				b.must(b.take(1, quota), "day of key")
			}
			for range 2 {
				r.settleLate(b.Context())
			}
			for _, do := range l.later {
				do()
			}
			b.must(b.take(1000, quota), "").Settle(b.Context(), 600)
			r.settleLate(b.Context())
			b.must(b.take(401, quota), "day of key")
			b.must(b.take(400, quota), "")
		})
	}
}

// What Redis was told of a request, and did not say so, is not settled twice; what it was not told is.
func TestSettledInSilence(t *testing.T) {
	t.Parallel()
	for name, held := range map[string]bool{"heard": false, "not heard": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, l, r := lossyBench(t)
			s := only(Limits{DayTokens: 1000})
			g := b.must(b.take(1000, s), "")
			if held {
				l.later = []func(){}
			}
			l.lost = true
			g.Settle(b.Context(), 100)
			r.settleLate(b.Context()) // Redis is away still
			l.lost = false
			r.settleLate(b.Context())
			r.settleLate(b.Context())
			b.must(b.take(901, s), "day of key")
			b.must(b.take(900, s), "")
		})
	}
}
