package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/limits"
	"github.com/specgate/specgate/internal/store"
)

// newLimiter holds callers to their limits, and counts what they use in memory or in Redis. free ends it.
func newLimiter(cfg config.Config, kept *store.Store, metrics *instruments, logger *slog.Logger) (l limits.Limiter, free func(), err error) {
	client, err := newRedis(cfg.Limits.Redis())
	if err != nil {
		return nil, nil, err
	}
	before, err := seed(cfg, kept, metrics, logger)
	if err != nil {
		return nil, nil, err
	}
	l = limits.NewMemory(before)
	if client != nil {
		away := newAway(cfg.Limits, limits.NewRedis(client, before), l, logger)
		l, err = away, metrics.WatchLimits(away.Gone)
	}
	return l, func() {
		if err := l.Close(); err != nil {
			logger.Warn("limits not closed", "cause", err)
		}
	}, err
}

// seed is what knows the use of callers before this process began; nil where nothing is recorded.
func seed(cfg config.Config, kept *store.Store, metrics *instruments, logger *slog.Logger) (limits.Seed, error) {
	if !cfg.Recorded() {
		return nil, nil
	}
	failed, err := metrics.CountUnseeded()
	told := func(err error) {
		logger.Error("what was used before cannot be read: quotas count without it, and it is tried again", "cause", err)
	}
	return &limits.Watched{Seed: store.Seed{Store: kept}, Counted: failed, Told: told}, err
}

// newAway counts in Redis, and while that is away in memory, or not at all.
func newAway(cfg config.Limits, counted *limits.Redis, memory limits.Limiter, logger *slog.Logger) *limits.Away {
	if cfg.OnFailure != "open" {
		memory = nil
	}
	return limits.NewAway(counted, memory, func(err error) {
		if err != nil {
			logger.Error("Redis is away, which counts limits", "on_failure", cfg.OnFailure, "cause", err)
			return
		}
		logger.Info("Redis is back, which counts limits")
	})
}

// newRedis is a client that asks once: what may have been counted is not asked again. It is nil for no address.
func newRedis(address string) (redis.UniversalClient, error) {
	if address == "" {
		return nil, nil
	}
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

// newScopes are those whose limits hold for a configured token. They may have been others before the process began,
// which Redis does not know.
func newScopes(t config.Token) []limits.Scope {
	if t.Limits == (config.Quota{}) {
		return nil
	}
	return []limits.Scope{{ID: "token:" + t.Name, Limits: limits.Limits{
		Requests: int64(t.Limits.Requests), Tokens: int64(t.Limits.Tokens), Parallel: int64(t.Limits.Parallel),
		DayTokens: int64(t.Limits.DayTokens), MonthTokens: int64(t.Limits.MonthTokens), Since: time.Now().UnixMilli(),
	}}}
}
