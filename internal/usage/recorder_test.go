package usage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a sink that may be away, or hang.
type shelf struct {
	mu     sync.Mutex
	kept   map[string]int // how often a record came, by its id
	order  []string
	calls  int
	broken error
	never  string // the id of a record that it refuses
	hangs  bool
	each   time.Duration // that it takes for a record
}

func (s *shelf) AddUsage(ctx context.Context, records []Record) error {
	s.mu.Lock()
	s.calls++
	broken, hangs := s.broken, s.hangs
	s.mu.Unlock()
	select {
	case <-time.After(time.Duration(len(records)) * s.each):
	case <-ctx.Done():
		return ctx.Err()
	}
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if broken != nil {
		return broken
	}
	if slices.ContainsFunc(records, func(r Record) bool { return r.ID == s.never }) {
		return fmt.Errorf("%w: out of range", ErrRefused)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		if s.kept == nil {
			s.kept = map[string]int{}
		}
		if s.kept[r.ID]++; s.kept[r.ID] == 1 {
			s.order = append(s.order, r.ID)
		}
	}
	return nil
}

func (s *shelf) set(broken error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = broken
}

func (s *shelf) has() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept)
}

var errAway = errors.New("away")

func some(n int) []Record {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	all := make([]Record, n)
	for i := range all {
		all[i] = Record{ID: NewID(at.Add(time.Duration(i) * time.Millisecond)), Key: "k", Model: "m"}
	}
	return all
}

func disk(t *testing.T, folder string, limit int64) *Disk {
	t.Helper()
	d, err := Open(folder, limit)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// bench is a recorder over a shelf, with a log.
type bench struct {
	*Recorder
	t     *testing.T
	shelf *shelf
	log   *bytes.Buffer
}

func newBench(t *testing.T, spool Spool, change func(o *Options)) *bench {
	t.Helper()
	b := &bench{t: t, shelf: &shelf{}, log: &bytes.Buffer{}}
	o := Options{Sink: b.shelf, Spool: spool, Logger: slog.New(slog.NewTextHandler(b.log, nil))}
	if change != nil {
		change(&o)
	}
	b.Recorder = New(o)
	return b
}

func (b *bench) keep(records []Record) {
	b.t.Helper()
	for _, r := range records {
		b.Keep(b.t.Context(), r)
	}
}

func (b *bench) end() {
	b.t.Helper()
	if err := b.Close(time.Second); err != nil {
		b.t.Error(err)
	}
}

// What was kept reaches the sink within a moment, in few batches, and at the end in any case.
func TestBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, NewMemory(1<<20), nil)
		b.keep(some(300))
		time.Sleep(every)
		synctest.Wait()
		if b.shelf.has() != 300 || b.shelf.calls != 1 {
			t.Errorf("%d records in %d batches", b.shelf.has(), b.shelf.calls)
		}
		b.keep(some(1500))
		b.end()
		if b.shelf.has() != 1800 || b.Dropped() != 0 {
			t.Errorf("%d records at the end, %d lost", b.shelf.has(), b.Dropped())
		}
		b.Keep(t.Context(), some(1)[0])
		if b.Dropped() != 1 {
			t.Error("what came too late is not counted")
		}
	})
}

// Where each waits, it returns once its record is in the sink, and many share a batch.
func TestEachWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, NewMemory(1<<20), func(o *Options) { o.EachWaits = true })
		began := time.Now()
		for i, r := range some(50) {
			b.Keep(t.Context(), r)
			if b.shelf.has() != i+1 {
				t.Fatalf("%d records are there, of %d", b.shelf.has(), i+1)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("they waited %v for a batch", took)
		}
		b.shelf.hangs = true
		before, began := b.shelf.calls, time.Now()
		var all sync.WaitGroup
		for _, r := range some(100) {
			all.Go(func() { b.Keep(t.Context(), r) })
		}
		all.Wait()
		if took, calls := time.Since(began), b.shelf.calls-before; took > 2*patience || calls > 2 {
			t.Errorf("a sink that hangs held them up for %v, in %d batches", took, calls)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		b.Keep(ctx, some(1)[0]) // returns, though nothing is written
		b.shelf.mu.Lock()
		b.shelf.hangs = false
		b.shelf.mu.Unlock()
		b.end()
		if b.shelf.has() != 151 {
			t.Errorf("%d records at the end", b.shelf.has())
		}
	})
}

// While the sink is away records go to the spool, and from there to the sink when it is back, the oldest first.
func TestSinkAway(t *testing.T) {
	t.Parallel()
	for name, spool := range map[string]func() Spool{
		"memory": func() Spool { return NewMemory(1 << 20) },
		"disk":   func() Spool { return disk(t, t.TempDir(), 1<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := spool()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, at, nil)
				b.shelf.set(errAway)
				records := some(400)
				b.keep(records[:200])
				time.Sleep(every)
				b.keep(records[200:])
				time.Sleep(2 * again)
				synctest.Wait()
				if b.SpoolSize() == 0 || b.shelf.calls > 4 {
					t.Errorf("%d bytes are spooled; the sink was asked %d times", b.SpoolSize(), b.shelf.calls)
				}
				b.shelf.set(nil)
				time.Sleep(2 * again)
				synctest.Wait()
				if b.shelf.has() != 400 || b.SpoolSize() != 0 || b.Dropped() != 0 {
					t.Errorf("%d records are there, %d lost, %d bytes spooled", b.shelf.has(), b.Dropped(), b.SpoolSize())
				}
				if !slices.IsSorted(b.shelf.order) {
					t.Error("they came out of order")
				}
				b.end()
				if log := b.log.String(); strings.Count(log, "the store takes no usage") != 1 || strings.Count(log, "the store takes usage again") != 1 {
					t.Errorf("logged:\n%s", log)
				}
			})
		})
	}
}

// A sink that is slow gets all in the end, and is not asked for more than it can do.
func TestSlowSink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, NewMemory(1<<20), nil)
		b.shelf.each = 20 * time.Millisecond
		b.keep(some(600))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if b.shelf.has() != 600 || b.SpoolSize() != 0 {
			t.Errorf("%d records are there, %d bytes spooled", b.shelf.has(), b.SpoolSize())
		}
		if n := strings.Count(b.log.String(), "takes no usage"); n > 2 {
			t.Errorf("it was away %d times:\n%s", n, b.log)
		}
		b.end()
	})
}

// What has no room is lost and counted, and told of once in a while.
func TestSpoolFull(t *testing.T) {
	t.Parallel()
	for name, spool := range map[string]Spool{"memory": NewMemory(100 * sizeInMemory), "disk": disk(t, t.TempDir(), 10_000)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, spool, nil)
				b.shelf.set(errAway)
				for range 8 {
					b.keep(some(100))
					time.Sleep(time.Second)
				}
				synctest.Wait()
				lost := b.Dropped()
				if lost < 600 || lost >= 800 || b.SpoolSize() > 100*sizeInMemory {
					t.Errorf("%d are lost, %d bytes spooled", lost, b.SpoolSize())
				}
				b.shelf.set(nil)
				b.end()
				if b.shelf.has() != 800-int(lost) {
					t.Errorf("%d are there, %d lost", b.shelf.has(), lost)
				}
				if log := b.log.String(); strings.Count(log, "records of usage are lost") != 2 { // at first, and at the end
					t.Errorf("logged:\n%s", log)
				}
			})
		})
	}
}

// More than memory holds is lost too, while the sink hangs.
func TestMemoryFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, NewMemory(0), nil)
		b.shelf.hangs = true
		b.keep(some(batch))
		synctest.Wait() // until the sink has these
		b.keep(some(most + 5))
		if b.Dropped() != 5 {
			t.Errorf("%d are lost", b.Dropped())
		}
		b.shelf.mu.Lock()
		b.shelf.hangs = false
		b.shelf.mu.Unlock()
		b.end()
	})
}

// What a process leaves in the spool, the next one hands over, but for a line that it died in.
func TestSpoolIsTakenOver(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "new", "spool")
	one, other := disk(t, folder, 1<<20), disk(t, folder, 1<<20)
	records := some(300)
	for i, d := range []*Disk{one, other} {
		if kept, err := d.Push(records[i*150 : (i+1)*150]); kept != 150 || err != nil {
			t.Fatal(kept, err)
		}
	}
	third := disk(t, folder, 1<<20)
	if third.Size() != 0 {
		t.Error("a file was taken from another who has it")
	}
	for _, d := range []*Disk{one, other, third} {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	for _, file := range files[:2] {
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(`{"id":"0123","at":1`); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	next := disk(t, folder, 1<<20)
	b := newBench(t, next, nil)
	b.end()
	if b.shelf.has() != 300 || b.Dropped() != 2 || b.SpoolSize() != 0 {
		t.Errorf("%d are there, %d lost, %d bytes left", b.shelf.has(), b.Dropped(), b.SpoolSize())
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Size() != 0 || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info, err)
		}
	}
}

// A process that ends in the midst of emptying the spool leaves the rest, and what was handed over comes again.
func TestSpoolIsHandedOverAgain(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	d := disk(t, folder, 1<<20)
	if _, err := d.Push(some(300)); err != nil {
		t.Fatal(err)
	}
	first, _, err := d.Next(100)
	if err != nil || len(first) != 100 {
		t.Fatal(len(first), err)
	}
	if err := errors.Join(d.Drop(), d.Close()); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, disk(t, folder, 1<<20), nil)
	b.end()
	if b.shelf.has() != 300 {
		t.Errorf("%d are there", b.shelf.has())
	}
}

func TestSpoolNeedsAFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "spool"), 1); err == nil {
		t.Error("a spool within a file")
	}
}

func TestIDsAreInTheOrderOfTime(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_700_000_000_123)
	for range 100 {
		id := NewID(at)
		if len(id) != 32 || id < FirstID(at) || id >= FirstID(at.Add(time.Millisecond)) || id == NewID(at) {
			t.Errorf("%s for %s", id, FirstID(at))
		}
	}
}

func TestUsersAreHashed(t *testing.T) {
	t.Parallel()
	a := Hash([]byte("secret"), "alice")
	if len(a) != 32 || a == Hash([]byte("other"), "alice") || a == Hash([]byte("secret"), "bob") || a != Hash([]byte("secret"), "alice") || Hash(nil, "") != "" {
		t.Errorf("the hash is %s", a)
	}
	r := New(Options{Secret: []byte("secret"), Spool: NewMemory(1 << 20), Logger: slog.New(slog.DiscardHandler)})
	defer func() { _ = r.Close(0) }()
	for _, name := range []string{"bob", "alice", "alice", ""} {
		if got := r.User(name); got != Hash([]byte("secret"), name) {
			t.Errorf("%q is kept as %s", name, got)
		}
	}
}

func TestNamesOfModels(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"m": "m", "a\x00b\xff": "ab", strings.Repeat("x", 300): strings.Repeat("x", 256), "x" + strings.Repeat("é", 200): "x" + strings.Repeat("é", 127)} {
		if got := Name(name); got != want {
			t.Errorf("%q is kept as %q", name, got)
		}
	}
}

// What is too old is looked for at the start, and time and again, until it is stopped.
func TestUpkeep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		stop := StartUpkeep(k, Retention{Records: 48 * time.Hour}, slog.New(slog.DiscardHandler))
		begun := time.Now()
		time.Sleep(upkeepAsks + time.Second)
		stop()
		if len(k.records) != 2 || !k.records[0].Equal(begun.Add(-48*time.Hour)) || !k.days[0].IsZero() || !k.until[0].Equal(begun.Add(upkeepEvery)) {
			t.Errorf("%+v", k)
		}
	})
}

type keeper struct{ records, days, until []time.Time }

func (k *keeper) ForgetUsage(_ context.Context, records, days, until time.Time) error {
	k.records, k.days, k.until = append(k.records, records), append(k.days, days), append(k.until, until)
	return errAway
}
