package routing_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/specgate/specgate/internal/routing"
)

// A router that takes another's place goes on with the turns of a route that is the same, and begins anew with one that
// is not.
func TestBeforeKeepsTurns(t *testing.T) {
	for name, test := range map[string]struct {
		weight int // of the first target, in the second router
		want   string
	}{
		"the same route": {1, "ab"},
		"another route":  {3, "aa"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := &backend{name: "a"}, &backend{name: "b"}
			first := router(t, twice, to(a, 1, 1), to(b, 1, 1))
			got := asked(t, first, 1)
			second := routing.New(routing.Options{
				Models: map[string][]routing.Target{"m": {to(a, test.weight, 1), to(b, 1, 1)}}, Retry: twice, Before: first,
			})
			t.Cleanup(second.Close)
			got += asked(t, second, 1)
			if got != test.want {
				t.Errorf("asked %s, want %s", got, test.want)
			}
		})
	}
}

// asked is who answers some requests.
func asked(t *testing.T, r *routing.Router, n int) string {
	t.Helper()
	var all strings.Builder
	for range n {
		_, call, err := ask(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(call.Upstream)
	}
	return all.String()
}

// The list of an upstream need not be asked for again, and a model was made when it first was there.
func TestBeforeKeepsLists(t *testing.T) {
	l, mute := &library{}, &library{}
	l.has("x-1")
	inFrontOf(t, l, nil, func(first *routing.Router) {
		list, err := first.Models(context.Background())
		if err != nil || len(list.Data) != 2 {
			t.Fatalf("%v %v", list, err)
		}
		l.do(func(context.Context) []string {
			t.Error("the upstream is asked for its list again")
			return nil
		})
		target, other := routing.Target{Upstream: l, Completer: l, Weight: 1, Priority: 1}, routing.Target{Upstream: mute, Completer: mute, Weight: 1, Priority: 1}
		second := routing.New(routing.Options{Models: map[string][]routing.Target{"x-*": {target}, "own": {target, other}}, Before: first})
		defer second.Close()
		if got := idsOf(context.Background(), second); got != "x-1" {
			t.Errorf("listed %q", got)
		}
		synctest.Wait()
	})
}
