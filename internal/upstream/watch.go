package upstream

import (
	"context"
	"fmt"
	"time"
)

// slow is a backend that took longer over something than it may.
type slow struct {
	what  string
	limit time.Duration
}

func (e *slow) Error() string { return fmt.Sprintf("%s took over %v", e.what, e.limit) }

// watch ends an exchange whose present stage takes too long. It has at most one timer.
type watch struct {
	timer *time.Timer // nil until there is a limit
}

// start begins a stage. end is called, with the stage as the cause, if the next call comes too late.
func (w *watch) start(end context.CancelCauseFunc, what string, limit time.Duration) {
	w.stop()
	if limit > 0 {
		w.timer = time.AfterFunc(limit, func() { end(&slow{what, limit}) })
	}
}

// restart is start for a stage that comes again and again: its arguments are those of the first time.
func (w *watch) restart(end context.CancelCauseFunc, what string, limit time.Duration) {
	if w.timer == nil {
		w.start(end, what, limit)
		return
	}
	w.timer.Reset(limit)
}

// pause halts the stage until restart: nobody waits for the backend now.
func (w *watch) pause() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// stop ends the stage.
func (w *watch) stop() {
	w.pause()
	w.timer = nil
}
