package upstream

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"
)

// What no repair can mend: the caller would not have got what was asked for.
var (
	errNotJSON   = errors.New("it is not JSON")
	errNoChoices = errors.New("it has no choices")
	errNoText    = errors.New("a choice in it has no text")
	errHopeless  = errors.New("it does not keep the contract")
)

// repair makes answers keep the contract that the checker has refused. It serves one answer, or all
// the chunks of one stream.
type repair struct {
	chunks    bool   // whether it is chunks that come, in which finish_reason may be null
	requestID string // what a missing id is made of; empty for a random one
	asked     string // the model that was asked for

	// What a missing or wrong id, created or model is filled with, as JSON; nil until it is needed. In
	// a stream they are what its first chunk said.
	id, created, model []byte

	offsets map[int64]int64 // for each choice, how many code points its logprobs have covered
	made    kinds           // the repairs that the last document needed
}

func (r *repair) note(k kinds) { r.made |= k }

// adopt takes id, created and model from the first chunk, for those of the later ones that lack them.
func (r *repair) adopt(id, created, model []byte) {
	r.id, r.created, r.model = bytes.Clone(id), bytes.Clone(created), bytes.Clone(model)
}

// document repairs an answer or a chunk that is not accepted as it is. One that reports an error
// instead gives that error.
func (r *repair) document(raw []byte) ([]byte, error) {
	raw = bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\uFEFF")))
	if !json.Valid(raw) {
		return nil, errNotJSON
	}
	r.made = 0
	raw = r.wellFormed(raw)
	doc, _ := members(raw)
	choices, ok := elements(doc.get("choices"))
	if reportsError(doc, ok) {
		return nil, inBand(complaintOf(raw).bounded())
	}
	if !ok {
		return nil, errNoChoices
	}
	indexes := r.indexes(choices)
	for i, choice := range choices {
		var err error
		if choices[i], err = r.choice(choice, indexes[i]); err != nil {
			return nil, err
		}
	}
	doc = r.labels(doc.set("choices", array(choices)))
	doc = r.details(doc)
	if r.made == 0 {
		r.note(repairedKeys) // the one thing that members mends in passing
	}
	return doc.bytes(), nil
}

// reportsError reports whether doc is an error rather than an answer: by the key error, or in the
// flat form of SGLang.
func reportsError(doc object, answers bool) bool {
	reported, ok := doc.find("error")
	return ok && !isEmpty(reported) || !answers && text(doc.get("object")) == "error"
}

// isEmpty reports whether the value of error says that there is none.
func isEmpty(raw []byte) bool {
	switch string(raw) {
	case "null", "false", `""`, "{}":
		return true
	}
	return false
}

// labels fills what names the answer.
func (r *repair) labels(doc object) object {
	if text(doc.get("id")) == "" {
		doc = doc.set("id", r.fillID())
		r.note(repairedID)
	}
	if text(doc.get("object")) != "text_completion" {
		doc = doc.set("object", []byte(`"text_completion"`))
		r.note(repairedObject)
	}
	if !isDecimal(doc.get("created")) {
		doc = doc.set("created", r.fillCreated(doc.get("created")))
		r.note(repairedCreated)
	}
	if text(doc.get("model")) == "" {
		if r.model == nil {
			r.model = quote(r.asked)
		}
		doc = doc.set("model", r.model)
		r.note(repairedModel)
	}
	return doc
}

func (r *repair) fillID() []byte {
	if r.id == nil {
		id := r.requestID
		if id == "" {
			id = rand.Text()
		}
		r.id = quote("cmpl-" + id)
	}
	return r.id
}

// fillCreated cuts a fraction off, as Python's time() leaves one, or takes the present time.
func (r *repair) fillCreated(raw []byte) []byte {
	if f, ok := number(raw); ok {
		return decimal(int64(f))
	}
	if r.created == nil {
		r.created = decimal(time.Now().Unix())
	}
	return r.created
}

// choice repairs one choice, and numbers it.
func (r *repair) choice(raw []byte, index int64) ([]byte, error) {
	c, _ := members(raw)
	if !isText(c.get("text")) {
		return nil, errNoText
	}
	if number := decimal(index); !bytes.Equal(c.get("index"), number) {
		c = c.set("index", number)
		r.note(repairedIndex)
	}
	c = c.set("finish_reason", r.finishReason(c.get("finish_reason")))
	c = c.set("logprobs", r.logprobs(c.get("logprobs"), index))
	return c.bytes(), nil
}

// finishReason takes every reason that the contract does not know for a natural end, as the backends
// that invent them do mean it: eos_token, stop_sequence.
func (r *repair) finishReason(raw []byte) []byte {
	switch string(raw) {
	case `"stop"`, `"length"`, `"content_filter"`:
		return raw
	case "null":
		if r.chunks {
			return raw
		}
	}
	r.note(repairedFinishReason)
	if r.chunks && (raw == nil || string(raw) == `""`) {
		return null
	}
	return []byte(`"stop"`)
}
