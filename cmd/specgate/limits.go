package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/limits"
	"github.com/specgate/specgate/internal/meter"
	"github.com/specgate/specgate/internal/telemetry"
)

// newMeter counts what callers use, where anybody is limited; it is nil where nobody is. free ends it.
func newMeter(cfg config.Config, metrics *telemetry.Metrics, logger *slog.Logger) (m *meter.Meter, free func(), err error) {
	if !cfg.Limited() {
		return nil, func() {}, nil
	}
	limiter, err := newLimiter(cfg.Limits, metrics, logger)
	if err != nil {
		return nil, nil, err
	}
	free = func() {
		if err := limiter.Close(); err != nil {
			logger.Warn("limits not closed", "cause", err)
		}
	}
	return meter.New(meter.Options{Limiter: limiter}), free, nil
}

// newLimiter counts in memory, or in Redis.
func newLimiter(cfg config.Limits, metrics *telemetry.Metrics, logger *slog.Logger) (limits.Limiter, error) {
	memory := limits.NewMemory(nil)
	if cfg.Redis() == "" {
		return memory, nil
	}
	client, err := newRedis(cfg.Redis())
	if err != nil {
		return nil, err
	}
	var instead limits.Limiter
	if cfg.OnFailure == "open" {
		instead = memory
	}
	away := limits.NewAway(limits.NewRedis(client), instead, func(err error) {
		if err != nil {
			logger.Error("Redis is away, which counts limits", "on_failure", cfg.OnFailure, "cause", err)
			return
		}
		logger.Info("Redis is back, which counts limits")
	})
	return away, metrics.WatchLimits(away.Gone)
}

// newRedis is a client that asks once: what may have been counted is not asked again.
func newRedis(address string) (redis.UniversalClient, error) {
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, errors.New("limits.backend: cannot be read as the address of a Redis") // err may hold the password
	}
	o.MaxRetries, o.DialerRetries = -1, 1
	o.ContextTimeoutEnabled = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	redis.SetLogger(mute{})
	return redis.NewClient(o), nil
}

// mute is the log of the client, which is the process's own: what matters comes back as errors.
type mute struct{}

// Printf does nothing.
func (mute) Printf(context.Context, string, ...any) {}

// newScopes are those whose limits hold for a configured token.
func newScopes(t config.Token) []limits.Scope {
	if t.Limits == (config.Quota{}) {
		return nil
	}
	return []limits.Scope{{ID: "token:" + t.Name, Limits: limits.Limits{
		Requests: int64(t.Limits.Requests), Tokens: int64(t.Limits.Tokens), Parallel: int64(t.Limits.Parallel),
		DayTokens: int64(t.Limits.DayTokens), MonthTokens: int64(t.Limits.MonthTokens),
	}}}
}
