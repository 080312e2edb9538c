package main

import (
	"net/http"
	"slices"
)

// trial is a request before its judge: what the other tool finds in it, and what it has no words for.
type trial struct {
	*judge
	e     *exchange
	body  *document
	ours  []violation // what OpenAPI has no words for
	valid bool        // to the other tool
	found []finding   // by it
	said  string      // by it
}

func (j *judge) try(e *exchange, r *http.Request) (*trial, error) {
	t := &trial{judge: j, e: e, body: read(nil, j.reasons.maxDepth)}
	if j.operation(r).RequestBody != nil {
		t.body = read(e.plain(), j.reasons.maxDepth)
		ours, text, err := j.reasons.ours(t.body)
		if err != nil {
			return nil, err
		}
		t.ours = ours
		carry(r, text)
	}
	valid, found := j.whole.ValidateHttpRequestSync(r)
	t.valid, t.found, t.said = valid, findingsOf(found), said(found)
	carry(r, e.plain())
	return t, nil
}

func (t *trial) judgeAccepted(c *counts) {
	switch {
	case !t.valid:
		c.disagree(t.e, "accepted, where the other tool finds %s", t.said)
	case t.body.broken, t.body.deep:
		c.disagree(t.e, "accepted, though the body is malformed")
	case len(t.ours) > 0:
		c.disagree(t.e, "accepted, though %s is %s", dotted(t.ours[0].Loc), t.ours[0].Type)
	default:
		c.accepted++
	}
}

// judgeRefused holds the refusal to what is wrong with the request: all of it, and nothing else.
func (t *trial) judgeRefused(r *refusal, c *counts) {
	before := len(c.disagreements)
	if t.valid && len(t.ours) == 0 && !t.body.broken && !t.body.deep && t.body.cannot(r.Detail) {
		c.rules++
		return
	}
	for i, v := range r.Detail {
		if wrong := t.unexplained(r, i, c); wrong != "" {
			c.disagree(t.e, "refused for %s at %s, where %s", v.Type, dotted(v.Loc), wrong)
		}
	}
	if v := r.repeated(); v != nil {
		c.disagree(t.e, "%s at %s is there twice", v.Type, dotted(v.Loc))
	}
	t.judgeWhole(r, c)
	switch {
	case len(c.disagreements) > before:
	case t.valid:
		c.rules++
	default:
		c.refused++
	}
}

// unexplained returns why nothing explains the violation at i; "" where something does.
func (t *trial) unexplained(r *refusal, i int, c *counts) string {
	v := r.Detail[i]
	inBody := v.Loc[0] == "body"
	switch {
	case v.Type == jsonInvalid && inBody && i == len(r.Detail)-1:
		return t.body.malformed(v, t.reasons.maxDepth)
	case inBody && (t.body.broken || t.body.deep):
		return "the body is malformed"
	case v.Type == tooMany && i == len(r.Detail)-1 && r.truncated(t.reasons.maxViolations):
		return ""
	case has(t.ours, v), slices.ContainsFunc(t.found, func(f finding) bool { return f.names(v) }):
		return ""
	case inBody && t.body.empty && v.Type == "missing" && len(v.Loc) == 1 && !t.valid:
		return ""
	}
	for _, d := range differences {
		if d.unseen != nil && d.unseen(t, v) {
			c.differences[d.name]++
			return ""
		}
	}
	return "nothing of the kind is: " + t.said
}

// judgeWhole: what is wrong is named, in a list that is not cut short.
func (t *trial) judgeWhole(r *refusal, c *counts) {
	if r.Detail[len(r.Detail)-1].Type == tooMany || t.body.empty || t.body.broken || t.body.deep {
		return
	}
	for _, f := range t.found {
		if !f.isNamed(r.Detail) {
			c.disagree(t.e, "%s is not named, where the other tool finds %s", printable(f.place), t.said)
			return
		}
	}
	for _, v := range t.reasons.unnamed(t.ours, r.Detail) {
		c.disagree(t.e, "%s at %s is not named", v.Type, dotted(v.Loc))
	}
}
