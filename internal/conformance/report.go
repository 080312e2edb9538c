package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Report is what came of a run.
type Report struct {
	Title, Version string // of the contract
	URL, Model     string
	Planned        int // cases that were to be run
	Results        []Result
	LeftOut        []string // ids of cases that the contract has otherwise
	NotRun         []string // ids of those that were planned and have no result
	GaveUp         bool     // why not: the endpoint had no answer for so long
	key            apiKey
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

// Interrupted reports whether the run was ended before its last case, by whoever started it.
func (r *Report) Interrupted() bool { return len(r.NotRun) > 0 && !r.GaveUp }

// Answered reports whether something is known of the endpoint: a required case holds or deviates, or any where
// none of them is required.
func (r *Report) Answered() bool {
	document := r.Document()
	return document.answered(Required) > 0 || document.planned(Required) == 0 && document.answered(Quality) > 0
}

// Deviations are how many cases of a level deviate.
func (r *Report) Deviations(level Level) (count int) {
	for _, result := range r.Results {
		if result.Case.Level == level && result.Verdict == Deviates {
			count++
		}
	}
	return count
}
