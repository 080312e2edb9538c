package usage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// faulty is a file whose Sync fails.
type faulty struct{ handle }

var errSync = errors.New("sync: input/output error")

func (faulty) Sync() error { return errSync }

// What counts as lost, since nobody knows whether it is on disk, is not handed over later.
func TestRecordsThatWereNotSynced(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	d := disk(t, folder, 1<<20)
	records := some(30)
	if _, err := d.Push(records[:10]); err != nil {
		t.Fatal(err)
	}
	whole := d.files[0].handle
	d.files[0].handle = faulty{whole}
	if kept, err := d.Push(records[10:20]); kept != 0 || !errors.Is(err, errSync) {
		t.Fatal(kept, err)
	}
	d.files[0].handle = whole
	if _, err := d.Push(records[20:22]); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	next := disk(t, folder, 1<<20)
	got, torn, err := next.Next(100)
	if len(got) != 12 || torn != 0 || err != nil || got[11].ID != records[21].ID {
		t.Errorf("%d records, %d torn, %v", len(got), torn, err)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}

// onDisk is how many bytes the files of a folder have.
func onDisk(t *testing.T, folder string) (n int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		n += info.Size()
	}
	return n
}

// A spool that is read from and written to all the time, and never empty, grows no further than what waits in it.
func TestSpoolThatIsNeverEmpty(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	const limit = 50_000
	d := disk(t, folder, limit)
	seen := map[string]int{}
	read := func() {
		t.Helper()
		got, _, err := d.Next(8)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range got {
			seen[r.ID]++
		}
		if err := d.Drop(); err != nil {
			t.Fatal(err)
		}
	}
	const rounds = 300
	for i := range rounds {
		if kept, err := d.Push(some(8)); kept != 8 || err != nil {
			t.Fatalf("%d kept in round %d: %v", kept, i, err)
		}
		if size := onDisk(t, folder); size > limit || size != d.Size() {
			t.Fatalf("%d bytes on disk, %d told", size, d.Size())
		}
		if i > 2 { // three rounds wait all the time
			read()
		}
	}
	for range 4 {
		read()
	}
	if len(seen) != rounds*8 || d.Size() != 0 || onDisk(t, folder) != 0 {
		t.Errorf("%d records, %d bytes", len(seen), d.Size())
	}
	if files, _ := filepath.Glob(filepath.Join(folder, "*")); len(files) > 2 {
		t.Errorf("%d files", len(files))
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// stuck is a spool on a disk that hangs.
type stuck struct {
	*Memory
	free chan struct{}
}

func (s stuck) Push(records []Record) (int, error) {
	<-s.free
	return s.Memory.Push(records)
}

// A disk that hangs holds up no answer for good.
func TestDiskThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		spool := stuck{NewMemory(1 << 20), make(chan struct{})}
		b := newBench(t, spool, func(o *Options) { o.EachWaits = true })
		b.shelf.set(errAway)
		for range 3 {
			began := time.Now()
			b.keep(some(1))
			if took := time.Since(began); took != longest {
				t.Errorf("it took %v", took)
			}
		}
		if told := strings.Count(b.log.String(), "answers wait for their records no longer"); told != 1 {
			t.Errorf("told %d times:\n%s", told, b.log)
		}
		b.shelf.set(nil)
		close(spool.free)
		b.end()
		if b.shelf.has() != 3 {
			t.Errorf("%d are there", b.shelf.has())
		}
	})
}

// watch is a sink, and a spool, that takes its time, and notes how old records are that it keeps.
type watch struct {
	*shelf
	*Memory
	takes atomic.Int64 // in ns
	ages  []time.Duration
}

func (w *watch) note(records []Record) {
	for _, r := range records {
		w.ages = append(w.ages, time.Since(time.UnixMilli(r.At)))
	}
}

func (w *watch) AddUsage(ctx context.Context, records []Record) error {
	select {
	case <-time.After(time.Duration(w.takes.Load())):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := w.shelf.AddUsage(ctx, records); err != nil {
		return err
	}
	for _, r := range records {
		if !strings.HasPrefix(r.Model, "spooled") {
			w.note([]Record{r})
		}
	}
	return nil
}

func (w *watch) Push(records []Record) (int, error) {
	w.note(records)
	n, err := w.Memory.Push(records)
	for i := range w.records {
		w.records[i].Model = "spooled"
	}
	return n, err
}

// However slow the store is, and whatever waits in the spool, no record is in memory alone for a second.
func TestAgeOfRecordsInMemory(t *testing.T) {
	t.Parallel()
	for _, takes := range []time.Duration{0, 100 * time.Millisecond, 240 * time.Millisecond, 330 * time.Millisecond, 490 * time.Millisecond, time.Second} {
		t.Run(takes.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &watch{shelf: &shelf{broken: errAway}, Memory: NewMemory(1 << 24)}
				w.takes.Store(int64(takes))
				b := newBench(t, w, func(o *Options) { o.Sink = w })
				for i := range 3000 {
					if i == 300 {
						w.set(nil)
					}
					b.Keep(t.Context(), Record{ID: NewID(time.Now()), At: time.Now().UnixMilli()})
					time.Sleep(10 * time.Millisecond)
				}
				w.takes.Store(0)
				b.end()
				if oldest := slices.Max(w.ages); oldest > 800*time.Millisecond || len(w.ages) != 3000 || w.has() != 3000 {
					t.Errorf("a record was %v old; %d were kept, %d are there", oldest, len(w.ages), w.has())
				}
			})
		})
	}
}
