package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// starts times the gateway from the start of its process to its first completion, by its own model.
func starts(ctx context.Context, _ *field, o options) error {
	var took []time.Duration
	for range o.starts {
		one, err := start(ctx, o.specgate)
		if err != nil {
			return fmt.Errorf("start: %w", err)
		}
		took = append(took, one)
	}
	if len(took) > 0 {
		slices.Sort(took)
		fmt.Printf("\nstart to the first 200, %d times: %s at the median, %s at most\n", len(took), short(took[len(took)/2]), short(took[len(took)-1]))
	}
	return nil
}

func start(ctx context.Context, specgate string) (time.Duration, error) {
	address, err := freeAddress()
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	cmd := exec.CommandContext(ctx, specgate, "serve", "--listen", address, "--ops-listen", "") //nolint:gosec // our own program
	cmd.Env = append(os.Environ(), "SPECGATE_API_KEY="+token)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	for time.Since(begun) < 10*time.Second {
		if answered(ctx, address) {
			return time.Since(begun), nil
		}
		time.Sleep(time.Millisecond)
	}
	return 0, os.ErrDeadlineExceeded
}

// answered reports whether a completion was answered with 200.
func answered(ctx context.Context, address string) bool {
	body := strings.NewReader(`{"model":"specgate-1","prompt":"Hello","max_tokens":1}`)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v1/completions", body)
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}
