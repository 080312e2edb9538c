package guard_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/specgate/specgate/internal/guard"
)

func TestProbes(t *testing.T) {
	var ill atomic.Bool
	s := &scripted{answer: fine, probe: func(context.Context) error {
		if ill.Load() {
			return errBroken
		}
		return nil
	}}
	in(t, guard.Options{Name: "a", Health: guard.Health{Interval: 10 * time.Second, Timeout: time.Second, Path: "/models"}}, s, func(g *guard.Guard) {
		synctest.Wait()
		if s.probes.Load() != 1 || !g.Healthy() {
			t.Errorf("at first: %d probes", s.probes.Load())
		}
		ill.Store(true)
		time.Sleep(11 * time.Second)
		if !g.Healthy() {
			t.Error("one that is lost makes it ill")
		}
		time.Sleep(10 * time.Second)
		if g.Healthy() || g.Wait() != 0 {
			t.Errorf("after two: %v, %v", g.Healthy(), g.Wait())
		}
		if err := complete(g); err != nil {
			t.Errorf("it may be asked all the same: %v", err)
		}
		ill.Store(false)
		time.Sleep(10 * time.Second)
		if !g.Healthy() {
			t.Error("it is well again")
		}
	})
}

// A probe that hangs is one that fails, and none outlives its guard.
func TestProbesEnd(t *testing.T) {
	s := &scripted{probe: func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	in(t, guard.Options{Name: "a", Health: guard.Health{Interval: 10 * time.Second, Timeout: time.Second, Path: "/"}}, s, func(g *guard.Guard) {
		time.Sleep(12 * time.Second)
		if g.Healthy() {
			t.Error("it is well")
		}
	})
}

// A bug on the way of a probe fails the probe, and not the process. The log says where it is, and
// nothing of what it held.
func TestProbesThatPanic(t *testing.T) {
	var mended atomic.Bool
	s := &scripted{probe: func(context.Context) error {
		if mended.Load() {
			return nil
		}
		panic("a secret")
	}}
	var log bytes.Buffer
	o := guard.Options{Name: "a", Health: guard.Health{Interval: 10 * time.Second, Timeout: time.Second, Path: "/"}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	in(t, o, s, func(g *guard.Guard) {
		time.Sleep(11 * time.Second)
		if g.Healthy() {
			t.Error("it is well")
		}
		mended.Store(true)
		time.Sleep(10 * time.Second)
		if !g.Healthy() {
			t.Error("it is not well again")
		}
	})
	if got := log.String(); !strings.Contains(got, "upstream=a") || !strings.Contains(got, "guard_test.go:") || strings.Contains(got, "secret") {
		t.Errorf("the log:\n%s", got)
	}
}
