package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/store"
	"github.com/specgate/specgate/internal/usage"
)

// lastRecords is how long the end waits for the store to take what is left; the rest is spooled.
const lastRecords = 5 * time.Second

// hurriedRequests is how long an end by a second signal waits for what it cut off, so that it is recorded.
const hurriedRequests = time.Second

// hurriedRecords is how long an end by a second signal waits for them: that the store is given twice, at most.
const hurriedRecords = 1500 * time.Millisecond

// newRecorder keeps records of usage in the store, and deletes old ones. free writes what waits.
func newRecorder(cfg config.Config, kept *store.Store, metrics *instruments, logger *slog.Logger) (r *usage.Recorder, free func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	secret, err := kept.UsageSecret(ctx)
	if err != nil {
		return nil, nil, err
	}
	spool, err := newSpool(cfg, kept, logger)
	if err != nil {
		return nil, nil, err
	}
	r = usage.New(usage.Options{Sink: kept, Secret: secret, Logger: logger, Spool: spool, EachWaits: cfg.Usage.Durability == "request"})
	stop := usage.StartUpkeep(kept, usage.Retention{Records: cfg.Usage.Retention, Days: cfg.Usage.RetentionDaily}, logger)
	free = func() {
		stop()
		if err := r.Close(lastRecords); err != nil {
			logger.Error("end of the spool of usage", "cause", err)
		}
	}
	if err := metrics.WatchUsage(r); err != nil {
		free()
		return nil, nil, err
	}
	return r, free, nil
}

// newSpool is where records wait that the store does not take: in a folder, or where none was chosen and none
// can be had, in memory. Memory is refused where no record of what was answered may be lost.
func newSpool(cfg config.Config, kept *store.Store, logger *slog.Logger) (usage.Spool, error) {
	limit := int64(cfg.Usage.SpoolLimit)
	folder, err := spoolFolder(cfg, kept)
	if err == nil {
		var spool *usage.Disk
		if spool, err = usage.Open(folder, limit); err == nil {
			return spool, nil
		}
	}
	if cfg.Usage.Spool != "" {
		return nil, fmt.Errorf("usage.spool: %w", err)
	}
	if cfg.Usage.Durability == "request" {
		return nil, fmt.Errorf("usage.durability is request, and there is no folder for the spool, which answers rely on while the store is away: set usage.spool to a folder on disk that can be written: %w", err)
	}
	logger.Warn("no folder for the spool of usage: records wait in memory while the store is away; usage.spool names one", "cause", err)
	return usage.NewMemory(limit), nil
}

// spoolFolder is the folder that was chosen, or else one for the store alone.
func spoolFolder(cfg config.Config, kept *store.Store) (string, error) {
	if cfg.Usage.Spool != "" {
		return cfg.Usage.Spool, nil
	}
	if file, ok := strings.CutPrefix(cfg.StoreURL(), "sqlite://"); ok {
		return file + "-spool", nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(kept.Place()))
	return filepath.Join(cache, "specgate", "usage-"+hex.EncodeToString(sum[:6])), nil
}
