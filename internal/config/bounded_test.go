package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/config"
)

// grow makes a file one that is too large to be what it was, without taking place on the disk.
func grow(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func TestFilesThatAreTooLarge(t *testing.T) {
	file := write(t, backend)
	grow(t, file, 4<<20+1)
	_, err := config.Load(file, nil, env{}.get)
	if err == nil || !strings.Contains(err.Error(), "cannot be read: "+file+" is larger than 4MiB") {
		t.Errorf("settings: %v", err)
	}
	if _, err = config.ReadFile(file); err == nil || !strings.Contains(err.Error(), "is larger than 4MiB") {
		t.Errorf("what they name: %v", err)
	}
	if _, err = config.ReadFile("/dev/zero"); err == nil || !strings.Contains(err.Error(), "is larger than 4MiB") {
		t.Errorf("without an end: %v", err)
	}
	grow(t, file, 4<<20)
	if _, err = config.ReadFile(file); err != nil {
		t.Errorf("one that is not: %v", err)
	}
}

// A file that has grown too large is one that has changed, once.
func TestReloadMarksFilesThatGrow(t *testing.T) {
	for setting, size := range map[string]int64{"the configuration file": 4<<20 + 1, "auth.tokens": 64<<10 + 1} {
		secret, file := write(t, "sg-a"), write(t, backend)
		given := env{"SPECGATE_API_KEY_FILE": secret}
		before := load(t, file, nil, given)
		large := map[bool]string{true: secret, false: file}[setting == "auth.tokens"]
		grow(t, large, size)
		if cmp.Equal(before.Files, before.Files.Look()) {
			t.Errorf("%s is not seen to grow", setting)
		}
		after, err := config.LoadAgain(file, nil, given.get)
		if err == nil || !strings.Contains(err.Error(), setting+" cannot be read") || !strings.Contains(err.Error(), large+" is larger than ") {
			t.Errorf("%s: %v", setting, err)
		}
		if diff := cmp.Diff(after.Files, after.Files.Look()); diff != "" || after.Files[large] == "" {
			t.Errorf("%s: nothing changed any more, and %s", setting, diff)
		}
	}
}

// A pipe that nobody writes to would be waited for.
func TestReloadDoesNotWaitForPipes(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	file := write(t, backend)
	for what, read := range map[string]func() error{
		"settings": func() error { _, err := config.LoadAgain(pipe, nil, env{}.get); return err },
		"a secret": func() error {
			_, err := config.LoadAgain(file, nil, env{"SPECGATE_API_KEY_FILE": pipe}.get)
			return err
		},
		"others": func() error { _, err := config.Files{}.Read(pipe); return err },
	} {
		if err := read(); err == nil || !strings.Contains(err.Error(), "is no plain file") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
