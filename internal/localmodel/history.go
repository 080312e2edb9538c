package localmodel

// order is how many tokens the model sees at a time: the one that it weighs and those before it.
const order = 4

// history is the tokens that the next one depends on: the last order-1, of the same text. What came
// before the end of a text does not count.
type history struct {
	tokens [order - 1]token // the last n are set
	n      int
}

// beginning is the history of a text's first token.
func beginning() history { return history{}.with(endOfText) }

// after is the history of the token that follows on all of a text, given from its beginning.
func after(text []token) history {
	h := beginning()
	for _, t := range text[max(0, len(text)-(order-1)):] {
		h = h.with(t)
	}
	return h
}

// with is the history once t has come.
func (h history) with(t token) history {
	if t == endOfText {
		h = history{}
	}
	copy(h.tokens[:], h.tokens[1:])
	h.tokens[len(h.tokens)-1] = t
	h.n = min(h.n+1, len(h.tokens))
	return h
}

// key stands for the last k tokens, k being at most n. Ids are less than 1<<17.
func (h history) key(k int) uint64 {
	var key uint64
	for _, t := range h.tokens[len(h.tokens)-k:] {
		key = key<<17 | uint64(t)
	}
	return key
}
