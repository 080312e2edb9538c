package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/specgate/specgate/internal/config"
)

const hidden = "sk-0123456789"

// holder keeps secrets in every way that a struct may.
type holder struct {
	Exported   config.Secret
	unexported config.Secret
	list       []config.Secret
	pointer    *config.Secret
	any        any
}

func held() holder {
	s := config.NewSecret(hidden)
	return holder{s, s, []config.Secret{s}, &s, s}
}

func TestSecretIsPrintedByNothing(t *testing.T) {
	var printed []string
	for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d %p %T %10s %.3s") {
		printed = append(printed, fmt.Sprintf(verb, config.NewSecret(hidden)), fmt.Sprintf(verb, held()), fmt.Sprintf(verb, new(held())))
	}
	asJSON, _ := json.Marshal(held())
	asYAML, _ := yaml.Marshal(held())
	printed = append(printed, string(asJSON), string(asYAML), config.NewSecret(hidden).String(), logged(slog.NewTextHandler), logged(slog.NewJSONHandler))
	for _, text := range printed {
		if strings.Contains(text, "0123") || strings.Contains(text, fmt.Sprintf("%x", hidden)) {
			t.Errorf("printed %s", text)
		}
	}
	for _, text := range []string{fmt.Sprint(config.NewSecret(hidden)), string(asJSON), string(asYAML), logged(slog.NewTextHandler)} {
		if !strings.Contains(text, "[redacted]") {
			t.Errorf("printed %s; want [redacted] in it", text)
		}
	}
}

// logged is how a handler writes secrets.
func logged[H slog.Handler](handler func(w io.Writer, options *slog.HandlerOptions) H) string {
	var out bytes.Buffer
	logger := slog.New(handler(&out, nil))
	logger.Info(config.NewSecret(hidden).String(), "secret", config.NewSecret(hidden), "held", held(), "group", slog.GroupValue(slog.Any("in", config.NewSecret(hidden))))
	return out.String()
}

func TestSecretRevealsItsValue(t *testing.T) {
	if got := config.NewSecret(hidden).Reveal(); got != hidden {
		t.Errorf("Reveal %q; want %q", got, hidden)
	}
}

func TestSecretThatIsEmptyShowsSo(t *testing.T) {
	for _, s := range []config.Secret{{}, config.NewSecret("")} {
		if got := fmt.Sprintf("%v%s%s", s, s.Reveal(), s.String()); got != "" || !s.IsZero() {
			t.Errorf("an empty secret prints %q", got)
		}
	}
}

func TestSecretEqualsOneOfTheSameValue(t *testing.T) {
	a := config.NewSecret(hidden)
	if !a.Equal(config.NewSecret(hidden)) || a.Equal(config.NewSecret("other")) || a.Equal(config.Secret{}) {
		t.Error("Equal goes by something else than the value")
	}
}
