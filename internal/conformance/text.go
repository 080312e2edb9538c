package conformance

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"
)

// longestLine is how much of a body a line of the text shows, mostListed how many cases it names that were not run.
const longestLine, mostListed = 300, 20

// text is the report for a person at a terminal.
func (d *Document) text() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s at %s, model %s\n\n", d.Contract, d.Endpoint, d.Model)
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "group\tcases\thold\tdeviate\tquality\tn/a\t")
	for _, t := range append(d.Groups, d.total()) {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t\n", t.Group, t.Cases, t.Holds, t.Deviates, t.Quality, t.NotApplicable)
	}
	_ = table.Flush() // a buffer takes everything
	for _, section := range d.sections() {
		fmt.Fprintf(&out, "\n%s\n", section.title)
		for _, e := range section.cases {
			e.text(&out)
		}
	}
	if len(d.LeftOut) > 0 {
		fmt.Fprintf(&out, "\nLeft out\n\n%s\n", strings.Join(d.LeftOut, "\n"))
	}
	if len(d.NotRun) > 0 {
		fmt.Fprintf(&out, "\nNot run\n\n%s\n", strings.Join(d.unrun(), "\n"))
	}
	fmt.Fprintf(&out, "\n%s\n", d.summary())
	return out.Bytes()
}

func (d *Document) total() Tally {
	t := d.Total
	t.Group = "all"
	return t
}

// section is a list of cases of one verdict.
type section struct {
	title string
	cases []Entry
}

func (d *Document) sections() []section {
	var all []section
	for _, s := range []section{
		{"Deviations", d.of(Deviates, Required)},
		{"Deviations in quality", d.of(Deviates, Quality)},
		{"Not applicable", append(d.of(NotApplicable, Required), d.of(NotApplicable, Quality)...)},
	} {
		if len(s.cases) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// summary is the report in a line.
func (d *Document) summary() string {
	text := d.finding()
	if d.Total.NotApplicable > 0 {
		text += " " + counted(d.Total.NotApplicable) + " not applicable."
	}
	if len(d.LeftOut) > 0 {
		text += " " + counted(len(d.LeftOut)) + " left out: this contract has it otherwise."
	}
	if missing := len(d.NotRun); missing > 0 {
		why := "interrupted"
		if d.GaveUp {
			why = fmt.Sprintf("given up after %d cases in a row, or %d in all, without an answer", mostSilent, mostSilentInAll)
		}
		text += fmt.Sprintf(" The run was %s: %d of %d cases were not run.", why, missing, d.Planned)
	}
	return text
}

// unrun are the cases that were not run, or of many how many there are in each group.
func (d *Document) unrun() []string {
	if len(d.NotRun) <= mostListed {
		return d.NotRun
	}
	var groups, all []string
	count := map[string]int{}
	for _, id := range d.NotRun {
		group, _, _ := strings.Cut(id, "/")
		if count[group]++; count[group] == 1 {
			groups = append(groups, group)
		}
	}
	for _, group := range groups {
		all = append(all, fmt.Sprintf("%s: %s", group, cases(count[group])))
	}
	return all
}

// finding is what is known of the required cases.
func (d *Document) finding() string {
	required := d.planned(Required)
	switch {
	case required == 0:
		return "No required case was run."
	case d.answered(Required) == 0:
		return fmt.Sprintf("Nothing is known of the endpoint: what the required cases need (%d were run), it has not.", required)
	case d.Total.Deviates > 0:
		return fmt.Sprintf("%d of %d required cases deviate.", d.Total.Deviates, required)
	default:
		return "All required cases hold."
	}
}

// counted begins a sentence about so many cases.
func counted(n int) string {
	if n == 1 {
		return "1 case is"
	}
	return cases(n) + " are"
}

// cases are so many of them.
func cases(n int) string {
	if n == 1 {
		return "1 case"
	}
	return fmt.Sprintf("%d cases", n)
}

func (e *Entry) text(out *bytes.Buffer) {
	fmt.Fprintf(out, "\n%s\n  contract  %s (openapi.yaml#%s)\n  reason    %s\n", e.ID, e.Says, e.Pointer, line(e.Reason))
	if x, ok := e.last(); ok {
		fmt.Fprintf(out, "  sent      %s\n  came      %s\n", line(x.request()), line(x.response()))
	}
}

// request is what was sent, in a line.
func (t Trace) request() string {
	return strings.Join(append([]string{t.Sent}, append(t.Header, t.Body)...), " ")
}

// response is what came, in a line.
func (t Trace) response() string {
	if t.Status == 0 {
		return t.Failure
	}
	return fmt.Sprintf("%d %s %s", t.Status, t.Type, t.Answer)
}

// line is a text without ends of lines, and without what a terminal would take for an order.
func line(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return '⏎'
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0:
			return '·'
		}
		return r
	}, text)
	return strings.TrimSpace(abridged(text, longestLine))
}
