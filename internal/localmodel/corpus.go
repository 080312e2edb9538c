package localmodel

import (
	_ "embed"
	"fmt"
	"strings"
)

// corpus is the prose that the model is trained on: paragraphs with an empty line between them.
//
//go:embed corpus.txt
var corpus string

// paragraphsPerText makes texts that have an empty line in them and yet end often: both the usual
// stop of "\n\n" and the end of a text are to come up in a test.
const paragraphsPerText = 2

// corpusTexts are those of the corpus as tokens, without their ends.
func corpusTexts(v vocabulary) ([][]token, error) {
	paragraphs := strings.Split(strings.TrimSpace(corpus), "\n\n")
	var all [][]token
	for from := 0; from < len(paragraphs); from += paragraphsPerText {
		to := min(from+paragraphsPerText, len(paragraphs))
		text, err := v.encode(strings.Join(paragraphs[from:to], "\n\n"))
		if err != nil {
			return nil, fmt.Errorf("read the corpus: %w", err)
		}
		all = append(all, text)
	}
	return all, nil
}
