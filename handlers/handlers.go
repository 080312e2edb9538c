// Package handlers implements the operations of the contract over a backend. It knows no Echo and no
// HTTP client: a request comes to it validated, and an answer leaves it as a response object that
// writes itself.
package handlers

import (
	"context"
	"time"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/completion"
)

// Backend answers requests that keep the contract, with answers that keep it. Its errors are
// *apierror.Error, *contract.Invalid where its kind of backend cannot do what is asked for, or that of the
// context.
type Backend interface {
	// Complete answers a request. A stream is returned once the backend has agreed to it, so that
	// everything it refuses is an error here and not in the stream.
	Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error)
	// Models lists what can be asked.
	Models(ctx context.Context) (gen.ModelList, error)
	// Model gives one entry of that list. Its error is apierror.ModelNotFound only where it is known that
	// there is none.
	Model(ctx context.Context, id string) (gen.Model, error)
}

// API is the operations of the contract. Both fields are needed; a Keepalive of zero sends none.
type API struct {
	Backend   Backend
	Keepalive time.Duration // silence after which a stream is sent a comment
}

var _ gen.StrictServerInterface = (*API)(nil)
