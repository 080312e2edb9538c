package limits

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// book is a seed that knows the scopes in it, and how often it was asked.
type book struct {
	mu    sync.Mutex
	known map[string]used
	asked int
}

func (b *book) Used(_ context.Context, scope string, _ time.Time) (day, month int64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	for name, u := range b.known {
		if strings.HasPrefix(scope, name) {
			return u.day, u.month, nil
		}
	}
	return 0, 0, errors.New("the store is away")
}

// learn has it know what the key has used.
func (b *book) learn(u used) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known["key"] = u
}

// eachSeeded runs a test over both limiters, which begin with what a book says.
func eachSeeded(t *testing.T, test func(b *bench, known *book, again func() *bench)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(begun))
			known := &book{known: map[string]used{}}
			open := func() *bench {
				return &bench{T: t, Limiter: NewMemory(known), sleep: time.Sleep, now: time.Now}
			}
			test(open(), known, open)
		})
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		known := &book{known: map[string]used{}}
		b := redisBench(t)
		r := b.Limiter.(*Redis)
		r.seeds.seed = known
		test(b, known, func() *bench {
			if err := r.client.Del(t.Context(), fmt.Sprintf("%[1]s{%[2]s}:%[2]s", r.keyPrefix, b.id("key"))).Err(); err != nil {
				t.Fatal(err)
			}
			return b
		})
	})
}

// A limiter that begins with nothing goes on from what was used before, and asks for it once.
func TestSeed(t *testing.T) {
	t.Parallel()
	eachSeeded(t, func(b *bench, known *book, again func() *bench) {
		known.learn(used{90, 900})
		s := only(Limits{DayTokens: 100, MonthTokens: 1000})
		b.must(b.take(11, s), "day of key")
		b.must(b.take(10, s), "").Settle(b.Context(), 5)
		b.must(b.take(6, s), "day of key")
		if known.asked != 1 {
			b.Errorf("it was asked %d times", known.asked)
		}
		b.sleep(24 * time.Hour)
		b.must(b.take(95, Scope{"key", Limits{DayTokens: 100}}), "") // the next month has begun as well
		b = again()
		known.learn(used{95, 995})
		b.must(b.take(6, s), "month of key")
		b.must(b.take(5, s), "")
		b.must(b.take(1, s), "month of key")
		b.must(b.take(0, Scope{"other", Limits{Requests: 1, Tokens: 5}}), "")
		if known.asked != 2 {
			b.Errorf("it was asked %d times", known.asked)
		}
	})
}

// While nobody knows what was used, requests go on; it is asked again after a while, and not by each.
func TestSeedAway(t *testing.T) {
	t.Parallel()
	eachSeeded(t, func(b *bench, known *book, _ func() *bench) {
		s := only(Limits{DayTokens: 100})
		for range 10 {
			b.must(b.take(1, s), "").Settle(b.Context(), 1)
		}
		if known.asked != 1 {
			b.Errorf("it was asked %d times", known.asked)
		}
		time.Sleep(rest)
		known.learn(used{95, 95})
		b.must(b.take(6, s), "day of key")
		b.must(b.take(5, s), "")
	})
}

// Of many who ask at once none passes before it is known what was used.
func TestSeedIsAwaited(t *testing.T) {
	t.Parallel()
	eachSeeded(t, func(b *bench, known *book, _ func() *bench) {
		known.learn(used{95, 95})
		var all sync.WaitGroup
		granted := make(chan *Grant, 50)
		for range cap(granted) {
			all.Go(func() { granted <- b.take(1, only(Limits{DayTokens: 100})) })
		}
		all.Wait()
		close(granted)
		n := 0
		for g := range granted {
			if g.Refused == nil {
				n++
			}
		}
		if n != 5 {
			b.Errorf("%d of 5 were granted", n)
		}
	})
}
