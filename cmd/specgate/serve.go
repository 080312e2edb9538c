package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/localmodel"
	"github.com/specgate/specgate/internal/telemetry"
)

func newServe(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: `Run the gateway until SIGINT or SIGTERM. The first signal lets what is in progress
finish, for at most shutdown.delay and shutdown.drain; a second one ends the process
at once, with exit code 1.

SIGHUP reads the settings again, as does a change of their file. Where the terminal is
closed, it is a first signal to end.

Settings come from flags, the environment and the file, in that order. OPENAI_BASE_URL
is enough to begin with; without a backend, a small model in the program itself
(specgate-1) answers, to try clients on.

Settings: https://github.com/specgate/specgate/blob/main/docs/config.md
Reload:   https://github.com/specgate/specgate/blob/main/docs/reload.md`,
		Example: `  specgate serve
  OPENAI_BASE_URL=http://127.0.0.1:8000/v1 specgate serve
  specgate serve --config specgate.yaml --log-format json
  SPECGATE_API_KEY=sg-one,sg-two specgate serve --config specgate.yaml --listen :8420`,
		Args: arguments(),
	}
	load := settings(cmd, term, everyFlag)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		// From here on SIGHUP is no reason to end, and one that comes too early waits. It stays so to the end.
		again := make(chan os.Signal, 1)
		signal.Notify(again, syscall.SIGHUP)
		cfg, err := load()
		if err != nil {
			printNotices(cfg, term)
			return err
		}
		mark(cfg.Files, cfg.Contract.Overlay, cfg.Faults.File)
		return serve(cmd.Context(), &reloader{cfg: cfg, load: load, signals: again}, term)
	}
	return cmd
}

func serve(ctx context.Context, r *reloader, term terminal) (err error) {
	cfg := r.cfg
	if r.log, err = telemetry.NewLog(term.stderr, cfg.Log.Format, cfg.Log.Level); err != nil {
		return err
	}
	logger := slog.New(r.log)
	for _, notice := range cfg.Notices {
		logger.WarnContext(ctx, notice)
	}
	if err := tuneGarbage(term.getenv); err != nil {
		logger.DebugContext(ctx, "no limit of memory", "cause", err)
	}
	token := admitOne(&cfg)
	r.began(cfg, token)
	front, back, err := listen(ctx, cfg)
	if err != nil {
		return err
	}
	g, err := newGateway(cfg, logger) //nolint:contextcheck // what runs for the gateway itself ends with free
	if err != nil {
		return errors.Join(err, closeAll(front, back))
	}
	defer g.free()
	term.last.are(g.hurry)
	address := front.Addr().String()
	logger.InfoContext(ctx, "listening", "address", address, "operations", addressOf(back), "tls", cfg.TLS.On(), "in_front_of", inFrontOf(cfg), "version", buildVersion())
	if token != "" {
		base, err := frontURL(cfg, address)
		if err == nil {
			err = greet(term.stdout, base, token, tryModel(ctx, g.present.backends))
		}
		if err != nil {
			return errors.Join(fmt.Errorf("print the token: %w", err), closeAll(front, back))
		}
	}
	return r.follow(ctx, g, func(ctx context.Context) error { return g.Serve(ctx, front, back) })
}

// inFrontOf says what answers, without what may be a secret in a URL.
func inFrontOf(cfg config.Config) string {
	if len(cfg.Upstreams) == 0 {
		return localmodel.Name
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(cfg.Upstreams)) {
		all = append(all, name+" at "+config.Origin(cfg.Upstreams[name].BaseURL))
	}
	return strings.Join(all, ", ")
}

// listen opens the two listeners; the second is nil where the configuration turns it off.
func listen(ctx context.Context, cfg config.Config) (front, back net.Listener, err error) {
	var l net.ListenConfig
	if front, err = l.Listen(ctx, "tcp", cfg.Listen); err != nil {
		return nil, nil, fmt.Errorf("listen: %w; another address is chosen with --listen", err)
	}
	if cfg.OpsListen == "" {
		return front, nil, nil
	}
	if back, err = l.Listen(ctx, "tcp", cfg.OpsListen); err != nil {
		err = fmt.Errorf("listen for operations: %w; another address is chosen with --ops-listen", err)
		return nil, nil, errors.Join(err, front.Close())
	}
	return front, back, nil
}

// addressOf is empty for no listener.
func addressOf(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

func closeAll(listeners ...net.Listener) error {
	var errs []error
	for _, l := range listeners {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}
