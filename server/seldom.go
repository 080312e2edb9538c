package server

import (
	"sync/atomic"
	"time"
)

// silence is how long the log says nothing more of what strangers can bring about as often as they like.
const silence = 10 * time.Second

// seldom lets one of many through, and then none for as long as silence.
type seldom struct{ last atomic.Int64 } // nanoseconds since 1970

// now reports whether it is time for one.
func (s *seldom) now(t time.Time) bool {
	now, last := t.UnixNano(), s.last.Load()
	return now-last >= int64(silence) && s.last.CompareAndSwap(last, now)
}
