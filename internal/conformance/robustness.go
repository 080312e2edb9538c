package conformance

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

func (s *Suite) robustnessCases() []Case {
	const body = post + "/requestBody/content/application~1json"
	const keys = asked + "/description"
	depth := s.maxDepth()
	all := []Case{
		required("robustness/gzip", "A body may be encoded with gzip.", errorAnswer+"UnsupportedMediaType/description", zipped),
		required("robustness/gzip-malformed", "What only says that it is gzip is told apart.", errorAnswer+"BadRequest", expecting(http.StatusBadRequest, plea("Unzipped", "Content-Encoding: gzip"))),
		required("robustness/chunked", "A body may come in chunks.", body, func(t *trial) error {
			text, err := t.kept(`"prompt":"Piece by piece",` + few)
			if err != nil {
				return err
			}
			x, err := t.send(request{method: http.MethodPost, path: "/completions", body: text, length: -1})
			return x.inFull(err)
		}),
		required("robustness/large", "A body of one mebibyte is no large one.", body, accepted(`"prompt":"At large",`+few+`,"user":"`+strings.Repeat("user", 1<<18)+`"`)),
		required("robustness/huge", "A body that is larger than anybody takes is refused before it is there.", errorAnswer+"ContentTooLarge", declaresTooMuch),
		required("robustness/duplicate", "A key stands once in an object.", keys, malformed(`{"model":"any","max_tokens":1,"prompt":"Once","prompt":"Twice"}`)),
		required("robustness/duplicate-within", "So it does in an object that the contract does not know.", keys, malformed(`{"model":"any","max_tokens":1,"prompt":"Twice","x_conformance":{"a":1,"a":1}}`)),
		required("robustness/lookalike", "No key differs from a declared one in letter case alone.", asked+"/x-exact-keys", malformed(`{"model":"any","max_tokens":1,"prompt":"Alike","Model":"other"}`)),
		required("robustness/lookalike-folded", "Nor does it when it is folded.", asked+"/x-exact-keys", malformed(`{"model":"any","max_tokens":1,"prompt":"Alike","\u017ftream":true}`)),
		required("robustness/deep", fmt.Sprintf("A body may be %d levels deep.", depth), asked+"/x-max-depth", accepted(`"prompt":"Deep down",`+few+`,"x_conformance":`+nested(depth-1))),
		required("robustness/deeper", "It may not be deeper.", asked+"/x-max-depth", refused(`"max_tokens":1,"prompt":"Deep down","x_conformance":`+nested(depth))),
		required("robustness/bottomless", "Nor may it have no bottom at all.", asked+"/x-max-depth", malformed(`{"x":`+strings.Repeat("[", 100_000))),
		required("robustness/surrogate", "Half a character is refused.", body, malformed(`{"model":"any","max_tokens":1,"prompt":"\ud83d"}`)),
		required("robustness/utf-8", "So is what is not UTF-8.", body, malformed("{\"model\":\"any\",\"max_tokens\":1,\"prompt\":\"\xff\xfe\"}")),
		required("robustness/byte-order-mark", "So is a byte order mark.", body, malformed("\uFEFF"+`{"model":"any","max_tokens":1,"prompt":"x"}`)),
		required("robustness/control-character", "So is a control character that is not escaped.", body, malformed("{\"model\":\"any\",\"max_tokens\":1,\"prompt\":\"a\tb\"}")),
		required("robustness/escapes", "A text is the same however its letters are written.", schemas+"/Prompt/oneOf/0", countsAlike),
		required("robustness/separators", "Letters that end lines elsewhere, and those of markup, are letters.", schemas+"/Prompt/oneOf/0", accepted(`"prompt":"a\u2028b\u0000c<script>&amp;",`+few)),
		required("robustness/spaces", "Spaces between what JSON is made of mean nothing.", body, accepted("\r\n\t \"prompt\" :\n\t\"Out in space\" ,\r\n \"max_tokens\" :\t1 ")),
		required("robustness/after", "A refusal leaves the endpoint as it was.", post+"/responses/200", afterRefusal),
	}
	return all
}

// maxDepth is how deep a body may be nested.
func (s *Suite) maxDepth() int {
	depth, _ := s.requestSchema().Extensions["x-max-depth"].(float64)
	return int(depth)
}

// nested is so many levels of lists.
func nested(levels int) string {
	levels = max(levels, 0)
	return strings.Repeat("[", levels) + strings.Repeat("]", levels)
}

func zipped(t *trial) error {
	text, err := t.kept(`"prompt":"Zipped up",` + few)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write([]byte(text)) // a buffer takes everything
	_ = zip.Close()
	x, err := t.completions(packed.String(), "Content-Encoding: gzip")
	return x.inFull(err)
}

// tooMuch is a length that no server takes a body of.
const tooMuch = 1 << 40

// soon is when a refusal that waits for nothing is there.
const soon = 10 * time.Second

// declaresTooMuch says that a very long body is to come, of which only the beginning does.
func declaresTooMuch(t *trial) error {
	ctx, cancel := context.WithTimeoutCause(t.ctx, soon, errTimeout(soon))
	defer cancel()
	t.ctx = ctx
	x, err := t.send(request{method: http.MethodPost, path: "/completions", body: `{"prompt":"`, length: tooMuch})
	return orElse(err, x.mustBe(http.StatusRequestEntityTooLarge))
}

// countsAlike compares the tokens of one text that is written in two ways, where they are counted.
func countsAlike(t *trial) error {
	var counts []int64
	for _, prompt := range []string{`"Zoë 😀 of the Café"`, `"\u005ao\u00eb \uD83D\uDE00 of \u0074he Caf\u00e9"`} {
		c, err := t.complete(`"prompt":` + prompt + `,"max_tokens":1`)
		if err != nil {
			return err
		}
		if err := choices(1)(c); err != nil {
			return err
		}
		if c.Usage != nil {
			counts = append(counts, c.Usage.PromptTokens)
		}
	}
	if len(counts) == 2 && counts[0] != counts[1] {
		return fmt.Errorf("it has %d tokens as it is, and %d with escapes", counts[0], counts[1])
	}
	return nil
}

// afterRefusal asks over what may be the same connection, on which bytes may have been left.
func afterRefusal(t *trial) error {
	if err := t.refuse(t.named(`{"model":"any","max_tokens":1,"prompt":{"what":"` + strings.Repeat("ever", 1<<14) + `"}}`)); err != nil {
		return err
	}
	return accepted(`"prompt":"And after that",` + few)(t)
}
