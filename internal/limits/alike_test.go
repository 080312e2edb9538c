package limits

import (
	"cmp"
	"math/rand/v2"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// Both limiters answer alike, whatever comes when: what is left, until when, and what refuses for how long.
func TestBothCountAlike(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, rand.Uint64()} {
		t.Logf("seed %d", seed)
		p := newPair(t, rand.New(rand.NewPCG(seed, 11)))
		for range 400 {
			p.step()
		}
	}
}

// pair is the same limiter twice, in one time.
type pair struct {
	*rand.Rand
	redis   *bench
	memory  bench
	scopes  []Scope
	running []grants
}

// grants are of one request.
type grants struct {
	redis, memory *Grant
	tokens        int64
}

func newPair(t *testing.T, r *rand.Rand) *pair {
	t.Helper()
	b := redisBench(t)
	m := NewMemory(nil)
	m.now, m.start = b.now, begun.Truncate(step)
	p := &pair{Rand: r, redis: b, memory: bench{T: t, Limiter: m, scope: b.scope}}
	for _, id := range []string{"key", "project", "org"} {
		p.scopes = append(p.scopes, Scope{id, Limits{Parallel: 5}})
	}
	return p
}

func (p *pair) step() {
	if p.IntN(30) == 0 {
		p.scopes[p.IntN(3)].Limits = Limits{
			Requests: p.maybe(60), Tokens: p.maybe(3000), Parallel: p.maybe(20), DayTokens: p.maybe(100_000), MonthTokens: p.maybe(200_000),
		}
	}
	p.rest()
	for len(p.running) > 0 && p.IntN(5) < 3 {
		p.settle(p.IntN(len(p.running)))
	}
	p.take(p.Int64N(150))
}

func (p *pair) maybe(n int64) int64 {
	if p.IntN(2) == 0 {
		return 0
	}
	return 1 + p.Int64N(n)
}

// rest passes some time: mostly a moment, now and then minutes or most of a day.
func (p *pair) rest() {
	d := time.Duration(p.Int64N(int64(cmp.Or(time.Duration(p.IntN(3))*time.Second, 1))))
	switch p.IntN(60) {
	case 0:
		d = time.Duration(p.Int64N(int64(3 * time.Minute)))
	case 1:
		d = time.Duration(p.Int64N(int64(20 * time.Hour)))
	}
	p.redis.sleep(d.Truncate(time.Millisecond))
	if len(p.running) > 0 {
		p.redis.beat()
	}
}

func (p *pair) take(ask int64) {
	g := grants{p.redis.take(ask, p.scopes...), p.memory.take(ask, p.scopes...), ask}
	if diff := gocmp.Diff(g.memory.Refused, g.redis.Refused); diff != "" {
		p.redis.Fatalf("refused (-memory +redis):\n%s", diff)
	}
	if diff := gocmp.Diff(g.memory.Status, g.redis.Status); diff != "" {
		p.redis.Fatalf("%d of %+v are left (-memory +redis):\n%s", ask, p.scopes, diff)
	}
	if g.memory.Refused == nil {
		p.running = append(p.running, g)
	}
}

func (p *pair) settle(n int) {
	g := p.running[n]
	p.running = append(p.running[:n], p.running[n+1:]...)
	actual := max(0, g.tokens+20-p.Int64N(150))
	g.redis.Settle(p.redis.Context(), actual)
	g.memory.Settle(p.redis.Context(), actual)
}
