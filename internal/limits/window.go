package limits

import "time"

// A window is counted in steps, each of which counts as long as any part of it lies within the last
// 60 s: what is granted leaves the window after 60 s at the earliest, and a step later at the latest. So
// no 60 s hold more than the limit, and a caller who uses all of it gets 1 % less.
const (
	span  = time.Minute
	step  = 500 * time.Millisecond
	steps = int64(span/step) + 1
)

// window counts what was used in the last 60 s.
type window struct {
	sum    int64
	newest int64 // the step that counts has come to
	used   int64 // the last step in which anything was taken
	counts [steps]int64
}

// advance moves the window on to a step; it never goes back.
func (w *window) advance(to int64) {
	if to-w.newest >= steps {
		*w = window{newest: to}
		return
	}
	for w.newest < to {
		w.newest++
		slot := &w.counts[w.newest%steps]
		w.sum, *slot = w.sum-*slot, 0
	}
}

// add takes n in the newest step.
func (w *window) add(n int64) {
	w.counts[w.newest%steps] += n
	w.sum += n
	w.used = w.newest
}

// settle adds to what was taken in a step: at that step, if it still counts, where it was too much, and
// now where it was too little.
func (w *window) settle(now, taken, more int64) {
	w.advance(now)
	switch {
	case more > 0:
		w.add(more)
	case w.newest-taken < steps:
		slot := &w.counts[taken%steps]
		more = max(more, -*slot)
		*slot, w.sum = *slot+more, w.sum+more
	}
}

// wait is how long it takes until n of it have left the window, at a time since its beginning.
func (w *window) wait(n int64, at time.Duration) time.Duration {
	s := w.newest - steps + 1
	for ; s < w.newest; s++ {
		if n -= w.counts[(s+steps)%steps]; n <= 0 {
			break
		}
	}
	return leaves(s, at)
}

// whole is how long it takes until nothing counts any more.
func (w *window) whole(at time.Duration) time.Duration {
	if w.sum == 0 {
		return 0
	}
	return leaves(w.used, at)
}

// leaves is how long it takes until a step has left the window.
func leaves(s int64, at time.Duration) time.Duration { return time.Duration(s+steps)*step - at }
