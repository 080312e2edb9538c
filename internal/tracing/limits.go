package tracing

import (
	"context"

	"github.com/specgate/specgate/internal/limits"
)

// Limits is next, with a span for each request that it is asked about.
func (t *Tracer) Limits(next limits.Limiter) limits.Limiter {
	if t == nil {
		return next
	}
	return limiter{next, t}
}

type limiter struct {
	limits.Limiter
	tracer *Tracer
}

// Take asks the limits.
func (l limiter) Take(ctx context.Context, scopes []limits.Scope, tokens int64) (*limits.Grant, error) {
	ctx, span := l.tracer.tracer.Start(ctx, "limits")
	defer span.End()
	grant, err := l.Limiter.Take(ctx, scopes, tokens)
	if !span.IsRecording() {
		return grant, err
	}
	span.SetAttributes(attrLimitTokens.Int64(tokens))
	switch {
	case err != nil:
		fail(span, "unavailable")
	case grant.Refused != nil:
		span.SetAttributes(attrLimitScope.String(grant.Refused.Of()), attrLimit.String(grant.Refused.Kind.String()))
	}
	return grant, err
}
