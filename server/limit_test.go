package server

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Times are written as Go writes them, rounded up to milliseconds.
func TestTimesAreWritten(t *testing.T) {
	t.Parallel()
	times := []time.Duration{
		0, 1, time.Millisecond, 999 * time.Millisecond, 999_000_001, time.Second, time.Minute - 1, time.Minute,
		61500 * time.Millisecond, time.Hour, time.Hour + 20*time.Millisecond, 31 * 24 * time.Hour,
	}
	for range 1000 {
		times = append(times, time.Duration(rand.Int64N(int64(40*time.Hour))), rand.N(2*time.Second), rand.N(100*time.Second).Round(100*time.Millisecond))
	}
	for _, d := range times {
		want := (d + time.Millisecond - 1).Truncate(time.Millisecond).String()
		if got := string(appendMillis(nil, d)); got != want {
			t.Errorf("%d is written %s, want %s", d, got, want)
		}
	}
}
