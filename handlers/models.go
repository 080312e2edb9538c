package handlers

import (
	"context"
	"slices"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// ListModels lists the models of the backend that the caller may use.
func (a *API) ListModels(ctx context.Context, _ gen.ListModelsRequestObject) (gen.ListModelsResponseObject, error) {
	list, err := a.Backend.Models(ctx)
	if err != nil {
		return nil, err
	}
	list.Data = slices.DeleteFunc(list.Data, func(m gen.Model) bool { return !mayUse(ctx, m.Id) })
	return gen.ListModels200JSONResponse{Body: list}, nil
}

// RetrieveModel gives one entry of the list.
func (a *API) RetrieveModel(ctx context.Context, in gen.RetrieveModelRequestObject) (gen.RetrieveModelResponseObject, error) {
	call := completion.CallOf(ctx)
	call.Model = call.Discreet(in.Model)
	if !mayUse(ctx, in.Model) {
		return nil, apierror.ModelNotAllowed()
	}
	model, err := a.Backend.Model(ctx, in.Model)
	if err != nil {
		return nil, err
	}
	return gen.RetrieveModel200JSONResponse{Body: model}, nil
}
