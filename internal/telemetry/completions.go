package telemetry

import (
	"cmp"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/specgate/specgate/internal/completion"
)

// The names, labels and buckets are those of OpenTelemetry's conventions for generative AI, in the form that
// Prometheus has them: times in seconds, error.type empty where there was no error.
var (
	secondsBuckets    = []float64{.01, .02, .04, .08, .16, .32, .64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92}
	firstTokenBuckets = []float64{.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}
	eachTokenBuckets  = []float64{.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5}
	tokensBuckets     = []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864}
)

const (
	operation = "text_completion"
	provider  = "specgate" // of what no backend had to do with
)

// completions are the instruments of requests for a completion.
type completions struct{ duration, firstToken, eachToken, tokens *prometheus.HistogramVec }

func newCompletions() completions {
	const op, by, at, model = "gen_ai_operation_name", "gen_ai_provider_name", "upstream", "gen_ai_request_model"
	return completions{
		duration: histogram("gen_ai_server_request_duration",
			"Seconds from a request for a completion to the end of its answer, by error code where it failed.",
			secondsBuckets, op, by, at, model, "error_type"),
		firstToken: histogram("gen_ai_server_time_to_first_token",
			"Seconds from a request to the first token of its stream; of streams that were whole.",
			firstTokenBuckets, op, by, at, model),
		eachToken: histogram("gen_ai_server_time_per_output_token",
			"Seconds for each token of a stream after the first; of streams that were whole, and whose backend told their tokens.",
			eachTokenBuckets, op, by, at, model),
		tokens: histogram("gen_ai_client_token_usage",
			"Tokens of a completion as its backend told them, by type: input, output.",
			tokensBuckets, op, by, at, model, "gen_ai_token_type"),
	}
}

func (c completions) all() []prometheus.Collector {
	return []prometheus.Collector{c.duration, c.firstToken, c.eachToken, c.tokens}
}

// Completion observes a request for a completion that is over, by what its call has been told.
func (m *Metrics) Completion(call *completion.Call, took time.Duration) {
	by, at, model := m.provider(call.Upstream), call.Upstream, m.model(call.Model)
	x := exemplar(call)
	observe(m.completions.duration.WithLabelValues(operation, by, at, model, errorType(call)), took.Seconds(), x)
	used := call.Tokens
	if used.Reported {
		observe(m.completions.tokens.WithLabelValues(operation, by, at, model, "input"), float64(used.Prompt), x)
		observe(m.completions.tokens.WithLabelValues(operation, by, at, model, "output"), float64(used.Completion), x)
	}
	if call.FirstToken.IsZero() || call.Failed {
		return
	}
	first := call.FirstToken.Sub(call.Began)
	observe(m.completions.firstToken.WithLabelValues(operation, by, at, model), first.Seconds(), x)
	if used.Reported && used.Completion > 1 {
		each := (took - first).Seconds() / float64(used.Completion-1)
		observe(m.completions.eachToken.WithLabelValues(operation, by, at, model), each, x)
	}
}

func errorType(call *completion.Call) string {
	if call.Failed {
		return cmp.Or(call.ErrorCode, Other)
	}
	return ""
}

func (m *Metrics) model(asked string) string {
	if name := m.options.Models(asked); name != "" {
		return name
	}
	return Other
}

func (m *Metrics) provider(upstream string) string {
	if kind := m.options.Kinds[upstream]; kind != "" {
		return kind
	}
	return provider
}

// longestID is how much of an exemplar a request's id may take: all of it is 128 characters at most.
const longestID = 64

// exemplar leads from an observation to the trace and the line of its request; nil where no trace is kept.
func exemplar(call *completion.Call) prometheus.Labels {
	if call.TraceID == "" || !call.Sampled {
		return nil
	}
	x := prometheus.Labels{"trace_id": call.TraceID}
	if len(call.ID) <= longestID {
		x["request_id"] = call.ID
	}
	return x
}

func observe(o prometheus.Observer, value float64, x prometheus.Labels) {
	if e, ok := o.(prometheus.ExemplarObserver); ok && x != nil {
		e.ObserveWithExemplar(value, x)
		return
	}
	o.Observe(value)
}
