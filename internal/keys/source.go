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

	// Changes tells what has changed after a revision; the zero Revision is before all.
	Changes(ctx context.Context, since Revision) (Changes, error)
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

// Revision is a state of the source. Another source, or a copy from before that was put in its place, may come
// by the same number, and never by the same mark.
type Revision struct {
	Number int64
	Mark   string
}

// Changes are the ids of what has changed up to a revision.
type Changes struct {
	Revision      Revision
	Everything    bool // what was known may be of another source, and none of it is good any more
	Keys          []string
	Organizations []string // those too of which a project has changed
}
