package upstream

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// slow is a backend that took longer over something than it may.
type slow struct {
	what  string
	limit time.Duration // 0 is none
}

func (e *slow) Error() string { return fmt.Sprintf("%s took over %v", e.what, e.limit) }

// stages are what a backend takes its time over. They are made once for each backend.
type stages struct{ connect, firstByte, idle, total, drain slow }

func newStages(t Timeouts) *stages {
	return &stages{
		connect:   slow{"connecting", t.Connect},
		firstByte: slow{"the first byte", t.FirstByte},
		idle:      slow{"the next piece", t.Idle},
		total:     slow{"everything", t.Total},
		drain:     slow{"the end", drainTime},
	}
}

// watch ends an exchange whose present stage, or which as a whole, takes too long. It has one timer.
type watch struct {
	end     context.CancelCauseFunc
	total   *slow
	started time.Time
	present atomic.Pointer[slow] // nil while nobody waits for the backend
	due     atomic.Int64         // when the present stage is over, in nanoseconds from started
	timer   *time.Timer          // nil until there is a limit
}

// start begins a stage, and ends the one before. The exchange is ended, with the stage as the cause, if
// the next call comes too late.
func (w *watch) start(s *slow) {
	limit := s.limit
	if w.total.limit > 0 {
		if left := w.total.limit - time.Since(w.started); limit <= 0 || left < limit {
			s, limit = w.total, max(left, 0)
		}
	} else if limit <= 0 {
		w.stop()
		return
	}
	w.due.Store(int64(time.Since(w.started) + limit))
	w.present.Store(s)
	if w.timer == nil {
		w.timer = time.AfterFunc(limit, w.expire)
		return
	}
	w.timer.Reset(limit)
}

// within bounds what is left of the exchange, stages and all.
func (w *watch) within(what string, d time.Duration) {
	if limit := time.Since(w.started) + d; w.total.limit <= 0 || limit < w.total.limit {
		w.total = &slow{what, limit}
	}
}

// expire ends the exchange, unless the timer was set anew when it was about to go off.
func (w *watch) expire() {
	if s := w.present.Load(); s != nil && int64(time.Since(w.started)) >= w.due.Load() {
		w.end(s)
	}
}

// stop ends the stage: nobody waits for the backend now.
func (w *watch) stop() {
	if w.timer != nil {
		w.present.Store(nil)
		w.timer.Stop()
	}
}
