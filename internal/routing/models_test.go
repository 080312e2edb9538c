package routing_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/routing"
)

// library is an upstream that lists what it is told to; nothing is a failure.
type library struct {
	backend
	lists atomic.Pointer[func(ctx context.Context) []string]
}

func (l *library) Models(ctx context.Context) (list gen.ModelList, err error) {
	l.asked.Add(1)
	ids := (*l.lists.Load())(ctx)
	for _, id := range ids {
		list.Data = append(list.Data, gen.Model{Id: id})
	}
	if ids == nil {
		return list, errors.New("no list")
	}
	return list, nil
}

func (l *library) do(f func(ctx context.Context) []string) { l.lists.Store(&f) }

func (l *library) has(ids ...string) { l.do(func(context.Context) []string { return ids }) }

// inFrontOf runs a test in a time of its own, with a router that has one pattern for a library.
func inFrontOf(t *testing.T, l *library, logger *slog.Logger, test func(r *routing.Router)) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		target := routing.Target{Upstream: l, Completer: l, Weight: 1, Priority: 1}
		r := routing.New(routing.Options{Models: map[string][]routing.Target{"x-*": {target}, "own": {target}}, Logger: logger})
		defer r.Close()
		test(r)
	})
}

// idsOf are those that a router lists but its own, when all that it asks is over.
func idsOf(ctx context.Context, r *routing.Router) string {
	list, _ := r.Models(ctx)
	synctest.Wait()
	var ids []string
	for _, m := range list.Data[1:] {
		ids = append(ids, m.Id)
	}
	return strings.Join(ids, " ")
}

// A backend that fails keeps its models for a while, and is asked again soon, and not too often.
func TestListsAreKept(t *testing.T) {
	l := &library{}
	l.has("x-1")
	inFrontOf(t, l, nil, func(r *routing.Router) {
		type look struct {
			after time.Duration // since the last
			ids   string
			asked int64 // in all
		}
		looks := func(all ...look) {
			t.Helper()
			for i, want := range all {
				time.Sleep(want.after)
				if got := (look{want.after, idsOf(context.Background(), r), l.asked.Load()}); got != want {
					t.Errorf("look %d: %+v, want %+v", i, got, want)
				}
			}
		}
		looks(look{0, "x-1", 1}, look{9 * time.Second, "x-1", 1})
		l.do(func(context.Context) []string { return nil })
		looks(
			look{time.Second, "x-1", 2},
			look{time.Second - 1, "x-1", 2},
			look{1, "x-1", 3},
			look{10*time.Minute - 11*time.Second - 1, "x-1", 4},
			look{time.Second, "", 5},
			look{time.Second, "", 6},
		)
		l.has("x-2")
		looks(look{time.Second, "", 7}, look{0, "x-2", 7}, look{9 * time.Second, "x-2", 7})
	})
}

// One that hangs holds up the first who asks, and nobody after.
func TestListsOfOneThatHangs(t *testing.T) {
	l := &library{}
	l.do(func(ctx context.Context) []string {
		<-ctx.Done()
		return nil
	})
	inFrontOf(t, l, nil, func(r *routing.Router) {
		for i, want := range []time.Duration{3 * time.Second, 0, 0} {
			begun := time.Now()
			_, _ = r.Models(context.Background())
			if took := time.Since(begun); took != want {
				t.Errorf("listing %d took %v", i, took)
			}
			time.Sleep(2 * time.Second)
		}
		time.Sleep(time.Hour)
		l.has("x-1")
		if got := idsOf(context.Background(), r); got != "x-1" {
			t.Errorf("long after: %q", got)
		}
	})
}

// That a model is nowhere is said only where it is known.
func TestModelsThatAreNotListed(t *testing.T) {
	l := &library{}
	l.do(func(context.Context) []string { return nil })
	inFrontOf(t, l, nil, func(r *routing.Router) {
		statuses := func() (got []int) {
			for _, id := range []string{"own", "x-1", "x-2", "y"} {
				m, err := r.Model(context.Background(), id)
				var e *apierror.Error
				switch {
				case errors.As(err, &e):
					got = append(got, e.Status)
				case m.Id == id:
					got = append(got, http.StatusOK)
				}
			}
			return got
		}
		check := func(when string, want ...int) {
			t.Helper()
			if diff := cmp.Diff(want, statuses()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		check("never listed", 200, 502, 502, 404)
		l.has("x-1")
		time.Sleep(time.Second)
		idsOf(context.Background(), r)
		check("listed", 200, 200, 404, 404)
		l.has("x-2")
		check("a fresh list", 200, 200, 404, 404)
		time.Sleep(10 * time.Second)
		check("an old one", 200, 200, 200, 404)
		l.do(func(context.Context) []string { return nil })
		time.Sleep(time.Minute)
		check("one that is kept", 200, 502, 200, 404)
		time.Sleep(10 * time.Minute)
		check("one that was", 200, 502, 502, 404)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := r.Model(ctx, "x-1"); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who leaves: %v", err)
		}
	})
}

// A bug on the way of a listing is a listing that fails. The log says where it is, and nothing of what it
// held.
func TestListsThatPanic(t *testing.T) {
	l := &library{}
	l.do(func(context.Context) []string { panic("a secret") })
	var log bytes.Buffer
	inFrontOf(t, l, slog.New(slog.NewTextHandler(&log, nil)), func(r *routing.Router) {
		if got := idsOf(context.Background(), r); got != "" {
			t.Errorf("listed: %s", got)
		}
		l.has("x-1")
		time.Sleep(time.Second)
		idsOf(context.Background(), r)
		if got := idsOf(context.Background(), r); got != "x-1" {
			t.Errorf("afterwards: %s", got)
		}
	})
	if got := log.String(); !strings.Contains(got, "models_test.go:") || strings.Contains(got, "secret") {
		t.Errorf("the log:\n%s", got)
	}
}
