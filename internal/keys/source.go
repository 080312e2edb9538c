package keys

import (
	"context"
	"time"
)

// Source is where keys are kept. What is not there is ErrNotFound; any other error means that it cannot
// be said at present.
type Source interface {
	Key(ctx context.Context, id string) (Key, error)
	Holdings(ctx context.Context, organization string) (Holdings, error)

	// Changes tells what has changed after a revision. One that is not newer than since changed nothing.
	Changes(ctx context.Context, since int64) (Changes, error)
	// Listen calls changed, until ctx ends, whenever there may be a change. A source that cannot tell
	// only waits: it is asked for its changes all the same.
	Listen(ctx context.Context, changed func())

	// Used notes when keys were used last, by their ids.
	Used(ctx context.Context, at map[string]time.Time) error
}

// Holdings are an organization and its projects by their ids.
type Holdings struct {
	Organization
	Projects map[string]Project
}

// Changes are the ids of what has changed up to a revision.
type Changes struct {
	Revision      int64
	Keys          []string
	Organizations []string // those too of which a project has changed
}
