package usage

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A record that the sink will never take is lost, counted and told of, and no other is kept back by it: neither those
// that come with it, nor those that the spool has.
func TestRefusedRecord(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]error{"at once": nil, "from the spool": errAway} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, NewMemory(1<<20), nil)
				records := some(100)
				b.shelf.never = records[37].ID
				b.shelf.set(away)
				b.keep(records)
				time.Sleep(every)
				b.shelf.set(nil)
				time.Sleep(2 * again)
				synctest.Wait()
				if b.shelf.has() != 99 || b.Dropped() != 1 || b.SpoolSize() != 0 {
					t.Errorf("%d are there, %d lost, %d bytes spooled", b.shelf.has(), b.Dropped(), b.SpoolSize())
				}
				b.end()
				log := b.log.String()
				if strings.Count(log, "a record is refused: out of range") != 1 || away == nil && strings.Contains(log, "takes no usage") {
					t.Errorf("logged:\n%s", log)
				}
			})
		})
	}
}

// A sink that is away for long is told of again and again, but no more than once a minute.
func TestAwayForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, NewMemory(1<<20), nil)
		b.shelf.set(errAway)
		b.keep(some(10))
		time.Sleep(3*remind + again)
		synctest.Wait()
		if n := strings.Count(b.log.String(), "the store takes no usage"); n < 3 || n > 4 {
			t.Errorf("told %d times:\n%s", n, b.log)
		}
		b.shelf.set(nil)
		b.end()
	})
}

// Who is in a hurry has what waits kept, and empties no spool; a sink that hangs does not hold it up.
func TestHurry(t *testing.T) {
	t.Parallel()
	for name, hangs := range map[string]bool{"there": false, "hangs": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spool := NewMemory(1 << 20)
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, spool, nil)
				b.shelf.hangs = hangs
				b.keep(some(10))
				began := time.Now()
				b.Hurry(time.Minute)
				if took := time.Since(began); took > patience {
					t.Errorf("it took %v", took)
				}
				if spooled := len(spool.records); b.shelf.has()+spooled != 10 || b.Dropped() != 0 {
					t.Errorf("%d are there, %d spooled", b.shelf.has(), spooled)
				}
			})
		})
	}
}
