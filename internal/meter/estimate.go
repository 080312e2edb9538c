package meter

import (
	"bytes"
	"strconv"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/rawjson"
)

const (
	// bytesPerToken is how many bytes of text count as a token, where nobody has counted: few enough that
	// a text seldom has more tokens.
	bytesPerToken = 3
	// usualMaxTokens is what max_tokens is by default.
	usualMaxTokens = 16
	// most is the largest estimate: what Redis' scripts still count exactly.
	most = 1 << 50
)

// estimate is how many tokens a request may use: those of its prompts, and those that are generated.
func estimate(req *completion.Request) int64 {
	return int64(min(most, float64(promptTokens(req))+generated(req)))
}

// generated is for each prompt as many times max_tokens as choices are generated.
func generated(req *completion.Request) float64 {
	prompts := float64(max(1, promptCount(req.Field("prompt"))))
	choices := max(1, number(req, "n", 1), number(req, "best_of", 1))
	return prompts * choices * number(req, "max_tokens", usualMaxTokens)
}

// mostGenerated is how many tokens a request lets be generated. Where it does not say, backends have limits of their
// own.
func mostGenerated(req *completion.Request) int64 {
	if number(req, "max_tokens", most) == most {
		return most
	}
	return int64(min(most, generated(req)))
}

// promptTokens estimates the tokens of all prompts: of ids their count, of text its bytes as they were sent.
func promptTokens(req *completion.Request) int64 {
	return ofPrompt(req.Field("prompt")) + tokensOf(textBytes(req.Field("suffix")))
}

func ofPrompt(prompt []byte) int64 {
	switch {
	case len(prompt) == 0 || prompt[0] != '[':
		return tokensOf(textBytes(prompt))
	case isIDs(prompt):
		return int64(bytes.Count(prompt, []byte{','})) + 1 // within a list and between two of them alike
	}
	sum := int64(0)
	for at := range rawjson.Items(prompt) {
		sum += tokensOf(at.End - at.Start - len(`""`))
	}
	return sum
}

// promptCount is how many prompts a request has; 0 for an empty list.
func promptCount(prompt []byte) int {
	if len(prompt) == 0 || prompt[0] != '[' {
		return 1
	}
	if isIDs(prompt) {
		return max(1, bytes.Count(prompt, []byte{'['})-1)
	}
	count := 0
	for range rawjson.Items(prompt) {
		count++
	}
	return count
}

// isIDs reports whether a list is of token ids, or of lists of them. It has at least one.
func isIDs(list []byte) bool {
	for at := range rawjson.Items(list) {
		return list[at.Start] != '"'
	}
	return false
}

func textBytes(raw []byte) int {
	if len(raw) == 0 || raw[0] != '"' {
		return 0
	}
	return len(raw) - len(`""`)
}

func tokensOf(text int) int64 { return (int64(text) + bytesPerToken - 1) / bytesPerToken }

// number is the value of a field that holds an integer, in whatever form; usual where it is absent or null.
func number(req *completion.Request, field string, usual float64) float64 {
	raw := req.Field(field)
	if len(raw) == 0 || raw[0] == 'n' {
		return usual
	}
	if len(raw) < len("1000000") {
		if n, err := strconv.Atoi(string(raw)); err == nil {
			return float64(n)
		}
	}
	f, _ := strconv.ParseFloat(string(raw), 64) // infinite where it is out of range
	return min(f, most)
}
