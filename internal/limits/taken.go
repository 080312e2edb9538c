package limits

import (
	"context"
	"encoding/binary"
	"math"
	"time"
)

// taken is a request that is not settled.
type taken struct {
	Grant
	redis  *Redis
	scopes []Scope
	names  []string // of keys, as take.lua has them
	lease  string
	tokens int64
	says   string // what the mark says: day, month, and of each scope the step and the life of its count
}

// keys names the keys of scopes. What is in braces tells a cluster where they are kept, all of them at one
// place.
func (t *taken) keys(scopes []Scope) {
	t.scopes = limited(scopes, nil)
	place, quota := t.redis.keyPrefix+"{"+scopes[len(scopes)-1].ID+"}:", false
	t.names = make([]string, 0, 2*len(scopes)+1)
	for _, s := range t.scopes {
		t.names = append(t.names, place+s.ID, place+s.ID+":running")
		quota = quota || s.ofQuota()
	}
	if quota && t.tokens > 0 {
		t.names = append(t.names, place+"mark:"+t.lease)
	}
}

// marked reports whether Redis knows of the request until it is settled: what it takes of a minute or a place comes
// back by itself, what it takes of a day or a month does not.
func (t *taken) marked() bool { return len(t.names)%2 == 1 }

// What take.lua returns: numbers of the whole, then of each scope.
const (
	headFields    = 4
	readingFields = 11
)

func (t *taken) grant(reply []int64) *Grant {
	now := reply[1]
	says := packed(make([]byte, 0, 16+16*len(t.scopes)), reply[2], reply[3])
	var readings []reading
	for rest := reply[headFields:]; len(rest) > 0; rest = rest[readingFields:] {
		says = packed(says, rest[0], rest[10])
		readings = append(readings, reading{
			leaves:   leaves(rest[0], time.Duration(now)*time.Millisecond),
			requests: use{rest[1], millis(rest[2]), millis(rest[3])},
			tokens:   use{rest[4], millis(rest[5]), millis(rest[6])},
			running:  rest[7], day: rest[8], month: rest[9],
		})
	}
	t.says = string(says)
	t.Grant = judge(t.scopes, readings, t.tokens, time.UnixMilli(now).UTC())
	if t.Refused == nil {
		t.settler = t
		t.redis.leases.hold(t)
	}
	return &t.Grant
}

// packed appends numbers as scripts read them, in 8 bytes each: Redis is slow at digits.
func packed(to []byte, numbers ...int64) []byte {
	for _, n := range numbers {
		to = binary.LittleEndian.AppendUint64(to, math.Float64bits(float64(n)))
	}
	return to
}

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// settle tells Redis before it returns, so that the caller's next request finds the place free. Where it
// cannot, the lease runs out, and what was taken of a quota is settled later.
func (t *taken) settle(ctx context.Context, actual int64) {
	t.redis.leases.drop(t)
	needed := t.marked()
	for _, s := range t.scopes {
		needed = needed || s.Parallel > 0 || actual != t.tokens && (s.Tokens > 0 || s.ofQuota())
	}
	if !needed {
		return
	}
	if err := t.tell(ctx, actual, t.says); err != nil { // the next Take tells of it
		t.redis.late.add(t, actual)
	}
}

// tell settles in Redis; says is empty where it may have been settled before, or not have been taken.
func (t *taken) tell(ctx context.Context, actual int64, says string) error {
	args := append(make([]any, 0, 5+3*len(t.scopes)), t.redis.now(), t.tokens, actual, t.lease, says)
	for _, s := range t.scopes {
		args = append(args, s.Parallel > 0, s.Tokens > 0, s.ofQuota())
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return t.redis.settling.Run(ctx, t.redis.client, t.names, args...).Err()
}
