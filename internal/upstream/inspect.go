package upstream

import (
	"bytes"
	"errors"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// inspector lets answers pass that keep the contract, and repairs the others. It serves one answer,
// or all the chunks of one stream.
type inspector struct {
	checker Checker
	spans   []completion.Span // of what was inspected last
	repair  repair
	told    kinds // the repairs that were told already
	tell    func(kind string)
}

func (c *Client) inspector(checker Checker, r repair) *inspector {
	return &inspector{
		checker: checker,
		spans:   make([]completion.Span, factCount),
		repair:  r,
		tell:    func(kind string) { c.options.Repaired(c.options.Name, kind) },
	}
}

// inspect returns doc as the contract wants it, and leaves the places of its facts in spans. It may
// change doc.
func (i *inspector) inspect(doc []byte) ([]byte, error) {
	if !i.sound(doc) {
		repaired, err := i.repair.document(doc)
		if err != nil {
			return nil, unusable(err)
		}
		if doc = repaired; !i.accept(doc) {
			i.repair.note(repairedKeys)
			if doc = unique(doc); !i.accept(doc) {
				return nil, unusable(errHopeless)
			}
		}
	}
	if reported := i.span(factError); reported.End > 0 {
		if !isEmpty(doc[reported.Start:reported.End]) {
			return nil, inBand(complaintIn(doc))
		}
		i.repair.note(repairedError)
		if doc = without(doc, reported); !i.accept(doc) {
			return nil, unusable(errHopeless)
		}
	}
	i.report()
	return doc, nil
}

// sound reports whether doc keeps the contract, and that also in what the checker does not look at.
func (i *inspector) sound(doc []byte) bool {
	return i.accept(doc) && !hasChatLogprobs(doc) && (i.repair.chunks || !isMisnumbered(doc))
}

func (i *inspector) accept(doc []byte) bool {
	clear(i.spans)
	return i.checker.Accept(doc, i.spans)
}

func (i *inspector) span(fact int) completion.Span { return i.spans[fact] }

// report tells of each kind of repair the first time that it was needed.
func (i *inspector) report() {
	fresh := i.repair.made &^ i.told
	i.told |= fresh
	fresh.each(i.tell)
}

func unusable(err error) error {
	var known *apierror.Error
	if errors.As(err, &known) {
		return err
	}
	return apierror.UpstreamSpent("The backend's answer cannot be used: "+err.Error()+".", err)
}

// without cuts a member out of an object that was accepted, in place. value is the place of its
// value; its key holds no quote.
func without(doc []byte, value completion.Span) []byte {
	colon := bytes.LastIndexByte(doc[:value.Start], ':')
	closing := bytes.LastIndexByte(doc[:colon], '"')
	start, end := bytes.LastIndexByte(doc[:closing], '"'), skip(doc, value.End)
	if doc[end] == ',' {
		return append(doc[:start], doc[skip(doc, end+1):]...)
	}
	if before := bytes.TrimRight(doc[:start], " \t\r\n"); before[len(before)-1] == ',' {
		start = len(before) - 1
	}
	return append(doc[:start], doc[end:]...)
}
