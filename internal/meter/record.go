package meter

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/usage"
)

// Recorder keeps a record of each completion.
type Recorder interface {
	// Keep keeps a record. It returns once that is as safe as was promised, or ctx has ended.
	Keep(ctx context.Context, r usage.Record)
	// User is what is kept of the `user` of a request.
	User(name string) string
}

// Accounted is a principal whom use is recorded of: the ids of its key, its organization and its project,
// which are empty where keys are not managed.
type Accounted interface {
	Key() string
	Organization() string
	Project() string
}

// Record has a record kept of a call that is over, with the status and the code of the error that its caller
// gets, unless there is one already. It needs a Recorder, and a call whose principal is known.
func (m *Meter) Record(ctx context.Context, status int, code string) {
	call := completion.CallOf(ctx)
	if call.Recorded {
		return
	}
	call.Recorded = true
	r := recordOf(call, time.Now())
	r.Status, r.Error, r.Cancelled = status, code, status == apierror.StatusClientClosed
	if call.Request != nil {
		r.Streamed = call.Request.Stream
		r.User = m.options.Recorder.User(userIn(call.Request))
	}
	m.options.Recorder.Keep(ctx, r)
}

// answered records a completion that is whole, before the caller can know that it is.
func (j *job) answered() {
	if j.meter.options.Recorder != nil {
		j.meter.Record(j.ctx, http.StatusOK, "")
	}
}

func recordOf(call *completion.Call, now time.Time) usage.Record {
	r := usage.Record{
		ID: usage.NewID(call.Began), At: call.Began.UnixMilli(),
		Key: call.Principal.Name(), Model: usage.Name(call.Model), Upstream: call.Upstream,
		Prompt: call.Tokens.Prompt, Cached: call.Tokens.Cached,
		Completion: call.Tokens.Completion, Reasoning: call.Tokens.Reasoning, Reported: call.Tokens.Reported,
		Duration: now.Sub(call.Began).Milliseconds(),
	}
	if !call.FirstToken.IsZero() {
		r.FirstToken = max(1, call.FirstToken.Sub(call.Began).Milliseconds())
	}
	if p, ok := call.Principal.(Accounted); ok && p.Key() != "" {
		r.Key, r.Organization, r.Project = p.Key(), p.Organization(), p.Project()
	}
	return r
}

// userIn is the `user` of a request; empty where there is none.
func userIn(req *completion.Request) string {
	raw := req.Field("user")
	switch {
	case len(raw) == 0 || raw[0] != '"': // it may be null
		return ""
	case bytes.IndexByte(raw, '\\') < 0:
		return string(raw[1 : len(raw)-1])
	default:
		var name string
		_ = json.Unmarshal(raw, &name) // it is valid
		return name
	}
}
