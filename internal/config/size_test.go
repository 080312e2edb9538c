package config_test

import (
	"testing"

	"github.com/specgate/specgate/internal/config"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]config.Size{
		"0": 0, "1": 1, "1000": 1000, "12B": 12, "1KiB": 1024, "16MiB": 16 << 20, "16 MiB": 16 << 20, "3GiB": 3 << 30,
		"9223372036854775807": 1<<63 - 1,
	} {
		if got, err := config.ParseSize(text); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "MiB", "-1", "-1MiB", "1.5MiB", "16MB", "16mb", "16M", "1e3", "0x10", "1 6MiB", "9223372036854775808", "8589934592GiB",
	} {
		if got, err := config.ParseSize(text); err == nil {
			t.Errorf("%q is %d; want an error", text, got)
		}
	}
}

func TestSizeIsWrittenAsItIsRead(t *testing.T) {
	for size, want := range map[config.Size]string{0: "0", 1: "1", 1000: "1000", 1024: "1KiB", 1536: "1536", 16 << 20: "16MiB", 1 << 40: "1024GiB"} {
		if got := size.String(); got != want {
			t.Errorf("%d is written %s; want %s", int64(size), got, want)
		}
		if back, err := config.ParseSize(size.String()); err != nil || back != size {
			t.Errorf("%s is read as %d, %v; want %d", size, int64(back), err, int64(size))
		}
	}
}
