package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
)

// NewLogger writes to w in the format text or json, from level (debug, info, warn, error) up.
func NewLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	log, err := NewLog(w, format, level)
	if err != nil {
		return nil, err
	}
	return slog.New(log), nil
}

// Log is the handler of a logger whose format and level may change while it is in use. It may be used by many goroutines
// at once, as far as w may.
type Log struct {
	w       io.Writer
	current atomic.Pointer[slog.Handler]
}

var _ slog.Handler = (*Log)(nil)

// NewLog writes as NewLogger does.
func NewLog(w io.Writer, format, level string) (*Log, error) {
	l := &Log{w: w}
	return l, l.Set(format, level)
}

// Set has the lines from now on in another format, or from another level up. On an error nothing changes.
func (l *Log) Set(format, level string) error {
	var from slog.Level
	if err := from.UnmarshalText([]byte(level)); err != nil {
		return fmt.Errorf("read log level: %w", err)
	}
	var h slog.Handler
	switch options := (&slog.HandlerOptions{Level: from}); format {
	case "json":
		h = slog.NewJSONHandler(l.w, options)
	case "text":
		h = slog.NewTextHandler(l.w, options)
	default:
		return fmt.Errorf("log format %q: neither text nor json", format)
	}
	l.current.Store(&h)
	return nil
}

// Enabled is that of the present format and level, as are the others.
func (l *Log) Enabled(ctx context.Context, level slog.Level) bool {
	return (*l.current.Load()).Enabled(ctx, level)
}

// Handle writes a line.
func (l *Log) Handle(ctx context.Context, r slog.Record) error {
	return (*l.current.Load()).Handle(ctx, r)
}

// WithAttrs gives a handler that stays as it is.
func (l *Log) WithAttrs(attrs []slog.Attr) slog.Handler { return (*l.current.Load()).WithAttrs(attrs) }

// WithGroup gives a handler that stays as it is.
func (l *Log) WithGroup(name string) slog.Handler { return (*l.current.Load()).WithGroup(name) }
