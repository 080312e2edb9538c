package routing

import (
	"context"
	"slices"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// Sole sends every request to one backend, once, and leaves its list of models to it.
type Sole struct {
	Name      string
	Completer Completer
	Lister    Lister
	Expose    bool // see Options
}

// Complete asks the backend.
func (s Sole) Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error) {
	call := completion.CallOf(ctx)
	call.Work = &completion.Work{}
	answer, err := s.Completer.Complete(ctx, req)
	if err == nil || call.Work.Sent.Load() > 0 {
		call.Upstream = s.Name
		call.Attempts = 1
	}
	if s.Expose {
		return exposed(call, answer, err)
	}
	return answer, err
}

// Models is the backend's own list.
func (s Sole) Models(ctx context.Context) (gen.ModelList, error) {
	completion.CallOf(ctx).Upstream = s.Name
	return s.Lister.Models(ctx)
}

// Model is the entry of that list that has an id.
func (s Sole) Model(ctx context.Context, id string) (gen.Model, error) {
	list, err := s.Models(ctx)
	if err != nil {
		return gen.Model{}, err
	}
	i := slices.IndexFunc(list.Data, func(m gen.Model) bool { return m.Id == id })
	if i < 0 {
		return gen.Model{}, apierror.ModelNotFound()
	}
	return list.Data[i], nil
}
