package conformance

// Report is what came of a run.
type Report struct {
	Title, Version string // of the contract
	URL, Model     string
	Planned        int // cases that were to be run
	Results        []Result
	key            string
}

// Tally counts verdicts.
type Tally struct {
	Holds, Deviates, NotApplicable int
}

// Tally counts the results that some of f are true of; nil for all.
func (r *Report) Tally(f func(*Result) bool) Tally {
	var t Tally
	for i := range r.Results {
		if f != nil && !f(&r.Results[i]) {
			continue
		}
		switch r.Results[i].Verdict {
		case Holds:
			t.Holds++
		case Deviates:
			t.Deviates++
		default:
			t.NotApplicable++
		}
	}
	return t
}

// Interrupted reports whether the run was ended before its last case.
func (r *Report) Interrupted() bool { return len(r.Results) < r.Planned }

// RequiredDeviations are how many cases deviate that are required.
func (r *Report) RequiredDeviations() int {
	return r.Tally(func(result *Result) bool { return result.Case.Level == Required }).Deviates
}
