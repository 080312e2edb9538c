package handlers

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strconv"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// CreateCompletion asks the backend, and answers with what came: a body, or a stream.
func (a *API) CreateCompletion(ctx context.Context, in gen.CreateCompletionRequestObject) (gen.CreateCompletionResponseObject, error) {
	req, ok := (*in.Body).(*completion.Request)
	if !ok {
		return nil, fmt.Errorf("the body reached the handler as %T", *in.Body)
	}
	call := completion.CallOf(ctx)
	call.Request, call.Model = req, call.Discreet(req.Model)
	if !mayUse(ctx, req.Model) {
		return nil, apierror.ModelNotAllowed()
	}
	answer, err := a.Backend.Complete(ctx, req)
	if err != nil {
		return nil, err
	}
	if answer.Stream != nil {
		return &streamResponse{answer: answer, keepalive: a.Keepalive}, nil
	}
	return plainResponse{answer}, nil
}

func mayUse(ctx context.Context, model string) bool {
	p := completion.CallOf(ctx).Principal
	return p == nil || p.MayUse(model)
}

// plainResponse writes a completion that is there as a whole.
type plainResponse struct{ answer *completion.Answer }

// lengthIsTold is up to how many bytes of an answer net/http finds their number itself. That of callers with limits has
// eight other headers, and the table of a ninth would cost more than all of them.
const lengthIsTold = 2000

// VisitCreateCompletionResponse writes the answer's bytes as they are.
func (r plainResponse) VisitCreateCompletionResponse(w http.ResponseWriter) error {
	h := w.Header()
	maps.Copy(h, r.answer.Header)
	h["Content-Type"] = []string{"application/json"}
	if len(r.answer.Body) > lengthIsTold {
		h["Content-Length"] = []string{strconv.Itoa(len(r.answer.Body))}
	}
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write(r.answer.Body); err != nil {
		return apierror.ClientClosed(err)
	}
	return nil
}
