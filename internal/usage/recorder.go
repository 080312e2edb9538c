package usage

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// ErrRefused is that a sink will never take some of the records that it was given, for what is in them.
var ErrRefused = errors.New("a record is refused")

// Sink is where records are kept.
type Sink interface {
	// AddUsage keeps records, but for those that it has already, by their ids. It keeps all of them or none. The
	// error is ErrRefused where another time would change nothing. The slice is the caller's again when it returns.
	AddUsage(ctx context.Context, records []Record) error
}

// Options say how a Recorder goes about it.
type Options struct {
	Sink   Sink
	Secret []byte // of the hashes of users
	Logger *slog.Logger

	// EachWaits is whether Keep waits until its record is kept.
	EachWaits bool
	Spool     Spool // keeps what the sink does not take at present; closed by Close
}

// Spool keeps records for a while. It is used by one goroutine.
type Spool interface {
	// Push adds copies of records, and says how many it has room for.
	Push(records []Record) (kept int, err error)
	// Next are some of the oldest, at most most of them, and how many there were that cannot be read any more.
	Next(most int) (records []Record, torn int, err error)
	// Drop removes those that Next gave last.
	Drop() error
	// Size is what is kept, in bytes.
	Size() int64
	Close() error
}

const (
	every    = 250 * time.Millisecond // between two batches, where nobody waits for them
	patience = 500 * time.Millisecond // for the sink to take what waits
	oldest   = 750 * time.Millisecond // that a record gets in memory, but for the time that the disk takes
	again    = time.Second            // before a sink that was away is tried
	batch    = 512                    // records that the sink is given at one time, where it is quick
	fewest   = 8                      // where it is slow
	most     = 16384                  // records in memory
	complain = 30 * time.Second       // between two lines on records that are lost
	remind   = time.Minute            // between two lines on a sink that is away
	longest  = 10 * time.Second       // for an answer to wait for its record: neither sink nor disk takes so long, unless it hangs
)

// Recorder keeps records in batches, by one goroutine. What the sink does not take in time goes to the spool,
// and from there to the sink when that is back, the oldest first.
type Recorder struct {
	options Options
	size    atomic.Int64 // of the spool
	dropped atomic.Int64
	until   atomic.Int64 // when closing has to be over, in ns since 1970

	lateUntil atomic.Int64 // when it is logged again that an answer did not wait, in ns since 1970

	mu      sync.Mutex
	waiting []Record
	since   time.Time     // when the first of them came
	written chan struct{} // closed when those that wait now are kept
	closed  bool

	hashers sync.Pool // *hasher, under the secret

	poke  chan struct{}
	ended chan struct{}

	round  time.Time // when what waits was taken last
	piece  int       // records that the sink is given at one time; from here on all belongs to the goroutine
	spare  []Record  // room for those that wait next
	away   bool      // whether it took nothing the last time
	retry  time.Time // when the sink is tried again
	toldAt time.Time // when the log was told that it is away
	cause  error     // why the spool failed since
	said   int64     // how many lost records were told of
	saidAt time.Time
}

// New begins to keep records. Close ends it.
func New(o Options) *Recorder {
	r := &Recorder{options: o, written: make(chan struct{}), poke: make(chan struct{}, 1), ended: make(chan struct{}), piece: batch}
	r.hashers.New = func() any { return newHasher(o.Secret) }
	r.size.Store(o.Spool.Size())
	go r.run()
	return r
}

// Keep keeps a record. Where each request waits, it returns once the record is in the sink or the spool, or
// nowhere because neither takes it, or when ctx ends; and after ten seconds, for a disk that hangs is to hold up no
// answer for good.
func (r *Recorder) Keep(ctx context.Context, record Record) {
	written, full := r.add(record)
	if r.options.EachWaits || full {
		r.wake()
	}
	if !r.options.EachWaits {
		return
	}
	late := time.NewTimer(longest)
	defer late.Stop()
	select {
	case <-written:
	case <-ctx.Done():
	case <-late.C:
		r.tellLate(ctx)
	}
}

// tellLate logs that an answer went before its record was kept, once in a while.
func (r *Recorder) tellLate(ctx context.Context) {
	if until, now := r.lateUntil.Load(), time.Now(); now.UnixNano() >= until && r.lateUntil.CompareAndSwap(until, now.Add(complain).UnixNano()) {
		r.options.Logger.ErrorContext(ctx, "answers wait for their records no longer: neither the store nor the spool ends", "after_ms", longest.Milliseconds())
	}
}

var over = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// add has a record wait, if there is room for it.
func (r *Recorder) add(record Record) (written <-chan struct{}, full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || len(r.waiting) >= most {
		r.dropped.Add(1)
		return over, false
	}
	if len(r.waiting) == 0 {
		r.since = time.Now()
	}
	r.waiting = append(r.waiting, record)
	return r.written, len(r.waiting) == batch
}

// take takes all that wait, and leaves the room of those before to the next. since is when the first of them came.
func (r *Recorder) take() (records []Record, since time.Time, written chan struct{}, closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	records, since, written = r.waiting, r.since, r.written
	r.waiting, r.written, r.spare = r.spare, make(chan struct{}), nil
	return records, since, written, r.closed
}

// reuse keeps the room of records that are kept, unless it is more than is needed but rarely.
func (r *Recorder) reuse(records []Record) {
	if cap(records) <= 4*batch {
		clear(records)
		r.spare = records[:0]
	}
}

// User is what is kept of a `user`; see Hash.
func (r *Recorder) User(name string) string {
	if name == "" {
		return ""
	}
	h, _ := r.hashers.Get().(*hasher)
	defer r.hashers.Put(h)
	return h.of(name)
}

// Dropped is how many records were lost since the start.
func (r *Recorder) Dropped() int64 { return r.dropped.Load() }

// SpoolSize is how many bytes wait in the spool.
func (r *Recorder) SpoolSize() int64 { return r.size.Load() }

// Close keeps what there is, in the sink or else in the spool. It empties the spool too, as far as that takes
// no longer than limit.
func (r *Recorder) Close(limit time.Duration) error {
	r.finish(limit)
	<-r.ended
	return r.options.Spool.Close()
}

// Hurry is for a process that is about to end whatever happens: it keeps what waits in the sink or else in the spool,
// which it leaves as it is, and returns when that is done, or after limit.
func (r *Recorder) Hurry(limit time.Duration) {
	r.finish(0)
	select {
	case <-r.ended:
	case <-time.After(limit):
	}
}

// finish takes no record any more, and has the spool emptied as far as there is time.
func (r *Recorder) finish(limit time.Duration) {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.until.Store(time.Now().Add(limit).UnixNano())
	r.wake()
}

func (r *Recorder) wake() {
	select {
	case r.poke <- struct{}{}:
	default: // it will look anyway
	}
}
