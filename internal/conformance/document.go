package conformance

import "slices"

// Document is a report as it is written and read.
type Document struct {
	Contract string  `json:"contract"` // its title and version
	Endpoint string  `json:"endpoint"`
	Model    string  `json:"model"`
	Planned  int     `json:"planned"`
	Groups   []Tally `json:"groups"`
	Total    Tally   `json:"total"`
	Cases    []Entry `json:"cases"`

	LeftOut []string `json:"left_out,omitempty"` // ids of cases that the contract has otherwise
	NotRun  []string `json:"not_run,omitempty"`  // ids of cases that were planned
	GaveUp  bool     `json:"gave_up,omitempty"`  // why those were not run, if not for an interruption
}

// Tally counts the verdicts of a group.
type Tally struct {
	Group         string `json:"group,omitempty"`
	Cases         int    `json:"cases"`
	Holds         int    `json:"holds"`
	Deviates      int    `json:"deviates"` // required
	Quality       int    `json:"quality"`  // deviates too
	NotApplicable int    `json:"not_applicable"`
}

// Entry is a case and what came of it.
type Entry struct {
	ID        string  `json:"id"`
	Level     Level   `json:"level"`
	Verdict   Verdict `json:"verdict"`
	Says      string  `json:"says"`
	Pointer   string  `json:"pointer"`
	Reason    string  `json:"reason,omitempty"`
	Seconds   float64 `json:"seconds"`
	Exchanges []Trace `json:"exchanges"`
}

// Document makes what can be written of a report.
func (r *Report) Document() Document {
	d := Document{Contract: r.Title + " " + r.Version, Endpoint: r.key.inWords(r.URL), Model: r.key.inWords(r.Model), Planned: r.Planned, Total: Tally{}, LeftOut: r.LeftOut, NotRun: r.NotRun, GaveUp: r.GaveUp}
	for _, result := range r.Results {
		entry := Entry{
			ID: result.Case.ID, Level: result.Case.Level, Verdict: result.Verdict, Says: result.Case.Says, Pointer: result.Case.Pointer,
			Reason: result.Reason, Seconds: result.Took.Seconds(), Exchanges: result.Exchanges,
		}
		d.add(result.Case.Group(), entry)
	}
	return d
}

func (d *Document) add(group string, entry Entry) {
	d.Cases = append(d.Cases, entry)
	if len(d.Groups) == 0 || d.Groups[len(d.Groups)-1].Group != group {
		d.Groups = append(d.Groups, Tally{Group: group})
	}
	d.Groups[len(d.Groups)-1].count(entry)
	d.Total.count(entry)
}

func (t *Tally) count(e Entry) {
	t.Cases++
	switch {
	case e.Verdict == Holds:
		t.Holds++
	case e.Verdict == NotApplicable:
		t.NotApplicable++
	case e.Level == Required:
		t.Deviates++
	default:
		t.Quality++
	}
}

// answered are how many cases of a level hold or deviate.
func (d *Document) answered(level Level) int {
	return len(d.of(Holds, level)) + len(d.of(Deviates, level))
}

// planned are how many cases of a level have a verdict.
func (d *Document) planned(level Level) int {
	return d.answered(level) + len(d.of(NotApplicable, level))
}

// of are the cases of a verdict and a level.
func (d *Document) of(verdict Verdict, level Level) []Entry {
	return slices.DeleteFunc(slices.Clone(d.Cases), func(e Entry) bool { return e.Verdict != verdict || e.Level != level })
}

// last is the exchange that decided.
func (e *Entry) last() (t Trace, ok bool) {
	if len(e.Exchanges) == 0 {
		return t, false
	}
	return e.Exchanges[len(e.Exchanges)-1], true
}
