package routing

import (
	"errors"
	"maps"
	"net/http"
	"strconv"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// exposed tells the caller in headers which upstream answered, or failed, and how often one was asked.
// Where none was, there is nothing to tell.
func exposed(call *completion.Call, answer *completion.Answer, err error) (*completion.Answer, error) {
	if call.Attempts == 0 {
		return answer, err
	}
	if err == nil {
		answer.Header = headers(call, answer.Header)
		return answer, nil
	}
	var e *apierror.Error
	if !errors.As(err, &e) {
		return nil, err // the end of the request, not of the upstream's making
	}
	told := *e
	told.Header = headers(call, told.Header)
	return nil, &told
}

// headers are those that there are, and the two.
func headers(call *completion.Call, present http.Header) http.Header {
	h := http.Header{
		"X-Specgate-Upstream": {call.Upstream},
		"X-Specgate-Attempts": {strconv.Itoa(call.Attempts)},
	}
	maps.Copy(h, present)
	return h
}
