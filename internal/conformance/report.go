package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// Report is what came of a run.
type Report struct {
	Title, Version string // of the contract
	URL, Model     string
	Planned        int // cases that were to be run
	Results        []Result
	key            string
}

// Formats are the forms that a report can be written in.
var Formats = []string{"text", "json", "junit", "markdown"}

// Write writes the report in one of Formats. What was sent and what came is shown, the key is not, even
// where the endpoint sent it back.
func (r *Report) Write(w io.Writer, format string) error {
	document := r.Document()
	var text []byte
	var err error
	switch format {
	case "text":
		text = document.text()
	case "json":
		text, err = json.MarshalIndent(document, "", "  ")
		text = append(text, '\n')
	case "junit":
		text, err = document.junit()
	case "markdown":
		text = document.markdown()
	default:
		err = errors.New("no such form of a report")
	}
	if err == nil {
		_, err = w.Write(text)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// Interrupted reports whether the run was ended before its last case.
func (r *Report) Interrupted() bool { return len(r.Results) < r.Planned }

// Deviations are how many cases of a level deviate.
func (r *Report) Deviations(level Level) (count int) {
	for _, result := range r.Results {
		if result.Case.Level == level && result.Verdict == Deviates {
			count++
		}
	}
	return count
}

const redacted = "[redacted]"

// redact takes the key out of a text, as it is and as JSON and a path spell it.
func (r *Report) redact(text string) string {
	if r.key == "" {
		return text
	}
	inJSON := quoted(r.key)
	return strings.NewReplacer(r.key, redacted, inJSON[1:len(inJSON)-1], redacted, url.PathEscape(r.key), redacted).Replace(text)
}
