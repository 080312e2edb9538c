package fanout

import (
	"bytes"
	"context"
	"strconv"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/rawjson"
)

// whole waits for all parts, and merges their answers.
func (g *group) whole() (*completion.Answer, error) {
	answers := make([]*completion.Answer, g.parts.Count)
	g.start(func(ctx context.Context, i int, req *completion.Request) (err error) {
		if answers[i], err = g.next.Complete(ctx, req); err != nil {
			return err
		}
		g.answered()
		return g.hold(len(answers[i].Body))
	})
	if err := g.wait(); err != nil {
		return nil, err
	}
	body, err := merge(answers)
	return &completion.Answer{Header: answers[0].Header, Body: body}, err
}

var errNoChoice = apierror.UpstreamSpent("The backend answered a part of the request without a choice.", nil)

// merge puts the choices of all answers into the first of them, and the usage of all. What else it
// holds speaks for all.
func merge(answers []*completion.Answer) ([]byte, error) {
	choices, usage := []byte{'['}, tally{}
	for i, a := range answers {
		doc := a.Body
		choice, ok := first(part(doc, rawjson.Find(doc, "choices")))
		if !ok {
			return nil, errNoChoice
		}
		if i > 0 {
			choices = append(choices, ',')
		}
		choices = append(choices, numbered(choice, i)...)
		usage.add(part(doc, rawjson.Find(doc, "usage")))
	}
	frame := answers[0].Body
	patches := []rawjson.Patch{{At: rawjson.Find(frame, "choices"), With: append(choices, ']')}}
	if at := rawjson.Find(frame, "usage"); at.End > 0 {
		patches = append(patches, rawjson.Patch{At: at, With: usage.total(len(answers))})
	}
	return rawjson.Apply(frame, patches...), nil
}

// first returns the first item of an array.
func first(list []byte) ([]byte, bool) {
	for at := range rawjson.Items(list) {
		return part(list, at), true
	}
	return nil, false
}

// numbered returns a choice with another index.
func numbered(choice []byte, index int) []byte {
	return rawjson.Apply(choice, rawjson.Patch{At: rawjson.Find(choice, "index"), With: strconv.AppendInt(nil, int64(index), 10)})
}

// part is the piece of doc at a place, nil where that is none.
func part(doc []byte, at rawjson.Span) []byte {
	if at.End == 0 {
		return nil
	}
	return doc[at.Start:at.End]
}

func isNull(raw []byte) bool { return len(raw) == 0 || bytes.Equal(raw, null) }

var null = []byte("null")
