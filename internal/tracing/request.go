package tracing

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// The attributes that no convention has.
const (
	attrCode        = attribute.Key("specgate.error.code")
	attrPrincipal   = attribute.Key("specgate.principal")
	attrUpstream    = attribute.Key("specgate.upstream")
	attrAttempts    = attribute.Key("specgate.attempts")
	attrFault       = attribute.Key("specgate.fault")
	attrViolations  = attribute.Key("specgate.validation.violations")
	attrFields      = attribute.Key("specgate.validation.fields")
	attrTypes       = attribute.Key("specgate.validation.types")
	attrLimitScope  = attribute.Key("specgate.limits.scope")
	attrLimit       = attribute.Key("specgate.limits.limit")
	attrLimitTokens = attribute.Key("specgate.limits.tokens")
)

// methods are those that a span may be named by.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace, http.MethodPatch,
}

// Begin begins the span of a request, which is the parent of all others, and tells the call its trace. route is
// that of the contract, empty where there is none.
func (t *Tracer) Begin(call *completion.Call, r *http.Request, route string) {
	name, method := r.Method, r.Method
	if !slices.Contains(methods, method) {
		name, method = "HTTP", "_OTHER"
	}
	if route != "" {
		name += " " + route
	}
	ctx, span := t.tracer.Start(t.parent(call.Context, call), name, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(call.Began))
	call.Context = ctx
	call.TraceID, call.Sampled = span.SpanContext().TraceID().String(), span.SpanContext().IsSampled()
	call.Baggage = t.baggage(call, r.Header)
	t.hand(ctx, call)
	if !span.IsRecording() {
		return
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	span.SetAttributes(
		semconv.HTTPRequestMethodKey.String(method), semconv.URLScheme(scheme), semconv.NetworkProtocolName("http"),
		semconv.NetworkProtocolVersion(version(r)), semconv.HTTPResponseHeader("x-request-id", call.ID),
	)
	if route != "" {
		span.SetAttributes(semconv.HTTPRoute(route))
	}
}

func version(r *http.Request) string {
	if r.ProtoMajor >= 2 {
		return strconv.Itoa(r.ProtoMajor)
	}
	return fmt.Sprintf("%d.%d", r.ProtoMajor, r.ProtoMinor)
}

// End ends the span of a request that is over. status is what was sent, 0 where nothing was. A caller's own fault,
// and that he left, are no errors of the gateway's.
func (t *Tracer) End(call *completion.Call, status int) {
	span := trace.SpanFromContext(call)
	defer span.End()
	if !span.IsRecording() {
		return
	}
	if call.Principal != nil {
		span.SetAttributes(attrPrincipal.String(call.Principal.Name()))
	}
	if call.Upstream != "" {
		span.SetAttributes(attrUpstream.String(call.Upstream), attrAttempts.Int(call.Attempts))
	}
	if call.Fault != "" {
		span.SetAttributes(attrFault.String(call.Fault))
	}
	if status > 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	}
	if !call.Failed {
		if status == 0 { // a bug, of which nobody could be told
			fail(span, "")
		}
		return
	}
	span.SetAttributes(attrCode.String(call.ErrorCode))
	switch left := call.ErrorCode == codeLeft; {
	case left:
		span.SetAttributes(semconv.ErrorTypeKey.String(codeLeft))
	case status < http.StatusBadRequest, status >= http.StatusInternalServerError:
		fail(span, call.ErrorCode)
	}
}

var codeLeft = apierror.ClientClosed(nil).Code

// fail marks a span as that of a failure.
func fail(span trace.Span, kind string) {
	if kind == "" {
		kind = semconv.ErrorTypeOther.Value.AsString()
	}
	span.SetAttributes(semconv.ErrorTypeKey.String(kind))
	span.SetStatus(codes.Error, kind)
}

// Validate begins the span of a validation. What it returns ends that, with the code of the error where the request
// was refused, and the field and the type of each violation, where those were why.
func (t *Tracer) Validate(ctx context.Context) (validated func(code string, fields, types []string)) {
	_, span := t.tracer.Start(ctx, "validate")
	return func(code string, fields, types []string) {
		if code != "" {
			span.SetAttributes(attrCode.String(code), attrViolations.Int(len(types)))
		}
		if len(types) > 0 {
			span.SetAttributes(attrFields.StringSlice(distinct(fields)), attrTypes.StringSlice(distinct(types)))
		}
		span.End()
	}
}

func distinct(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
