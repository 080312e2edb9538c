package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/config"
)

func newServe(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: `Run the gateway until SIGINT or SIGTERM. The first signal lets what is in progress
finish, for at most shutdown.delay and shutdown.drain; a second one ends the process
at once, with exit code 1.

Settings come from flags, the environment and the file, in that order; docs/config.md
describes them. OPENAI_BASE_URL is enough to begin with.`,
		Example: `  OPENAI_BASE_URL=http://127.0.0.1:8000/v1 specgate serve
  specgate serve --config specgate.yaml --log-format json
  SPECGATE_API_KEY=sg-one,sg-two specgate serve --config specgate.yaml --listen :8420`,
		Args: cobra.NoArgs,
	}
	load := settings(cmd, term, everyFlag)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		return serve(cmd.Context(), cfg, term)
	}
	return cmd
}

// gateway is what newGateway assembles.
type gateway interface {
	// Serve runs until ctx is done, drains, and returns nil where nothing else ended it.
	Serve(ctx context.Context) error
}

func serve(ctx context.Context, cfg config.Config, term terminal) error {
	logger := newLogger(cfg.Log, term.stderr)
	for _, notice := range cfg.Notices {
		logger.WarnContext(ctx, notice)
	}
	token := admitOne(&cfg)
	g, err := newGateway(cfg, logger)
	if err != nil {
		return err
	}
	if token != "" {
		if err := greet(term.stdout, cfg.Listen, token); err != nil {
			return fmt.Errorf("print the token: %w", err)
		}
	}
	return g.Serve(ctx)
}

// newGateway puts the server, the handlers and the backend together.
func newGateway(config.Config, *slog.Logger) (gateway, error) {
	return nil, errors.New("not wired")
}

func newLogger(cfg config.Log, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.MinLevel()}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
