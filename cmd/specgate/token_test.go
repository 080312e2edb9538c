package main

import (
	"context"
	"errors"
	"testing"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/handlers"
)

// lister is a backend that does nothing but list its models.
type lister struct {
	handlers.Backend
	ids []string
	err error
}

func (l lister) Models(context.Context) (gen.ModelList, error) {
	var list gen.ModelList
	for _, id := range l.ids {
		list.Data = append(list.Data, gen.Model{Id: id})
	}
	return list, l.err
}

func TestModelToTry(t *testing.T) {
	for name, test := range map[string]struct {
		backend lister
		want    string
	}{
		"the first":    {lister{ids: []string{"org/a", "b"}}, "org/a"},
		"an empty one": {lister{}, "llama3.1:8b"},
		"nobody there": {lister{err: errors.New("refused")}, "llama3.1:8b"},
	} {
		if got := tryModel(t.Context(), test.backend); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
