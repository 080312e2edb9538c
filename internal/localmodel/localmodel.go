// Package localmodel is the embedded backend: a small n-gram model over the tokens of a real
// vocabulary, trained on the corpus beside it when the process starts. It is there to try clients
// on. Its prose is not the point; its arithmetic is: every parameter of a request does to its
// probabilities what the contract says. It knows no server, no HTTP and no network.
package localmodel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

const (
	// ID is that of the one model there is.
	ID = "specgate-1"
	// Name is what logs call this backend.
	Name = "embedded"

	created = 1767225600 // 2026-01-01
)

// Model is the trained model. It may be used by many goroutines at once.
type Model struct {
	vocabulary  vocabulary
	ngrams      *ngrams
	fingerprint string
}

// New trains the model. The version is that of the program: it goes into system_fingerprint, since a
// seed is a promise for one version only.
func New(version string) (*Model, error) {
	v := newVocabulary()
	all, err := corpusTexts(v)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256([]byte(ID + "\x00" + version + "\x00" + corpus))
	return &Model{vocabulary: v, ngrams: train(all), fingerprint: "fp_" + hex.EncodeToString(hash[:6])}, nil
}

// Complete answers a request. A stream is generated while it is read. An error is an *apierror.Error,
// or the cause of the context's end.
func (m *Model) Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error) {
	completion.CallOf(ctx).Upstream = Name
	if req.Model != ID {
		return nil, apierror.ModelNotFound()
	}
	t, err := m.newTask(ctx, req)
	if err != nil {
		return nil, err
	}
	if req.Stream {
		return &completion.Answer{Stream: &stream{task: t, ctx: ctx, owed: req.IncludeUsage}}, nil
	}
	body, err := t.answer(ctx)
	if err != nil {
		return nil, err
	}
	return &completion.Answer{Body: body}, nil
}

// Models lists the one model.
func (m *Model) Models(context.Context) (gen.ModelList, error) {
	return gen.ModelList{Object: gen.List, Data: []gen.Model{{
		Id: ID, Object: gen.ModelObjectModel, Created: created, OwnedBy: "specgate",
	}}}, nil
}
