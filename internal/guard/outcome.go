package guard

import (
	"context"
	"errors"
	"net/http"

	"github.com/specgate/specgate/internal/apierror"
)

// What can become of a request.
const (
	OutcomeOK          = "ok"
	OutcomeRefused     = "refused"     // a status of 4xx, or the gateway's key was not taken
	OutcomeBusy        = "busy"        // 429, or 503 with a time to wait
	OutcomeUnreachable = "unreachable" // no connection could be made
	OutcomeTimeout     = "timeout"
	OutcomeFailed      = "failed" // a status of 5xx, or an answer that broke or made no sense
	OutcomeCancelled   = "cancelled"
	OutcomeWithheld    = "withheld" // it was not sent
)

// Outcomes lists what Options.Attempted is called with.
func Outcomes() []string {
	return []string{
		OutcomeOK, OutcomeRefused, OutcomeBusy, OutcomeUnreachable, OutcomeTimeout, OutcomeFailed, OutcomeCancelled, OutcomeWithheld,
	}
}

type outcome struct {
	name    string
	verdict verdict
}

// outcomeOf is what an error says of the backend. The first row that fits decides. A caller who left or
// who asked for nonsense says nothing against it, and a backend that is busy and says so is well.
func outcomeOf(ctx context.Context, err error) outcome {
	var e *apierror.Error
	switch {
	case err == nil:
		return outcome{OutcomeOK, sound}
	case ctx.Err() != nil, !errors.As(err, &e):
		return outcome{OutcomeCancelled, silent}
	case e.Fate == apierror.NotSent:
		return outcome{OutcomeUnreachable, faulty}
	case e.Status == http.StatusTooManyRequests, e.Fate == apierror.TurnedAway && hasRetryAfter(e.Header):
		return outcome{OutcomeBusy, silent}
	case e.Status == http.StatusGatewayTimeout:
		return outcome{OutcomeTimeout, faulty}
	case e.Status < http.StatusInternalServerError, e.Code == apierror.UpstreamAuth(nil).Code, e.Type == apierror.TypeInvalidRequest:
		return outcome{OutcomeRefused, sound}
	default:
		return outcome{OutcomeFailed, faulty}
	}
}

func hasRetryAfter(h http.Header) bool {
	return h.Get("Retry-After") != "" || h.Get("Retry-After-Ms") != ""
}
