package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/telemetry"
)

// look is how often the files are looked at. What has changed is taken once it was found the same twice, since somebody
// may still be writing it.
const look = time.Second

// reloader has a gateway follow its settings. It belongs to one goroutine.
type reloader struct {
	gateway  *gateway
	log      *telemetry.Log
	load     func() (config.Config, error)
	signals  <-chan os.Signal
	attended bool // from a terminal

	cfg  config.Config  // in force
	made []config.Token // the one that was made at the start, if any
	read config.Files   // when the settings were read last, whether they were taken or not
	seen config.Files   // when they were looked at last
}

// began notes what the gateway begins with: a token that was made, if it is not empty, stays for as long as there is no
// other.
func (r *reloader) began(cfg config.Config, token string) {
	r.cfg, r.read = cfg, cfg.Files
	if token != "" {
		r.made = cfg.Auth.Tokens
	}
}

// follow has g follow its settings while it serves.
func (r *reloader) follow(ctx context.Context, g *gateway, serve func(ctx context.Context) error) error {
	r.gateway, r.attended = g, hasTerminal()
	ctx, end := context.WithCancel(ctx)
	defer end()
	var running sync.WaitGroup
	running.Go(func() {
		if hungUp := r.run(ctx); hungUp {
			end()
		}
	})
	err := serve(ctx)
	end()
	running.Wait()
	return err
}

// run reads the settings again at each signal, and when they change, until ctx ends. It reports whether that was the
// signal of a terminal that is gone, which nobody means as a wish to read them.
func (r *reloader) run(ctx context.Context) (hungUp bool) {
	var ticks <-chan time.Time
	if r.cfg.Reload.Watch {
		ticker := time.NewTicker(look)
		defer ticker.Stop()
		ticks = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case <-r.signals:
			if r.attended && !hasTerminal() {
				return true
			}
			if ctx.Err() == nil { // a gateway that ends is to end with what it has
				r.reload(ctx)
			}
		case <-ticks:
			var changed bool
			if ended(ctx, func() { changed = r.changed() }) && changed {
				r.reload(ctx)
			}
		}
	}
}

// ended does what may never end, as to read a file of a disk that is away. It reports whether it did before ctx; if not,
// what it does goes on alone, and nobody may use what it writes.
func ended(ctx context.Context, do func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// changed reports whether the files hold something else than when they were read, and have held it since the last look.
func (r *reloader) changed() bool {
	now := r.read.Look()
	settled := maps.Equal(now, r.seen)
	r.seen = now
	return settled && !maps.Equal(now, r.read)
}

// reload takes the settings as they are now, or says why it does not.
func (r *reloader) reload(ctx context.Context) {
	var (
		loaded, next config.Config
		err          error
	)
	if !ended(ctx, func() { loaded, next, err = r.settings() }) {
		return // a gateway that ends is to end with what it has
	}
	if err != nil {
		r.refuse(ctx, err)
		return
	}
	result, changes := telemetry.ReloadSame, r.changes(loaded)
	if slices.ContainsFunc(changes, func(c config.Change) bool { return !c.Restart }) {
		if err := r.gateway.change(next); err != nil { //nolint:contextcheck // what runs for the gateway itself ends with free
			r.refuse(ctx, err)
			return
		}
		result = telemetry.ReloadTaken
	}
	if err := r.log.Set(next.Log.Format, next.Log.Level); err != nil {
		r.gateway.logger.ErrorContext(ctx, "the log stays as it is", "cause", err)
	}
	r.tell(ctx, result, changes)
	r.notice(ctx, next.Notices)
	r.cfg = next
}

// settings are what there is to read, and what of it the process can run with. The error joins every reason why that
// is nothing.
func (r *reloader) settings() (loaded, next config.Config, err error) {
	if err := onlyOnce(slices.Sorted(maps.Keys(r.cfg.Files))...); err != nil {
		r.read = r.read.Refused()
		return loaded, next, err // and is not read, which may take for ever
	}
	loaded, err = r.load()
	r.read = loaded.Files
	if err == nil {
		loaded.Auth.Tokens, err = r.tokens(loaded)
	}
	if err == nil && loaded.Blank && !r.cfg.Blank {
		err = errBlank
	}
	if err == nil {
		next, err = r.cfg.Take(loaded)
	}
	return loaded, next, errors.Join(err, r.named(loaded))
}

var (
	errBlank = errors.New("the configuration file sets nothing any more, as one that is being written: a restart takes it so")
	errToken = errors.New("auth.tokens is empty, and a token is made at the start alone: set SPECGATE_API_KEY or auth.tokens, or restart")
)

// tokens are those of a configuration, or the one that was made at the start. The process keeps its auth.mode, and where
// that is to be another its tokens wait with it.
func (r *reloader) tokens(loaded config.Config) ([]config.Token, error) {
	switch {
	case r.cfg.Auth.Mode != config.AuthTokens || loaded.Auth.Mode != config.AuthTokens || len(loaded.Auth.Tokens) > 0:
		return loaded.Auth.Tokens, nil
	case r.made != nil:
		return r.made, nil
	default:
		return nil, errToken
	}
}

// named is all that is wrong with the files that settings name. Each is marked before anybody makes something of it, so
// that what changes meanwhile is seen to have changed. A certificate that is to be another waits for the restart, which is
// to find one; that which is in use is looked after elsewhere.
func (r *reloader) named(cfg config.Config) error {
	files := []string{cfg.Contract.Overlay, cfg.Faults.File}
	another := cfg.TLS.KeyFile != "" && (cfg.TLS.CertFile != r.cfg.TLS.CertFile || cfg.TLS.KeyFile != r.cfg.TLS.KeyFile)
	if another {
		files = append(files, cfg.TLS.CertFile, cfg.TLS.KeyFile)
	}
	mark(cfg.Files, files...)
	if err := onlyOnce(files...); err != nil {
		return err
	}
	_, overlayErr := newContract(cfg.Contract)
	_, scriptErr := newFaults(cfg.Faults)
	var pairErr error
	if another {
		_, pairErr = newTLS(cfg.TLS)
	}
	return errors.Join(overlayErr, scriptErr, pairErr)
}

// mark notes what files hold that settings name.
func mark(marks config.Files, files ...string) {
	for _, file := range files {
		if file != "" {
			_, _ = marks.Read(file) // why it cannot be read is its mark
		}
	}
}

// onlyOnce fails for a pipe and its like.
func onlyOnce(files ...string) error {
	var errs []error
	for _, file := range files {
		if file != "" && !config.Plain(file) {
			errs = append(errs, fmt.Errorf("%s is no plain file, and cannot be read a second time", file))
		}
	}
	return errors.Join(errs...)
}

// changes are those of the settings, and of the files that they name.
func (r *reloader) changes(loaded config.Config) []config.Change {
	all := r.cfg.Changes(loaded)
	for _, named := range []struct{ setting, file, before string }{
		{"contract.overlay", loaded.Contract.Overlay, r.cfg.Contract.Overlay},
		{"faults.file", loaded.Faults.File, r.cfg.Faults.File},
	} {
		if named.file == named.before && loaded.Files[named.file] != r.cfg.Files[named.file] {
			all = append(all, config.Change{Setting: named.setting, How: "what the file holds"})
		}
	}
	return all
}

// refuse logs every reason, and leaves the settings as they are.
func (r *reloader) refuse(ctx context.Context, err error) {
	log := r.gateway.logger
	r.gateway.reloads.Read(telemetry.ReloadRefused, 0)
	r.gateway.metrics.settings.Store(settingsRefused)
	for reason := range strings.SplitSeq(discreet(err.Error(), nil), "\n") {
		log.ErrorContext(ctx, "setting refused", "reason", reason)
	}
	log.ErrorContext(ctx, "settings refused: those before stay in force")
}

// tell logs what has changed, and what waits for a restart.
func (r *reloader) tell(ctx context.Context, result string, changes []config.Change) {
	log, waiting := r.gateway.logger, 0
	for _, c := range changes {
		what := []any{slog.String("setting", c.Setting), slog.String("change", c.How)}
		if c.Restart {
			waiting++
			log.WarnContext(ctx, "setting waits for a restart", what...)
			continue
		}
		log.InfoContext(ctx, "setting changed", what...)
	}
	r.gateway.reloads.Read(result, waiting)
	state := settingsOK
	if waiting > 0 {
		state = settingsWait
	}
	r.gateway.metrics.settings.Store(state)
	log.InfoContext(ctx, "settings read", "result", result, "changed", len(changes)-waiting, "waiting_for_restart", waiting)
}

// notice logs the notices that are new.
func (r *reloader) notice(ctx context.Context, notices []string) {
	for _, n := range notices {
		if !slices.Contains(r.cfg.Notices, n) {
			r.gateway.logger.WarnContext(ctx, n)
		}
	}
}

// hasTerminal reports whether the process has a terminal that controls it.
func hasTerminal() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	_ = tty.Close()
	return true
}
