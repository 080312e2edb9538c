package keys

import (
	"context"
	"sync"
	"time"
)

// usage gathers when keys were used, so that a key in use is written of once in a while and no request
// waits for it.
type usage struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (u *usage) note(id string, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.at == nil {
		u.at = map[string]time.Time{}
	}
	u.at[id] = now
}

func (u *usage) take() map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	at := u.at
	u.at = nil
	return at
}

// keep takes back what could not be handed over.
func (u *usage) keep(at map[string]time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.at == nil {
		u.at = map[string]time.Time{}
	}
	for id, used := range at {
		if used.After(u.at[id]) {
			u.at[id] = used
		}
	}
}

// write hands over what was gathered, until ctx ends and once more then. What the source does not take is
// handed over the next time; only at the end it is lost.
func (u *usage) write(ctx context.Context, o Options) {
	tick := time.NewTicker(o.Noted)
	defer tick.Stop()
	for ending := false; !ending; {
		select {
		case <-ctx.Done():
			ending = true
		case <-tick.C:
		}
		at := u.take()
		if len(at) == 0 {
			continue
		}
		writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Noting)
		if err := o.Source.Used(writing, at); err != nil {
			o.Logger.DebugContext(ctx, "last use of keys not noted", "cause", err)
			u.keep(at)
		}
		cancel()
	}
}
