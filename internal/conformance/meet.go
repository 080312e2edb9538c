package conformance

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/specgate/specgate/gen"
)

// meet finds the model to ask, and fails where there is no asking.
func (s *Suite) meet(ctx context.Context, e *endpoint, timeout time.Duration) error {
	t := &trial{endpoint: e, suite: s}
	var list *gen.ModelList
	var err error
	within(ctx, timeout, func(ctx context.Context) {
		t.ctx = ctx
		list, err = t.list()
	})
	first := t.exchanges[0]
	if err != nil && first.Status != http.StatusOK {
		var x *Exchange
		within(ctx, timeout, func(ctx context.Context) { x = e.do(ctx, t.hello()) })
		if err := unaskable(first, x); err != nil {
			return err
		}
	}
	if e.model != "" {
		return nil
	}
	switch {
	case err != nil:
		e.noModel = fmt.Errorf("GET /models: %w", err)
	case len(list.Data) == 0:
		e.noModel = errors.New("GET /models lists none")
	default:
		e.model, e.noModel = s.firstOf(list)
	}
	return nil
}

// hello is a request that any endpoint has an answer to.
func (t *trial) hello() request {
	hello := plea("Hello World")
	hello.body = t.named(hello.body)
	return hello
}

// firstOf is the first model of a list that the contract takes.
func (s *Suite) firstOf(list *gen.ModelList) (string, error) {
	for _, model := range list.Data {
		if s.takes(model.Id) {
			return model.Id, nil
		}
	}
	return "", errors.New("GET /models lists none that the contract has")
}

// unaskable says why there is no asking an endpoint, by what it makes of a question for its models and of
// one for a completion; nil where there is.
func unaskable(models, completion *Exchange) error {
	switch {
	case isUntrusted(models.Err):
		return fmt.Errorf("%w: %w: SSL_CERT_FILE may name the certificate of the authority that signed its own", ErrUnreachable, models.Err)
	case models.Status == 0 && completion.Status == 0:
		return fmt.Errorf("%w: %w", ErrUnreachable, models.Err)
	case completion.isElsewhere():
		return fmt.Errorf("%w: it has neither models nor completions: the URL is to be that of the API, as a rule with /v1 at its end", ErrUnreachable)
	case models.Status == completion.Status && (models.Status == http.StatusUnauthorized || models.Status == http.StatusForbidden):
		return fmt.Errorf("%w: it answers %d: it needs a key that it knows, as --key or OPENAI_API_KEY", ErrUnreachable, models.Status)
	}
	return nil
}

// isUntrusted reports whether a certificate is of an authority that this machine does not know, such as itself.
func isUntrusted(err error) bool {
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &unknown)
}

// isElsewhere reports whether an answer to a completion is that of a server which has no such thing: it knows
// neither the path nor, by the method, what is asked for. That a model is not there is said in an error.
func (x *Exchange) isElsewhere() bool {
	switch x.Status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return !bytes.Contains(x.Got, []byte("model"))
	}
	return false
}
